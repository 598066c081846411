import Base
import Detectors
import Telemetry
import Testing

@Suite struct ReconfigureTests {
  @Test func `equal definitions change no bit`() {
    for seed in UInt64(1)...20 {
      let scenario = Scenario(seed: seed, recordCount: 200)
      var harness = Harness(
        scenario.schema, scenario.definitions, outOfOrderness: scenario.outOfOrderness)
      for record in scenario.records { _ = harness.apply(record) }
      let before = harness.bytes
      #expect(harness.reconfigure(scenario.definitions).isEmpty)
      #expect(harness.bytes == before, "seed \(seed)")
    }
  }

  @Test func `new numbers hold for what is open, and for what comes`() {
    var harness = Harness(wideSchema(["m"]), [limits(warning: (nil, 10))])
    let opened = harness.read(at: 0, 15)
    #expect(harness.reconfigure([limits(warning: (nil, 12), margin: 1)]).isEmpty)
    #expect(harness.read("b", at: 0, 11).isEmpty)
    #expect(harness.read(at: 0, 11.5).isEmpty)
    let closed = harness.read(at: 0, 11)
    #expect(closed.map(\.state) == [.closed])
    #expect(closed.map(\.id) == opened.map(\.id))
    #expect(closed[0].expected == 12)
  }

