import Base
import Decode
import Detectors
import Ledger
import Parquet
import Telemetry

/// `anomalies`: one row a step in the life of an anomaly, of every source.
///
/// Its columns hold the attributes of all sources together; what a row's source lacks is null.
final class AnomaliesTable: TableContent {
  private struct Row: Sendable {
    var key: PartitionKey
    var source: String
    /// Nil where it is about many devices.
    var device: String?
    /// By name.
    var attributes: [String: String]
    var event: AnomalyEvent
  }

  private static func layout(_ sources: [SourceOptions]) -> [RowColumn.Definition<Row>] {
    var layout: [RowColumn.Definition<Row>] = [
      .init(
        TableColumn("anomaly_id", .string, comment: "the same in every row of one anomaly"),
        { RowColumn.text($0, \.event.id) }
      ),
      .init(TableColumn("source", .string), { RowColumn.text($0, \.source) }),
      .init(
        TableColumn("device_id", .string, comment: "null where it is about many devices"),
        { RowColumn.text($0, \.device) }
      ),
    ]
    for name in WindowsTable.attributeNames(sources) {
      layout.append(
        .init(TableColumn(name, .string), { RowColumn.text($0) { $0.attributes[name] } }))
    }
    return layout + [
      .init(
        TableColumn("metric", .string, comment: "null where it is about the device"),
        { RowColumn.text($0, \.event.metric) }
      ),
      .init(TableColumn("detector", .string), { RowColumn.text($0, \.event.detector) }),
      .init(TableColumn("severity", .string), { RowColumn.text($0, \.event.severity.text) }),
      .init(TableColumn("state", .string), { RowColumn.text($0, \.event.state.rawValue) }),
      .init(TableColumn("event_time", .timestamp), { RowColumn.long($0, \.event.eventTime) }),
      .init(TableColumn("value", .double), { RowColumn.double($0, \.event.value) }),
      .init(TableColumn("expected", .double), { RowColumn.double($0, \.event.expected) }),
      .init(TableColumn("score", .double), { RowColumn.double($0, \.event.score) }),
      .init(TableColumn("threshold", .double), { RowColumn.double($0, \.event.threshold) }),
      .init(
        TableColumn("evidence", .string, comment: "a JSON object"),
        { RowColumn.text($0, \.event.evidence) }
      ),
      .init(TableColumn("kafka_topic", .string), { RowColumn.text($0, \.key.topic) }),
      .init(
        TableColumn("topic_incarnation", .integer),
        { RowColumn.integer($0, \.key.incarnationColumn) }
      ),
      .init(TableColumn("kafka_partition", .integer), { RowColumn.integer($0, \.key.partition) }),
      .init(
        TableColumn("kafka_offset", .long, comment: "the record that brought it about"),
        { RowColumn.long($0, \.event.offset) }
      ),
    ]
  }

  static func definition(_ sources: [SourceOptions]) -> TableDefinition {
    TableDefinition(name: "anomalies", columns: layout(sources).map(\.column))
  }

  let definition: TableDefinition
  let plans: [FilePlan]
  private let columns: [RowColumn.Definition<Row>]
  private let parts: [PartitionCut]
  private let sources: [SourceOptions]

  init(sources: [SourceOptions], parts: [PartitionCut]) {
    self.sources = sources
    self.parts = parts
    columns = Self.layout(sources)
    definition = TableDefinition(name: "anomalies", columns: columns.map(\.column))
    plans = FilePlanner(
      parts.map { part in
        let events = part.output.anomalies
        return PlannerPart(
          devices: events.map(\.device), times: events.map(\.eventTime),
          days: events.map(\.eventTime.fileDay), words: part.vocabulary.devices)
      }
    ).plans
  }

  func column(
    _ column: Int, of plan: FilePlan, range: Range<Int>
  ) -> (values: ColumnValues, validity: [UInt64]?) {
    var rows: [Row] = []
    rows.reserveCapacity(range.count)
    plan.forEachRun(in: range) { run in
      let part = parts[run.part]
      for row in plan.rows[run.range] { rows.append(self.row(Int(row), of: part)) }
    }
    return columns[column].value(rows)
  }

  private func row(_ index: Int, of part: PartitionCut) -> Row {
    let event = part.output.anomalies[index]
    let schema = sources[part.sourceIndex].plan.schema
    var attributes: [String: String] = [:]
    for (place, word) in event.attributes.enumerated() where word != WordTable.none {
      attributes[schema.attributes[place]] = part.vocabulary.attributes[place].text(of: word)
    }
    let device =
      event.device == WordTable.none ? nil : part.vocabulary.devices.text(of: event.device)
    return Row(
      key: part.key, source: schema.source, device: device, attributes: attributes, event: event)
  }
}
