package import Parquet
package import Storage

/// Why a stored table cannot be read for its rows: what is wrong, and what to do.
package struct StoredTableError: Error, Sendable, CustomStringConvertible {
  package let description: String
  /// Whether the file may be whole, but is none that our reader can read: another program's.
  package fileprivate(set) var isUnsupported = false

  package init(_ description: String) { self.description = description }
}

/// A data file of ours, opened for reading row groups by column name.
///
/// Memory: the bytes of a file of up to `wholeByteCountMax`, of a larger one its footer, and the
/// columns that are asked for, one row group at a time.
package struct StoredRows {
  package let path: String
  private let file: ParquetFile
  private let indexes: [String: Int]

  /// - Parameters:
  ///   - wholeByteCountMax: a file of up to so many bytes is read at once; of a larger one only
  ///     what is asked for, at the cost of a system call or two each.
  ///   - rowGroupRowCountMax: larger row groups are refused.
  package init(
    _ path: String, _ storage: any Storage, wholeByteCountMax: Int64 = .max,
    rowGroupRowCountMax: Int = ParquetReaderLimits.defaultRowGroupRowCountMax
  ) throws(StoredTableError) {
    self.path = path
    let limits = ParquetReaderLimits(rowGroupRowCountMax: rowGroupRowCountMax)
    var bytes: [UInt8]?
    var size: Int64 = 0
    do throws(StorageError) {
      if wholeByteCountMax < .max { size = try storage.size(path) }
      if size <= wholeByteCountMax { bytes = try storage.read(path) }
    } catch {
      throw StoredTableError("\(error)")
    }
    if let bytes {
      file = try Self.open(bytes, path, limits)
    } else {
      file = try Self.open(byteCount: size, path, storage, limits)
    }
    var indexes: [String: Int] = [:]
    for (index, column) in file.footer.schema.columns.enumerated() { indexes[column.name] = index }
    self.indexes = indexes
  }

  package var rowGroupCount: Int { file.footer.rowGroups.count }

  /// Rows of a row group.
  package func rowCount(ofGroup rowGroup: Int) -> Int { file.footer.rowGroups[rowGroup].rowCount }

  /// What the footer says of a column's values in a row group; nil for a column that the file does
  /// not have.
  package func statistics(_ name: String, rowGroup: Int) -> ParquetStatistics? {
    indexes[name].map { file.footer.rowGroups[rowGroup].chunks[$0].statistics }
  }

  /// Bytes of these columns in a row group, as they lie in the file.
  package func byteCount(of names: [String], rowGroup: Int) -> Int {
    names.reduce(0) { total, name in
      total + (indexes[name].map {
        file.footer.rowGroups[rowGroup].chunks[$0].compressedByteCount
      } ?? 0)
    }
  }

  /// A column of integers or times.
  package func integers(_ name: String, rowGroup: Int) throws(StoredTableError) -> IntegerColumn {
    IntegerColumn(try column(name, rowGroup))
  }

  /// A column of text.
  package func texts(_ name: String, rowGroup: Int) throws(StoredTableError) -> TextColumn {
    TextColumn(try column(name, rowGroup))
  }

  /// A column of bytes.
  package func bytes(_ name: String, rowGroup: Int) throws(StoredTableError) -> BytesColumn {
    BytesColumn(try column(name, rowGroup))
  }

  /// A column of truths.
  package func booleans(_ name: String, rowGroup: Int) throws(StoredTableError) -> BooleanColumn {
    BooleanColumn(try column(name, rowGroup))
  }

  /// A column of floating-point numbers.
  package func doubles(_ name: String, rowGroup: Int) throws(StoredTableError) -> DoubleColumn {
    DoubleColumn(try column(name, rowGroup))
  }

  /// The rows of a row group in which a column of text is `text`.
  package func rows(
    _ name: String, equal text: [UInt8], rowGroup: Int
  ) throws(StoredTableError) -> [Int] {
    try column(name, rowGroup)?.rows(equal: text) ?? []
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
    _ bytes: [UInt8], _ path: String, _ limits: ParquetReaderLimits
  ) throws(StoredTableError) -> ParquetFile {
    do throws(ParquetError) {
      return try ParquetFile(bytes: bytes, limits: limits)
    } catch {
      throw Self.error(path, error)
    }
  }

  private static func open(
    byteCount: Int64, _ path: String, _ storage: any Storage, _ limits: ParquetReaderLimits
  ) throws(StoredTableError) -> ParquetFile {
    do throws(ParquetError) {
      return try ParquetFile(byteCount: Int(byteCount), limits: limits) { position, count in
        try storage.read(path, from: Int64(position), byteCount: count)
      }
    } catch {
      throw Self.error(path, error)
    }
  }

  private static func error(_ path: String, _ error: ParquetError) -> StoredTableError {
    if case .unsupported = error {
      var fault = StoredTableError(
        "\(path) was written by another program and cannot be read here: \(error)")
      fault.isUnsupported = true
      return fault
    }
    return StoredTableError("cannot read \(path): \(error); run `downlinkd verify`")
  }
}
