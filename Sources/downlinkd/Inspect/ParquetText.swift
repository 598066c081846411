import Base
import Parquet

/// A Parquet file's outline for people; for programs see `json`.
struct ParquetText {
  /// Row groups that are shown one by one.
  private static let rowGroupCountMax = 8
  /// Values of the key-value metadata that are shown.
  private static let metadataByteCountMax = 80

  let outline: ParquetOutline
  /// Leaves of the schema by path, for the meaning of bounds.
  private let leaves: [String: ParquetOutline.Element]

  init(_ outline: ParquetOutline) {
    self.outline = outline
    var leaves: [String: ParquetOutline.Element] = [:]
    var names: [String] = []
    for element in outline.schema {
      names.removeLast(max(0, names.count - element.depth))
      names.append(element.name)
      if element.physicalType != nil { leaves[names.joined(separator: ".")] = element }
    }
    self.leaves = leaves
  }

  var dataByteCount: Int64 {
    outline.rowGroups.reduce(0) { total, group in
      group.chunks.reduce(total) { $0 &+ $1.compressedByteCount }
    }
  }

  func text(_ file: String) -> String {
    let size = InspectText.bytes(Int64(outline.fileByteCount))
    var lines = ["\(file): \(outline.rowCount) rows, \(size)"]
    func fact(_ name: String, _ value: String) { lines.append(InspectText.fact(name, value)) }
    fact("created by", outline.createdBy.isEmpty ? "-" : InspectText.name(outline.createdBy))
    fact("format", "\(outline.formatVersion)")
    fact("footer", InspectText.bytes(Int64(outline.footerByteCount)))
    if outline.rowCount > 0 {
      let bytes = Double(outline.fileByteCount) / Double(outline.rowCount)
      fact("bytes a row", "\((bytes * 10).rounded() / 10)")
    }
    for entry in outline.metadata {
      let value = entry.text.map { $0.utf8.count <= Self.metadataByteCountMax ? $0 : nil } ?? nil
      fact(
        "metadata",
        InspectText.name(entry.key)
          + (value.map { ": " + InspectText.name($0, countMax: Self.metadataByteCountMax) }
            ?? ", \(entry.byteCount) bytes"))
    }
    lines += ["", "schema"] + schema
    if outline.rowGroups.count > 1 { lines += ["", "all row groups"] + sums }
    for (number, group) in outline.rowGroups.prefix(Self.rowGroupCountMax).enumerated() {
      lines += [""] + rowGroup(group, number)
    }
    let hidden = outline.rowGroups.count - Self.rowGroupCountMax
    if hidden > 0 { lines += ["", "… and \(hidden) more row groups"] }
    return lines.joined(separator: "\n")
  }

  private var schema: [String] {
    InspectText.table(
      outline.schema.map { element in
        [
          "  " + String(repeating: "  ", count: element.depth) + InspectText.name(element.name),
          element.repetition ?? "", element.physicalType ?? "group", element.logicalType ?? "",
        ]
      })
  }

  private func rowGroup(_ group: ParquetOutline.RowGroup, _ number: Int) -> [String] {
    let compressed = group.chunks.reduce(Int64(0)) { $0 &+ $1.compressedByteCount }
    var head = "row group \(number): \(group.rowCount) rows, \(InspectText.bytes(compressed))"
    head += " (\(InspectText.bytes(group.uncompressedByteCount)) uncompressed)"
    let sorting = group.sorting.map { sort in
      let path = group.chunks.indices.contains(sort.column)
        ? InspectText.name(group.chunks[sort.column].path) : "column \(sort.column)"
      return path + (sort.isDescending ? " descending" : "")
    }
    if !sorting.isEmpty { head += ", sorted by \(sorting.joined(separator: ", "))" }
    return [head] + chunks(group)
  }

  private func chunks(_ group: ParquetOutline.RowGroup) -> [String] {
    var rows = [
      [
        "  column", "codec", "encodings", "pages", "dictionary", "index", "bloom", "size", "plain",
        "a value", "nulls", "min", "max",
      ]
    ]
    for chunk in group.chunks {
      rows.append([
        "  " + InspectText.name(chunk.path), chunk.codec, Self.encodings(chunk),
        chunk.pages.map { "\($0.dataPageCount)" + ($0.fault == nil ? "" : "+") } ?? "-",
        chunk.pages?.dictionaryEntryCount.map { "\($0)" } ?? "-", Self.index(chunk),
        Self.bloomFilter(chunk), InspectText.bytes(chunk.compressedByteCount),
        InspectText.bytes(chunk.uncompressedByteCount),
        Self.bytesPerValue(chunk.compressedByteCount, chunk.valueCount),
        chunk.nullCount.map { "\($0)" } ?? "-", bound(chunk.min, chunk), bound(chunk.max, chunk),
      ])
    }
    return InspectText.table(rows, right: [3, 4, 6, 7, 8, 9, 10])
  }

