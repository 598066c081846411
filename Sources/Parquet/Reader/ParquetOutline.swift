/// What the footer of any Parquet file says, for looking at it: nested columns, types, encodings
/// and codecs that `ParquetFile` does not read included. Nothing of it may be used to read values.
/// `readPages` adds what the headers of the pages say.
///
/// Every length and count is held against the bytes that are there; a bad file is a `ParquetError`,
/// never a trap. Memory: a small multiple of the footer, which may have `footerByteCountMax`.
package struct ParquetOutline: Sendable {
  /// A node of the schema, depth first, without the root.
  package struct Element: Sendable, Equatable {
    package var name = ""
    /// 0 for a column at the top.
    package var depth = 0
    /// `DOUBLE`, `BYTE_ARRAY`, …; nil for a group.
    package var physicalType: String?
    /// `required`, `optional`, `repeated`; nil where the file does not say.
    package var repetition: String?
    /// The logical type, else the converted one; nil where there is none.
    package var logicalType: String?
    package var childCount = 0
  }

  /// One column of one row group.
  package struct Chunk: Sendable {
    /// Names from the top, joined by dots.
    package var path = ""
    package var physicalType = ""
    package var codec = ""
    package var encodings: [String] = []
    /// With absent ones, and, of repeated columns, one for each element.
    package var valueCount: Int64 = 0
    package var uncompressedByteCount: Int64 = 0
    package var compressedByteCount: Int64 = 0
    package var hasDictionary = false
    /// Where the first page begins, by the footer.
    package var filePosition: Int64 = 0
    /// Of the page index: bounds of every page, and where it lies; nil where there is none.
    package var columnIndexByteCount: Int?
    package var offsetIndexByteCount: Int?
    package var hasBloomFilter = false
    /// Nil, too, where the footer does not say how long the filter is.
    package var bloomFilterByteCount: Int?
    /// By the page headers; nil until `readPages`.
    package var pages: Pages?
    package var nullCount: Int64?
    /// PLAIN encoded, without a length; nil where the file does not say.
    package var min: [UInt8]?
    package var max: [UInt8]?
  }

  /// A horizontal slice.
  package struct RowGroup: Sendable {
    package var rowCount: Int64 = 0
    package var uncompressedByteCount: Int64 = 0
    /// Columns that rows are declared to be sorted by: index of the chunk, descending or not.
    package var sorting: [(column: Int, isDescending: Bool)] = []
    package var chunks: [Chunk] = []
  }

  /// A footer beyond this is no file that anybody wrote on purpose.
  package static let footerByteCountMax = 256 << 20
  /// Values of the key-value metadata beyond this are counted and not kept.
  package static let metadataByteCountMax = 4096

  package var formatVersion: Int32 = 0
  package var createdBy = ""
  package var rowCount: Int64 = 0
  package var schema: [Element] = []
  package var rowGroups: [RowGroup] = []
  /// Keys, how many bytes their values have, and the values that are short text.
  package var metadata: [(key: String, byteCount: Int, text: String?)] = []
  package private(set) var footerByteCount = 0
  package private(set) var fileByteCount = 0

  /// Reads the footer of a file of `byteCount` bytes through `readRange`.
  package init(
    byteCount: Int, readRange: ParquetFile.RangeReader
  ) throws(ParquetError) {
    let (footer, filePosition) = try FileInput.footerBytes(
      byteCount: byteCount, footerByteCountMax: Self.footerByteCountMax, readRange)
    footerByteCount = footer.count
    fileByteCount = byteCount
    var decoding = OutlineDecoding(footer, filePosition: filePosition)
    try decoding.read(into: &self)
  }
}

/// Reads the Thrift `FileMetaData` for what it says.
private struct OutlineDecoding {
  private var input: ThriftCompactReader
  /// Nodes still to come of each open group, the root first.
  private var openGroups: [Int] = []

  init(_ bytes: [UInt8], filePosition: Int) {
    input = ThriftCompactReader(bytes, origin: filePosition)
  }

  mutating func read(into outline: inout ParquetOutline) throws(ParquetError) {
    var previous = 0
    while let field = try input.nextField(after: &previous) {
      switch field.number {
      case 1: outline.formatVersion = try input.readInt32(field)
      case 2: outline.schema = try readSchema(field)
      case 3: outline.rowCount = Int64(try input.readCount(field))
      case 4:
        for _ in 0..<(try input.readList(field, of: .structure)) {
          outline.rowGroups.append(try readRowGroup())
        }
      case 5:
        for _ in 0..<(try input.readList(field, of: .structure)) {
          outline.metadata.append(try readKeyValue())
        }
      case 6: outline.createdBy = try input.readText(field)
      case 8: throw .unsupported("encryption")
      default: try input.skip(field)
      }
    }
  }

  // MARK: - Schema

  private mutating func readSchema(
    _ field: ThriftCompactReader.Field
  ) throws(ParquetError) -> [ParquetOutline.Element] {
    var elements: [ParquetOutline.Element] = []
    for index in 0..<(try input.readList(field, of: .structure)) {
      var element = try readElement()
      while let left = openGroups.last, left == 0 { openGroups.removeLast() }
      if index == 0 {
        openGroups = [element.childCount]
        continue
      }
      guard !openGroups.isEmpty else {
        throw input.malformed("a schema whose root ends before its columns")
      }
      openGroups[openGroups.count - 1] -= 1
      element.depth = openGroups.count - 1
      if element.childCount > 0 { openGroups.append(element.childCount) }
      guard openGroups.count < 100 else { throw input.malformed("columns nested too deep") }
      elements.append(element)
    }
    return elements
  }

