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

  init(_ name: String, _ type: ColumnType, unit: String? = nil, comment: String? = nil) {
    self.name = name
    self.type = type
    self.unit = unit
    self.comment = comment
  }
}

/// A table: its name and columns. Every table is partitioned by `event_date`, which stands in the
/// folder name and not in the files.
struct TableDefinition: Sendable {
  var name: String
  var columns: [TableColumn]

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
    sources.map { ReadingsTable.definition($0.plan.schema) } + [
      WindowsTable.definition(sources), AnomaliesTable.definition(sources),
      DeadLettersTable.tableDefinition, DeadLetterReplaysTable.tableDefinition,
      GapsTable.tableDefinition,
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
