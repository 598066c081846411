import Base
import Decode
import Ledger
import Parquet
import Telemetry

/// `readings_<source>`: one row a reading, everything that was decoded, late or not.
final class ReadingsTable: TableContent {
  let definition: TableDefinition
  let plans: [FilePlan]

  private let schema: ReadingSchema
  private let parts: [PartitionCut]
  /// Record number of every row, by part.
  private let rowRecords: [[UInt32]]
  private let deviceDictionary: ByteStrings
  private let attributes: [MergedWords]
  private let metricNames: MergedWords
  private let topics: MergedWords
  /// The metric columns of the current row group, gathered in one pass over its rows.
  private var metrics: MetricGather

  /// The columns of a source's readings, in table order.
  ///
  /// - Parameters:
  ///   - descriptions: of attributes and metrics, by column.
  ///   - comment: what the message type says of a column that has no description.
  static func definition(
    _ schema: ReadingSchema, describedBy descriptions: [String: String] = [:],
    comment: (_ column: String) -> String? = { _ in nil }
  ) -> TableDefinition {
    var columns: [TableColumn] = [
      TableColumn("device_id", .string), TableColumn("event_time", .timestamp),
    ]
    if schema.hasSequence { columns.append(TableColumn("sequence", .long)) }
    columns += schema.attributes.map { TableColumn($0, .string) }
    if schema.isNarrow { columns.append(TableColumn("metric", .string)) }
    columns += schema.metrics.map { TableColumn($0.name, $0.type.columnType, unit: $0.unit) }
    columns += [
      TableColumn("flags", .integer), TableColumn("kafka_topic", .string),
      TableColumn("topic_incarnation", .integer), TableColumn("kafka_partition", .integer),
      TableColumn("kafka_offset", .long), TableColumn("kafka_timestamp", .timestamp),
      TableColumn("row_index", .integer),
    ]
    let described = Set(schema.attributes + (schema.isNarrow ? [] : schema.metrics.map(\.name)))
    for index in columns.indices {
      let name = columns[index].name
      if described.contains(name) { columns[index].description = descriptions[name] }
      columns[index].comment = comment(name)
    }
    return TableDefinition(name: "readings_\(schema.source)", columns: columns)
  }

  /// What a column of the definition is made of.
  private enum Origin {
    case device, eventTime, sequence, attribute(Int), metricName, metric(Int), flags
    case topic, incarnation, partition, offset, timestamp, rowIndex
  }
  private let origins: [Origin]

  init(schema: ReadingSchema, parts: [PartitionCut]) {
    self.schema = schema
    self.parts = parts
    definition = Self.definition(schema)
    origins = Self.origins(schema)
    rowRecords = parts.map { Self.recordNumbers($0.output.readings) }
    let plannerParts = zip(parts, rowRecords).map { Self.plannerPart($0, records: $1) }
    let planner = FilePlanner(plannerParts)
    plans = planner.plans
    deviceDictionary = planner.deviceDictionary(plannerParts)
    attributes = schema.attributes.indices.map { attribute in
      MergedWords(parts.map { $0.vocabulary.attributes[attribute] })
    }
    metrics = MetricGather(schema: schema)
    topics = MergedWords(topicsOf: parts)
    metricNames = MergedWords(parts.map(\.vocabulary.metrics))
  }

  private static func origins(_ schema: ReadingSchema) -> [Origin] {
    var origins: [Origin] = [.device, .eventTime]
    if schema.hasSequence { origins.append(.sequence) }
    origins += schema.attributes.indices.map { .attribute($0) }
    if schema.isNarrow { origins.append(.metricName) }
    origins += schema.metrics.indices.map { .metric($0) }
    return origins + [.flags, .topic, .incarnation, .partition, .offset, .timestamp, .rowIndex]
  }

  private static func recordNumbers(_ batch: borrowing ReadingBatch) -> [UInt32] {
    var numbers: [UInt32] = []
    numbers.reserveCapacity(batch.rowCount)
    for record in 0..<batch.recordCount {
      for _ in batch.rows(ofRecord: record) { numbers.append(UInt32(record)) }
    }
    return numbers
  }

