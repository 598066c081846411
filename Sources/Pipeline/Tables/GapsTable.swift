import Base
import Ledger
import Parquet
import Telemetry

/// A row of `gaps`: offsets that were passed over, or the point where a topic's incarnation ends.
struct GapRow: Sendable {
  var key: PartitionKey
  var from: Int64
  /// The first offset behind the gap; nil where nobody can say: an incarnation's end.
  var to: Int64?
  var reason: String
  var decidedBy: OffsetGap.Decider
  /// The partition's clock: what lies in the gap cannot say its time.
  var clockMicros: Int64?

  init(_ gap: OffsetGap, of key: PartitionKey, clockMicros: Int64?) {
    self.key = key
    from = gap.from
    to = gap.to
    reason = gap.reason
    decidedBy = gap.decidedBy
    self.clockMicros = clockMicros
  }

  /// The end of an incarnation: what its topic still had from `offset` on is not in the tables.
  init(endOf key: PartitionKey, at offset: Int64, reason: String, clockMicros: Int64?) {
    self.key = key
    from = offset
    self.reason = reason
    decidedBy = .person
    self.clockMicros = clockMicros
  }
}

/// `gaps`: one row a stretch of offsets that was passed over, and one for each partition of an
/// incarnation that has ended.
final class GapsTable: TableContent {
  private static let layout: [RowColumn.Definition<GapRow>] = [
    .init(TableColumn("kafka_topic", .string), { RowColumn.text($0, \.key.topic) }),
    .init(
      TableColumn("topic_incarnation", .integer),
      { RowColumn.integer($0, \.key.incarnationColumn) }
    ),
    .init(TableColumn("kafka_partition", .integer), { RowColumn.integer($0, \.key.partition) }),
    .init(TableColumn("from_offset", .long), { RowColumn.long($0, \.from) }),
    .init(
      TableColumn("to_offset", .long, comment: "the first offset after the gap"),
      { RowColumn.long($0, \.to) }
    ),
    .init(TableColumn("reason", .string), { RowColumn.text($0, \.reason) }),
    .init(TableColumn("decided_by", .string), { RowColumn.text($0, \.decidedBy.column) }),
  ]

  static let tableDefinition = TableDefinition(name: "gaps", columns: layout.map(\.column))

  let definition = tableDefinition
  let plans: [FilePlan]
  private let rows: [GapRow]

  init(rows: [GapRow]) {
    self.rows = rows
    plans =
      FilePlanner([
        PlannerPart(
          devices: rows.map { _ in WordTable.none }, times: rows.map(\.from),
          days: rows.map { $0.clockMicros.map(\.fileDay) ?? 0 }, words: WordTable())
      ]).plans
  }

  convenience init(parts: [PartitionCut]) {
    self.init(
      rows: parts.flatMap { part in
        part.gaps.map { GapRow($0, of: part.key, clockMicros: part.clockMicros) }
      })
  }

  func column(
    _ column: Int, of plan: FilePlan, range: Range<Int>
  ) -> (values: ColumnValues, validity: [UInt64]?) {
    Self.layout[column].value(plan.rows[range].map { rows[Int($0)] })
  }
}

extension OffsetGap.Decider {
  /// The value of the column `decided_by`.
  var column: String {
    switch self {
    case .configuration: return "kafka.on_position_lost: skip_and_record"
    case .person: return "operator"
    }
  }
}
