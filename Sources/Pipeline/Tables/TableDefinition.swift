import Decode
import DeltaLog
import Parquet

/// One column of a table, as both formats see it.
struct TableColumn: Sendable {
  enum ColumnType: Sendable {
    case boolean
    case integer
    case long
    case float
    case double
    case string
    case binary
    case timestamp
  }

  var name: String
  var type: ColumnType
  /// The unit as configured; readers see it as column metadata.
  var unit: String?
  var comment: String?
  /// A comment that the configuration has: it is brought up to date in a table that is there.
  var description: String?

  init(_ name: String, _ type: ColumnType, unit: String? = nil, comment: String? = nil) {
    self.name = name
    self.type = type
    self.unit = unit
    self.comment = comment
  }
}

/// A table: its name and columns, and those it is partitioned by, which stand in the folders' names
/// and not in the files.
struct TableDefinition: Sendable {
  var name: String
  var columns: [TableColumn]
  /// All but `devices` are partitioned by date.
  var partitionColumns = [DeltaColumn(Self.partitionColumn, .date)]
  /// Properties that it is made with; people may change them.
  var properties: [(key: String, value: String)] = []

  static let partitionColumn = "event_date"

  /// All columns are optional in the files: a later release may add columns, and readers of other
  /// engines' rewrites must not trip over a `required`.
  var parquetSchema: ParquetSchema {
    ParquetSchema(
      columns: columns.map {
        ParquetColumn(name: $0.name, type: $0.type.parquetType, isOptional: true)
      })
  }
}

extension TableDefinition {
  /// Every table of a pipeline with these sources.
  static func all(of sources: [SourceOptions]) -> [TableDefinition] {
    sources.map { source in
      ReadingsTable.definition(source.plan.schema, describedBy: source.descriptions) {
        source.plan.comment(ofColumn: $0)
      }
    } + [
      WindowsTable.definition(sources), AnomaliesTable.definition(sources),
      DeadLettersTable.tableDefinition, DeadLetterReplaysTable.tableDefinition,
      GapsTable.tableDefinition, DevicesTable.definition(sources),
    ]
  }
}

extension TableColumn.ColumnType {
  var parquetType: ParquetType {
    switch self {
    case .boolean: return .boolean
    case .integer: return .int32
    case .long: return .int64
    case .float: return .float
    case .double: return .double
    case .string: return .string
    case .binary: return .binary
    case .timestamp: return .timestampMicros
    }
  }
}
