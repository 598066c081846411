/// Reads one column chunk: dictionary page, then data pages.
///
/// Everything a page header says is held against what is known already before it is used: sizes
/// against the chunk's bytes, counts against the row group's rows.
struct ColumnChunkReader: ~Copyable {
  private let column: ParquetColumn
  private let chunk: ParquetColumnChunk
  private let pageByteCountMax: Int
  private let decompressor: PageDecompressor
  /// The chunk as it lies in the file.
  private let bytes: [UInt8]
  /// Index of the next page header in `bytes`.
  private var position = 0
  private var rows = ValidityBuilder()
  private var uncompressedByteCount = 0

  init(
    _ bytes: [UInt8], of column: ParquetColumn, _ chunk: ParquetColumnChunk,
    pageByteCountMax: Int
  ) {
    self.column = column
    self.chunk = chunk
    self.pageByteCountMax = pageByteCountMax
    self.bytes = bytes
    decompressor = PageDecompressor(chunk.codec)
  }

  consuming func read() throws(ParquetError) -> ParquetColumnValues {
    switch PhysicalType(column.type) {
    case .boolean: try read(BooleanDecoder())
    case .int32: try read(FixedWidthDecoder<Int32>())
    case .int64: try read(FixedWidthDecoder<Int64>())
    case .float: try read(FixedWidthDecoder<Float>())
    case .double: try read(FixedWidthDecoder<Double>())
    case .byteArray: try read(ByteStringDecoder())
    }
  }

  private consuming func read<Decoder: ChunkDecoder>(
    _ decoder: Decoder
  ) throws(ParquetError) -> ParquetColumnValues {
    var decoder = decoder
    while position < bytes.count { try readPage(into: &decoder) }
    guard rows.rowCount == chunk.valueCount else {
      throw malformed("pages of \(rows.rowCount) rows, not \(chunk.valueCount)", at: 0)
    }
    guard rows.rowCount - rows.presentCount == chunk.statistics.nullCount else {
      throw malformed("absent values that the footer does not count", at: 0)
    }
    guard uncompressedByteCount == chunk.uncompressedByteCount else {
      throw malformed("pages of another size than the footer says", at: 0)
    }
    let bitmap = rows.validity.flatMap { ValidityBitmap(words: $0, rowCount: chunk.valueCount) }
    let values = decoder.finish(DecodedRows(rowCount: chunk.valueCount, validity: bitmap))
    return ParquetColumnValues(
      rowCount: chunk.valueCount, values: values, validity: bitmap?.words)
  }

  private mutating func readPage<Decoder: ChunkDecoder>(
    into decoder: inout Decoder
  ) throws(ParquetError) {
    let start = position
    let isFirstDataPage = chunk.filePosition + start == chunk.firstDataPagePosition
    guard isFirstDataPage || rows.rowCount > 0 || chunk.dictionaryPagePosition != nil else {
      throw malformed("a page before the first", at: start)
    }
    let header = try readHeader()
    do throws(PageFault) {
      var page = try readBody(header)
      switch header.type {
      case .dictionary:
        guard start == 0, chunk.dictionaryPagePosition != nil, header.encoding == .plain else {
          throw PageFault.malformed("a dictionary page out of place")
        }
        try decoder.readDictionary(&page, entryCount: header.valueCount)
      case .data:
        guard isFirstDataPage || rows.rowCount > 0 else {
          throw PageFault.malformed("a data page in the dictionary's place")
        }
        try readData(&page, header, into: &decoder)
      }
      try page.requireEnd(of: "values")
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
    guard header.byteCount <= pageByteCountMax else {
      throw .unsupported(
        "a page of \(header.byteCount) bytes; the reader's limit is \(pageByteCountMax)")
    }
    guard chunk.encodings.contains(header.encoding) else {
      throw malformed("a page in \(header.encoding), which the footer does not list", at: start)
    }
    position = input.position
    uncompressedByteCount += input.position - start + header.byteCount
    return header
  }

  private mutating func readBody(
    _ header: DecodedPageHeader
  ) throws(PageFault) -> PageInput {
    let range = position..<position + header.compressedByteCount
    position = range.upperBound
    return try decompressor.decompress(bytes, range, byteCount: header.byteCount)
  }

  /// Repetition levels would come first; a flat column has none. Required columns have no
  /// definition levels either.
  private mutating func readData<Decoder: ChunkDecoder>(
    _ page: inout PageInput, _ header: DecodedPageHeader, into decoder: inout Decoder
  ) throws(PageFault) {
    let rowCount = header.valueCount
    guard rowCount > 0, rowCount <= chunk.valueCount - rows.rowCount else {
      throw .malformed("a page of \(rowCount) rows")
    }
    var presentCount = rowCount
    if column.isOptional {
      var levels = try page.split(page.readLength())
      presentCount = try rows.append(levels: &levels, count: rowCount)
    } else {
      rows.appendPresent(rowCount)
    }
    try decoder.readValues(&page, encoding: header.encoding, count: presentCount)
  }

  // MARK: - Errors

  private borrowing func malformed(_ what: String, at index: Int) -> ParquetError {
    .malformed("column '\(column.name)': \(what)", filePosition: chunk.filePosition + index)
  }

  private borrowing func converted(_ fault: PageFault, at index: Int) -> ParquetError {
    switch fault {
    case .malformed(let what): malformed(what, at: index)
    case .unsupported(let what): .unsupported("column '\(column.name)': \(what)")
    }
  }
}
