import Base
import Decode
import Ledger
import Parquet
import Telemetry

/// `dead_letters`: one row a record, or a row of one, that could not be read, with its bytes.
final class DeadLettersTable: TableContent {
  private struct Row: Sendable {
    var key: PartitionKey
    var source: String
    var letter: DeadLetter
  }

  private static let layout: [RowColumn.Definition<Row>] = [
    .init(TableColumn("source", .string), { RowColumn.text($0, \.source) }),
    .init(TableColumn("kafka_topic", .string), { RowColumn.text($0, \.key.topic) }),
    .init(
      TableColumn("topic_incarnation", .integer),
      { RowColumn.integer($0, \.key.incarnationColumn) }
    ),
    .init(TableColumn("kafka_partition", .integer), { RowColumn.integer($0, \.key.partition) }),
    .init(TableColumn("kafka_offset", .long), { RowColumn.long($0, \.letter.offset) }),
    .init(
      TableColumn("kafka_timestamp", .timestamp),
      { RowColumn.long($0, \.letter.timestampMicros.presentTimestamp) }
    ),
    .init(
      TableColumn("row_index", .integer, comment: "null when the whole record is dead"),
      { RowColumn.integer($0) { $0.letter.rowIndex.map { Int32(bitPattern: $0) } } }
    ),
    .init(TableColumn("key", .binary), { RowColumn.binary($0, \.letter.key) }),
    .init(TableColumn("headers_json", .string), { RowColumn.text($0, \.letter.headersJSON) }),
    .init(
      TableColumn("payload", .binary, comment: "null for a tombstone"),
      { RowColumn.binary($0, \.letter.payload) }
    ),
    .init(TableColumn("stage", .string), { RowColumn.text($0, \.letter.stage.rawValue) }),
    .init(TableColumn("reason", .string), { RowColumn.text($0, \.letter.reason) }),
    .init(TableColumn("detail", .string), { RowColumn.text($0, \.letter.detail) }),
  ]

  static let tableDefinition = TableDefinition(name: "dead_letters", columns: layout.map(\.column))

  let definition = tableDefinition
  let plans: [FilePlan]
  private let parts: [PartitionCut]
  private let sources: [SourceOptions]

  init(sources: [SourceOptions], parts: [PartitionCut]) {
    self.sources = sources
    self.parts = parts
    plans = FilePlanner(
      parts.map { part in
        let letters = part.output.deadLetters
        return PlannerPart(
          devices: letters.map { _ in WordTable.none }, times: letters.map(\.offset),
          days: letters.map(\.timestampMicros.fileDay), words: WordTable())
      }
    ).plans
  }

  func column(
    _ column: Int, of plan: FilePlan, range: Range<Int>
  ) -> (values: ColumnValues, validity: [UInt64]?) {
    var rows: [Row] = []
    plan.forEachRun(in: range) { run in
      let part = parts[run.part]
      for row in plan.rows[run.range] {
        rows.append(
          Row(
            key: part.key, source: sources[part.sourceIndex].plan.schema.source,
            letter: part.output.deadLetters[Int(row)]))
      }
    }
    return Self.layout[column].value(rows)
  }
}

extension Int64 {
  /// As a Kafka timestamp: nil where Kafka carries none.
  var presentTimestamp: Int64? { self == ReadingBatch.absentTimestamp ? nil : self }
}
