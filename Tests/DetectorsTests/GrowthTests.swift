import Base
import Detectors
import Telemetry
import Testing

/// A wide source gains metrics while anomalies are open.
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

  @Test func `a state does not go on without a metric`() {
    let harness = Harness(wideSchema(["a", "b"]), [limits()])
    var reader = ByteReader(harness.bytes)
    #expect(
      throws: DetectorsError.incompatibleState(
        what: "the list of metrics", saved: "a double, b double", configured: "a double, c double")
    ) {
      _ = try PartitionDetectors(
        schema: wideSchema(["a", "c"]), origin: testOrigin, outOfOrdernessMicros: 0, from: &reader)
    }
  }
}
