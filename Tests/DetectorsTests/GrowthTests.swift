import Base
import Detectors
import Telemetry
import Testing

/// A source gains attributes, and a wide one metrics, while anomalies are open.
@Suite struct GrowthTests {
  /// A scenario's record for a schema with a metric more at each place of `added`.
  private static func grown(
    _ record: TestRecord, width: Int, added: Set<Int>, value: Double?
  ) -> TestRecord {
    var record = record
    for row in record.rows.indices {
      var values = record.rows[row].values[...]
      record.rows[row].values = (0..<width).map { place in
        added.contains(place) ? value : values.removeFirst()
      }
    }
    return record
  }

  @Test func `a state that gains metrics goes on as if they had been there, without values`() throws
  {
    var (seedCount, toldCount) = (0, 0)
    for seed in 1...Scenario.seedMax {
      let scenario = Scenario(seed: seed)
      if scenario.schema.isNarrow { continue }
      seedCount += 1
      var random = SplitMix64(seed: seed &* 77)
      let old = scenario.schema.metrics
      let width = old.count + Int.random(in: 1...3, using: &random)
      let added = Set((0..<width).shuffled(using: &random).prefix(width - old.count))
      var (oldColumns, names) = (old[...], ["volt_new", "x_a", "plain"][...])
      let metrics = (0..<width).map {
        added.contains($0)
          ? MetricColumn(name: names.removeFirst(), type: .double) : oldColumns.removeFirst()
      }
      let schema = ReadingSchema(
        source: "test", attributes: scenario.schema.attributes, hasSequence: false,
        isNarrow: false, metrics: metrics)
      let middle = Int.random(in: 0...scenario.records.count, using: &random)

      var whole = Harness(
        schema, scenario.definitions, outOfOrderness: scenario.outOfOrderness)
      var first = Harness(
        scenario.schema, scenario.definitions, outOfOrderness: scenario.outOfOrderness)
      for record in scenario.records[..<middle] {
        _ = whole.apply(Self.grown(record, width: width, added: added, value: nil))
        _ = first.apply(record)
      }
      var second = Harness(
        schema, scenario.definitions, outOfOrderness: scenario.outOfOrderness)
      (second.vocabulary, second.nextOffset) = (first.vocabulary, first.nextOffset)
      var reader = ByteReader(first.bytes)
      second.detectors = try PartitionDetectors(
        schema: schema, origin: testOrigin, outOfOrdernessMicros: scenario.outOfOrderness,
        from: &reader)
      let fits = second.detectors.fits(second.vocabulary)
      #expect(fits)
      for (index, record) in scenario.records[middle...].enumerated() {
        let record = Self.grown(
          record, width: width, added: added, value: Double(index % 40 - 20))
        let (wanted, told) = (whole.apply(record), second.apply(record))
        #expect(told == wanted, "seed \(seed), record \(index)")
        toldCount += told.count
      }
    }
    #expect(seedCount > 20)
    #expect(toldCount > 1000)
  }

  private static func with(
    _ attributes: [String], _ schema: ReadingSchema
  ) -> ReadingSchema { schema.with(attributes: attributes) }

  private static func select(_ names: [String], of record: TestRecord) -> TestRecord {
    let words = Dictionary(uniqueKeysWithValues: zip(["region", "model"], record.attributes))
    var record = record
    record.attributes = names.map { words[$0] ?? nil }
    return record
  }

