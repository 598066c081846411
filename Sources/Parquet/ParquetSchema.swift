/// What a column holds. Each case fixes the physical type, the logical type and the order of
/// statistics (parquet-format, LogicalTypes.md).
package enum ParquetType: Sendable, Equatable, CaseIterable {
  case boolean
  case int32
  case int64
  case float
  case double
  /// UTF-8 text. The caller vouches for the UTF-8; nothing here looks.
  case string
  case binary
  /// Microseconds since 1970-01-01T00:00:00Z (TIMESTAMP, isAdjustedToUTC, MICROS).
  case timestampMicros
  /// Days since 1970-01-01 (DATE).
  case date
}

/// One column of a flat schema.
package struct ParquetColumn: Sendable, Equatable {
  package let name: String
  package let type: ParquetType
  /// Whether a row may lack a value. A column that is not optional refuses absent values.
  package let isOptional: Bool

  package init(name: String, type: ParquetType, isOptional: Bool = true) {
    self.name = name
    self.type = type
    self.isOptional = isOptional
  }
}

/// The columns of a file, in order.
package struct ParquetSchema: Sendable, Equatable {
  package let columns: [ParquetColumn]

  package init(columns: [ParquetColumn]) {
    precondition(!columns.isEmpty, "a Parquet schema has at least one column")
    precondition(
      Set(columns.map(\.name)).count == columns.count, "column names of a schema are unique")
    self.columns = columns
  }
}
