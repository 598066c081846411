import Base
import DeltaLog
import Parquet
import Storage

extension WrittenFile {
  /// The action that makes the file part of its table.
  func addAction(modifiedAtMillis: Int64) -> JSONValue {
    let folder = FileNames.tableFolder(definition.name)
    return AddFile(
      path: String(path.dropFirst(folder.utf8.count + 1)),
      partitionValues: [(TableDefinition.partitionColumn, Timestamp.dateText(day: day))],
      byteCount: byteCount, modificationTimeMillis: modifiedAtMillis,
      statistics: FileStatistics(
        recordCount: Int64(summary.rowCount),
        columns: zip(definition.columns, summary.columns).map { $1.statistics(for: $0.type) }),
      checksum: checksum
    ).action
  }
}

extension ParquetColumnSummary {
  /// The column's bounds as Delta's statistics say them; none where a value is NaN, which other
  /// engines order above every number.
  fileprivate func statistics(for type: TableColumn.ColumnType) -> ColumnStatistics {
    var bounds: (min: StatisticsValue, max: StatisticsValue)?
    if nanCount == 0, let min = min?.bound(of: type), let max = max?.bound(of: type) {
      bounds = (min, max)
    }
    return ColumnStatistics(name, nullCount: Int64(nullCount), bounds: bounds)
  }
}

extension ParquetValue {
  /// As Delta's statistics know it; nil for binary, which has no bounds there.
  fileprivate func bound(of type: TableColumn.ColumnType) -> StatisticsValue? {
    switch (self, type) {
    case (.integer(let micros), .timestamp): return .timestamp(micros)
    case (.integer(let value), _): return .integer(value)
    case (.float(let value), _): return .double(Double(value))
    case (.double(let value), _): return .double(value)
    case (.bytes(let bytes), .string): return .string(String(decoding: bytes, as: UTF8.self))
    case (.boolean(let value), _): return .boolean(value)
    case (.bytes, _): return nil
    }
  }
}

extension TableDefinition {
  /// The schema as Delta has it: the file's columns, then the partition column.
  var deltaSchema: DeltaSchema {
    let columns = columns.map {
      DeltaColumn($0.name, $0.type.deltaType, comment: $0.comment, unit: $0.unit)
    }
    return DeltaSchema(columns: columns + [DeltaColumn(Self.partitionColumn, .date)])
  }
}

extension TableColumn.ColumnType {
  fileprivate var deltaType: DeltaType {
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
