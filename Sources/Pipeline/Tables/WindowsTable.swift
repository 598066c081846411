import Base
import Decode
import Ledger
import Parquet
import Telemetry
import Windows

/// `windows`: one row a firing of one window of one series, of every source.
///
/// Its columns are those of all sources together: the attributes of any source, the aggregates of
/// any window. What a row's own source or window lacks is null.
final class WindowsTable: TableContent {
  static let name = "windows"
  /// What its rows are sorted by within a device, and looked for.
  static let timeColumn = "window_start"

  let definition: TableDefinition
  let plans: [FilePlan]

  private let parts: [PartitionCut]
  private let sources: [SourceOptions]
  private let origins: [Origin]
  private let deviceDictionary: ByteStrings
  private let windowNames: MergedWords
  private let metricNames: MergedWords
  private let topics: MergedWords
  /// By attribute name, over all parts; a part whose source lacks it has no words.
  private let attributes: [String: MergedWords]

  /// What a column of the definition is made of.
  private enum Origin {
    case source, device, attribute(String), metric, windowName, start, end, revision, count
    case aggregate(WindowsTable.Aggregate)
    case topic, incarnation, partition
  }

  /// The aggregates that are doubles, with their columns' names.
  enum Aggregate: String, CaseIterable {
    case sum, mean, min, max, stddev, first, last
  }

  static func definition(_ sources: [SourceOptions]) -> TableDefinition {
    TableDefinition(name: name, columns: layout(sources).map(\.column))
  }

  private static func layout(
    _ sources: [SourceOptions]
  ) -> [(column: TableColumn, origin: Origin)] {
    var layout: [(TableColumn, Origin)] = [
      (TableColumn("source", .string), .source),
      (TableColumn("device_id", .string), .device),
    ]
    layout += attributeNames(sources).map { (TableColumn($0, .string), .attribute($0)) }
    layout += [
      (TableColumn("metric", .string), .metric),
      (TableColumn("window_name", .string), .windowName),
      (TableColumn(timeColumn, .timestamp), .start),
      (TableColumn("window_end", .timestamp), .end),
      (TableColumn("revision", .integer), .revision),
      (TableColumn("count", .long), .count),
    ]
    layout += Aggregate.allCases.map { (TableColumn($0.rawValue, .double), .aggregate($0)) }
    return layout + [
      (TableColumn("kafka_topic", .string), .topic),
      (TableColumn("topic_incarnation", .integer), .incarnation),
      (TableColumn("kafka_partition", .integer), .partition),
    ]
  }

  /// The attributes of all sources, each once.
  static func attributeNames(_ sources: [SourceOptions]) -> [String] {
    var names: [String] = []
    for source in sources {
      for name in source.plan.schema.attributes where !names.contains(name) { names.append(name) }
    }
    return names
  }

  init(sources: [SourceOptions], parts: [PartitionCut]) {
    self.sources = sources
    self.parts = parts
    definition = Self.definition(sources)
    origins = Self.layout(sources).map(\.origin)
    windowNames = MergedWords(
      parts.map { part in .init(words: sources[part.sourceIndex].windows.map(\.name)) })
    topics = MergedWords(topicsOf: parts)
    metricNames = MergedWords(
      parts.map { part in
        let schema = sources[part.sourceIndex].plan.schema
        return schema.isNarrow
          ? part.vocabulary.metrics : WordTable(words: schema.metrics.map(\.name))
      })
    var attributes: [String: MergedWords] = [:]
    for case .attribute(let name) in origins {
      attributes[name] = MergedWords(
        parts.map { part in
          let place = sources[part.sourceIndex].plan.schema.attributes.firstIndex(of: name)
          return place.map { part.vocabulary.attributes[$0] } ?? WordTable()
        })
    }
    self.attributes = attributes
    let plannerParts = parts.map { part in
      PlannerPart(
        devices: part.output.firings.devices, times: part.output.firings.windowStarts,
        days: part.output.firings.windowStarts.map { Timestamp.day(ofMicros: $0) },
        words: part.vocabulary.devices)
    }
    let planner = FilePlanner(plannerParts)
    plans = planner.plans
    deviceDictionary = planner.deviceDictionary(plannerParts)
  }

  // MARK: - Columns

