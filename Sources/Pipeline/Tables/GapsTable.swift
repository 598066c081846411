import Base
import Ledger
import Parquet
import Telemetry

/// `gaps`: one row a stretch of offsets that Kafka no longer had and the configuration let go.
final class GapsTable: TableContent {
  private struct Row: Sendable {
    var key: PartitionKey
    var gap: OffsetGap
  }

  private static let layout: [RowColumn.Definition<Row>] = [
    .init(TableColumn("kafka_topic", .string), { RowColumn.text($0, \.key.topic) }),
    .init(
      TableColumn("topic_incarnation", .integer),
      { RowColumn.integer($0, \.key.incarnationColumn) }
    ),
    .init(TableColumn("kafka_partition", .integer), { RowColumn.integer($0, \.key.partition) }),
    .init(TableColumn("from_offset", .long), { RowColumn.long($0, \.gap.from) }),
    .init(
      TableColumn("to_offset", .long, comment: "the first offset after the gap"),
      { RowColumn.long($0, \.gap.to) }
    ),
    .init(TableColumn("reason", .string), { RowColumn.text($0, \.gap.reason) }),
    .init(
      TableColumn("decided_by", .string),
      { RowColumn.text($0) { _ in "kafka.on_position_lost: skip_and_record" } }
    ),
  ]

  static let tableDefinition = TableDefinition(name: "gaps", columns: layout.map(\.column))

  let definition = tableDefinition
  let plans: [FilePlan]
  private let parts: [PartitionCut]

  init(parts: [PartitionCut]) {
    self.parts = parts
    plans = FilePlanner(
      parts.map { part in
        // The partition's clock says when; the lost records themselves cannot.
        let day = part.clockMicros.map(\.fileDay) ?? 0
        return PlannerPart(
          devices: part.gaps.map { _ in WordTable.none }, times: part.gaps.map(\.from),
          days: part.gaps.map { _ in day }, words: WordTable())
      }
    ).plans
  }

  func column(
    _ column: Int, of plan: FilePlan, range: Range<Int>
  ) -> (values: ColumnValues, validity: [UInt64]?) {
    var rows: [Row] = []
    plan.forEachRun(in: range) { run in
      let part = parts[run.part]
      for row in plan.rows[run.range] { rows.append(Row(key: part.key, gap: part.gaps[Int(row)])) }
    }
    return Self.layout[column].value(rows)
  }
}
