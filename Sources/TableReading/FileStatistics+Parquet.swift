package import DeltaLog
package import Parquet

extension FileStatistics {
  /// What a table's log says of a Parquet file whose columns have these types, in the file's order.
  package init(_ summary: ParquetFileSummary, types: [DeltaType]) {
    self.init(
      recordCount: Int64(summary.rowCount),
      columns: zip(types, summary.columns).map { $1.statistics(for: $0) })
  }
}

extension ParquetColumnSummary {
  /// The column's bounds as Delta's statistics say them; none where a value is NaN, which other
  /// engines order above every number.
  fileprivate func statistics(for type: DeltaType) -> ColumnStatistics {
    var bounds: (min: StatisticsValue, max: StatisticsValue)?
    if nanCount == 0, let min = min?.bound(of: type), let max = max?.bound(of: type) {
      bounds = (min, max)
    }
    return ColumnStatistics(name, nullCount: Int64(nullCount), bounds: bounds)
  }
}

extension ParquetValue {
  /// As Delta's statistics know it; nil for binary, which has no bounds there.
  fileprivate func bound(of type: DeltaType) -> StatisticsValue? {
    switch (self, type) {
    case (.integer(let micros), .timestamp): .timestamp(micros)
    case (.integer(let day), .date): .date(Int32(truncatingIfNeeded: day))
    case (.integer(let value), _): .integer(value)
    case (.float(let value), _): .double(Double(value))
    case (.double(let value), _): .double(value)
    case (.bytes(let bytes), .string): .string(String(decoding: bytes, as: UTF8.self))
    case (.boolean(let value), _): .boolean(value)
    case (.bytes, _): nil
    }
  }
}
