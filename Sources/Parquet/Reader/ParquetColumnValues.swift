/// One column of one row group, read back: what `ParquetFileWriter.writeColumn` takes.
///
/// Strings come as words, the single value of a chunk with a dictionary of one entry as a
/// constant, and everything else as an array with an element for every row.
package struct ParquetColumnValues: Sendable {
  package let rowCount: Int
  /// Elements of absent rows are zero, false or `absentWord`.
  package let values: ColumnValues
  /// Which rows have a value: bit `row % 64` of word `row / 64`, none set beyond the rows; nil
  /// means all.
  package let validity: [UInt64]?

  /// The value of a row, or nil where there is none: for comparing and showing. A string is
  /// copied; loops over many numbers do better with `values`.
  package subscript(row: Int) -> ParquetValue? {
    precondition((0..<rowCount).contains(row), "the row is one of the row group")
    if let validity, validity[row >> 6] >> UInt64(row & 63) & 1 == 0 { return nil }
    switch values {
    case .boolean(let values): return .boolean(values[row])
    case .int32(let values): return .integer(Int64(values[row]))
    case .int64(let values): return .integer(values[row])
    case .float(let values): return .float(values[row])
    case .double(let values): return .double(values[row])
    case .words(let indexes, let dictionary): return .bytes(dictionary[Int(indexes[row])])
    case .byteStrings(let strings): return .bytes(strings[row])
    case .constantInteger(let value): return .integer(value)
    case .constantWord(let word): return .bytes(word)
    }
  }
}

extension ByteStrings {
  /// A copy of one string.
  package subscript(index: Int) -> [UInt8] { [UInt8](bytes[starts[index]..<starts[index + 1]]) }
}
