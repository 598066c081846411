import Base
import Telemetry
import Testing

@testable import Duplicates

@Suite struct DuplicateSnapshotTests {
  private static let rules = [
    DuplicateRule.test(withinMillis: 30_000, records: 40),
    DuplicateRule.test(by: .payload, withinMillis: 30_000, records: 100_000),
  ]

  @Test(arguments: rules)
  func `a restored filter goes on bit for bit`(rule: DuplicateRule) throws {
    let seed = UInt64.random(in: 0 ... .max)
    let stream = DuplicateFilterTests.stream(seed: seed, count: 4000, hasAppendTime: false)
    var whole = DuplicateFilter(rule)
    var broken = DuplicateFilter(rule)
    var reference = ReferenceFilter(rule)
    var random = SplitMix64(seed: seed)
    for (index, record) in stream.enumerated() {
      _ = reference.offer(record)
      let verdicts = (whole.offer(record), broken.offer(record))
      #expect(verdicts.0 == verdicts.1, "seed \(seed), record \(index)")
      guard random.oneIn(100) else { continue }
      broken = try broken.restored(clock: reference.clock)
      #expect(broken.bytes == whole.bytes, "seed \(seed), record \(index)")
    }
    #expect(broken.bytes == whole.bytes, "seed \(seed)")
  }

  @Test func `an empty filter is saved too`() throws {
    let filter = DuplicateFilter(.test())
    let restored = try filter.restored(clock: PartitionClock())
    #expect(restored.rule == filter.rule && restored.count == 0)
  }

  private func filled(_ rule: DuplicateRule) -> (filter: DuplicateFilter, clock: PartitionClock) {
    var filter = DuplicateFilter(rule)
    var reference = ReferenceFilter(rule)
    for record in DuplicateFilterTests.stream(seed: 1, count: 300, hasAppendTime: false) {
      _ = filter.offer(record)
      _ = reference.offer(record)
    }
    return (filter, reference.clock)
  }

  private func read(
    _ bytes: [UInt8], clock: PartitionClock, deviceCount: Int = 5
  ) throws(ByteReaderError) -> DuplicateFilter {
    var reader = ByteReader(bytes)
    return try DuplicateFilter(
      from: &reader, clock: clock, maxFutureSkewMicros: skewMicros, deviceCount: deviceCount)
  }

  @Test func `a device that the vocabulary does not have is damage`() throws {
    let (filter, clock) = filled(.test(withinMillis: 30_000))
    _ = try read(filter.bytes, clock: clock)
    #expect(throws: ByteReaderError.self) {
      _ = try read(filter.bytes, clock: clock, deviceCount: 4)
    }
  }

  @Test func `another clock than it was saved with is damage`() throws {
    let (filter, clock) = filled(.test(withinMillis: 30_000))
    var earlier = clock
    earlier.micros -= 1_000_000
    #expect(throws: ByteReaderError.self) { _ = try read(filter.bytes, clock: earlier) }
    var later = clock
    later.micros += 60_000_000
    #expect(throws: ByteReaderError.self) { _ = try read(filter.bytes, clock: later) }
  }

  @Test func `cut short anywhere it is damage`() {
    for rule in Self.rules {
      let (filter, clock) = filled(rule)
      for count in 0..<filter.bytes.count {
        #expect(throws: ByteReaderError.self) {
          _ = try read(Array(filter.bytes.prefix(count)), clock: clock)
        }
      }
    }
  }

  /// Numbers that lie: refused, or a filter that works on.
  @Test func `whatever the bytes say, nothing traps and nothing is boundless`() {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SplitMix64(seed: seed)
    for rule in Self.rules {
      let (filter, clock) = filled(rule)
      let bytes = filter.bytes
      for round in 0..<4000 {
        var damaged = bytes
        for _ in 0...Int.random(in: 0..<3, using: &random) {
          // Most of the numbers that say how much follows stand in front.
          let end = random.oneIn(2) ? min(400, damaged.count) : damaged.count
          let place = Int.random(in: 0..<end, using: &random)
          let value = UInt64.random(in: 0 ... .max, using: &random)
          for index in 0..<[1, 2, 4, 8][Int(value % 4)] where place + index < damaged.count {
            damaged[place + index] = random.oneIn(4) ? 0xFF : UInt8(truncatingIfNeeded: value >> 8)
          }
        }
        guard var restored = try? read(damaged, clock: clock) else { continue }
        #expect(restored.byteCount < 64 * bytes.count + (1 << 17), "seed \(seed), round \(round)")
        let stream = DuplicateFilterTests.stream(seed: 2, count: 100, hasAppendTime: true)
        for record in stream { _ = restored.offer(record) }
        #expect(restored.count <= restored.rule.recordCountMax)
      }
    }
  }
}
