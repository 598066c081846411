/// Decodes the Thrift `FileMetaData` (parquet.thrift) and checks it against itself and the file:
/// whoever has a `ParquetFooter` can use its positions and counts as they are.
struct FooterDecoding {
  private var input: ThriftCompactReader
  /// Where the footer begins, and pages end.
  private let filePosition: Int
  /// Where the last chunk seen ends.
  private var chunkEnd = 4
  private var schema: ParquetSchema?

  private init(_ bytes: [UInt8], filePosition: Int) {
    input = ThriftCompactReader(bytes, origin: filePosition)
    self.filePosition = filePosition
  }

  static func decode(
    _ bytes: [UInt8], filePosition: Int
  ) throws(ParquetError) -> ParquetFooter {
    var decoding = FooterDecoding(bytes, filePosition: filePosition)
    return try decoding.readFile()
  }

  private mutating func readFile() throws(ParquetError) -> ParquetFooter {
    var rowCount: Int?
    var rowGroups: [ParquetRowGroup]?
    var keyValueMetadata: [ParquetWriterOptions.KeyValue] = []
    var createdBy = ""
    var orderCount = 0
    var previous = 0
    while let field = try input.nextField(after: &previous) {
      switch field.number {
      case 2: schema = try SchemaDecoding.read(field, from: &input)
      case 3: rowCount = try input.readCount(field)
      case 4: rowGroups = try readRowGroups(field)
      case 5: keyValueMetadata = try readKeyValues(field)
      case 6: createdBy = try input.readText(field)
      case 7: orderCount = try readColumnOrders(field)
      case 8: throw .unsupported("encryption")
      default: try input.skip(field)
      }
    }
    guard input.isAtEnd else { throw input.malformed("bytes after the footer") }
    guard let schema, let rowCount, let rowGroups else {
      throw input.malformed("a footer without schema, row count or row groups")
    }
    // Without them minimum and maximum mean nothing.
    guard orderCount == schema.columns.count else {
      throw .unsupported("columns without an order of values")
    }
    guard rowGroups.reduce(0, { $0 + $1.rowCount }) == rowCount else {
      throw input.malformed("\(rowCount) rows, not those of the row groups")
    }
    return ParquetFooter(
      schema: schema, rowCount: rowCount, rowGroups: rowGroups, createdBy: createdBy,
      keyValueMetadata: keyValueMetadata, filePosition: filePosition)
  }

  private mutating func readKeyValues(
    _ field: ThriftCompactReader.Field
  ) throws(ParquetError) -> [ParquetWriterOptions.KeyValue] {
    var entries: [ParquetWriterOptions.KeyValue] = []
    for _ in 0..<(try input.readList(field, of: .structure)) {
      var (key, value) = ("", "")
      var previous = 0
      while let member = try input.nextField(after: &previous) {
        switch member.number {
        case 1: key = try input.readText(member)
        case 2: value = try input.readText(member)
        default: try input.skip(member)
        }
      }
      entries.append(.init(key: key, value: value))
    }
    return entries
  }

  /// Returns how many columns have the order of their type (TYPE_ORDER, case 1 of the union).
  private mutating func readColumnOrders(
    _ field: ThriftCompactReader.Field
  ) throws(ParquetError) -> Int {
    var typeOrderCount = 0
    for _ in 0..<(try input.readList(field, of: .structure)) {
      var previous = 0
      while let variant = try input.nextField(after: &previous) {
        if variant.number == 1 { typeOrderCount += 1 }
        try input.skip(variant)
      }
    }
    return typeOrderCount
  }

  // MARK: - Row groups

  private mutating func readRowGroups(
    _ field: ThriftCompactReader.Field
  ) throws(ParquetError) -> [ParquetRowGroup] {
    var rowGroups: [ParquetRowGroup] = []
    for _ in 0..<(try input.readList(field, of: .structure)) {
      rowGroups.append(try readRowGroup())
    }
    return rowGroups
  }

  private mutating func readRowGroup() throws(ParquetError) -> ParquetRowGroup {
    var chunks: [ParquetColumnChunk] = []
    var (rowCount, uncompressed, compressed) = (0, 0, 0)
    var position: Int?
    var previous = 0
    while let field = try input.nextField(after: &previous) {
      switch field.number {
      case 1: chunks = try readChunks(field)
      case 2: uncompressed = try input.readCount(field)
      case 3: rowCount = try input.readCount(field)
      case 5: position = try input.readCount(field)
      case 6: compressed = try input.readCount(field)
      default: try input.skip(field)
      }
    }
    guard (1...Int(Int32.max)).contains(rowCount) else {
      throw input.malformed("a row group of \(rowCount) rows")
    }
    for chunk in chunks where chunk.valueCount != rowCount {
      throw input.malformed("a chunk of \(chunk.valueCount) values for \(rowCount) rows")
    }
    // Sums of what the file says may wrap; they would have to wrap to the number it says, too.
    guard chunks.reduce(0, { $0 &+ $1.compressedByteCount }) == compressed,
      chunks.reduce(0, { $0 &+ $1.uncompressedByteCount }) == uncompressed,
      chunks.first?.filePosition == position, let position
    else { throw input.malformed("a row group that is not the sum of its chunks") }
    return ParquetRowGroup(
      rowCount: rowCount, filePosition: position, uncompressedByteCount: uncompressed,
      compressedByteCount: compressed, chunks: chunks)
  }