  @Test func `a detector that is gone closes what it has open, by offset, device and metric`() {
    var harness = Harness(wideSchema(["n", "m"]), [limits("k"), limits("l", metric: "m")])
    _ = harness.read("z", at: 7, 11)
    _ = harness.read("b", at: 8, 11)
    let events = harness.reconfigure([limits("l", metric: "m")])
    #expect(
      events.map(\.short) == [
        "k z.n closed warning @2", "k z.m closed warning @2", "k b.n closed warning @2",
        "k b.m closed warning @2",
      ])
    #expect(events.map(\.eventTime) == [7, 7, 8, 8])
    #expect(events[0].evidence("ended")?.stringValue == "the detector was removed")
    #expect(events[0].evidence("worst")?.doubleValue == 11)
    #expect(
      harness.detectors.openCounts == [
        OpenAnomalyCount(detector: "l", severity: .warning, count: 2)
      ])
    #expect(harness.read("z", at: 9, 1).map(\.short) == ["l z.m closed warning @2"])
  }

  @Test func `another glob, kind or bucket length is another detector`() {
    let changes: [(DetectorDefinition, DetectorDefinition)] = [
      (limits("x"), limits("x", metric: "m*")),
      (limits("x"), statistical("x")),
      (silence("x"), limits("x")),
      (statistical("x", kind: .spike), statistical("x", kind: .shift)),
      (statistical("x", every: 10 * second), statistical("x", every: 20 * second)),
    ]
    for (before, after) in changes {
      var harness = Harness(wideSchema(["m"]), [before])
      var events: [Told] = []
      for bucket in 0..<Int64(62) {
        events += harness.read(
          at: bucket * 10 * second, bucket >= 60 ? 9_000 : bucket % 2 == 0 ? 1 : -1)
      }
      if before.metric == nil { events += harness.hear("other", clock: 3 * hour) }
      let open = events.filter { $0.state == .opened }
      #expect(open.count == 1, "\(before)")
      let closed = harness.reconfigure([after])
      #expect(closed.map(\.id) == open.map(\.id), "\(before) to \(after)")
      #expect(closed.map(\.state) == [.closed])
      #expect(closed.first?.evidence("ended")?.stringValue == "the detector was changed")
      #expect(harness.detectors.openCounts.isEmpty)
    }
  }

  @Test func `a statistical detector goes on knowing its series when numbers change`() {
    for isNarrow in [false, true] {
      var harness = Harness(
        isNarrow ? narrowSchema : wideSchema(["m"]), [limits("l"), statistical("s")])
      func reading(_ bucket: Int64, _ value: Double) -> TestRecord {
        TestRecord(
          device: "a", rows: [TestRow(time: bucket * 10 * second, values: [value], metric: "m")])
      }
      for bucket in 0..<Int64(60) {
        _ = harness.apply(reading(bucket, bucket % 2 == 0 ? 1 : -1))
      }
      // The bucket that is open keeps what it has, although its neighbours in memory change.
      _ = harness.apply(reading(60, 4_000))
      let others = [statistical("t", kind: .jump), statistical("u", every: minute)]
      #expect(
        harness.reconfigure(others + [statistical("s", cap: 7)]).allSatisfy {
          $0.detector == "l"
        })
      let events = harness.apply(reading(61, 0))
      #expect(events.map(\.detector) == ["s"], "narrow \(isNarrow)")
      #expect(events.map(\.value) == [4_000])
    }
  }

  @Test func `a new span of silence holds at once, a new detector knows whom it then hears`() {
    var harness = Harness(wideSchema(["m"]), [silence("old", after: hour)])
    _ = harness.hear("a", clock: 0)
    _ = harness.hear("b", clock: 10 * minute)
    _ = harness.reconfigure([
      silence("new", after: 10 * minute), silence("old", after: 20 * minute),
    ])
    #expect(harness.hear("c", clock: 19 * minute).isEmpty)
    #expect(harness.hear("c", clock: 20 * minute).map(\.short) == ["old a opened warning @3"])
    #expect(
      harness.hear("d", clock: 30 * minute).map(\.short) == [
        "new c opened warning @4", "old b opened warning @4",
      ])
  }

  @Test func `summaries and the cap of a removed detector close too`() {
    var harness = Harness(
      wideSchema(["m"]), [silence("s", after: 10 * minute), limits("l", cap: 1)])
    for device in 0..<30 { _ = harness.read("d\(device)", at: 0, 11) }
    #expect(harness.hear("live", clock: hour).count == 21)
    let events = harness.reconfigure([])
    #expect(events.count == 20 + 1 + 2)
    #expect(events.allSatisfy { $0.state == .closed })
    #expect(events[20].evidence("still_silent")?.int64Value == 10)
    #expect(events.last?.evidence("kind")?.stringValue == "cap")
    #expect(harness.detectors.openCounts.isEmpty)
    #expect(harness.hear("d1", clock: 2 * hour).isEmpty)
  }

  @Test func `a higher cap relieves at once`() {
    var harness = Harness(wideSchema(["m"]), [limits(cap: 2)])
    for device in ["a", "b", "c"] { _ = harness.read(device, at: 0, 11) }
    #expect(
      harness.reconfigure([limits(cap: 10)]).map(\.short) == ["limits - closed warning @3"])
    #expect(harness.read("c", at: 0, 11).map(\.short) == ["limits c.m opened warning @3"])
  }

  @Test func `detectors can come where there were none, and go`() {
    var harness = Harness(wideSchema(["m"]), [])
    #expect(harness.read(at: 0, 99).isEmpty)
    #expect(harness.reconfigure([limits()]).isEmpty)
    #expect(harness.read(at: 0, 99).count == 1)
    #expect(harness.reconfigure([]).count == 1)
    #expect(harness.read(at: 0, 99).isEmpty)
  }

  /// Any change at any record: what is counted as open stays what the rows say, and bytes taken
  /// right after lead to the same events.
  @Test(arguments: UInt64(1)...UInt64(40))
  func `random changes leave a whole state`(seed: UInt64) throws {
    let scenario = Scenario(seed: seed, recordCount: 300)
    var random = SplitMix64(seed: seed &* 77)
    var harness = Harness(scenario.schema, scenario.definitions)
    var open: [String: Told] = [:]
    for record in scenario.records {
      var events: [Told] = []
      if random.chance(0.03) {
        var definitions = random.chance(0.5)
          ? Scenario.definitions(&random) : harness.detectors.definitions
        if random.chance(0.5) { definitions.shuffle(using: &random) }
        if random.chance(0.3) { _ = definitions.popLast() }
        events += harness.reconfigure(definitions)
        #expect(harness.detectors.definitions == definitions)
        if random.chance(0.5) {
          let before = harness.bytes
          try harness.restart()
          #expect(harness.bytes == before, "seed \(seed)")
        }
      }
      events += harness.apply(record)
      for event in events {
        #expect((open[event.id] == nil) == (event.state == .opened), "seed \(seed): \(event)")
        open[event.id] = event.state == .closed ? nil : event
      }
    }
    let counted = harness.detectors.openCounts.reduce(0) { $0 + $1.count }
    #expect(counted == open.count, "seed \(seed)")
    for event in harness.reconfigure([]) { open[event.id] = nil }
    #expect(open.isEmpty, "seed \(seed)")
  }
}
