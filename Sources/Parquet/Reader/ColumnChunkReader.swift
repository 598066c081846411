/// A column chunk of any column, decoded: values in the leaf's slots, and the levels where a
/// nested column needs them.
struct DecodedChunk {
  /// Elements of absent slots are zero, false or `absentWord`.
  let values: ColumnValues
  let slotCount: Int
  /// Nil when every slot has a value.
  let validity: [UInt64]?
  /// An element for each entry; empty for a flat column.
  let definition: [UInt8]
  /// An element for each entry; empty where nothing on the path is repeated.
  let repetition: [UInt8]
}

/// Reads one column chunk: dictionary page, then data pages.
///
/// Everything a page header says is held against what is known already before it is used: sizes
/// against the chunk's bytes, counts against the chunk's entries.
struct ColumnChunkReader: ~Copyable {
  private let leaf: LeafColumn
  private let slotLevel: Int
  private let chunk: ParquetColumnChunk
  private let limits: ParquetReaderLimits
  /// Of the pages so far, without compression.
  private var byteCount = 0
  private let decompressor: PageDecompressor
  /// The chunk as it lies in the file.
  private let bytes: [UInt8]
  /// Index of the next page header in `bytes`.
  private var position = 0
  private var hasDictionary = false
  /// Entries of the data pages so far.
  private var entryCount = 0
  private var presentCount = 0
  /// Of a flat column.
  private var rows = ValidityBuilder()
  /// Of a nested one.
  private var levels = LevelsBuilder()

  init(
    _ bytes: [UInt8], of column: ParquetColumn, _ chunk: ParquetColumnChunk,
    limits: ParquetReaderLimits
  ) {
    self.init(bytes, of: LeafColumn(column), slotLevel: 0, chunk, limits: limits)
  }

  /// `slotLevel` is that of the leaf's node: see `SchemaNode`.
  init(
    _ bytes: [UInt8], of leaf: LeafColumn, slotLevel: Int, _ chunk: ParquetColumnChunk,
    limits: ParquetReaderLimits
  ) {
    self.leaf = leaf
    self.slotLevel = slotLevel
    self.chunk = chunk
    self.limits = limits
    self.bytes = bytes
    decompressor = PageDecompressor(chunk.codec)
  }

  /// Reads a flat column.
  consuming func read() throws(ParquetError) -> ParquetColumnValues {
    let decoded = try readChunk()
    return ParquetColumnValues(
      rowCount: decoded.slotCount, values: decoded.values, validity: decoded.validity)
  }

  consuming func readChunk() throws(ParquetError) -> DecodedChunk {
    switch leaf.physicalType {
    case .boolean: try read(BooleanDecoder())
    case .int32: try read(FixedWidthDecoder<Int32>())
    case .int64: try read(FixedWidthDecoder<Int64>())
    case .float: try read(FixedWidthDecoder<Float>())
    case .double: try read(FixedWidthDecoder<Double>())
    case .byteArray: try read(ByteStringDecoder(limits: limits))
    }
  }

  private consuming func read<Decoder: ChunkDecoder>(
    _ decoder: Decoder
  ) throws(ParquetError) -> DecodedChunk {
    var decoder = decoder
    while position < bytes.count { try readPage(into: &decoder) }
    guard entryCount == chunk.valueCount else {
      throw malformed("pages of \(entryCount) rows, not \(chunk.valueCount)", at: 0)
    }
    // Of nested columns writers disagree about what is absent.
    if leaf.isFlat, let nullCount = chunk.statistics.nullCount {
      guard entryCount - presentCount == nullCount else {
        throw malformed("absent values that the footer does not count", at: 0)
      }
    }
    guard leaf.isFlat else { return finish(decoder) }
    let bitmap = rows.validity.flatMap { ValidityBitmap(words: $0, rowCount: entryCount) }
    return DecodedChunk(
      values: decoder.finish(DecodedRows(rowCount: entryCount, validity: bitmap)),
      slotCount: entryCount, validity: bitmap?.words, definition: [], repetition: [])
  }

  /// Values of a nested column go to the slots of their leaf: an entry whose lists do not reach
  /// that far has none.
  private consuming func finish<Decoder: ChunkDecoder>(_ decoder: Decoder) -> DecodedChunk {
    let slots = levels.slots(from: slotLevel, presentLevel: leaf.definitionLevelMax)
    let bitmap = ValidityBitmap(words: slots.validity, rowCount: slots.count)
    return DecodedChunk(
      values: decoder.finish(DecodedRows(rowCount: slots.count, validity: bitmap)),
      slotCount: slots.count, validity: bitmap?.words, definition: levels.definition,
      repetition: levels.repetition)
  }