  private mutating func readChunks(
    _ field: ThriftCompactReader.Field
  ) throws(ParquetError) -> [ParquetColumnChunk] {
    guard let schema else { throw input.malformed("row groups before the schema") }
    guard try input.readList(field, of: .structure) == schema.columns.count else {
      throw input.malformed("a row group that has not one chunk for each column")
    }
    var chunks: [ParquetColumnChunk] = []
    for column in schema.columns {
      var chunk: ParquetColumnChunk?
      var previous = 0
      while let member = try input.nextField(after: &previous) {
        switch member.number {
        case 1: throw .unsupported("chunks in other files")
        case 3: chunk = try readChunk(member, of: column)
        case 8, 9: throw .unsupported("encryption")
        default: try input.skip(member)
        }
      }
      guard let chunk else { throw input.malformed("a chunk without metadata") }
      chunks.append(chunk)
    }
    return chunks
  }
}

// MARK: - Column chunks

extension FooterDecoding {
  /// `ColumnMetaData` as the file has it.
  private struct Chunk {
    var physicalType: Int32?
    var encodings: [Encoding] = []
    var path: [String] = []
    var codec: Codec?
    var valueCount = 0
    var uncompressedByteCount = 0
    var compressedByteCount = 0
    var dataPosition: Int?
    var dictionaryPosition: Int?
    var statistics: ParquetStatistics?
  }

  private mutating func readChunk(
    _ field: ThriftCompactReader.Field, of column: ParquetColumn
  ) throws(ParquetError) -> ParquetColumnChunk {
    try input.requireStruct(field)
    var chunk = Chunk()
    var previous = 0
    while let member = try input.nextField(after: &previous) {
      switch member.number {
      case 1: chunk.physicalType = try input.readInt32(member)
      case 2: chunk.encodings = try readEncodings(member, of: column)
      case 3:
        for _ in 0..<(try input.readList(member, of: .binary)) {
          chunk.path.append(try input.readElementText())
        }
      case 4:
        let number = try input.readInt32(member)
        guard let codec = Codec(rawValue: number) else {
          throw .unsupported("codec \(number) of column '\(column.name)'")
        }
        chunk.codec = codec
      case 5: chunk.valueCount = try input.readCount(member)
      case 6: chunk.uncompressedByteCount = try input.readCount(member)
      case 7: chunk.compressedByteCount = try input.readCount(member)
      case 9: chunk.dataPosition = try input.readCount(member)
      case 11: chunk.dictionaryPosition = try input.readCount(member)
      case 12: chunk.statistics = try StatisticsDecoding.read(member, of: column, from: &input)
      default: try input.skip(member)
      }
    }
    return try checked(chunk, column)
  }

  private mutating func readEncodings(
    _ field: ThriftCompactReader.Field, of column: ParquetColumn
  ) throws(ParquetError) -> [Encoding] {
    var encodings: [Encoding] = []
    for _ in 0..<(try input.readList(field, of: .int32)) {
      let number = try input.readElementInt32()
      guard let encoding = Encoding(rawValue: number) else {
        throw .unsupported("encoding \(number) of column '\(column.name)'")
      }
      encodings.append(encoding)
    }
    return encodings
  }

  /// Positions must lie one after the other between the first four bytes and the footer, or one
  /// page could be read as often as a hostile footer has columns.
  private mutating func checked(
    _ chunk: Chunk, _ column: ParquetColumn
  ) throws(ParquetError) -> ParquetColumnChunk {
    guard let codec = chunk.codec, let dataPosition = chunk.dataPosition else {
      throw input.malformed("column '\(column.name)' has no codec or no pages")
    }
    // Not one the writer makes: it has statistics for every chunk.
    guard let statistics = chunk.statistics else {
      throw .unsupported("column '\(column.name)' without statistics")
    }
    guard chunk.physicalType == PhysicalType(column.type).rawValue, chunk.path == [column.name]
    else { throw input.malformed("a chunk that is not of column '\(column.name)'") }
    guard statistics.nullCount <= (column.isOptional ? chunk.valueCount : 0),
      statistics.nanCount <= chunk.valueCount - statistics.nullCount
    else { throw input.malformed("more absent values in '\(column.name)' than there can be") }
    let start = chunk.dictionaryPosition ?? dataPosition
    guard start >= chunkEnd, start <= filePosition, start <= dataPosition,
      chunk.dictionaryPosition != dataPosition,
      chunk.compressedByteCount <= filePosition - start,
      dataPosition < start + chunk.compressedByteCount
    else { throw input.malformed("the pages of '\(column.name)' lie outside their place") }
    chunkEnd = start + chunk.compressedByteCount
    return ParquetColumnChunk(
      codec: codec, encodings: chunk.encodings, valueCount: chunk.valueCount,
      uncompressedByteCount: chunk.uncompressedByteCount,
      compressedByteCount: chunk.compressedByteCount,
      dictionaryPagePosition: chunk.dictionaryPosition, firstDataPagePosition: dataPosition,
      statistics: statistics)
  }
}