  /// Of each column over all row groups: where the bytes go.
  private var sums: [String] {
    var names: [String] = []
    var sums: [String: Sum] = [:]
    for chunk in outline.rowGroups.lazy.flatMap(\.chunks) {
      if sums[chunk.path] == nil { names.append(chunk.path) }
      sums[chunk.path, default: Sum()].add(chunk)
    }
    let total = max(1, Double(dataByteCount))
    var rows = [["  column", "encodings", "pages", "size", "share", "plain", "a value", "nulls"]]
    for name in names {
      guard let sum = sums[name] else { continue }
      let share = (Double(sum.compressedByteCount) / total * 1000).rounded() / 10
      rows.append([
        "  " + InspectText.name(name), sum.encodings.joined(separator: " "), "\(sum.pageCount)",
        InspectText.bytes(sum.compressedByteCount), "\(share) %",
        InspectText.bytes(sum.uncompressedByteCount),
        Self.bytesPerValue(sum.compressedByteCount, sum.valueCount),
        sum.nullCount.map { "\($0)" } ?? "-",
      ])
    }
    return InspectText.table(rows, right: [2, 3, 4, 5, 6, 7])
  }

  private struct Sum {
    var encodings: [String] = []
    var pageCount = 0
    var valueCount: Int64 = 0
    var compressedByteCount: Int64 = 0
    var uncompressedByteCount: Int64 = 0
    /// Nil where one chunk does not say.
    var nullCount: Int64? = 0

    /// What a file says may be any number: sums wrap.
    mutating func add(_ chunk: ParquetOutline.Chunk) {
      for name in ParquetText.encodingNames(chunk) where !encodings.contains(name) {
        encodings.append(name)
      }
      pageCount += chunk.pages?.dataPageCount ?? 0
      valueCount &+= chunk.valueCount
      compressedByteCount &+= chunk.compressedByteCount
      uncompressedByteCount &+= chunk.uncompressedByteCount
      nullCount = nullCount.flatMap { sum in chunk.nullCount.map { sum &+ $0 } }
    }
  }

  /// Encodings of values: those of the pages where they were looked at, else what the footer lists,
  /// which has the levels' among them.
  fileprivate static func encodingNames(_ chunk: ParquetOutline.Chunk) -> [String] {
    guard let pages = chunk.pages, !pages.encodings.isEmpty else { return chunk.encodings }
    return pages.encodings.map(\.name)
  }

  /// With counts where there is more than one.
  private static func encodings(_ chunk: ParquetOutline.Chunk) -> String {
    guard let pages = chunk.pages, pages.encodings.count > 1 else {
      return encodingNames(chunk).joined(separator: " ")
    }
    return pages.encodings.map { "\($0.name)×\($0.count)" }.joined(separator: " ")
  }

  private static func index(_ chunk: ParquetOutline.Chunk) -> String {
    switch (chunk.columnIndexByteCount, chunk.offsetIndexByteCount) {
    case (nil, nil): "-"
    case (nil, _?): "places"
    case (_?, nil): "bounds"
    case (_?, _?): "yes"
    }
  }

  private static func bloomFilter(_ chunk: ParquetOutline.Chunk) -> String {
    guard chunk.hasBloomFilter else { return "-" }
    return chunk.bloomFilterByteCount.map { InspectText.bytes(Int64($0)) } ?? "yes"
  }

  /// Compressed bytes, headers and dictionary among them, for each value; absent ones count.
  private static func bytesPerValue(_ byteCount: Int64, _ valueCount: Int64) -> String {
    if valueCount <= 0 { return "-" }
    return "\((Double(byteCount) / Double(valueCount) * 100).rounded() / 100)"
  }

  /// What is wrong with the first chunk whose pages are not what they should be; nil where none is.
  var damage: String? {
    for (number, group) in outline.rowGroups.enumerated() {
      for chunk in group.chunks {
        if case .damaged(let what) = chunk.pages?.fault {
          return "column \(InspectText.name(chunk.path)) of row group \(number): \(what)"
        }
      }
    }
    return nil
  }

  private func bound(_ bytes: [UInt8]?, _ chunk: ParquetOutline.Chunk) -> String {
    switch value(bytes, chunk) {
    case .string(let text): InspectText.name(text, countMax: 30)
    case .null: "-"
    case let other: other.text
    }
  }

  /// A bound as its column's type has it; bytes that are none of it in hexadecimal.
  func value(_ bytes: [UInt8]?, _ chunk: ParquetOutline.Chunk) -> JSONValue {
    guard let bytes else { return .null }
    let logical = leaves[chunk.path]?.logicalType ?? ""
    var word: UInt64 = 0
    for (index, byte) in bytes.prefix(8).enumerated() { word |= UInt64(byte) << (index * 8) }
    switch (chunk.physicalType, bytes.count) {
    case ("BOOLEAN", 1): return .bool(word != 0)
    case ("INT32", 4):
      let number = Int32(truncatingIfNeeded: Int64(bitPattern: word))
      return logical == "DATE" ? .string(Timestamp.dateText(day: number)) : .int(number)
    case ("INT64", 8): return .int(Int64(bitPattern: word))
    case ("FLOAT", 4):
      return JSONValue.double(Double(Float(bitPattern: UInt32(truncatingIfNeeded: word)))) ?? .null
    case ("DOUBLE", 8): return JSONValue.double(Double(bitPattern: word)) ?? .null
    case ("BYTE_ARRAY", _) where ["STRING", "UTF8", "ENUM", "JSON"].contains(logical):
      return .string(String(decoding: bytes, as: UTF8.self))
    default:
      let digits = bytes.prefix(32).map { RandomID.hex(UInt64($0)).suffix(2) }.joined()
      return .string("0x" + digits)
    }
  }
}