  private mutating func readPage<Decoder: ChunkDecoder>(
    into decoder: inout Decoder
  ) throws(ParquetError) {
    let start = position
    let header = try readHeader()
    do throws(PageFault) {
      var page = try readBody(header)
      switch header.type {
      case .dictionary:
        // A dictionary that the footer does not mention is one of early writers.
        guard start == 0, header.encoding == .plain || header.encoding == .dictionary else {
          throw PageFault.malformed("a dictionary page out of place")
        }
        hasDictionary = true
        try decoder.readDictionary(&page.values, entryCount: header.valueCount)
        try page.values.requireEnd(of: "values")
      case .data, .dataV2:
        guard start > 0 || chunk.dictionaryPagePosition == nil else {
          throw PageFault.malformed("a data page in the dictionary's place")
        }
        try readData(&page, header, into: &decoder)
      }
    } catch {
      throw converted(error, at: start)
    }
  }

  private mutating func readHeader() throws(ParquetError) -> DecodedPageHeader {
    let start = position
    var input = ThriftCompactReader(bytes, from: start, origin: chunk.filePosition)
    let header = try PageHeaderDecoding.read(from: &input)
    guard header.compressedByteCount <= bytes.count - input.position else {
      throw malformed("a page that ends after its chunk", at: start)
    }
    guard header.byteCount <= limits.pageByteCountMax else {
      throw .unsupported(
        "a page of \(header.byteCount) bytes; the reader's limit is \(limits.pageByteCountMax)")
    }
    byteCount += header.byteCount
    guard byteCount <= limits.chunkByteCountMax else {
      throw .unsupported(
        "a column chunk of \(byteCount) bytes and more; the reader's limit is "
          + "\(limits.chunkByteCountMax)")
    }
    position = input.position
    return header
  }

  /// A page without compression. Levels and values are one input in version 1 and three in
  /// version 2, where levels are never compressed.
  private struct Body {
    var values: PageInput
    var repetition: PageInput?
    var definition: PageInput?
  }

  private mutating func readBody(_ header: DecodedPageHeader) throws(PageFault) -> Body {
    let range = position..<position + header.compressedByteCount
    position = range.upperBound
    guard let version2 = header.version2 else {
      let page = try decompressor.decompress(bytes, range, byteCount: header.byteCount)
      return Body(values: page)
    }
    var input = PageInput(bytes, range)
    let repetition = try input.split(version2.repetitionByteCount)
    let definition = try input.split(version2.definitionByteCount)
    let levelByteCount = version2.repetitionByteCount + version2.definitionByteCount
    guard levelByteCount <= header.byteCount else {
      throw .malformed("levels of more bytes than their page")
    }
    let byteCount = header.byteCount - levelByteCount
    let values: PageInput
    if !version2.isCompressed || byteCount == 0 {
      guard input.remainingByteCount == byteCount || byteCount == 0 else {
        throw .malformed("a page of two sizes that is not compressed")
      }
      values = byteCount == 0 ? PageInput([]) : input
    } else {
      values = try decompressor.decompress(
        bytes, input.position..<range.upperBound, byteCount: byteCount)
    }
    return Body(values: values, repetition: repetition, definition: definition)
  }

  /// Repetition levels come first, then definition levels, each where the column has any.
  private mutating func readData<Decoder: ChunkDecoder>(
    _ page: inout Body, _ header: DecodedPageHeader, into decoder: inout Decoder
  ) throws(PageFault) {
    let count = header.valueCount
    guard count > 0, count <= chunk.valueCount - entryCount else {
      throw .malformed("a page of \(count) rows")
    }
    var pageLevels = PageLevels(count: count)
    if leaf.repetitionLevelMax > 0 {
      guard !header.hasPackedLevels.repetition else { throw .unsupported("BIT_PACKED levels") }
      pageLevels.repetition = try Self.levels(&page.values, page.repetition)
    }
    if leaf.definitionLevelMax > 0 {
      guard !header.hasPackedLevels.definition else { throw .unsupported("BIT_PACKED levels") }
      pageLevels.definition = try Self.levels(&page.values, page.definition)
    }
    let presentCount = try append(&pageLevels)
    entryCount += count
    self.presentCount += presentCount
    if presentCount == 0 {
      // Some write nothing, some the head of an encoding without values.
      page.values.skipRest()
      return
    }
    try decoder.readValues(&page.values, encoding: header.encoding, count: presentCount)
    try page.values.requireEnd(of: "values")
  }

  /// The levels of a page of version 2, or those at the start of `values`, with their length.
  private static func levels(
    _ values: inout PageInput, _ separate: PageInput?
  ) throws(PageFault) -> PageInput {
    if let separate { return separate }
    return try values.split(values.readLength())
  }

  /// Returns how many values the page has.
  private mutating func append(_ page: inout PageLevels) throws(PageFault) -> Int {
    if !leaf.isFlat { return try levels.append(&page, of: leaf) }
    guard var definition = page.definition else {
      rows.appendPresent(page.count)
      return page.count
    }
    return try rows.append(levels: &definition, count: page.count)
  }

  // MARK: - Errors

  private borrowing func malformed(_ what: String, at index: Int) -> ParquetError {
    .malformed("column '\(leaf.column.name)': \(what)", filePosition: chunk.filePosition + index)
  }

  private borrowing func converted(_ fault: PageFault, at index: Int) -> ParquetError {
    switch fault {
    case .malformed(let what): malformed(what, at: index)
    case .unsupported(let what): .unsupported("column '\(leaf.column.name)': \(what)")
    }
  }
}
