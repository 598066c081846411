import Base
import Telemetry
import Testing

@testable import Windows

/// A wide source gains and loses metrics while windows are open.
@Suite struct GrowthTests {
  /// The records of a scenario for a schema with a metric more at each place of `added`, absent
  /// until record `from`.
  private static func grown(
    _ records: [TestRecord], width: Int, added: Set<Int>, from first: Int
  ) -> [TestRecord] {
    records.enumerated().map { index, record in
      var record = record
      for row in record.rows.indices {
        var values = record.rows[row].values[...]
        record.rows[row].values = (0..<width).map { place in
          if !added.contains(place) { return values.removeFirst() }
          return index < first ? nil : Double(place * 100 + index)
        }
      }
      return record
    }
  }

  private static func apply(_ records: ArraySlice<TestRecord>, to harness: inout Harness) -> [Fired]
  {
    var fired: [Fired] = []
    for record in records { fired += harness.apply(record) }
    return fired
  }

  private static func bytes(_ harness: borrowing Harness) -> [UInt8] {
    var writer = ByteWriter()
    harness.windows.encode(into: &writer)
    return writer.bytes
  }

  @Test func `a state that gains metrics goes on as if they had been there, without values`() throws
  {
    var seedCount = 0
    for seed in 1...Scenario.seedMax {
      let scenario = Scenario(seed: seed)
      if scenario.schema.isNarrow { continue }
      seedCount += 1
      var random = SplitMix64(seed: seed &* 77)
      let old = scenario.schema.metrics
      let width = old.count + Int.random(in: 1...3, using: &random)
      let added = Set((0..<width).shuffled(using: &random).prefix(width - old.count))
      // Some of the new ones are in windows that no metric was in before.
      let names = ["volt_new", "amp_b2", "temp_x"].shuffled(using: &random)
      var (oldNames, newNames) = (old[...], names[...])
      let metrics = (0..<width).map {
        added.contains($0)
          ? MetricColumn(name: newNames.removeFirst(), type: .double) : oldNames.removeFirst()
      }
      let schema = ReadingSchema(
        source: "test", attributes: ["region"], hasSequence: false, isNarrow: false,
        metrics: metrics)
      let middle = Int.random(in: 0...scenario.records.count, using: &random)
      let records = Self.grown(
        scenario.records, width: width, added: added, from: middle)

      var whole = Harness(schema, scenario.windows, scenario.options)
      _ = Self.apply(records[..<middle], to: &whole)
      var first = Harness(scenario.schema, scenario.windows, scenario.options)
      _ = Self.apply(scenario.records[..<middle], to: &first)
      var reader = ByteReader(Self.bytes(first))
      var second = Harness(schema, scenario.windows, scenario.options)
      second.vocabulary = first.vocabulary
      second.windows = try PartitionWindows(
        schema: schema, windows: scenario.windows, options: scenario.options, from: &reader)
      #expect(second.windows.savedSchema == scenario.schema)
      let fits = second.windows.fits(second.vocabulary)
      #expect(fits)

      let wanted = Self.apply(records[middle...], to: &whole) + whole.fireOpenWindows()
      let fired = Self.apply(records[middle...], to: &second) + second.fireOpenWindows()
      // As texts, in which every bit of a number shows and NaN is NaN.
      #expect(fired.map(\.description) == wanted.map(\.description), "seed \(seed)")
    }
    #expect(seedCount > 20)
  }

  @Test func `metrics that change places take their slices along`() throws {
    let windows = [WindowDefinition(name: "1m", sizeMicros: minute, slideMicros: minute)]
    var harness = Harness(wideSchema(["a", "b"]), windows, EventTimeOptions())
    _ = harness.apply(TestRecord(device: "d", rows: [TestRow(time: second, values: [1, 2])]))
    var reader = ByteReader(Self.bytes(harness))
    var turned = Harness(wideSchema(["b", "a"]), windows, EventTimeOptions())
    turned.vocabulary = harness.vocabulary
    turned.windows = try PartitionWindows(
      schema: turned.schema, windows: windows, options: EventTimeOptions(), from: &reader)
    let fired = turned.fireOpenWindows()
    #expect(fired.map(\.metric) == ["b", "a"])
    #expect(fired.map { $0.values[0] } == [2, 1])
  }

  /// Without some of its metrics, in any order: what fires is what would have fired of the others.
  @Test func `a state that loses metrics goes on with the others as they were`() throws {
    var lostCount = 0
    for seed in 1...Scenario.seedMax {
      let scenario = Scenario(seed: seed)
      let all = scenario.schema.metrics
      if scenario.schema.isNarrow || all.count < 2 { continue }
      var random = SplitMix64(seed: seed &* 99)
      let kept = Array(
        all.indices.shuffled(using: &random).prefix(Int.random(in: 1..<all.count, using: &random)))
      let schema = ReadingSchema(
        source: "test", attributes: ["region"], hasSequence: false, isNarrow: false,
        metrics: kept.map { all[$0] })
      let records = scenario.records.map { record in
        var record = record
        for row in record.rows.indices {
          let values = record.rows[row].values
          record.rows[row].values = kept.map { values[$0] }
        }
        return record
      }
      let middle = Int.random(in: 0...records.count, using: &random)
      var whole = Harness(schema, scenario.windows, scenario.options)
      _ = Self.apply(records[..<middle], to: &whole)
      var first = Harness(scenario.schema, scenario.windows, scenario.options)
      _ = Self.apply(scenario.records[..<middle], to: &first)
      var reader = ByteReader(Self.bytes(first))
      var second = Harness(schema, scenario.windows, scenario.options)
      second.vocabulary = first.vocabulary
      second.windows = try PartitionWindows(
        schema: schema, windows: scenario.windows, options: scenario.options, from: &reader)
      let wanted = Self.apply(records[middle...], to: &whole) + whole.fireOpenWindows()
      let fired = Self.apply(records[middle...], to: &second) + second.fireOpenWindows()
      #expect(fired.map(\.description) == wanted.map(\.description), "seed \(seed)")
      lostCount += all.count - kept.count
      // What it leaves can be read again.
      var again = ByteReader(Self.bytes(second))
      let read = try PartitionWindows(
        schema: schema, windows: scenario.windows, options: scenario.options, from: &again)
      #expect(read.savedSchema == nil)
    }
    #expect(lostCount > 20)
  }

  @Test func `a state does not go on with another type of a metric`() {
    let windows = [WindowDefinition(name: "1m", sizeMicros: minute, slideMicros: minute)]
    let harness = Harness(wideSchema(["a", "b"]), windows, EventTimeOptions())
    let bytes = Self.bytes(harness)
    for schema in [
      wideSchema(["a", "b"], types: [.int64, .double]),
      wideSchema(["a", "b", "c"], types: [.double, .float, .double]),
    ] {
      var reader = ByteReader(bytes)
      do throws(WindowsError) {
        let read = try PartitionWindows(
          schema: schema, windows: windows, options: EventTimeOptions(), from: &reader)
        Issue.record("\(schema.metricList): taken, \(read.byteCount) bytes")
      } catch {
        guard case .incompatibleState(let what, let saved, let configured) = error else {
          Issue.record("\(error)")
          continue
        }
        #expect(what == "the list of metrics")
        #expect((saved, configured) == ("a double, b double", schema.metricList))
      }
    }
  }
}
