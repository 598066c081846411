import Parquet

/// One value of a row of a table, as a reader of the table gets it.
package enum RowValue: Sendable, Equatable {
  case null
  case boolean(Bool)
  case integer(Int64)
  case float(Float)
  case double(Double)
  case text(String)
  case bytes([UInt8])
  /// Microseconds since 1970.
  case timestamp(Int64)
}

extension RowValue {
  /// The values of a column of `rowCount` rows, as the Parquet writer is given them.
  static func values(
    _ column: (values: ColumnValues, validity: [UInt64]?), of type: TableColumn.ColumnType,
    rowCount: Int
  ) -> [RowValue] {
    (0..<rowCount).map { row in
      let isAbsent = column.validity.map { $0[row >> 6] & (1 << UInt64(row & 63)) == 0 } ?? false
      return isAbsent ? .null : value(column.values, row, type)
    }
  }

  private static func value(
    _ values: ColumnValues, _ row: Int, _ type: TableColumn.ColumnType
  ) -> RowValue {
    switch values {
    case .boolean(let values): .boolean(values[row])
    case .int32(let values): .integer(Int64(values[row]))
    case .int64(let values): whole(values[row], type)
    case .float(let values): .float(values[row])
    case .double(let values): .double(values[row])
    case .words(let indexes, let dictionary):
      indexes[row] == ColumnValues.absentWord
        ? .null : word(dictionary, Int(indexes[row]), type)
    case .byteStrings(let strings): word(strings, row, type)
    case .constantInteger(let value): whole(value, type)
    case .constantWord(let bytes): word(bytes[...], type)
    }
  }

  private static func whole(_ value: Int64, _ type: TableColumn.ColumnType) -> RowValue {
    type == .timestamp ? .timestamp(value) : .integer(value)
  }

  private static func word(
    _ strings: ByteStrings, _ index: Int, _ type: TableColumn.ColumnType
  ) -> RowValue {
    word(strings.bytes[strings.starts[index]..<strings.starts[index + 1]], type)
  }

  private static func word(
    _ bytes: ArraySlice<UInt8>, _ type: TableColumn.ColumnType
  ) -> RowValue {
    type == .binary ? .bytes(Array(bytes)) : .text(String(decoding: bytes, as: UTF8.self))
  }
}

/// A table of a trial: every column, and the rows that a commit of everything would have given it.
package struct TrialTable: Sendable {
  /// What a table holds; the raw value is the word for it in fixtures.
  package enum Kind: String, CaseIterable, Sendable {
    case readings, windows, anomalies
    case deadLetters = "dead_letters"
  }

  package let kind: Kind
  /// The table's name: `readings_snapshots`.
  package let name: String
  /// Of `readings`: the source.
  package let source: String?
  /// Names in table order. The partition column `event_date` is not among them.
  package let columns: [String]
  package let types: [RowType]
  /// One value a column. In the order of the table's files: date, device, time.
  package var rows: [[RowValue]]
}

/// What the values of a column are, if they are not null.
package enum RowType: Sendable {
  case boolean, integer, float, double, text, bytes, timestamp

  init(_ type: TableColumn.ColumnType) {
    switch type {
    case .boolean: self = .boolean
    case .integer, .long: self = .integer
    case .float: self = .float
    case .double: self = .double
    case .string: self = .text
    case .binary: self = .bytes
    case .timestamp: self = .timestamp
    }
  }
}

extension TrialTable {
  /// Without rows.
  init(_ kind: Kind, _ definition: TableDefinition, source: String? = nil) {
    self.kind = kind
    name = definition.name
    self.source = source
    columns = definition.columns.map(\.name)
    types = definition.columns.map { RowType($0.type) }
    rows = []
  }

  /// The value of a column in a row; nil where there is no such column.
  package func value(_ column: String, ofRow row: Int) -> RowValue? {
    columns.firstIndex(of: column).map { rows[row][$0] }
  }

  /// Takes the rows of every file that a commit would write.
  mutating func append(_ content: any TableContent) {
    for plan in content.plans {
      let range = 0..<plan.rowCount
      content.beginRowGroup(plan, range: range)
      let gathered = content.definition.columns.enumerated().map { index, column in
        RowValue.values(
          content.column(index, of: plan, range: range), of: column.type, rowCount: plan.rowCount)
      }
      for row in range { rows.append(gathered.map { $0[row] }) }
    }
  }
}
