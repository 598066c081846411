import Base
import Telemetry
import Testing

@testable import Windows

private let oneMinute = WindowDefinition(
  name: "1m", sizeMicros: minute, slideMicros: minute, aggregates: .all)
private let start = 1_700_000_040 * second  // a multiple of a minute

@Suite struct PartitionWindowsTests {
  private func harness(
    _ windows: [WindowDefinition] = [oneMinute], metrics: [String] = ["m"],
    idle: Int64 = hour, forget: Int64 = 24 * hour, lateness: Int64 = minute
  ) -> Harness {
    Harness(
      wideSchema(metrics), windows,
      EventTimeOptions(
        allowedLatenessMicros: lateness, deviceIdleMicros: idle, forgetAfterMicros: forget))
  }

  @Test func `a window fires once when the watermark passes its end`() throws {
    var harness = harness()
    for tick in 0..<65 { #expect(harness.read(at: start + Int64(tick) * second, 2).isEmpty) }
    let fired = harness.read(at: start + 65 * second, 3)
    let only = try #require(fired.first)
    #expect(fired.count == 1)
    #expect((only.start, only.end) == (start, start + minute))
    #expect((only.revision, only.count) == (0, 60))
    #expect(only.values == [120, 2, 2, 2, 0, 2, 2])
    #expect(harness.read(at: start + 66 * second).isEmpty)
  }

  @Test func `a window is half open`() {
    var harness = harness()
    _ = harness.read(at: start, 1)
    _ = harness.read(at: start + minute - 1, 2)
    _ = harness.read(at: start + minute, 4)
    let fired = harness.read(at: start + 2 * minute + 5 * second)
    #expect(fired.map(\.count) == [2, 1])
    #expect(fired.map(\.values[0]) == [3, 4])
  }

  @Test func `all rows of a record enter before the clock moves`() {
    var harness = harness(lateness: 0)
    let rows = [5, 0, 3].map { TestRow(time: start + $0 * minute, values: [1]) }
    let fired = harness.apply(TestRecord(device: "a", rows: rows))
    #expect(fired.map(\.end) == [start + minute, start + 4 * minute])
    #expect(harness.windows.counts.late == 0)
    #expect(harness.windows.counts.tooLate == 0)
  }

  @Test func `a late reading fires its windows again at the next slice edge`() {
    var harness = harness()
    _ = harness.read(at: start, 1)
    #expect(harness.read(at: start + 65 * second).map(\.revision) == [0])
    #expect(harness.read(at: start + 30 * second, 5).isEmpty)
    #expect(harness.read(at: start + 31 * second, 5).isEmpty)
    // The edge at start + 2m: the new window and the changed one, in the order of their ends.
    let fired = harness.read(at: start + 125 * second)
    #expect(fired.map(\.revision) == [1, 0])
    #expect(fired.map(\.count) == [3, 1])
    #expect(harness.windows.counts.late == 2)
    #expect(harness.windows.counts.firedAgain == 1)
  }

  @Test func `a late change fires before its window is dropped between two slice edges`() {
    // Found by comparing with Tests/Python/reference.py: lateness that is no multiple of the slice.
    var harness = harness(lateness: 30 * second)
    _ = harness.read(at: start, 1)
    _ = harness.read(at: start + 70 * second, 1)
    #expect(harness.read(at: start + 10 * second, 5).isEmpty)
    // The watermark, 90 s, is in the middle of a slice; the first window ends its lateness.
    let fired = harness.read(at: start + 95 * second, 1)
    #expect(fired.map(\.revision) == [1])
    #expect(fired.map(\.count) == [2])
    #expect(harness.windows.counts.firedAgain == 1)
  }

  @Test func `a reading enters no window that was dropped between two slice edges`() {
    let twoMinutes = WindowDefinition(name: "2m", sizeMicros: 2 * minute, slideMicros: minute)
    var harness = harness([oneMinute, twoMinutes], lateness: 30 * second)
    _ = harness.read(at: start, 1)
    _ = harness.read(at: start + 75 * second, 1)
    #expect(harness.read(at: start + 10 * second, 1).isEmpty)
    // The watermark, 90 s, drops both windows that end at 60 s.
    let dropped = harness.read(at: start + 95 * second, 1)
    #expect(dropped.map(\.end) == [start + minute, start + minute])
    #expect(dropped.map(\.revision) == [1, 1])
    #expect(dropped.map(\.count) == [2, 2])
    // Accepted for the sake of the two minutes that end at 120 s, and in those alone.
    #expect(harness.read(at: start + 20 * second, 1).isEmpty)
    #expect(harness.windows.counts.tooLate == 0)
    let fired = harness.read(at: start + 125 * second, 1)
    #expect(fired.map(\.end) == [start + 2 * minute, start + 2 * minute])
    #expect(fired.map(\.revision) == [0, 0])
    #expect(fired.map(\.count) == [2, 5])
  }

  @Test func `a reading whose windows are dropped is counted and not more`() {
    var harness = harness()
    _ = harness.read(at: start, 1)
    _ = harness.read(at: start + 125 * second)
    // Watermark start + 2m, so [start, start + 1m) is dropped exactly now.
    #expect(harness.read(at: start + 59 * second).isEmpty)
    #expect(harness.windows.counts.tooLate == 1)
    _ = harness.read(at: start + 60 * second)
    #expect(harness.windows.counts.tooLate == 1)
    #expect(harness.windows.counts.late == 1)
  }

  @Test func `a late reading in a window without data fires revision 0`() {
    var harness = harness()
    _ = harness.read(at: start + 65 * second)
    #expect(harness.read(at: start + 30 * second).isEmpty)
    #expect(harness.read(at: start + 125 * second).map(\.revision) == [0, 0])
  }

  @Test func `each device has its own clock`() {
    var harness = harness()
    _ = harness.read("a", at: start)
    #expect(harness.read("b", at: start + 10 * hour).isEmpty)
    #expect(harness.read("a", at: start + second).isEmpty)
    #expect(harness.windows.counts.late == 0)
    #expect(harness.read("a", at: start + 65 * second).map(\.count) == [2])
  }

  @Test func `an idle device fires what is open and goes on with the next revision`() {
    var harness = harness()
    _ = harness.read("a", at: start, kafka: start)
    let idle = harness.read("b", at: start + hour, kafka: start + 4 * minute)
    #expect(idle.isEmpty)
    _ = harness.read("b", at: start, kafka: start + 8 * minute)
    var fired: [Fired] = []
    for step in 1...16 {
      fired += harness.read(
        "b", at: start + hour, kafka: start + 8 * minute + Int64(step) * 4 * minute)
    }
    #expect(fired.filter { $0.device == "a" }.map(\.revision) == [0])
    #expect(harness.windows.counts.idleDevices == 1)
    // The dump of old data is judged by the device's own watermark, its newest event time.
    _ = harness.read("a", at: start - second, 7, kafka: start + 72 * minute)
    #expect(harness.windows.counts.late == 1)
    _ = harness.read("a", at: start + second, 7, kafka: start + 72 * minute)
    #expect(harness.windows.counts.late == 1)
    let again = harness.read("a", at: start + 65 * second, kafka: start + 72 * minute)
    #expect(again.map(\.revision) == [0, 1])
    #expect(again.map(\.count) == [1, 2])
  }

  @Test func `a device without changes does not fire at idleness twice`() {
    var harness = harness(idle: minute)
    _ = harness.read("a", at: start, kafka: start)
    let options = (1...10).flatMap {
      harness.apply(TestRecord(device: nil, timestamp: start + Int64($0) * minute, outcome: .dead))
    }
    #expect(options.count == 1)
    _ = harness.apply(TestRecord(device: "a", timestamp: start + 10 * minute, outcome: .empty))
    let later = (11...20).flatMap {
      harness.apply(TestRecord(device: nil, timestamp: start + Int64($0) * minute, outcome: .dead))
    }
    #expect(later.isEmpty)
    #expect(harness.windows.counts.idleDevices == 2)
  }

  @Test func `a forgotten device keeps its watermark and gives up its slices`() {
    var harness = harness(idle: minute, forget: 10 * minute)
    _ = harness.read("a", at: start, kafka: start)
    for step in 1...12 {
      _ = harness.apply(
        TestRecord(device: nil, timestamp: start + Int64(step) * minute, outcome: .dead))
    }
    #expect(harness.windows.counts.forgottenDevices == 1)
    _ = harness.read("a", at: start + second, kafka: start + 12 * minute)
    #expect(harness.windows.counts.tooLate == 1)
    _ = harness.read("a", at: start + minute, kafka: start + 12 * minute)
    #expect(harness.windows.counts.tooLate == 1)
    let fired = harness.read("a", at: start + 125 * second, kafka: start + 12 * minute)
    #expect(fired.map(\.start) == [start + minute])
  }

  @Test func `readings too far ahead of Kafka are flagged and move nothing`() {
    var harness = harness()
    _ = harness.read(at: start, kafka: start)
    _ = harness.read(at: start + 6 * minute, kafka: start)
    #expect(harness.lastFlags == .future)
    _ = harness.read(at: start + 5 * minute, kafka: start)
    #expect(harness.lastFlags == [])
    #expect(harness.windows.counts.future == 1)
  }

  @Test func `readings before plausible_from move nothing`() {
    var harness = harness()
    let row = TestRow(time: 1, values: [1], flags: .beforePlausible)
    #expect(harness.apply(TestRecord(device: "a", rows: [row])).isEmpty)
    #expect(harness.fireOpenWindows().isEmpty)
    #expect(harness.windows.counts.beforePlausible == 1)
  }

  @Test func `whether a silent partition has devices to find idle is known, and none are left`() {
    var harness = harness()
    #expect(harness.hasAwakeDevices == false)
    _ = harness.read(at: start + 10 * second, 1)
    #expect(harness.hasAwakeDevices == true)
    #expect(harness.fireOpenWindows().map(\.revision) == [0])
    #expect(harness.hasAwakeDevices == false, "every device is idle")
    // The device's watermark stands at its newest event time, no further.
    _ = harness.read(at: start + 9 * second, 1)
    #expect(harness.windows.counts.late == 1)
    #expect(harness.hasAwakeDevices == true, "a window that was changed")
    #expect(harness.fireOpenWindows().map(\.revision) == [1])
    // A reading that moves nothing but the clock: its device is awake, its windows have fired.
    _ = harness.apply(TestRecord(device: "a", rows: []))
    #expect(harness.hasAwakeDevices == true)
    #expect(harness.fireOpenWindows().isEmpty)
    #expect(harness.hasAwakeDevices == false)
  }

  @Test(arguments: [Int64.min, Int64.min + 1, -(Int64(1) << 60), Int64(1) << 60, Int64.max])
  func `no event time overflows`(time: Int64) {
    var harness = harness()
    #expect(harness.read(at: time).isEmpty)
    #expect(!ReadingFlags.implausibleTime.isDisjoint(with: harness.lastFlags))
    _ = harness.read(at: EventTime.magnitudeMax)
    _ = harness.read(at: -EventTime.magnitudeMax)
    _ = harness.fireOpenWindows()
  }

  @Test func `first and last follow event time, ties the order of arrival`() throws {
    var harness = harness()
    for (time, value) in [(5, 1.0), (2, 2), (9, 3), (2, 4), (9, 5), (7, 6)] {
      _ = harness.read(at: start + Int64(time) * second, value)
    }
    let fired = try #require(harness.fireOpenWindows().first)
    #expect(fired.values[5] == 2)
    #expect(fired.values[6] == 5)
  }

  @Test func `nulls and values that are not finite enter no window`() {
    var harness = harness(metrics: ["m", "n"])
    for values: [Double?] in [[1, nil], [.nan, 2], [.infinity, nil], [3, 4]] {
      _ = harness.apply(
        TestRecord(device: "a", rows: [TestRow(time: start, values: values)]))
    }
    let fired = harness.fireOpenWindows()
    #expect(fired.map(\.metric) == ["m", "n"])
    #expect(fired.map(\.count) == [2, 2])
    #expect(fired.map(\.values[0]) == [4, 6])
    #expect(harness.windows.counts.nonFinite == 2)
  }

  @Test func `one value has no standard deviation and unasked aggregates are null`() throws {
    let window = WindowDefinition(
      name: "w", sizeMicros: minute, slideMicros: minute, aggregates: [.mean, .stddev])
    var harness = harness([window])
    _ = harness.read(at: start, 1)
    let fired = try #require(harness.fireOpenWindows().first)
    #expect(fired.values[1] == 1)
    #expect([0, 2, 3, 4, 5, 6].allSatisfy { fired.values[$0].isNaN })
  }

  @Test func `the deviation of large values is that of the small differences`() throws {
    let window = WindowDefinition(name: "w", sizeMicros: hour, slideMicros: minute)
    var harness = harness([window])
    for tick in 0..<3000 {
      _ = harness.read(at: start + Int64(tick) * second, 1e9 + Double(tick % 2))
    }
    let fired = try #require(harness.fireOpenWindows().first { $0.count == 3000 })
    #expect(abs(fired.values[4] - (0.25 * 3000 / 2999).squareRoot()) < 1e-9)
  }

  @Test func `overflow is null and not infinite`() throws {
    var harness = harness()
    for value in [Double.greatestFiniteMagnitude, -Double.greatestFiniteMagnitude] {
      _ = harness.read(at: start, value)
    }
    let fired = try #require(harness.fireOpenWindows().first)
    #expect(fired.values[4].isNaN)
    #expect(fired.values[2] == -Double.greatestFiniteMagnitude)
    #expect(!fired.values.contains { $0.isInfinite })
  }

  @Test func `sums of integers are integers`() throws {
    var harness = Harness(
      wideSchema(["n"], types: [.int64]), [oneMinute], EventTimeOptions())
    var sum = 0.0
    for tick in 0..<50 {
      let value = Double(tick * tick * 7 % 1_000_003 + tick)
      sum += value
      _ = harness.read(at: start + Int64(tick) * second, value)
    }
    #expect(try #require(harness.fireOpenWindows().first).values[0] == sum)
  }

  @Test func `attributes are the last known`() throws {
    var harness = harness()
    let rows = [TestRow(time: start, values: [1])]
    _ = harness.apply(TestRecord(device: "a", attributes: ["north"], rows: rows))
    _ = harness.apply(TestRecord(device: "a", attributes: [nil], rows: rows))
    #expect(harness.fireOpenWindows().first?.region == "north")
  }

  @Test func `firing follows end, window and name, whatever was seen first`() {
    let windows = [
      WindowDefinition(name: "2m", sizeMicros: 2 * minute, slideMicros: minute),
      oneMinute,
    ]
    var harness = Harness(narrowSchema, windows, EventTimeOptions())
    let rows = ["z", "a", "k"].map { TestRow(time: start, values: [1], metric: $0) }
    _ = harness.apply(TestRecord(device: "d", rows: rows))
    let fired = harness.fireOpenWindows()
    #expect(
      fired.map { "\(($0.end - start) / minute) \($0.window) \($0.metric)" } == [
        "1 0 a", "1 0 k", "1 0 z", "1 1 a", "1 1 k", "1 1 z", "2 0 a", "2 0 k", "2 0 z",
      ])
  }

  @Test func `metrics that no window takes are counted and cost nothing`() {
    let window = WindowDefinition(
      name: "w", sizeMicros: minute, slideMicros: minute, metricGlobs: ["battery_*"])
    var harness = Harness(narrowSchema, [window], EventTimeOptions())
    let before = harness.windows.byteCount
    let row = TestRow(time: start, values: [1], metric: "wheel")
    _ = harness.apply(TestRecord(device: "d", rows: [row]))
    #expect(harness.windows.counts.unselected == 1)
    #expect(harness.windows.byteCount - before < 200)
  }
}
