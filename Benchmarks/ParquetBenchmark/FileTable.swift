import Glibc
import Parquet

extension Table {
  /// The rows of a flat file of one row group.
  init(reading path: String) throws {
    let file = try ParquetFile(bytes: Self.bytes(of: path))
    guard file.footer.rowGroups.count == 1 else {
      throw ParquetError.unsupported("it has \(file.footer.rowGroups.count) row groups, not one")
    }
    self.init(schema: file.footer.schema, rowCount: file.footer.rowCount)
    for column in schema.columns.indices {
      let read = try file.readColumn(column, rowGroup: 0)
      columns.append(read.values)
      validities.append(read.validity)
    }
  }

  private static func bytes(of path: String) throws -> [UInt8] {
    guard let file = unsafe fopen(path, "r") else { throw ParquetError.notParquet }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = unsafe fread(&part, 1, part.count, file)
      if count == 0 { return bytes }
      bytes += part[..<count]
    }
  }

  /// The same rows cut into row groups of at most so many.
  func rowGroups(of count: Int) -> [Table] {
    if count >= rowCount { return [self] }
    return stride(from: 0, to: rowCount, by: count).map { start in
      let rows = start..<min(start + count, rowCount)
      var group = Table(schema: schema, rowCount: rows.count)
      group.columns = columns.map { $0.part(rows) }
      group.validities = validities.map { $0.map { Self.part(of: $0, rows) } }
      return group
    }
  }

  private static func part(of validity: [UInt64], _ rows: Range<Int>) -> [UInt64] {
    var words = [UInt64](repeating: 0, count: (rows.count + 63) / 64)
    for (place, row) in rows.enumerated() where validity[row / 64] >> UInt64(row % 64) & 1 == 1 {
      words[place / 64] |= 1 << UInt64(place % 64)
    }
    return words
  }
}

extension ColumnValues {
  fileprivate func part(_ rows: Range<Int>) -> ColumnValues {
    switch self {
    case .boolean(let values): .boolean(Array(values[rows]))
    case .int32(let values): .int32(Array(values[rows]))
    case .int64(let values): .int64(Array(values[rows]))
    case .float(let values): .float(Array(values[rows]))
    case .double(let values): .double(Array(values[rows]))
    case .words(let indexes, let words): .words(indexes: Array(indexes[rows]), dictionary: words)
    case .byteStrings(let strings):
      .byteStrings(
        ByteStrings(
          bytes: strings.bytes, starts: Array(strings.starts[rows.lowerBound...rows.upperBound])))
    case .constantInteger, .constantWord: self
    }
  }
}
