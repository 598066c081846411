import Base
import Parquet

/// Gathers a column of texts, row by row.
struct TextColumn {
  private var bytes: [UInt8] = []
  private var starts = [0]
  private var validity = ValidityBits()

  var count: Int { starts.count - 1 }

  /// What it takes in memory, about.
  var byteCount: Int { bytes.count + starts.count * 8 }

  mutating func append(_ text: (some Sequence<UInt8>)?) {
    if let text { bytes.append(contentsOf: text) }
    starts.append(bytes.count)
    validity.append(text != nil)
  }

  mutating func append(_ text: String?) { append(text?.utf8) }

  var column: NestedColumn {
    .values(
      .byteStrings(ByteStrings(bytes: bytes, starts: starts)), count: count,
      validity: validity.words)
  }
}

/// Gathers a column of integers, row by row.
struct IntegerColumn {
  private var values: [Int64] = []
  private var validity = ValidityBits()

  mutating func append(_ value: Int64?) {
    values.append(value ?? 0)
    validity.append(value != nil)
  }

  var column: NestedColumn {
    .values(.int64(values), count: values.count, validity: validity.words)
  }

  /// The same as 32-bit integers; what does not fit was refused before.
  var narrowColumn: NestedColumn {
    .values(
      .int32(values.map { Int32(clamping: $0) }), count: values.count, validity: validity.words)
  }
}

/// Gathers a column of maps from text to text, or of lists of text, row by row.
struct TextMapColumn {
  private var starts = [0]
  private var keys = TextColumn()
  private var values = TextColumn()
  private var validity = ValidityBits()

  mutating func append(_ entries: [(key: String, value: String?)]?) {
    for entry in entries ?? [] {
      keys.append(entry.key)
      values.append(entry.value)
    }
    starts.append(keys.count)
    validity.append(entries != nil)
  }

  var column: NestedColumn {
    NestedColumn(
      count: starts.count - 1, validity: validity.words,
      content: .map(starts: starts, keys: keys.column, values: values.column))
  }

  /// The keys alone, as lists.
  var listColumn: NestedColumn {
    NestedColumn(
      count: starts.count - 1, validity: validity.words,
      content: .list(starts: starts, elements: keys.column))
  }
}

/// Which rows have a value, bit by bit.
struct ValidityBits {
  private var bits: [UInt64] = []
  private var count = 0
  private var isWhole = true

  mutating func append(_ isPresent: Bool) {
    if count & 63 == 0 { bits.append(0) }
    if isPresent { bits[count >> 6] |= 1 << UInt64(count & 63) } else { isWhole = false }
    count += 1
  }

  /// Nil where every row has one.
  var words: [UInt64]? { isWhole ? nil : bits }
}

/// The schema of a log checkpoint (PROTOCOL.md, "Checkpoint Schema"): a struct for each kind of
/// action, of which every row has one.
enum CheckpointSchema {
  static let txn = ParquetField.group(
    "txn", [.value("appId", .string), .value("version", .int64), .value("lastUpdated", .int64)])

  static let add = ParquetField.group(
    "add",
    [
      .value("path", .string), .map("partitionValues"), .value("size", .int64),
      .value("modificationTime", .int64), .value("dataChange", .boolean),
      .value("stats", .string), .map("tags"),
    ])

  static let remove = ParquetField.group(
    "remove",
    [
      .value("path", .string), .value("deletionTimestamp", .int64),
      .value("dataChange", .boolean), .value("extendedFileMetadata", .boolean),
      .map("partitionValues"), .value("size", .int64),
    ])

  static let metaData = ParquetField.group(
    "metaData",
    [
      .value("id", .string), .value("name", .string), .value("description", .string),
      .group("format", [.value("provider", .string), .map("options")]),
      .value("schemaString", .string), .list("partitionColumns", of: .string),
      .map("configuration"), .value("createdTime", .int64),
    ])

  static let tableProtocol = ParquetField.group(
    "protocol",
    [
      .value("minReaderVersion", .int32), .value("minWriterVersion", .int32),
      .list("readerFeatures", of: .string), .list("writerFeatures", of: .string),
    ])

  static let fields = [txn, add, remove, metaData, tableProtocol]
}

/// One row group: actions of one or more kinds, in rows one after the other.
struct CheckpointRowGroup {
  /// The columns of each kind, without the rows of others.
  private var kinds: [String: (rowCount: Int, fields: [NestedColumn])] = [:]

  mutating func set(_ kind: ParquetField, rowCount: Int, _ fields: [NestedColumn]) {
    if rowCount > 0 { kinds[kind.name] = (rowCount, fields) }
  }

  /// Writes it: the rows of each kind in the order of the schema. Nothing where there are none.
  func write(to writer: inout ParquetFileWriter) {
    let rowCount = kinds.values.reduce(0) { $0 + $1.rowCount }
    if rowCount == 0 { return }
    writer.beginRowGroup(rowCount: rowCount)
    var first = 0
    for field in CheckpointSchema.fields {
      guard let kind = kinds[field.name] else {
        writer.writeField(.absent(count: rowCount))
        continue
      }
      var validity = ValidityBits()
      for row in 0..<rowCount { validity.append(row >= first && row < first + kind.rowCount) }
      let columns = kind.fields.map { $0.placed(at: first, among: rowCount) }
      writer.writeField(
        NestedColumn(count: rowCount, validity: validity.words, content: .group(columns)))
      first += kind.rowCount
    }
    writer.endRowGroup()
  }
}

extension NestedColumn {
  /// The same rows among `rowCount`, of which the others have no value: only for row groups of a
  /// few rows, unless it is all of them already.
  fileprivate func placed(at first: Int, among rowCount: Int) -> NestedColumn {
    if count == rowCount { return self }
    var validity = ValidityBits()
    for row in 0..<rowCount {
      validity.append(row >= first && row < first + count && isPresent(row - first))
    }
    let after = rowCount - first - count
    let content: Content =
      switch self.content {
      case .absent: .absent
      case .group(let fields):
        .group(fields.map { $0.placed(at: first, among: rowCount) })
      case .list(let starts, let elements):
        .list(starts: Self.padded(starts, before: first, after: after), elements: elements)
      case .map(let starts, let keys, let values):
        .map(
          starts: Self.padded(starts, before: first, after: after), keys: keys, values: values)
      case .values(let values):
        .values(Self.padded(values, before: first, after: after))
      }
    return NestedColumn(count: rowCount, validity: validity.words, content: content)
  }

  private static func padded(_ starts: [Int], before: Int, after: Int) -> [Int] {
    [Int](repeating: starts[0], count: before) + starts
      + [Int](repeating: starts[starts.count - 1], count: after)
  }

  private static func padded(_ values: ColumnValues, before: Int, after: Int) -> ColumnValues {
    switch values {
    case .boolean(let values):
      .boolean(
        [Bool](repeating: false, count: before) + values + [Bool](repeating: false, count: after))
    case .int32(let values):
      .int32([Int32](repeating: 0, count: before) + values + [Int32](repeating: 0, count: after))
    case .int64(let values):
      .int64([Int64](repeating: 0, count: before) + values + [Int64](repeating: 0, count: after))
    case .byteStrings(let texts):
      .byteStrings(
        ByteStrings(
          bytes: texts.bytes, starts: padded(texts.starts, before: before, after: after)))
    default: preconditionFailure("a log checkpoint has texts, integers and truths")
    }
  }
}