  /// A reading with a flagged time is filed under the date of its Kafka timestamp: a broken clock
  /// must not open folders without end.
  private static func plannerPart(_ cut: PartitionCut, records: [UInt32]) -> PlannerPart {
    let rowCount = records.count
    var devices = [UInt32](repeating: 0, count: rowCount)
    var days = [Int32](repeating: 0, count: rowCount)
    let implausible = ReadingFlags.implausibleTime.rawValue
    for row in 0..<rowCount {
      let record = Int(records[row])
      devices[row] = cut.output.readings.recordDevices[record]
      if cut.output.readings.rowFlags[row] & implausible == 0 {
        days[row] = Timestamp.day(ofMicros: cut.output.readings.rowEventTimes[row])
      } else {
        days[row] = cut.output.readings.recordTimestamps[record].fileDay
      }
    }
    return PlannerPart(
      devices: devices, times: cut.output.readings.rowEventTimes, days: days,
      words: cut.vocabulary.devices)
  }

  // MARK: - Columns

  func beginRowGroup(_ plan: FilePlan, range: Range<Int>) {
    metrics.begin(rowCount: range.count)
    plan.forEachRun(in: range) { run in
      metrics.gather(
        parts[run.part].output.readings, rows: plan.rows[run.range],
        at: run.range.lowerBound - range.lowerBound)
    }
  }

  func column(
    _ column: Int, of plan: FilePlan, range: Range<Int>
  ) -> (values: ColumnValues, validity: [UInt64]?) {
    switch origins[column] {
    case .device:
      let ranks = plan.gatherRuns(range) { $0.rank }
      return (.words(indexes: ranks, dictionary: deviceDictionary), nil)
    case .eventTime: return (.int64(rows(plan, range) { $0.rowEventTimes[$1] }), nil)
    case .sequence:
      return absent(records(plan, range) { $0.recordSequences[$1] }, ReadingBatch.absentSequence)
    case .attribute(let attribute):
      let width = schema.attributes.count
      let words = records(plan, range) { $0.recordAttributes[$1 * width + attribute] }
      return attributes[attribute].column(words, plan, range)
    case .metricName:
      return metricNames.column(rows(plan, range) { $0.rowMetrics[$1] }, plan, range)
    case .metric(let metric): return metrics.column(metric)
    case .flags:
      return (.int32(rows(plan, range) { Int32(bitPattern: $0.rowFlags[$1]) }), nil)
    case .topic:
      return topics.column(plan.gatherRuns(range) { _ in 0 }, plan, range)
    case .incarnation:
      return (.int32(plan.gatherRuns(range) { parts[$0.part].key.incarnationColumn }), nil)
    case .partition: return (.int32(plan.gatherRuns(range) { parts[$0.part].key.partition }), nil)
    case .offset: return (.int64(records(plan, range) { $0.recordOffsets[$1] }), nil)
    case .timestamp:
      return absent(records(plan, range) { $0.recordTimestamps[$1] }, ReadingBatch.absentTimestamp)
    case .rowIndex:
      return (.int32(rows(plan, range) { Int32(bitPattern: $0.rowIndexes[$1]) }), nil)
    }
  }

  // MARK: - Gathering

  /// One value a row, from the row columns.
  private func rows<Value>(
    _ plan: FilePlan, _ range: Range<Int>, _ value: (borrowing ReadingBatch, Int) -> Value
  ) -> [Value] {
    var result: [Value] = []
    result.reserveCapacity(range.count)
    plan.forEachRun(in: range) { run in
      let output = parts[run.part].output
      for index in run.range { result.append(value(output.readings, Int(plan.rows[index]))) }
    }
    return result
  }

  /// One value a row, from the columns of its record.
  private func records<Value>(
    _ plan: FilePlan, _ range: Range<Int>, _ value: (borrowing ReadingBatch, Int) -> Value
  ) -> [Value] {
    var result: [Value] = []
    result.reserveCapacity(range.count)
    plan.forEachRun(in: range) { run in
      let output = parts[run.part].output
      let numbers = rowRecords[run.part]
      for index in run.range {
        result.append(value(output.readings, Int(numbers[Int(plan.rows[index])])))
      }
    }
    return result
  }

  private func absent(
    _ values: [Int64], _ marker: Int64
  ) -> (values: ColumnValues, validity: [UInt64]?) {
    var validity = ValidityBuilder(rowCount: values.count)
    for (row, value) in values.enumerated() where value == marker { validity.setAbsent(row) }
    return (.int64(values), validity.bitmap)
  }
}

extension MetricType {
  var columnType: TableColumn.ColumnType {
    switch self {
    case .double: return .double
    case .float: return .float
    case .int32: return .integer
    case .int64: return .long
    case .boolean: return .boolean
    case .text: return .string
    case .bytes: return .binary
    case .timestamp: return .timestamp
    }
  }
}
