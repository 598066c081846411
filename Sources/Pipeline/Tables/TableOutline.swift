package import Telemetry

/// A table's columns as readers of it see them, for people who are about to make it.
package struct TableOutline: Equatable, Sendable {
  /// One column.
  package struct Column: Equatable, Sendable {
    package let name: String
    /// The type as Delta and Spark call it: `double`, `long`, `timestamp`.
    package let type: String
    package let unit: String?
  }

  package let name: String
  /// In table order; the partition column `event_date` comes last.
  package let columns: [Column]

  /// `readings_<source>`.
  package static func readings(of schema: ReadingSchema) -> TableOutline {
    TableOutline(ReadingsTable.definition(schema))
  }

  /// `windows` and `anomalies`, which the sources of a pipeline share.
  package static func findings(of sources: [SourceOptions]) -> [TableOutline] {
    [WindowsTable.definition(sources), AnomaliesTable.definition(sources)].map { .init($0) }
  }

  private init(_ definition: TableDefinition) {
    name = definition.name
    columns =
      definition.columns.map { Column(name: $0.name, type: "\($0.type)", unit: $0.unit) }
      + [Column(name: TableDefinition.partitionColumn, type: "date", unit: nil)]
  }
}
