/// Decodes the Thrift `FileMetaData` (parquet.thrift) and checks it against itself and the file:
/// whoever has a `DecodedFooter` can use its positions and counts as they are.
struct FooterDecoding {
  private var input: ThriftCompactReader
  /// Where the footer begins, and pages end.
  private let filePosition: Int
  /// Where the last chunk seen ends.
  private var chunkEnd = 4
  private var schema: DecodedSchema?
  /// Of page indexes and bloom filters so far.
  private var indexByteCount = 0

  private init(_ bytes: [UInt8], filePosition: Int) {
    input = ThriftCompactReader(bytes, origin: filePosition)
    self.filePosition = filePosition
  }

  static func decode(
    _ bytes: [UInt8], filePosition: Int
  ) throws(ParquetError) -> DecodedFooter {
    var decoding = FooterDecoding(bytes, filePosition: filePosition)
    return try decoding.readFile()
  }

  private mutating func readFile() throws(ParquetError) -> DecodedFooter {
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
    guard let schema, let rowCount, var rowGroups else {
      throw input.malformed("a footer without schema, row count or row groups")
    }
    // Without an order of values minimum and maximum mean nothing.
    if orderCount != schema.leaves.count {
      rowGroups = rowGroups.map { $0.withoutBounds() }
    }
    guard rowGroups.reduce(0, { $0 + $1.rowCount }) == rowCount else {
      throw input.malformed("\(rowCount) rows, not those of the row groups")
    }
    return DecodedFooter(
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
    var chunks: [ParquetColumnChunk]?
    var rowCount: Int?
    var previous = 0
    while let field = try input.nextField(after: &previous) {
      switch field.number {
      case 1: chunks = try readChunks(field)
      case 3: rowCount = try input.readCount(field)
      default: try input.skip(field)
      }
    }
    guard let chunks, let rowCount, (0...Int(Int32.max)).contains(rowCount) else {
      throw input.malformed("a row group without chunks, or of \(rowCount ?? -1) rows")
    }
    for (index, chunk) in chunks.enumerated() {
      // An entry of a repeated column may be a further element; of others each is a row.
      let isRepeated = schema?.leaves[index].column.map { $0.repetitionLevelMax > 0 } ?? true
      guard chunk.valueCount == rowCount || (isRepeated && chunk.valueCount >= rowCount) else {
        throw input.malformed("a chunk of \(chunk.valueCount) values for \(rowCount) rows")
      }
    }
    // Sums of what the file says may wrap; nothing is read by them.
    return ParquetRowGroup(
      rowCount: rowCount, filePosition: chunks.first?.filePosition ?? 0,
      uncompressedByteCount: chunks.reduce(0) { $0 &+ $1.uncompressedByteCount },
      compressedByteCount: chunks.reduce(0) { $0 &+ $1.compressedByteCount }, chunks: chunks)
  }

  private mutating func readChunks(
    _ field: ThriftCompactReader.Field
  ) throws(ParquetError) -> [ParquetColumnChunk] {
    guard let schema else { throw input.malformed("row groups before the schema") }
    guard try input.readList(field, of: .structure) == schema.leaves.count else {
      throw input.malformed("a row group that has not one chunk for each column")
    }
    var chunks: [ParquetColumnChunk] = []
    for leaf in schema.leaves {
      var chunk: ParquetColumnChunk?
      var index = IndexPositions()
      var previous = 0
      while let member = try input.nextField(after: &previous) {
        switch member.number {
        case 1: throw .unsupported("chunks in other files")
        case 3: chunk = try readChunk(member, of: leaf)
        case 4: index.offsetIndexPosition = try input.readCount(member)
        case 5: index.offsetIndexByteCount = Int(try input.readInt32(member))
        case 6: index.columnIndexPosition = try input.readCount(member)
        case 7: index.columnIndexByteCount = Int(try input.readInt32(member))
        case 8, 9: throw .unsupported("encryption")
        default: try input.skip(member)
        }
      }
      guard var chunk else { throw input.malformed("a chunk without metadata") }
      chunk.offsetIndex = try range(index.offsetIndexPosition, index.offsetIndexByteCount)
      chunk.columnIndex = try range(index.columnIndexPosition, index.columnIndexByteCount)
      chunks.append(chunk)
    }
    return chunks
  }

  /// Where the page index of a chunk lies, as far as the file says.
  private struct IndexPositions {
    var offsetIndexPosition: Int?
    var offsetIndexByteCount: Int?
    var columnIndexPosition: Int?
    var columnIndexByteCount: Int?
  }

  /// Bytes before the footer; nil where one of the numbers is missing.
  private mutating func range(
    _ position: Int?, _ byteCount: Int?
  ) throws(ParquetError) -> Range<Int>? {
    guard let position, let byteCount else { return nil }
    guard position >= 4, position <= filePosition, byteCount >= 0,
      byteCount <= filePosition - position
    else { throw input.malformed("an index outside of the file") }
    try countIndexBytes(byteCount)
    return position..<position + byteCount
  }

  /// Indexes and filters do not overlap, or a hostile footer could have the same bytes copied as
  /// often as it has chunks.
  private mutating func countIndexBytes(_ byteCount: Int) throws(ParquetError) {
    indexByteCount += byteCount
    guard indexByteCount <= filePosition else {
      throw input.malformed("indexes of more bytes than the file has")
    }
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
    var statistics = ParquetStatistics.unknown
    var pageCounts: [PageCount] = []
    var bloomFilterPosition: Int?
    var bloomFilterByteCount: Int?
  }

  private mutating func readChunk(
    _ field: ThriftCompactReader.Field, of leaf: DecodedLeaf
  ) throws(ParquetError) -> ParquetColumnChunk {
    try input.requireStruct(field)
    var chunk = Chunk()
    var previous = 0
    while let member = try input.nextField(after: &previous) {
      switch member.number {
      case 1: chunk.physicalType = try input.readInt32(member)
      case 2: chunk.encodings = try readEncodings(member)
      case 3:
        for _ in 0..<(try input.readList(member, of: .binary)) {
          chunk.path.append(try input.readElementText())
        }
      case 4:
        let number = try input.readInt32(member)
        guard let codec = Codec(rawValue: number) else {
          throw .unsupported("codec \(FormatNames.codec(number)) of column '\(leaf.name)'")
        }
        chunk.codec = codec
      case 5: chunk.valueCount = try input.readCount(member)
      case 6: chunk.uncompressedByteCount = try input.readCount(member)
      case 7: chunk.compressedByteCount = try input.readCount(member)
      case 9: chunk.dataPosition = try input.readCount(member)
      case 11: chunk.dictionaryPosition = try input.readCount(member)
      case 12:
        if let column = leaf.column?.column {
          chunk.statistics = try StatisticsDecoding.read(member, of: column, from: &input)
        } else {
          try input.skip(member)
        }
      case 13: chunk.pageCounts = try readPageCounts(member)
      case 14: chunk.bloomFilterPosition = try input.readCount(member)
      case 15: chunk.bloomFilterByteCount = Int(try input.readInt32(member))
      default: try input.skip(member)
      }
    }
    return try checked(chunk, leaf)
  }

  /// Those that are known; a page in another one is refused when it is read.
  private mutating func readEncodings(
    _ field: ThriftCompactReader.Field
  ) throws(ParquetError) -> [Encoding] {
    var encodings: [Encoding] = []
    for _ in 0..<(try input.readList(field, of: .int32)) {
      if let encoding = Encoding(rawValue: try input.readElementInt32()) {
        encodings.append(encoding)
      }
    }
    return encodings
  }

  /// `PageEncodingStats`.
  private mutating func readPageCounts(
    _ field: ThriftCompactReader.Field
  ) throws(ParquetError) -> [PageCount] {
    var counts: [PageCount] = []
    for _ in 0..<(try input.readList(field, of: .structure)) {
      var count = PageCount(pageType: 0, encoding: 0, count: 0)
      var previous = 0
      while let member = try input.nextField(after: &previous) {
        switch member.number {
        case 1: count.pageType = try input.readInt32(member)
        case 2: count.encoding = try input.readInt32(member)
        case 3: count.count = try input.readInt32(member)
        default: try input.skip(member)
        }
      }
      counts.append(count)
    }
    return counts
  }

  /// Positions must lie one after the other between the first four bytes and the footer, or one
  /// page could be read as often as a hostile footer has columns.
  private mutating func checked(
    _ chunk: Chunk, _ leaf: DecodedLeaf
  ) throws(ParquetError) -> ParquetColumnChunk {
    guard let codec = chunk.codec, let dataPosition = chunk.dataPosition else {
      throw input.malformed("column '\(leaf.name)' has no codec or no pages")
    }
    guard chunk.physicalType == leaf.physicalType, chunk.path == leaf.path else {
      throw input.malformed("a chunk that is not of column '\(leaf.name)'")
    }
    let isOptional = leaf.column.map { $0.definitionLevelMax > 0 } ?? true
    let statistics = chunk.statistics
    let nullCount = statistics.nullCount ?? 0
    guard nullCount <= (isOptional ? chunk.valueCount : 0),
      statistics.nanCount ?? 0 <= chunk.valueCount - nullCount
    else { throw input.malformed("more absent values in '\(leaf.name)' than there can be") }
    // Early writers put 0 where there is no dictionary.
    let dictionaryPosition = chunk.dictionaryPosition.flatMap { $0 == 0 ? nil : $0 }
    let start = dictionaryPosition ?? dataPosition
    guard chunk.valueCount > 0 else {
      // Nothing to read, whatever the positions say.
      var empty = chunk
      empty.compressedByteCount = 0
      return column(empty, codec, nil, chunkEnd)
    }
    guard start >= chunkEnd, start <= filePosition, start <= dataPosition,
      dictionaryPosition != dataPosition,
      chunk.compressedByteCount <= filePosition - start,
      dataPosition < start + chunk.compressedByteCount
    else { throw input.malformed("the pages of '\(leaf.name)' lie outside their place") }
    chunkEnd = start + chunk.compressedByteCount
    var checked = column(chunk, codec, dictionaryPosition, dataPosition)
    if let position = chunk.bloomFilterPosition {
      let byteCount = chunk.bloomFilterByteCount ?? 0
      guard position >= 4, position < filePosition, byteCount >= 0,
        byteCount <= filePosition - position
      else { throw input.malformed("the bloom filter of '\(leaf.name)' is outside of the file") }
      try countIndexBytes(byteCount)
      checked.bloomFilterPosition = position
      checked.bloomFilterByteCount = chunk.bloomFilterByteCount
    }
    return checked
  }

  private func column(
    _ chunk: Chunk, _ codec: Codec, _ dictionaryPosition: Int?, _ dataPosition: Int
  ) -> ParquetColumnChunk {
    ParquetColumnChunk(
      codec: codec, encodings: chunk.encodings, valueCount: chunk.valueCount,
      uncompressedByteCount: chunk.uncompressedByteCount,
      compressedByteCount: chunk.compressedByteCount,
      dictionaryPagePosition: dictionaryPosition, firstDataPagePosition: dataPosition,
      statistics: chunk.statistics, pageCounts: chunk.pageCounts)
  }
}
