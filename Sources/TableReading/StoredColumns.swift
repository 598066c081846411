import Parquet

/// Integers or times of one row group, by row.
package struct IntegerColumn {
  private let column: ParquetColumnValues?

  init(_ column: ParquetColumnValues?) { self.column = column }

  package subscript(row: Int) -> Int64? {
    guard let column else { return nil }
    if let validity = column.validity, validity[row >> 6] >> UInt64(row & 63) & 1 == 0 {
      return nil
    }
    switch column.values {
    case .int32(let values): return Int64(values[row])
    case .int64(let values): return values[row]
    case .constantInteger(let value): return value
    case .boolean, .float, .double, .words, .byteStrings, .constantWord: return nil
    }
  }
}

/// Texts of one row group, by row; a word that many rows share becomes a `String` once.
package struct TextColumn {
  private let column: ParquetColumnValues?
  private let words: [String]

  init(_ column: ParquetColumnValues?) {
    self.column = column
    switch column?.values {
    case .words(_, let dictionary):
      words = (0..<dictionary.count).map { String(decoding: dictionary[$0], as: UTF8.self) }
    case .constantWord(let word): words = [String(decoding: word, as: UTF8.self)]
    default: words = []
    }
  }

  package subscript(row: Int) -> String? {
    guard let column else { return nil }
    if let validity = column.validity, validity[row >> 6] >> UInt64(row & 63) & 1 == 0 {
      return nil
    }
    switch column.values {
    case .words(let indexes, _): return words[Int(indexes[row])]
    case .constantWord: return words[0]
    case .byteStrings(let strings): return String(decoding: strings[row], as: UTF8.self)
    case .boolean, .int32, .int64, .float, .double, .constantInteger: return nil
    }
  }
}

/// Byte strings of one row group, by row.
package struct BytesColumn {
  private let column: ParquetColumnValues?

  init(_ column: ParquetColumnValues?) { self.column = column }

  package subscript(row: Int) -> [UInt8]? {
    guard case .bytes(let bytes)? = column?[row] else { return nil }
    return bytes
  }
}

/// Truths of one row group, by row.
package struct BooleanColumn {
  private let column: ParquetColumnValues?

  init(_ column: ParquetColumnValues?) { self.column = column }

  package subscript(row: Int) -> Bool? {
    guard case .boolean(let value)? = column?[row] else { return nil }
    return value
  }
}

/// Floating-point numbers of one row group, by row.
package struct DoubleColumn {
  private let column: ParquetColumnValues?

  init(_ column: ParquetColumnValues?) { self.column = column }

  package subscript(row: Int) -> Double? {
    switch column?[row] {
    case .double(let value): value
    case .float(let value): Double(value)
    default: nil
    }
  }
}

extension ParquetColumnValues {
  /// The rows that hold a string. Cost: a comparison a word of the dictionary, and an integer a
  /// row.
  func rows(equal text: [UInt8]) -> [Int] {
    func isPresent(_ row: Int) -> Bool {
      validity.map { $0[row >> 6] >> UInt64(row & 63) & 1 == 1 } ?? true
    }
    switch values {
    case .words(let indexes, let dictionary):
      // A chunk without a dictionary of its own has a word a row, equal ones among them.
      let isText = (0..<dictionary.count).map { word in
        dictionary.bytes[dictionary.starts[word]..<dictionary.starts[word + 1]].elementsEqual(text)
      }
      if !isText.contains(true) { return [] }
      return indexes.indices.filter {
        indexes[$0] != ColumnValues.absentWord && isText[Int(indexes[$0])] && isPresent($0)
      }
    case .constantWord(let word): return word == text ? (0..<rowCount).filter(isPresent) : []
    case .byteStrings(let strings):
      return (0..<rowCount).filter { isPresent($0) && strings[$0] == text }
    case .boolean, .int32, .int64, .float, .double, .constantInteger: return []
    }
  }
}
