import Ledger
import TableReading

/// Where a dead letter came from: what names it for ever.
struct LetterPlace: Hashable, Sendable {
  var key: PartitionKey
  var offset: Int64
  /// The bad row of a read record, or nil when the whole record is dead.
  var rowIndex: UInt32?
}

/// A row of the table `dead_letters` without its bytes.
struct LetterRow: Sendable {
  var key: PartitionKey
  var offset: Int64
  var rowIndex: UInt32?
  /// Microseconds; nil where Kafka carried none.
  var timestampMicros: Int64?
  var source: String
  var stage: String
  var reason: String

  /// The row is in the readings already, without the metric that could not be read: there is
  /// nothing to bring back that would not be there twice.
  var isSalvaged: Bool { rowIndex != nil && stage == DeadLetter.Stage.salvage.rawValue }

  var place: LetterPlace { LetterPlace(key: key, offset: offset, rowIndex: rowIndex) }
}

/// The rows of `dead_letters` in one row group: what names and explains them first, their bytes
/// only when they are asked for.
struct LetterRows {
  private let rows: StoredRows
  private let rowGroup: Int
  private let sources: TextColumn
  private let topics: TextColumn
  private let incarnations: IntegerColumn
  private let partitions: IntegerColumn
  private let offsets: IntegerColumn
  private let timestamps: IntegerColumn
  private let rowIndexes: IntegerColumn
  private let stages: TextColumn
  private let reasons: TextColumn
  let count: Int

  init(_ rows: StoredRows, rowGroup: Int) throws(StoredTableError) {
    self.rows = rows
    self.rowGroup = rowGroup
    count = rows.rowCount(ofGroup: rowGroup)
    sources = try rows.texts("source", rowGroup: rowGroup)
    topics = try rows.texts("kafka_topic", rowGroup: rowGroup)
    incarnations = try rows.integers("topic_incarnation", rowGroup: rowGroup)
    partitions = try rows.integers("kafka_partition", rowGroup: rowGroup)
    offsets = try rows.integers("kafka_offset", rowGroup: rowGroup)
    timestamps = try rows.integers("kafka_timestamp", rowGroup: rowGroup)
    rowIndexes = try rows.integers("row_index", rowGroup: rowGroup)
    stages = try rows.texts("stage", rowGroup: rowGroup)
    reasons = try rows.texts("reason", rowGroup: rowGroup)
  }

  /// Errors: a row without a place, which no letter of ours is.
  subscript(row: Int) -> LetterRow {
    get throws(StoredTableError) {
      guard let topic = topics[row], let incarnation = incarnations[row],
        let partition = partitions[row].flatMap({ Int32(exactly: $0) }),
        let offset = offsets[row], (0...OffsetRuns.offsetMax).contains(offset)
      else { throw StoredTableError("\(rows.path): row \(row) does not say where it came from") }
      return LetterRow(
        key: PartitionKey(topic: topic, incarnation: incarnation, partition: partition),
        offset: offset, rowIndex: rowIndexes[row].map { UInt32(truncatingIfNeeded: $0) },
        timestampMicros: timestamps[row], source: sources[row] ?? "", stage: stages[row] ?? "",
        reason: reasons[row] ?? "")
    }
  }

  /// The columns with the record's own bytes.
  func contents() throws(StoredTableError) -> LetterContents {
    LetterContents(
      keys: try rows.bytes("key", rowGroup: rowGroup),
      headers: try rows.texts("headers_json", rowGroup: rowGroup),
      payloads: try rows.bytes("payload", rowGroup: rowGroup),
      details: try rows.texts("detail", rowGroup: rowGroup))
  }
}

/// What the letters of one row group hold of their records.
struct LetterContents {
  let keys: BytesColumn
  let headers: TextColumn
  let payloads: BytesColumn
  let details: TextColumn
}