  /// Wide and narrow; those it knew keep their words, wherever they stand now.
  @Test func `a state that has other attributes goes on as if it had always had them, unknown`()
    throws
  {
    var toldCount = 0
    for seed in 1...Scenario.seedMax {
      let scenario = Scenario(seed: seed)
      var random = SplitMix64(seed: seed &* 55)
      let lists = [[], ["model"], ["region"], ["region", "model"], ["model", "region"]]
      let (before, after) = (random.pick(lists), random.pick(lists))
      let middle = Int.random(in: 0...scenario.records.count, using: &random)
      var whole = Harness(
        Self.with(after, scenario.schema), scenario.definitions,
        outOfOrderness: scenario.outOfOrderness)
      var first = Harness(
        Self.with(before, scenario.schema), scenario.definitions,
        outOfOrderness: scenario.outOfOrderness)
      for record in scenario.records[..<middle] {
        var record = record
        if record.attributes.isEmpty { record.attributes = [nil, nil] }
        _ = first.apply(Self.select(before, of: record))
        // What nobody read was not there.
        if !before.contains("region") { record.attributes[0] = nil }
        if !before.contains("model") { record.attributes[1] = nil }
        _ = whole.apply(Self.select(after, of: record))
      }
      var second = Harness(
        Self.with(after, scenario.schema), scenario.definitions,
        outOfOrderness: scenario.outOfOrderness)
      (second.vocabulary, second.nextOffset) = (first.vocabulary, first.nextOffset)
      second.vocabulary.takeAttributes(
        second.schema.attributeOrigins(in: first.schema))
      var reader = ByteReader(first.bytes)
      second.detectors = try PartitionDetectors(
        schema: second.schema, origin: testOrigin, outOfOrdernessMicros: scenario.outOfOrderness,
        from: &reader)
      let fits = second.detectors.fits(second.vocabulary)
      #expect(fits)
      #expect(second.bytes == whole.bytes, "seed \(seed): \(before) to \(after)")
      for (index, record) in scenario.records[middle...].enumerated() {
        var record = record
        if record.attributes.isEmpty { record.attributes = [nil, nil] }
        record = Self.select(after, of: record)
        let (wanted, told) = (whole.apply(record), second.apply(record))
        #expect(told == wanted, "seed \(seed), record \(index)")
        toldCount += told.count
      }
    }
    #expect(toldCount > 1000)
  }

  @Test func `a summary that is being gathered tells of the attributes there are when it opens`()
    throws
  {
    let schema = wideSchema(["a"])
    let start: Int64 = 60 * minute
    var first = Harness(schema, [silence(after: 10 * minute)])
    for device in 0..<30 {
      _ = first.hear(
        "d\(device)", clock: start, attributes: ["eu", device < 12 ? "m1" : "m2"])
    }
    #expect(first.hear("last", clock: start + 10 * minute).count == 20)
    var second = Harness(schema.with(attributes: ["site", "model"]), [])
    (second.vocabulary, second.nextOffset) = (first.vocabulary, first.nextOffset)
    second.vocabulary.takeAttributes(second.schema.attributeOrigins(in: first.schema))
    var reader = ByteReader(first.bytes)
    second.detectors = try PartitionDetectors(
      schema: second.schema, origin: testOrigin, outOfOrdernessMicros: 0, from: &reader)
    let told = second.hear("last", clock: start + 11 * minute)
    let summary = try #require(told.first { $0.device == nil })
    #expect(summary.value == 10)
    #expect(summary.evidence("attributes")?.text == #"{"site":{},"model":{"m2":10}}"#)
  }

  @Test func `a state does not go on with another type of a metric`() {
    let harness = Harness(wideSchema(["a", "b"]), [limits()])
    var reader = ByteReader(harness.bytes)
    let schema = ReadingSchema(
      source: harness.schema.source, attributes: harness.schema.attributes,
      hasSequence: harness.schema.hasSequence, isNarrow: false,
      metrics: [
        MetricColumn(name: "a", type: .double), MetricColumn(name: "b", type: .int64),
      ])
    #expect(
      throws: DetectorsError.incompatibleState(
        what: "the list of metrics", saved: "a double, b double", configured: "a double, b int64")
    ) {
      _ = try PartitionDetectors(
        schema: schema, origin: testOrigin, outOfOrdernessMicros: 0, from: &reader)
    }
  }
}
