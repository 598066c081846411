import Base
import DeltaLog
import Parquet
import Storage
import TableReading

extension WrittenFile {
  /// The action that makes the file part of its table.
  func addAction(modifiedAtMillis: Int64) -> JSONValue {
    let folder = FileNames.tableFolder(definition.name)
    return AddFile(
      path: String(path.dropFirst(folder.utf8.count + 1)),
      partitionValues: [(TableDefinition.partitionColumn, Timestamp.dateText(day: day))],
      byteCount: byteCount, modificationTimeMillis: modifiedAtMillis,
      statistics: FileStatistics(summary, types: definition.columns.map(\.type.deltaType)),
      checksum: checksum
    ).action
  }
}

extension TableDefinition {
  /// The schema as Delta has it: the file's columns, then the partition columns.
  var deltaSchema: DeltaSchema {
    let columns = columns.map {
      DeltaColumn(
        $0.name, $0.type.deltaType, comment: $0.description ?? $0.comment,
        isCommentConfigured: $0.description != nil, unit: $0.unit)
    }
    return DeltaSchema(
      columns: columns + partitionColumns, partitionColumns: partitionColumns.map(\.name))
  }
}

extension TableColumn.ColumnType {
  var deltaType: DeltaType {
    switch self {
    case .boolean: return .boolean
    case .integer: return .integer
    case .long: return .long
    case .float: return .float
    case .double: return .double
    case .string: return .string
    case .binary: return .binary
    case .timestamp: return .timestamp
    }
  }
}
