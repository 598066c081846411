import Base
import Decode
import Ledger
import Parquet
import Telemetry

/// `dead_letters`: one row a record, or a row of one, that could not be read, with its bytes.
///
/// Letters of one record share its bytes in memory, and each has them in the table. So that a
/// hundred letters of 10 MB do not take a gigabyte here, nor where they are read, row groups are
/// bounded in bytes, and a dictionary has room for all of a row group: bytes that stand twice in it
/// are written once.
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
    .init(TableColumn("kafka_offset", .long), { RowColumn.long($0, \.letter.record.offset) }),
    .init(
      TableColumn("kafka_timestamp", .timestamp),
      { RowColumn.long($0, \.letter.record.timestampMicros.presentTimestamp) }
    ),
    .init(
      TableColumn("row_index", .integer, comment: "null when the whole record is dead"),
      { RowColumn.integer($0) { $0.letter.rowIndex.map { Int32(bitPattern: $0) } } }
    ),
    .init(TableColumn("key", .binary), { RowColumn.binary($0, \.letter.record.key) }),
    .init(
      TableColumn("headers_json", .string), { RowColumn.text($0, \.letter.record.headersJSON) }
    ),
    .init(
      TableColumn("payload", .binary, comment: "null for a tombstone"),
      { RowColumn.binary($0, \.letter.record.payload) }
    ),
    .init(TableColumn("stage", .string), { RowColumn.text($0, \.letter.stage.rawValue) }),
    .init(TableColumn("reason", .string), { RowColumn.text($0, \.letter.reason) }),
    .init(TableColumn("detail", .string), { RowColumn.text($0, \.letter.detail) }),
  ]

  static let tableDefinition = TableDefinition(name: "dead_letters", columns: layout.map(\.column))

  /// Bytes of records that the letters of a row group have, each letter's counted; a single letter
  /// may exceed it.
  static let rowGroupByteCountMax = 32 << 20

  let definition = tableDefinition
  let plans: [FilePlan]
  let dictionaryByteCountMax: Int? = 64 << 20
  private let parts: [PartitionCut]
  private let sources: [SourceOptions]

  init(sources: [SourceOptions], parts: [PartitionCut]) {
    self.sources = sources
    self.parts = parts
    plans = FilePlanner(
      parts.map { part in
        let letters = part.output.deadLetters
        return PlannerPart(
          devices: letters.map { _ in WordTable.none }, times: letters.map(\.record.offset),
          days: letters.map(\.record.timestampMicros.fileDay), words: WordTable())
      }
    ).plans
  }

  func rowGroupEnd(_ plan: FilePlan, from first: Int, rowCountMax: Int) -> Int {
    var end = first
    var byteCount = 0
    var isFull = false
    plan.forEachRun(in: first..<min(plan.rowCount, first + rowCountMax)) { run in
      let letters = parts[run.part].output.deadLetters
      for row in plan.rows[run.range] where !isFull {
        byteCount += letters[Int(row)].record.byteCount
        isFull = byteCount > Self.rowGroupByteCountMax && end > first
        if !isFull { end += 1 }
      }
    }
    return end
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
