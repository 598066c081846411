@testable import Parquet

/// A table as a test thinks of it: values or nil, column by column, and how to hand them over.
struct TestTable {
  struct Column {
    var column: ParquetColumn
    var values: [ParquetValue?]
    var form: Form = .values
    /// The encodings every chunk of it must have, if the test cares.
    var encodings: [String]?
  }

  /// Which case of `ColumnValues` a column is passed as.
  enum Form {
    case values
    /// Strings as indexes into a dictionary with words that nobody uses.
    case words
    /// Strings one by one.
    case byteStrings
    /// The single value of the column.
    case constant
  }

  var columns: [Column]
  var rowGroups: [Int]
  var options: ParquetWriterOptions

  /// Adds a column `row` that counts the rows: not every reader keeps their order.
  init(columns: [Column], rowGroups: [Int], options: ParquetWriterOptions) {
    let rowCount = rowGroups.reduce(0, +)
    let row = Column(
      column: ParquetColumn(name: "row", type: .int64, isOptional: false),
      values: (0..<rowCount).map { .integer(Int64($0)) })
    self.columns = columns + [row]
    self.rowGroups = rowGroups
    self.options = options
  }

  func file() -> [UInt8] {
    var writer = ParquetFileWriter(
      schema: ParquetSchema(columns: columns.map(\.column)), options: options)
    var bytes: [UInt8] = []
    var start = 0
    for rowCount in rowGroups {
      writer.beginRowGroup(rowCount: rowCount)
      for column in columns {
        let values = Array(column.values[start..<start + rowCount])
        writer.writeColumn(
          column.columnValues(values), validity: column.validity(of: values))
      }
      writer.endRowGroup()
      bytes += writer.takeOutput()
      start += rowCount
    }
    return bytes + writer.finish().output
  }

  /// The lines `read_parquet.py` compares the file with.
  var expectation: String {
    let codec =
      switch options.compression {
      case .none: "UNCOMPRESSED"
      case .snappy: "SNAPPY"
      case .zstd: "ZSTD"
      case .lz4: "LZ4"
      }
    var lines = ["codec \(codec)"]
    lines.append((["row_groups"] + rowGroups.map { "\($0)" }).joined(separator: " "))
    for column in columns {
      let words = column.values.map { $0?.word ?? "-" }
      lines.append(
        (["column", column.column.name, "\(column.column.type)"] + words).joined(separator: " "))
      if let encodings = column.encodings {
        lines.append((["encodings", column.column.name] + encodings).joined(separator: " "))
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension ParquetValue {
  fileprivate var word: String {
    switch self {
    case .boolean(let value): value ? "1" : "0"
    case .integer(let value): "\(value)"
    case .float(let value): "\(value.bitPattern)"
    case .double(let value): "\(value.bitPattern)"
    case .bytes(let value): "x" + value.map { hex($0) }.joined()
    }
  }

  private func hex(_ byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }

  fileprivate var integer: Int64 {
    guard case .integer(let value) = self else { return 0 }
    return value
  }

  fileprivate var bytes: [UInt8] {
    guard case .bytes(let value) = self else { return [] }
    return value
  }
}

extension TestTable.Column {
  /// Nil where every value is there, or where the values themselves say which are not; bits
  /// beyond the rows are set to see that nobody looks.
  fileprivate func validity(of values: [ParquetValue?]) -> [UInt64]? {
    let isText = column.type == .string || column.type == .binary
    if isText && form == .words || !values.contains(nil) { return nil }
    var words = [UInt64](repeating: .max, count: values.count / 64 + 1)
    for (row, value) in values.enumerated() where value == nil {
      words[row / 64] &= ~(1 << (row % 64))
    }
    return words
  }

  /// Absent rows get junk where there is room for it.
  func columnValues(_ values: [ParquetValue?]) -> ColumnValues {
    switch (column.type, form) {
    case (_, .constant):
      switch values.first(where: { $0 != nil }) ?? .bytes([]) {
      case .integer(let value): return .constantInteger(value)
      case .bytes(let value) where column.type == .string || column.type == .binary:
        return .constantWord(value)
      default: return .constantInteger(0)
      }
    case (.boolean, _): return .boolean(values.map { $0 == nil || $0 == .boolean(true) })
    case (.int32, _), (.date, _):
      return .int32(values.map { $0.map { Int32($0.integer) } ?? -77 })
    case (.int64, _), (.timestampMicros, _):
      return .int64(values.map { $0.map { $0.integer } ?? .max })
    case (.float, _):
      return .float(
        values.map { value in if case .float(let number)? = value { number } else { .infinity } })
    case (.double, _):
      return .double(
        values.map { value in if case .double(let number)? = value { number } else { .nan } })
    case (_, .words): return words(values)
    case (.string, _), (.binary, _): return byteStrings(values)
    }
  }

  private func words(_ values: [ParquetValue?]) -> ColumnValues {
    var numbers: [[UInt8]: UInt32] = [:]
    var bytes = Array("unused".utf8)
    var starts = [0, 6]
    let indexes = values.map { value -> UInt32 in
      guard let word = value?.bytes else { return ColumnValues.absentWord }
      if let known = numbers[word] { return known }
      let number = UInt32(starts.count - 1)
      bytes += word
      starts.append(bytes.count)
      numbers[word] = number
      return number
    }
    return .words(indexes: indexes, dictionary: ByteStrings(bytes: bytes, starts: starts))
  }

  private func byteStrings(_ values: [ParquetValue?]) -> ColumnValues {
    var bytes: [UInt8] = []
    var starts = [0]
    for value in values {
      bytes += value?.bytes ?? [0xDE, 0xAD]
      starts.append(bytes.count)
    }
    return .byteStrings(ByteStrings(bytes: bytes, starts: starts))
  }
}