  private mutating func readElement() throws(ParquetError) -> ParquetOutline.Element {
    var element = ParquetOutline.Element()
    var convertedType: Int32?
    var previous = 0
    while let field = try input.nextField(after: &previous) {
      switch field.number {
      case 1: element.physicalType = FormatNames.physicalType(try input.readInt32(field))
      case 3: element.repetition = FormatNames.repetition(try input.readInt32(field))
      case 4: element.name = try input.readText(field)
      case 5: element.childCount = max(0, Int(try input.readInt32(field)))
      case 6: convertedType = try input.readInt32(field)
      case 10: element.logicalType = try readLogicalType(field)
      default: try input.skip(field)
      }
    }
    if element.logicalType == nil, let convertedType {
      element.logicalType = FormatNames.convertedType(convertedType)
    }
    return element
  }

  private mutating func readLogicalType(
    _ field: ThriftCompactReader.Field
  ) throws(ParquetError) -> String? {
    try input.requireStruct(field)
    var name: String?
    var previous = 0
    while let variant = try input.nextField(after: &previous) {
      name = FormatNames.logicalType(variant.number)
      try input.skip(variant)
    }
    return name
  }

  // MARK: - Row groups

  private mutating func readRowGroup() throws(ParquetError) -> ParquetOutline.RowGroup {
    var group = ParquetOutline.RowGroup()
    var previous = 0
    while let field = try input.nextField(after: &previous) {
      switch field.number {
      case 1:
        for _ in 0..<(try input.readList(field, of: .structure)) {
          group.chunks.append(try readChunk())
        }
      case 2: group.uncompressedByteCount = Int64(try input.readCount(field))
      case 3: group.rowCount = Int64(try input.readCount(field))
      case 4:
        for _ in 0..<(try input.readList(field, of: .structure)) {
          group.sorting.append(try readSorting())
        }
      default: try input.skip(field)
      }
    }
    return group
  }

  private mutating func readSorting() throws(ParquetError) -> (column: Int, isDescending: Bool) {
    var (column, isDescending) = (0, false)
    var previous = 0
    while let field = try input.nextField(after: &previous) {
      switch field.number {
      case 1: column = Int(try input.readInt32(field))
      case 2: isDescending = try input.readBoolean(field)
      default: try input.skip(field)
      }
    }
    return (column, isDescending)
  }

  private mutating func readChunk() throws(ParquetError) -> ParquetOutline.Chunk {
    var chunk = ParquetOutline.Chunk()
    var previous = 0
    while let field = try input.nextField(after: &previous) {
      switch field.number {
      case 3: try readMetadata(field, into: &chunk)
      case 5: chunk.offsetIndexByteCount = Int(try input.readInt32(field))
      case 7: chunk.columnIndexByteCount = Int(try input.readInt32(field))
      default: try input.skip(field)
      }
    }
    return chunk
  }

  private mutating func readMetadata(
    _ field: ThriftCompactReader.Field, into chunk: inout ParquetOutline.Chunk
  ) throws(ParquetError) {
    try input.requireStruct(field)
    var dictionaryPosition = 0
    var previous = 0
    while let member = try input.nextField(after: &previous) {
      switch member.number {
      case 1: chunk.physicalType = FormatNames.physicalType(try input.readInt32(member))
      case 2:
        for _ in 0..<(try input.readList(member, of: .int32)) {
          chunk.encodings.append(FormatNames.encoding(try input.readElementInt32()))
        }
      case 3:
        var names: [String] = []
        for _ in 0..<(try input.readList(member, of: .binary)) {
          names.append(try input.readElementText())
        }
        chunk.path = names.joined(separator: ".")
      case 4: chunk.codec = FormatNames.codec(try input.readInt32(member))
      case 5: chunk.valueCount = Int64(try input.readCount(member))
      case 6: chunk.uncompressedByteCount = Int64(try input.readCount(member))
      case 7: chunk.compressedByteCount = Int64(try input.readCount(member))
      case 9: chunk.filePosition = Int64(try input.readCount(member))
      case 11: dictionaryPosition = try input.readCount(member)
      case 12: try readStatistics(member, into: &chunk)
      case 14:
        chunk.hasBloomFilter = true
        try input.skip(member)
      case 15: chunk.bloomFilterByteCount = Int(try input.readInt32(member))
      default: try input.skip(member)
      }
    }
    // Early writers put 0 where there is no dictionary.
    if dictionaryPosition > 0 {
      chunk.hasDictionary = true
      chunk.filePosition = Int64(dictionaryPosition)
    }
  }

  /// The bounds of early writers (fields 1 and 2) have no order that anybody knows.
  private mutating func readStatistics(
    _ field: ThriftCompactReader.Field, into chunk: inout ParquetOutline.Chunk
  ) throws(ParquetError) {
    try input.requireStruct(field)
    var previous = 0
    while let member = try input.nextField(after: &previous) {
      switch member.number {
      case 3: chunk.nullCount = Int64(try input.readCount(member))
      case 5: chunk.max = try input.readBytes(member)
      case 6: chunk.min = try input.readBytes(member)
      default: try input.skip(member)
      }
    }
  }

  private mutating func readKeyValue() throws(ParquetError) -> (
    key: String, byteCount: Int, text: String?
  ) {
    var (key, byteCount) = ("", 0)
    var text: String?
    var previous = 0
    while let member = try input.nextField(after: &previous) {
      switch member.number {
      case 1: key = try input.readText(member)
      case 2:
        let value = try input.readBytes(member)
        byteCount = value.count
        if byteCount <= ParquetOutline.metadataByteCountMax {
          text = String(validating: value, as: UTF8.self)
        }
      default: try input.skip(member)
      }
    }
    return (key, byteCount, text)
  }
}
