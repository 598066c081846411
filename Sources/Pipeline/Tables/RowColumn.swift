import Parquet

/// Builds one column of a table whose rows are few: value by value, absent ones as nil.
///
/// For `anomalies`, `dead_letters` and `gaps`; the large tables gather runs instead.
enum RowColumn {
  typealias Column = (values: ColumnValues, validity: [UInt64]?)

  /// A column and how its values come out of rows.
  struct Definition<Row>: Sendable {
    let column: TableColumn
    let value: @Sendable ([Row]) -> Column

    init(_ column: TableColumn, _ value: @escaping @Sendable ([Row]) -> Column) {
      self.column = column
      self.value = value
    }
  }

  static func text<Row>(_ rows: [Row], _ value: (Row) -> String?) -> Column {
    binary(rows) { value($0).map { Array($0.utf8) } }
  }

  static func binary<Row>(_ rows: [Row], _ value: (Row) -> [UInt8]?) -> Column {
    var bytes: [UInt8] = []
    var starts = [0]
    var validity = ValidityBuilder(rowCount: rows.count)
    for (index, row) in rows.enumerated() {
      if let value = value(row) { bytes += value } else { validity.setAbsent(index) }
      starts.append(bytes.count)
    }
    return (.byteStrings(ByteStrings(bytes: bytes, starts: starts)), validity.bitmap)
  }

  static func integer<Row>(_ rows: [Row], _ value: (Row) -> Int32?) -> Column {
    var validity = ValidityBuilder(rowCount: rows.count)
    let values = rows.enumerated().map { index, row in
      value(row) ?? absent(index, &validity)
    }
    return (.int32(values), validity.bitmap)
  }

  static func long<Row>(_ rows: [Row], _ value: (Row) -> Int64?) -> Column {
    var validity = ValidityBuilder(rowCount: rows.count)
    let values = rows.enumerated().map { index, row in
      value(row) ?? absent(index, &validity)
    }
    return (.int64(values), validity.bitmap)
  }

  static func double<Row>(_ rows: [Row], _ value: (Row) -> Double?) -> Column {
    var validity = ValidityBuilder(rowCount: rows.count)
    let values = rows.enumerated().map { index, row -> Double in
      if let value = value(row), !value.isNaN { return value }
      validity.setAbsent(index)
      return 0
    }
    return (.double(values), validity.bitmap)
  }

  private static func absent<Value: FixedWidthInteger>(
    _ index: Int, _ validity: inout ValidityBuilder
  ) -> Value {
    validity.setAbsent(index)
    return 0
  }
}
