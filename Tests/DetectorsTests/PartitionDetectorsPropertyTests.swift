import Base
import Detectors
import Telemetry
import Testing

@Suite struct PartitionDetectorsPropertyTests {
  @Test(arguments: 1...Scenario.seedMax)
  func `finds what the plain reference finds`(seed: UInt64) {
    let scenario = Scenario(seed: seed)
    var harness = Harness(
      scenario.schema, scenario.definitions, outOfOrderness: scenario.outOfOrderness)
    let reference = ReferenceDetectors(
      scenario.schema, scenario.definitions, outOfOrderness: scenario.outOfOrderness)
    for (index, record) in scenario.records.enumerated() {
      let found = harness.apply(record).map { reference.event($0) }
      let expected = reference.apply(record, offset: Int64(index))
      guard found == expected else {
        let place = zip(found, expected).first { $0 != $1 }
        Issue.record(
          """
          seed \(seed), record \(index): \(found.count) events, expected \(expected.count)
          got  \(place.map { "\($0.0)" } ?? "\(found)")
          want \(place.map { "\($0.1)" } ?? "\(expected)")
          """)
        return
      }
    }
  }

  @Test func `the histories bring about every kind of event`() {
    var seen: Set<String> = []
    for seed in 1...Scenario.seedMax {
      let scenario = Scenario(seed: seed)
      for event in run(scenario, Cutting()).events {
        let kind = event.evidence("kind")?.stringValue ?? ""
        seen.insert("\(kind) \(event.state.rawValue)")
      }
    }
    for kind in ["limits", "spike", "jump", "shift", "silence", "silence_summary", "cap"] {
      for state in ["opened", "closed"] { #expect(seen.contains("\(kind) \(state)")) }
    }
    #expect(seen.contains("limits escalated"))
    #expect(seen.contains("spike escalated") || seen.contains("shift escalated"))
  }

  /// How a history is fed.
  struct Cutting {
    var cutChance = 0.0
    var snapshotChance = 0.0
    /// Whether the vocabulary knows all words before, in an order of chance.
    var isShuffled = false
    var seed: UInt64 = 1
  }

  @Test(arguments: 1...Scenario.seedMax)
  func `cuts, snapshots and interned indexes change no bit`(seed: UInt64) {
    let scenario = Scenario(seed: seed)
    let whole = run(scenario, Cutting())
    let cut = run(scenario, Cutting(cutChance: 0.3, seed: seed))
    #expect(whole.events == cut.events, "seed \(seed), cut")
    #expect(whole.bytes == cut.bytes, "seed \(seed), cut: state")
    #expect(whole.counts == cut.counts, "seed \(seed), cut: counts")
    let restored = run(scenario, Cutting(cutChance: 0.2, snapshotChance: 0.5, seed: seed))
    #expect(whole.events == restored.events, "seed \(seed), restored")
    #expect(whole.bytes == restored.bytes, "seed \(seed), restored: state")
    let shuffled = run(scenario, Cutting(cutChance: 0.2, isShuffled: true, seed: seed))
    #expect(whole.events == shuffled.events, "seed \(seed), shuffled")
  }

  @Test(arguments: 1...Scenario.seedMax)
  func `every anomaly opens once, ends at most once, and has an id of its own`(seed: UInt64) {
    let scenario = Scenario(seed: seed)
    var severities: [String: AnomalyEvent.Severity] = [:]
    var ended: Set<String> = []
    for event in run(scenario, Cutting()).events {
      switch event.state {
      case .opened:
        #expect(severities[event.id] == nil && !ended.contains(event.id), "seed \(seed) \(event)")
      case .escalated:
        #expect(severities[event.id] == .warning, "seed \(seed) \(event)")
        #expect(event.severity == .critical, "seed \(seed) \(event)")
      case .closed:
        #expect(severities[event.id] == event.severity, "seed \(seed) \(event)")
        ended.insert(event.id)
      }
      severities[event.id] = event.state == .closed ? nil : event.severity
      #expect(event.id.utf8.count == 16)
      #expect((try? JSONValue(parsing: Array(event.evidence.utf8))) != nil, "\(event.evidence)")
    }
  }

  @Test(arguments: UInt64(1)...UInt64(40))
  func `what is counted as open is what the events left open`(seed: UInt64) {
    let scenario = Scenario(seed: seed)
    let outcome = run(scenario, Cutting(cutChance: 0.1, snapshotChance: 0.3, seed: seed))
    var open: [String: Told] = [:]
    for event in outcome.events { open[event.id] = event.state == .closed ? nil : event }
    var counts: [String: Int] = [:]
    for event in open.values {
      counts["\(event.detector) \(event.severity.text)", default: 0] += 1
    }
    var told: [String: Int] = [:]
    for count in outcome.open { told["\(count.detector) \(count.severity.text)"] = count.count }
    #expect(told == counts, "seed \(seed)")
  }

  private func run(
    _ scenario: Scenario, _ cutting: Cutting
  ) -> (events: [Told], bytes: [UInt8], counts: DetectorCounts, open: [OpenAnomalyCount]) {
    var random = SplitMix64(seed: cutting.seed &* 31)
    var vocabulary = Vocabulary(attributeCount: scenario.schema.attributes.count)
    if cutting.isShuffled {
      for name in (0..<70).map({ "device-\($0)" }).shuffled(using: &random) {
        _ = vocabulary.devices.intern(name)
      }
      for name in ["volt_e", "temp_d", "volt_c", "other", "amp_b", "volt_a"] {
        _ = vocabulary.metrics.intern(name)
      }
      _ = vocabulary.attributes[0].intern("south")
    }
    var batch = ReadingBatch(schema: scenario.schema)
    for (offset, record) in scenario.records.enumerated() {
      append(record, offset: Int64(offset), to: &batch, &vocabulary)
    }
    var detectors = PartitionDetectors(
      schema: scenario.schema, definitions: scenario.definitions, origin: testOrigin,
      outOfOrdernessMicros: scenario.outOfOrderness)
    var events: [AnomalyEvent] = []
    var counts = DetectorCounts()
    var start = 0
    while start < batch.recordCount {
      var end = batch.recordCount
      if cutting.cutChance > 0 {
        end = start + 1
        while end < batch.recordCount, !random.chance(cutting.cutChance) { end += 1 }
      }
      detectors.apply(batch, records: start..<end, vocabulary: vocabulary, into: &events)
      start = end
      if random.chance(cutting.snapshotChance) {
        counts += detectors.counts
        detectors = restored(detectors, scenario)
      }
    }
    counts += detectors.counts
    var writer = ByteWriter()
    detectors.encode(into: &writer)
    return (
      events.map { Told($0, vocabulary) }, writer.bytes, counts, detectors.openCounts
    )
  }

  private func restored(
    _ detectors: borrowing PartitionDetectors, _ scenario: Scenario
  ) -> PartitionDetectors {
    var writer = ByteWriter()
    detectors.encode(into: &writer)
    var reader = ByteReader(writer.bytes)
    let restored: PartitionDetectors
    do throws(DetectorsError) {
      restored = try PartitionDetectors(
        schema: scenario.schema, origin: testOrigin,
        outOfOrdernessMicros: scenario.outOfOrderness, from: &reader)
    } catch {
      Issue.record("\(error)")
      return PartitionDetectors(
        schema: scenario.schema, definitions: [], origin: testOrigin, outOfOrdernessMicros: 0)
    }
    #expect(reader.isAtEnd)
    var again = ByteWriter()
    restored.encode(into: &again)
    #expect(again.bytes == writer.bytes)
    return restored
  }
}

extension ReferenceDetectors {
  /// What the reference says about an event of the engine.
  func event(_ told: Told) -> Event {
    var event = Event(
      device: told.device, metric: told.metric, detector: told.detector, severity: told.severity,
      state: told.state, eventTime: told.eventTime, value: told.value, expected: told.expected,
      threshold: told.threshold, offset: told.offset)
    if let worst = told.evidence("worst")?.doubleValue,
      let violations = told.evidence("violations")?.doubleValue
    {
      event.details = [worst, violations]
    }
    return event
  }
}
