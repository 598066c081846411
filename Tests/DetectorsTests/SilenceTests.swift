import Base
import Detectors
import Telemetry
import Testing

@Suite struct SilenceTests {
  private static let schema = wideSchema(["m"])
  private static let start = 1_000 * hour

  @Test func `a device is silent when the partition's clock has gone on by the span`() throws {
    var harness = Harness(Self.schema, [silence(after: 10 * minute)])
    #expect(harness.read("a", at: Self.start, 1).isEmpty)
    #expect(harness.hear("b", clock: Self.start + 10 * minute - 1).isEmpty)
    var events = harness.hear("b", clock: Self.start + 10 * minute)
    #expect(events.map(\.short) == ["silence a opened warning @2"])
    let opened = try #require(events.first)
    #expect((opened.value, opened.score, opened.threshold) == (600, 600, 600))
    #expect(opened.expected == nil && opened.metric == nil)
    #expect(opened.eventTime == Self.start)
    #expect(
      opened.evidence == """
        {"kind":"silence","last_heard":"1970-02-11T16:00:00.000000Z","silent_seconds":600.0,\
        "clock":"1970-02-11T16:10:00.000000Z"}
        """)
    #expect(harness.hear("b", clock: Self.start + 20 * minute - 1).isEmpty)
    events = harness.read("a", at: Self.start + 5 * minute, 1, clock: Self.start + 20 * minute - 1)
    #expect(events.map(\.short) == ["silence a closed warning @4"])
    #expect(events[0].id == opened.id)
    #expect(events[0].value == 1199.999_999)
    #expect(events[0].eventTime == Self.start + 5 * minute)
    #expect(events[0].evidence("ended")?.stringValue == "heard again")
  }

  @Test func `a device alone in its partition shows its gap when it is back`() {
    var harness = Harness(Self.schema, [silence()])
    #expect(harness.hear("a", clock: Self.start).isEmpty)
    let events = harness.hear("a", clock: Self.start + hour)
    #expect(
      events.map(\.short) == ["silence a opened warning @1", "silence a closed warning @1"])
    #expect(events[0].eventTime == Self.start + hour, "it never sent an event time: the clock's")
  }

  @Test func `one reading a month makes one anomaly a silence`() {
    var harness = Harness(Self.schema, [silence(after: hour)])
    var events: [Told] = []
    var clock = Self.start
    for _ in 0..<12 {
      events += harness.read("monthly", at: clock, 1)
      for _ in 0..<60 {
        clock += 12 * hour
        events += harness.read("busy", at: clock, 1).filter { $0.device == "monthly" }
      }
    }
    let monthly = events.filter { $0.device == "monthly" }
    #expect(monthly.count { $0.state == .opened } == 12)
    #expect(monthly.count { $0.state == .closed } == 11)
    #expect(Set(monthly.map(\.id)).count == 12)
  }

  @Test func `detectors of different spans are told apart, in the order of the configuration`() {
    var harness = Harness(
      Self.schema, [silence("long", after: hour), silence("short", after: minute)])
    _ = harness.hear("a", clock: Self.start)
    #expect(
      harness.hear("b", clock: Self.start + minute).map(\.short) == [
        "short a opened warning @1"
      ])
    #expect(
      harness.hear("b", clock: Self.start + hour).map(\.short) == [
        "long a opened warning @2", "short b opened warning @2", "short b closed warning @2",
      ])
    #expect(
      harness.hear("a", clock: Self.start + hour).map(\.short) == [
        "long a closed warning @3", "short a closed warning @3",
      ])
  }

  @Test func `only read and empty records are heard; records without a device move the clock`() {
    var harness = Harness(Self.schema, [silence(after: minute)])
    _ = harness.hear("a", clock: Self.start)
    for outcome in [Outcome.dead, .duplicate, .filtered] {
      let events = harness.apply(
        TestRecord(device: "a", clock: Self.start + 30 * second, outcome: outcome))
      #expect(events.isEmpty)
    }
    #expect(
      harness.hear(nil, clock: Self.start + minute).map(\.short) == [
        "silence a opened warning @4"
      ])
  }

  @Test func `devices heard before the clock began are as old as the clock`() {
    var harness = Harness(Self.schema, [silence(after: minute)])
    #expect(harness.hear("a", clock: .min).isEmpty)
    #expect(harness.hear("b", clock: Self.start).isEmpty)
    #expect(harness.hear("b", clock: Self.start + minute - 1).isEmpty)
    #expect(
      harness.hear("b", clock: Self.start + minute).map(\.short) == [
        "silence a opened warning @3"
      ])
  }

  @Test func `a clock that goes down was started anew`() {
    var harness = Harness(Self.schema, [silence(after: minute)])
    _ = harness.hear("a", clock: Self.start + hour)
    #expect(harness.hear("b", clock: Self.start).isEmpty)
    #expect(harness.hear("b", clock: Self.start + 59 * second).isEmpty)
    #expect(
      harness.hear("b", clock: Self.start + minute).map(\.short) == [
        "silence a opened warning @3"
      ])
  }

  // MARK: - Many at once

  @Test func `what exceeds twenty a minute is one summary that says what they have in common`()
    throws
  {
    var harness = Harness(Self.schema, [silence(after: 10 * minute)])
    for device in 0..<50 {
      let attributes: [String?] = [device % 3 == 0 ? "south" : "north", device < 45 ? "x1" : nil]
      _ = harness.hear(
        "d\(device)", clock: Self.start + Int64(device) * second, attributes: attributes)
    }
    var events = harness.hear("live", clock: Self.start + 10 * minute + 49 * second)
    #expect(events.count == 20)
    #expect(events.map(\.device) == (0..<20).map { "d\($0)" })
    #expect(harness.hear("live", clock: Self.start + 11 * minute - 1).isEmpty)
    events = harness.hear("live", clock: Self.start + 11 * minute)
    #expect(events.map(\.short) == ["silence - opened warning @52"])
    let summary = try #require(events.first)
    #expect(summary.value == 30)
    #expect(summary.attributes == [nil, nil])
    #expect(
      summary.evidence == """
        {"kind":"silence_summary","devices":30,"first_due":"1970-02-11T16:10:20.000000Z",\
        "last_due":"1970-02-11T16:10:49.000000Z","examples":["d20","d21","d22","d23","d24"],\
        "attributes":{"region":{"north":20,"south":10},"model":{"x1":25}}}
        """)
    let counts = harness.detectors.openCounts
    #expect(counts == [OpenAnomalyCount(detector: "silence", severity: .warning, count: 21)])

    for device in 0..<49 {
      events = harness.hear("d\(device)", clock: Self.start + 12 * minute)
      #expect(events.count == (device < 20 ? 1 : 0))
    }
    events = harness.hear("d49", clock: Self.start + 12 * minute)
    #expect(events.map(\.short) == ["silence - closed warning @102"])
    #expect(events[0].id == summary.id)
    #expect(events[0].evidence("still_silent")?.int64Value == 0)
    #expect(harness.detectors.openCounts.isEmpty)
  }

  @Test func `a summary whose devices are back before its minute is over opens and closes then`() {
    var harness = Harness(Self.schema, [silence(after: 10 * minute)])
    for device in 0..<25 { _ = harness.hear("d\(device)", clock: Self.start) }
    #expect(harness.hear("live", clock: Self.start + 10 * minute).count == 20)
    for device in 20..<25 {
      #expect(harness.hear("d\(device)", clock: Self.start + 10 * minute + second).isEmpty)
    }
    #expect(
      harness.hear("live", clock: Self.start + 11 * minute).map(\.short) == [
        "silence - opened warning @31", "silence - closed warning @31",
      ])
  }

  @Test func `the most frequent five values of an attribute are named, equal ones by their words`()
    throws
  {
    var harness = Harness(Self.schema, [silence(after: 10 * minute)])
    for device in 0..<20 { _ = harness.hear("first\(device)", clock: Self.start) }
    for word in ["f", "b", "e", "a", "d", "c", "a"] {
      _ = harness.hear("d\(harness.nextOffset)", clock: Self.start, attributes: [word])
    }
    let events = harness.hear("live", clock: Self.start + hour)
    let summary = try #require(events.first { $0.device == nil })
    let region = try #require(summary.evidence("attributes")?["region"])
    #expect(region.text == #"{"a":2,"b":1,"c":1,"d":1,"e":1}"#)
  }

  /// A fleet that falls silent whole and comes back whole.
  @Test func `a hundred thousand devices at once are twenty rows and one a minute, both ways`() {
    let deviceCount = 100_000
    var vocabulary = Vocabulary(attributeCount: 2)
    var detectors = PartitionDetectors(
      schema: Self.schema, definitions: [silence(after: 10 * minute)], origin: testOrigin,
      outOfOrdernessMicros: 0)
    var offset: Int64 = 0
    func round(clock: (Int) -> Int64) -> [AnomalyEvent] {
      var batch = ReadingBatch(schema: Self.schema)
      for device in 0..<deviceCount {
        append(
          TestRecord(
            device: "d\(device)", clock: clock(device), outcome: .empty,
            attributes: ["r\(device % 7)"]),
          offset: offset, to: &batch, &vocabulary)
        offset += 1
      }
      var events: [AnomalyEvent] = []
      detectors.apply(
        batch, records: 0..<batch.recordCount, vocabulary: vocabulary, into: &events)
      return events
    }
    // Heard within three minutes, then not for a day, then again within three minutes.
    #expect(round { Self.start + Int64($0) * 3 * minute / Int64(deviceCount) }.isEmpty)
    var events = round { Self.start + day + Int64($0) * 3 * minute / Int64(deviceCount) }
    #expect(events.count == 2 * (3 * 20 + 3))
    #expect(events.count { $0.state == .opened } == 63)
    #expect(events.count { $0.device == WordTable.none && $0.state == .closed } == 3)
    let silent = events.filter { $0.device == WordTable.none && $0.state == .opened }
      .reduce(0) { $0 + ($1.value ?? 0) }
    #expect(silent == Double(deviceCount - 60))
    #expect(detectors.counts.silentDevices == Int64(deviceCount))
    #expect(detectors.openCounts.isEmpty)
    // And again, so that nothing is left behind.
    events = round { _ in Self.start + 3 * day }
    #expect(events.count == 2 * 63)
  }
}