  func column(
    _ column: Int, of plan: FilePlan, range: Range<Int>
  ) -> (values: ColumnValues, validity: [UInt64]?) {
    switch origins[column] {
    case .source:
      let names = ByteStrings(sources.map(\.plan.schema.source))
      let indexes = plan.gatherRuns(range) { UInt32(parts[$0.part].sourceIndex) }
      return (.words(indexes: indexes, dictionary: names), nil)
    case .device:
      let ranks = plan.gatherRuns(range) { $0.rank }
      return (.words(indexes: ranks, dictionary: deviceDictionary), nil)
    case .attribute(let name): return attributeColumn(name, plan, range)
    case .metric:
      return metricNames.column(rows(plan, range) { $0.metrics[$1] }, plan, range)
    case .windowName:
      return windowNames.column(rows(plan, range) { $0.windowIndexes[$1] }, plan, range)
    case .start: return (.int64(rows(plan, range) { $0.windowStarts[$1] }), nil)
    case .end: return (.int64(rows(plan, range) { $0.windowEnds[$1] }), nil)
    case .revision:
      return (.int32(rows(plan, range) { Int32(bitPattern: $0.revisions[$1]) }), nil)
    case .count: return countColumn(plan, range)
    case .aggregate(let aggregate): return aggregateColumn(aggregate, plan, range)
    case .topic:
      return topics.column(plan.gatherRuns(range) { _ in 0 }, plan, range)
    case .incarnation:
      return (.int32(plan.gatherRuns(range) { parts[$0.part].key.incarnationColumn }), nil)
    case .partition: return (.int32(plan.gatherRuns(range) { parts[$0.part].key.partition }), nil)
    }
  }

  private func attributeColumn(
    _ name: String, _ plan: FilePlan, _ range: Range<Int>
  ) -> (values: ColumnValues, validity: [UInt64]?) {
    var indexes: [UInt32] = []
    indexes.reserveCapacity(range.count)
    plan.forEachRun(in: range) { run in
      let part = parts[run.part]
      let names = sources[part.sourceIndex].plan.schema.attributes
      guard let place = names.firstIndex(of: name) else {
        for _ in run.range { indexes.append(WordTable.none) }
        return
      }
      for row in plan.rows[run.range] {
        indexes.append(part.output.firings.attributes[Int(row) * names.count + place])
      }
    }
    guard let words = attributes[name] else {
      preconditionFailure("every attribute column has its words")
    }
    return words.column(indexes, plan, range)
  }

  /// Null where the window did not ask for it; the batch has it always.
  private func countColumn(
    _ plan: FilePlan, _ range: Range<Int>
  ) -> (values: ColumnValues, validity: [UInt64]?) {
    var validity = ValidityBuilder(rowCount: range.count)
    plan.forEachRun(in: range) { run in
      let part = parts[run.part]
      let windows = sources[part.sourceIndex].windows
      for index in run.range {
        let window = Int(part.output.firings.windowIndexes[Int(plan.rows[index])])
        if !windows[window].aggregates.contains(.count) {
          validity.setAbsent(index - range.lowerBound)
        }
      }
    }
    return (.int64(rows(plan, range) { $0.counts[$1] }), validity.bitmap)
  }

  /// NaN stands for null in a firing batch.
  private func aggregateColumn(
    _ aggregate: Aggregate, _ plan: FilePlan, _ range: Range<Int>
  ) -> (values: ColumnValues, validity: [UInt64]?) {
    let values: [Double]
    switch aggregate {
    case .sum: values = rows(plan, range) { $0.sums[$1] }
    case .mean: values = rows(plan, range) { $0.means[$1] }
    case .min: values = rows(plan, range) { $0.mins[$1] }
    case .max: values = rows(plan, range) { $0.maxes[$1] }
    case .stddev: values = rows(plan, range) { $0.stddevs[$1] }
    case .first: values = rows(plan, range) { $0.firsts[$1] }
    case .last: values = rows(plan, range) { $0.lasts[$1] }
    }
    var validity = ValidityBuilder(rowCount: values.count)
    for (row, value) in values.enumerated() where value.isNaN { validity.setAbsent(row) }
    return (.double(values), validity.bitmap)
  }

  // MARK: - Gathering

  private func rows<Value>(
    _ plan: FilePlan, _ range: Range<Int>, _ value: (borrowing FiringBatch, Int) -> Value
  ) -> [Value] {
    var result: [Value] = []
    result.reserveCapacity(range.count)
    plan.forEachRun(in: range) { run in
      let output = parts[run.part].output
      for index in run.range { result.append(value(output.firings, Int(plan.rows[index]))) }
    }
    return result
  }
}
