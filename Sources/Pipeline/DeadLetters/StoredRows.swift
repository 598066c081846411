import Ledger
import Parquet
import Storage

/// Why a stored table cannot be read for its rows: what is wrong, and what to do.
package struct StoredTableError: Error, Sendable, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }
}

/// A data file of ours, opened for reading row groups by column name.
///
/// Memory: the file's bytes, and the columns that are asked for, one row group at a time.
struct StoredRows {
  let path: String
  private let file: ParquetFile
  private let indexes: [String: Int]

  init(_ path: String, _ storage: any Storage) throws(StoredTableError) {
    self.path = path
    let bytes: [UInt8]
    do throws(StorageError) {
      bytes = try storage.read(path)
    } catch {
      throw StoredTableError("\(error)")
    }
    file = try Self.open(bytes, path)
    var indexes: [String: Int] = [:]
    for (index, column) in file.footer.schema.columns.enumerated() { indexes[column.name] = index }
    self.indexes = indexes
  }

  var rowGroupCount: Int { file.footer.rowGroups.count }

  func rowCount(ofGroup rowGroup: Int) -> Int { file.footer.rowGroups[rowGroup].rowCount }

  /// A column of integers or times.
  func integers(_ name: String, rowGroup: Int) throws(StoredTableError) -> IntegerColumn {
    IntegerColumn(try column(name, rowGroup))
  }

  /// A column of doubles.
  func doubles(_ name: String, rowGroup: Int) throws(StoredTableError) -> DoubleColumn {
    DoubleColumn(try column(name, rowGroup))
  }

  /// A column of text.
  func texts(_ name: String, rowGroup: Int) throws(StoredTableError) -> TextColumn {
    TextColumn(try column(name, rowGroup))
  }

  /// A column of bytes.
  func bytes(_ name: String, rowGroup: Int) throws(StoredTableError) -> BytesColumn {
    BytesColumn(try column(name, rowGroup))
  }

  /// Nil for a column that the file does not have: every row lacks it then.
  private func column(
    _ name: String, _ rowGroup: Int
  ) throws(StoredTableError) -> ParquetColumnValues? {
    guard let index = indexes[name] else { return nil }
    do throws(ParquetError) {
      return try file.readColumn(index, rowGroup: rowGroup)
    } catch {
      throw Self.error(path, error)
    }
  }

  private static func open(
    _ bytes: [UInt8], _ path: String
  ) throws(StoredTableError) -> ParquetFile {
    do throws(ParquetError) {
      return try ParquetFile(bytes: bytes)
    } catch {
      throw Self.error(path, error)
    }
  }

  private static func error(_ path: String, _ error: ParquetError) -> StoredTableError {
    if case .unsupported = error {
      return StoredTableError(
        "\(path) was written by another program and cannot be read here: \(error)")
    }
    return StoredTableError("cannot read \(path): \(error); run `downlinkd verify`")
  }
}

/// Integers or times of one row group, by row.
struct IntegerColumn {
  private let column: ParquetColumnValues?

  init(_ column: ParquetColumnValues?) { self.column = column }

  subscript(row: Int) -> Int64? {
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

/// Doubles of one row group, by row.
struct DoubleColumn {
  private let column: ParquetColumnValues?

  init(_ column: ParquetColumnValues?) { self.column = column }

  subscript(row: Int) -> Double? {
    guard let column else { return nil }
    if let validity = column.validity, validity[row >> 6] >> UInt64(row & 63) & 1 == 0 {
      return nil
    }
    guard case .double(let values) = column.values else { return nil }
    return values[row]
  }
}

/// Texts of one row group, by row; a word that many rows share becomes a `String` once.
struct TextColumn {
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

  subscript(row: Int) -> String? {
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
struct BytesColumn {
  private let column: ParquetColumnValues?

  init(_ column: ParquetColumnValues?) { self.column = column }

  subscript(row: Int) -> [UInt8]? {
    guard case .bytes(let bytes)? = column?[row] else { return nil }
    return bytes
  }
}
