/// What a finished file holds: what a table log says of it.
package struct ParquetFileSummary: Sendable, Equatable {
  /// Size of the whole file.
  package let byteCount: Int
  package let rowCount: Int
  /// In schema order.
  package let columns: [ParquetColumnSummary]
}

/// Statistics of one column over the whole file.
package struct ParquetColumnSummary: Sendable, Equatable {
  package let name: String
  /// No value is smaller. Nil when there is no value, when NaN or an infinity is among them, or
  /// when the largest string cannot be cut. Strings are cut to 64 bytes, at a character where they
  /// are text.
  package let min: ParquetValue?
  /// No value is larger. Nil as `min` is. A cut string is raised in its last character, so that
  /// it stays an upper bound.
  package let max: ParquetValue?
  /// Rows without a value.
  package let nullCount: Int
  /// Values that are NaN; 0 for columns that are neither float nor double. Nil where row groups
  /// were copied from a file that does not say.
  package let nanCount: Int?
}

extension ParquetColumnSummary {
  init(name: String, statistics: ColumnStatistics) {
    self.name = name
    nullCount = statistics.absentCount
    nanCount = statistics.nanCount
    if case .known(let min, let max) = statistics.bounds {
      self.min = min
      self.max = max
    } else {
      min = nil
      max = nil
    }
  }
}
