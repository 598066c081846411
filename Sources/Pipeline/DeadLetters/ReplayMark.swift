import Base
import Ledger
import Parquet
import Telemetry

/// What a replay made of one dead letter: a row of `dead_letter_replays`.
struct ReplayMark: Sendable {
  /// What became of it.
  enum Outcome: String, Sendable {
    /// Its readings are in `readings_<source>` now, flagged `replayed`.
    case read
    /// Well-formed, and without a reading: nothing is missing any more.
    case empty
    /// Still not readable; it waits for another replay.
    case dead

    /// Whether the letter waits no longer.
    var isFinal: Bool { self != .dead }
  }

  var place: LetterPlace
  /// Microseconds; nil where Kafka carried none.
  var timestampMicros: Int64?
  /// Into whose readings its topic goes now.
  var source: String
  var outcome: Outcome
  /// Readings that came of it.
  var readingCount: Int64 = 0
  /// Why it is still dead, in the words of `dead_letters`.
  var reason: String?
  var detail: String?
}

/// `dead_letter_replays`: one row for each letter that a replay has decoded again. A letter waits
/// as long as no row of it says `read` or `empty`.
///
/// Rows lie under the date of their letter, so that whoever looks at the letters of a date needs
/// the marks of that date alone.
final class DeadLetterReplaysTable: TableContent {
  static let name = "dead_letter_replays"

  private struct Row: Sendable {
    var mark: ReplayMark
    var config: String
  }

  private static let layout: [RowColumn.Definition<Row>] = [
    .init(TableColumn("source", .string), { RowColumn.text($0, \.mark.source) }),
    .init(TableColumn("kafka_topic", .string), { RowColumn.text($0, \.mark.place.key.topic) }),
    .init(
      TableColumn("topic_incarnation", .integer),
      { RowColumn.integer($0, \.mark.place.key.incarnationColumn) }
    ),
    .init(
      TableColumn("kafka_partition", .integer),
      { RowColumn.integer($0, \.mark.place.key.partition) }
    ),
    .init(TableColumn("kafka_offset", .long), { RowColumn.long($0, \.mark.place.offset) }),
    .init(
      TableColumn("kafka_timestamp", .timestamp), { RowColumn.long($0, \.mark.timestampMicros) }
    ),
    .init(
      TableColumn("row_index", .integer, comment: "as in the dead letter; null: the whole record"),
      { RowColumn.integer($0) { $0.mark.place.rowIndex.map { Int32(bitPattern: $0) } } }
    ),
    .init(
      TableColumn("outcome", .string, comment: "read, empty or dead"),
      { RowColumn.text($0, \.mark.outcome.rawValue) }
    ),
    .init(
      TableColumn("readings", .long, comment: "rows of readings_<source> that came of it"),
      { RowColumn.long($0, \.mark.readingCount) }
    ),
    .init(TableColumn("reason", .string), { RowColumn.text($0, \.mark.reason) }),
    .init(TableColumn("detail", .string), { RowColumn.text($0, \.mark.detail) }),
    .init(
      TableColumn("config", .string, comment: "fingerprint of the configuration that decoded it"),
      { RowColumn.text($0, \.config) }
    ),
  ]

  static let tableDefinition = TableDefinition(name: name, columns: layout.map(\.column))

  let definition = tableDefinition
  let plans: [FilePlan]
  private let rows: [Row]

  /// - Parameter config: the fingerprint of the configuration that decoded the letters.
  init(marks: [ReplayMark], config: String) {
    rows = marks.map { Row(mark: $0, config: config) }
    plans =
      FilePlanner([
        PlannerPart(
          devices: marks.map { _ in WordTable.none }, times: marks.map(\.place.offset),
          days: marks.map { ($0.timestampMicros ?? ReadingBatch.absentTimestamp).fileDay },
          words: WordTable())
      ]).plans
  }

  func column(
    _ column: Int, of plan: FilePlan, range: Range<Int>
  ) -> (values: ColumnValues, validity: [UInt64]?) {
    Self.layout[column].value(plan.rows[range].map { rows[Int($0)] })
  }
}
