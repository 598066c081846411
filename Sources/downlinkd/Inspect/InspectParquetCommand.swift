import ArgumentParser
import Base
import Parquet
import Storage

/// `downlinkd inspect parquet`: what the footer of a Parquet file says.
struct InspectParquetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "parquet",
    abstract: "Show a Parquet file's schema, row groups, encodings, sizes and bounds.",
    discussion: """
      Any Parquet file, ours or another program's, as far as its footer says; no rows are read.

      Exit codes: 0 done, 65 it is damaged or no Parquet file, 69 it cannot be read.
      """)

  @Argument(help: .init("The file, by its path on this machine.", valueName: "file"))
  var file: String

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func run() throws {
    let outline: ParquetOutline
    do {
      // A folder as root, for the same careful reads as everywhere.
      let path = file.hasPrefix("/") ? file : "./" + file
      let folder = StoragePath.folder(of: path)
      let name = StoragePath.name(of: path)
      let storage = try POSIXStorage(root: folder.isEmpty ? "/" : folder, access: .readOnly)
      let size = try storage.size(name)
      outline = try ParquetOutline(byteCount: Int(size)) { position, count in
        try storage.read(name, from: Int64(position), byteCount: count)
      }
    } catch let error as StorageError {
      throw inspectionFailed("\(file): \(error)", damaged: false)
    } catch let error as ParquetError {
      if case .unreadable(let reason) = error {
        throw inspectionFailed("\(file): \(reason)", damaged: false)
      }
      throw inspectionFailed("\(file): \(error)", damaged: true)
    }
    let text = ParquetText(outline)
    print(json ? text.json(file).text : text.text(file))
  }
}

/// A Parquet file's footer for people and programs.
struct ParquetText {
  /// Row groups that are shown one by one.
  private static let rowGroupCountMax = 8

  private let outline: ParquetOutline
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

  private var dataByteCount: Int64 {
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
      fact("metadata", "\(InspectText.name(entry.key)), \(entry.byteCount) bytes")
    }
    lines += ["", "schema"] + schema
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
    var rows = [
      ["  column", "codec", "encodings", "size", "uncompressed", "nulls", "min", "max"]
    ]
    for chunk in group.chunks {
      rows.append([
        "  " + InspectText.name(chunk.path), chunk.codec, chunk.encodings.joined(separator: " "),
        InspectText.bytes(chunk.compressedByteCount),
        InspectText.bytes(chunk.uncompressedByteCount), chunk.nullCount.map { "\($0)" } ?? "-",
        bound(chunk.min, chunk), bound(chunk.max, chunk),
      ])
    }
    return [head] + InspectText.table(rows, right: [3, 4, 5])
  }

  private func bound(_ bytes: [UInt8]?, _ chunk: ParquetOutline.Chunk) -> String {
    switch value(bytes, chunk) {
    case .string(let text): InspectText.name(text, countMax: 30)
    case .null: "-"
    case let other: other.text
    }
  }

  /// A bound as its column's type has it; bytes that are none of it in hexadecimal.
  private func value(_ bytes: [UInt8]?, _ chunk: ParquetOutline.Chunk) -> JSONValue {
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

  func json(_ file: String) -> JSONValue {
    [
      "path": .string(file), "bytes": .int(outline.fileByteCount),
      "footer_bytes": .int(outline.footerByteCount), "rows": .int(outline.rowCount),
      "created_by": .string(outline.createdBy), "format": .int(outline.formatVersion),
      "data_bytes": .int(dataByteCount),
      "metadata": .array(
        outline.metadata.map { ["key": .string($0.key), "bytes": .int($0.byteCount)] }),
      "schema": .array(
        outline.schema.map {
          [
            "name": .string($0.name), "depth": .int($0.depth),
            "repetition": .optional($0.repetition), "physical_type": .optional($0.physicalType),
            "logical_type": .optional($0.logicalType), "children": .int($0.childCount),
          ]
        }),
      "row_groups": .array(outline.rowGroups.map(json)),
    ]
  }

  private func json(_ group: ParquetOutline.RowGroup) -> JSONValue {
    [
      "rows": .int(group.rowCount), "uncompressed_bytes": .int(group.uncompressedByteCount),
      "sorting": .array(
        group.sorting.map { ["column": .int($0.column), "descending": .bool($0.isDescending)] }),
      "columns": .array(
        group.chunks.map { chunk in
          [
            "path": .string(chunk.path), "physical_type": .string(chunk.physicalType),
            "codec": .string(chunk.codec), "encodings": .array(chunk.encodings.map { .string($0) }),
            "values": .int(chunk.valueCount), "bytes": .int(chunk.compressedByteCount),
            "uncompressed_bytes": .int(chunk.uncompressedByteCount),
            "dictionary": .bool(chunk.hasDictionary), "page_index": .bool(chunk.hasPageIndex),
            "nulls": chunk.nullCount.map { .int($0) } ?? .null, "min": value(chunk.min, chunk),
            "max": value(chunk.max, chunk),
          ]
        }),
    ]
  }
}
