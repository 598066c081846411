import Telemetry
import Testing

@Suite struct PartitionClockTests {
  private let second: Int64 = 1_000_000
  private let minute: Int64 = 60_000_000
  private let hour: Int64 = 3_600_000_000
  private let skew: Int64 = 300_000_000
  private let start: Int64 = 1_700_000_000_000_000

  private func observe(
    _ clock: inout PartitionClock, _ micros: Int64, device: UInt32, appendTime: Bool = false
  ) -> PartitionClock.Step {
    clock.observe(
      timestamp: micros, hasAppendTime: appendTime, device: device, maxFutureSkew: skew)
  }

  @Test func `is the largest timestamp and never goes back`() {
    var clock = PartitionClock()
    #expect(observe(&clock, start, device: 1) == .restarted)
    #expect(observe(&clock, start + minute, device: 2) == .moved)
    #expect(observe(&clock, start, device: 1) == .unchanged)
    #expect(clock.micros == start + minute)
  }

  @Test func `holds a jump until another device confirms it and takes the smaller`() {
    var clock = PartitionClock()
    _ = observe(&clock, start, device: 1)
    _ = observe(&clock, start, device: 2)
    #expect(observe(&clock, start + 9 * hour, device: 1) == .held)
    #expect(clock.micros == start)
    #expect(observe(&clock, start + 8 * hour, device: 2) == .moved)
    #expect(clock.micros == start + 8 * hour)
  }

  @Test func `forgets a held jump when a record contradicts it`() {
    var clock = PartitionClock()
    _ = observe(&clock, start, device: 1)
    _ = observe(&clock, start, device: 2)
    for _ in 0..<10 {
      #expect(observe(&clock, start + 9 * hour, device: 1) == .held)
      #expect(observe(&clock, start, device: 2) == .unchanged)
    }
    #expect(clock.micros == start)
  }

  @Test func `a lone device is believed the third time`() {
    var clock = PartitionClock()
    _ = observe(&clock, start, device: 1)
    #expect(observe(&clock, start + hour, device: 1) == .held)
    #expect(observe(&clock, start + hour + second, device: 1) == .held)
    #expect(observe(&clock, start + hour + 2 * second, device: 1) == .moved)
    #expect(clock.micros == start + hour)
  }

  @Test func `records without a device neither confirm nor contradict`() {
    var clock = PartitionClock()
    _ = observe(&clock, start, device: 1)
    _ = observe(&clock, start, device: 2)
    _ = observe(&clock, start + hour, device: 1)
    #expect(observe(&clock, start + hour, device: PartitionClock.noDevice) == .held)
    #expect(observe(&clock, start + second, device: PartitionClock.noDevice) == .moved)
    #expect(observe(&clock, start + hour, device: 2) == .moved)
  }

  @Test func `starts again when the first stamp was far too high`() {
    var clock = PartitionClock()
    _ = observe(&clock, start + 1000 * hour, device: 1)
    #expect(observe(&clock, start, device: 2) == .restarted)
    #expect(clock.micros == start)
    // Only once: the clock is no longer provisional.
    #expect(observe(&clock, start - hour, device: 3) == .unchanged)
  }

  @Test func `log append time moves it at once`() {
    var clock = PartitionClock()
    _ = observe(&clock, start, device: 1, appendTime: true)
    #expect(observe(&clock, start + 1000 * hour, device: 1, appendTime: true) == .moved)
    #expect(observe(&clock, start, device: 2, appendTime: true) == .unchanged)
  }

  @Test(arguments: [Int64.min, Int64.max, Int64.max - 1, Int64.min + 1])
  func `impossible stamps are as good as none`(micros: Int64) {
    var clock = PartitionClock()
    #expect(observe(&clock, micros, device: 1) == .unchanged)
    #expect(clock == PartitionClock())
  }
}
