import Base
import Detectors
import Telemetry
import Testing

@Suite struct LimitsTests {
  /// One rule, readings a second apart, and what each does.
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let definition: DetectorDefinition
    /// Value and event time in seconds.
    let readings: [(Double?, Int64)]
    /// `opened warning @3`: state, severity, number of the reading.
    let steps: [String]

    var testDescription: String { name }

    init(
      _ name: String, _ definition: DetectorDefinition, _ values: [Double?], times: [Int64]? = nil,
      _ steps: [String]
    ) {
      self.name = name
      self.definition = definition
      readings = Array(zip(values, times ?? (0..<Int64(values.count)).map { $0 }))
      self.steps = steps
    }
  }

  private static let soft = (nil, 10.0) as (Double?, Double?)
  private static let hard = (nil, 20.0) as (Double?, Double?)

  static let cases: [Case] = [
    Case(
      "one reading opens, one closes", limits(), [5, 11, 12, 10],
      ["opened warning @1", "closed warning @3"]),
    Case("a value at the bound does not violate it", limits(), [10, 10, 10], []),
    Case(
      "below the low bound", limits(warning: (-2, nil)), [0, -2, -3, -2],
      ["opened warning @2", "closed warning @3"]),
    Case(
      "a third violating reading in a row opens", limits(for: .readings(3)),
      [11, 12, 9, 11, 12, 13], ["opened warning @5"]),
    Case(
      "three clear readings in a row close", limits(for: .readings(3)),
      [11, 11, 11, 9, 9, 11, 9, 9, 9], ["opened warning @2", "closed warning @8"]),
    Case(
      "straight to critical where that persists in the same reading",
      limits(warning: soft, critical: hard, for: .readings(2)), [25, 25],
      ["opened critical @1"]),
    Case(
      "warning first where only some readings are critical",
      limits(warning: soft, critical: hard, for: .readings(2)), [15, 25, 25],
      ["opened warning @1", "escalated critical @2"]),
    Case(
      "escalation needs its own persistence",
      limits(warning: soft, critical: hard, for: .readings(2)), [15, 15, 25, 15, 25, 15, 25, 25],
      ["opened warning @1", "escalated critical @7"]),
    Case(
      "an anomaly keeps its worst severity", limits(warning: soft, critical: hard),
      [25, 15, 12, 9], ["opened critical @0", "closed critical @3"]),
    Case(
      "inside the bounds but not by the margin neither closes nor counts",
      limits(margin: 2), [11, 9, 8.5, 8], ["opened warning @0", "closed warning @3"]),
    Case(
      "what is not clear breaks the clear run", limits(margin: 2, for: .readings(2)),
      [11, 11, 8, 9, 8, 8], ["opened warning @1", "closed warning @5"]),
    Case(
      "critical bounds alone: the margin is measured from them",
      limits(warning: nil, critical: hard, margin: 1), [21, 19.5, 19],
      ["opened critical @0", "closed critical @2"]),
    Case(
      "a side without a warning bound is held by the critical one",
      limits(warning: soft, critical: (0, 20)), [-1, -1, 0, 5],
      ["opened critical @0", "closed critical @2"]),
    Case(
      "absent, NaN and infinite values neither open nor interrupt", limits(for: .readings(2)),
      [11, nil, .nan, .infinity, 11, -.infinity, nil, 9, nil, 9],
      ["opened warning @4", "closed warning @9"]),
    Case(
      "a duration is met by event time", limits(for: .duration(micros: 3 * second)),
      [11, 11, 11, 11, 9, 9, 9, 9], ["opened warning @3", "closed warning @7"]),
    Case(
      "a duration of nothing is met at once", limits(for: .duration(micros: 0)), [11, 9],
      ["opened warning @0", "closed warning @1"]),
    Case(
      "two readings far apart meet a duration", limits(for: .duration(micros: 60 * second)),
      [11, 11], times: [0, 100], ["opened warning @1"]),
    Case(
      "jitter neither restarts nor lengthens a duration",
      limits(for: .duration(micros: 5 * second)), [11, 11, 11, 11, 11, 11],
      times: [10, 12, 11, 13, 12, 15], ["opened warning @5"]),
    Case(
      "a dump is judged by its own times", limits(for: .duration(micros: 60 * second)),
      [11, 11, 11, 11], times: [1_000, 100, 130, 160], ["opened warning @3"]),
    Case(
      "a good reading in a dump ends the run", limits(for: .duration(micros: 60 * second)),
      [11, 11, 9, 11, 11], times: [1_000, 100, 130, 131, 190], []),
    Case(
      "late readings close too", limits(), [11, 9], times: [100, 10],
      ["opened warning @0", "closed warning @1"]),
  ]

  @Test(arguments: cases)
  func `opens, escalates and closes as the rule says`(_ example: Case) {
    var harness = Harness(wideSchema(["m"]), [example.definition])
    var steps: [String] = []
    for (value, time) in example.readings {
      for event in harness.read(at: time * second, value) {
        #expect(event.eventTime == time * second && event.value == value)
        steps.append("\(event.state.rawValue) \(event.severity.text) @\(event.offset)")
      }
    }
    #expect(steps == example.steps, "\(example.name)")
  }

  @Test func `evidence, bound and score explain each step`() throws {
    var harness = Harness(
      wideSchema(["m"]),
      [limits(warning: (0, 10), critical: (nil, 20), margin: 1, for: .readings(2))])
    var events: [Told] = []
    for (second, value) in [12.0, 14, 25, 22, 5, 6].enumerated() {
      events += harness.read(at: Int64(second) * 1_000_000, value)
    }
    #expect(events.map(\.state) == [.opened, .escalated, .closed])
    #expect(Set(events.map(\.id)).count == 1)
    #expect(events.map(\.expected) == [10, 20, 20])
    #expect(events.map(\.threshold) == [10, 20, 20])
    #expect(events.map(\.score) == [4, 2, -14])
    #expect(
      events[0].evidence == """
        {"kind":"limits","side":"high","bound":10.0,"worst":14.0,"violations":2,\
        "since":"1970-01-01T00:00:00.000000Z"}
        """)
    #expect(events[1].evidence("worst")?.doubleValue == 25)
    #expect(
      events[2].evidence == """
        {"kind":"limits","side":"high","bound":20.0,"worst":25.0,"violations":4,\
        "since":"1970-01-01T00:00:00.000000Z","clear_since":"1970-01-01T00:00:04.000000Z",\
        "clear_readings":2,"ended":"inside the bounds again"}
        """)
  }

  @Test func `each metric is judged by the definitions whose glob it fits, in their order`() {
    let definitions = [
      limits("b", metric: "volt_*"), limits("a", metric: "*"), limits("c", metric: "amp"),
    ]
    var harness = Harness(
      wideSchema(["volt_1", "amp", "volt_2"], types: [.double, .int64, .float]), definitions)
    #expect(
      harness.read(at: 0, 11).map(\.short) == [
        "b a.volt_1 opened warning @0", "b a.volt_2 opened warning @0",
        "a a.volt_1 opened warning @0", "a a.amp opened warning @0",
        "a a.volt_2 opened warning @0", "c a.amp opened warning @0",
      ])
  }

  @Test func `metrics that nothing watches may lie between and beyond the watched`() {
    let names = (0..<70).map { "m\($0)" }
    var harness = Harness(
      wideSchema(names), [limits("l", metric: "m6?"), limits("k", metric: "m3")])
    var values = [Double?](repeating: 0, count: 70)
    values[3] = 11
    values[64] = 11
    values[65] = nil
    values[10] = 99
    let events = harness.apply(
      TestRecord(device: "a", clock: 0, rows: [TestRow(time: 0, values: values)]))
    #expect(
      events.map(\.short) == ["l a.m64 opened warning @0", "k a.m3 opened warning @0"])
  }

  @Test func `a narrow source is judged by the metric that a row names, new ones included`() {
    var harness = Harness(narrowSchema, [limits("l", metric: "volt*", for: .readings(2))])
    func row(_ metric: String, _ value: Double) -> TestRow {
      TestRow(time: 0, values: [value], metric: metric)
    }
    var events = harness.apply(
      TestRecord(device: "a", clock: 0, rows: [row("amp", 99), row("volt1", 11), row("volt2", 11)]))
    #expect(events.isEmpty)
    events = harness.apply(
      TestRecord(
        device: "a", clock: 0, rows: [row("volt3", 11), row("volt2", 11), row("volt1", 11)]))
    #expect(
      events.map(\.short) == [
        "l a.volt2 opened warning @1", "l a.volt1 opened warning @1",
      ])
  }

  @Test(arguments: [ReadingFlags.future, .beforePlausible])
  func `rows of implausible time are left out`(flags: ReadingFlags) {
    var harness = Harness(wideSchema(["m"]), [limits()])
    let events = harness.apply(
      TestRecord(
        device: "a", clock: 0, rows: [TestRow(time: 0, values: [99], flags: flags)]))
    #expect(events.isEmpty)
    #expect(harness.detectors.counts.readings == 0)
  }

  @Test func `rows carry the device's attributes as last known`() {
    var harness = Harness(wideSchema(["m"]), [limits()])
    let row = TestRow(time: 0, values: [11])
    let clear = TestRow(time: 0, values: [1])
    var events = harness.apply(
      TestRecord(device: "a", attributes: ["north", nil], rows: [row, clear, row]))
    #expect(events.map(\.attributes) == Array(repeating: ["north", nil], count: 3))
    events = harness.apply(TestRecord(device: "a", attributes: [nil, "x1"], rows: [clear]))
    #expect(events.map(\.attributes) == [["north", "x1"]])
  }

  @Test func `two anomalies of a series in one record have ids of their own`() {
    var harness = Harness(wideSchema(["m"]), [limits()])
    let rows = [11.0, 1, 11, 1].map { TestRow(time: 0, values: [$0]) }
    let events = harness.apply(TestRecord(device: "a", rows: rows))
    #expect(events.map(\.state) == [.opened, .closed, .opened, .closed])
    #expect(Set(events.map(\.id)).count == 2)
  }

  @Test func `ids differ by device, metric, detector, offset and origin`() {
    func ids(_ origin: AnomalyOrigin) -> [String] {
      var harness = Harness(wideSchema(["m", "n"]), [limits("k"), limits("l")])
      harness.detectors = PartitionDetectors(
        schema: harness.schema, definitions: [limits("k"), limits("l")], origin: origin,
        outOfOrdernessMicros: 0)
      return [("a", 11.0), ("b", 11), ("a", 1), ("a", 11)].flatMap { device, value in
        harness.read(device, at: 0, value).filter { $0.state == .opened }.map(\.id)
      }
    }
    let origins = [
      testOrigin, AnomalyOrigin(topic: "topic", incarnation: 1, partition: 3),
      AnomalyOrigin(topic: "topic", incarnation: 0, partition: 4),
      AnomalyOrigin(topic: "topic2", incarnation: 0, partition: 3),
    ]
    let all = origins.flatMap(ids)
    #expect(all.count == 4 * 12)
    #expect(Set(all).count == all.count)
    #expect(ids(testOrigin) == ids(testOrigin))
  }
}
