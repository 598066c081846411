/// Writes one column chunk after the other, each in three phases:
///
///     analyse   leave absent rows out; statistics; choose an encoding on a sample
///     prepare   build the dictionary, as far as it pays
///     write     dictionary page, then data pages: levels, values, compress, append
///
/// Its buffers and the codec's context serve all chunks of a file.
struct ColumnChunkWriter: ~Copyable {
  private let options: ParquetWriterOptions
  private var compressor: PageCompressor
  private var page = PageBuffer()
  private var dictionary = ChunkDictionary()
  private var valueTable = ValueTable()
  private var stringDictionaryBuilder = ByteStringDictionaryBuilder()
  private var seenStrings = SeenStrings()

  init(options: ParquetWriterOptions) {
    self.options = options
    compressor = PageCompressor(options.compression)
  }

  /// Appends the chunk's pages to `output` and returns what the footer has to say of it.
  mutating func write(
    _ values: ColumnValues, validity: [UInt64]?, of leaf: LeafColumn, rowCount: Int,
    to output: inout FileOutput
  ) -> ColumnChunkMetadata {
    let bitmap = validity.flatMap { ValidityBitmap(words: $0, rowCount: rowCount) }
    return write(values, ChunkRows(rowCount: rowCount, validity: bitmap), of: leaf, to: &output)
  }

  /// Appends a chunk of a nested column; `values` is nil where no entry has one.
  mutating func write(
    _ values: ColumnValues?, _ levels: ChunkLevels, of leaf: LeafColumn,
    to output: inout FileOutput
  ) -> ColumnChunkMetadata {
    let rows = ChunkRows(levels, definitionLevelMax: leaf.definitionLevelMax)
    if let values { return write(values, rows, of: leaf, to: &output) }
    return writeAbsent(rows, of: leaf, to: &output)
  }

  /// Appends a chunk without any value: a few bytes, for there are no values and one run of levels.
  mutating func writeAbsent(
    rowCount: Int, of leaf: LeafColumn, to output: inout FileOutput
  ) -> ColumnChunkMetadata {
    let words = [UInt64](repeating: 0, count: (rowCount + 63) / 64)
    let validity = ValidityBitmap(words: words, rowCount: rowCount)
    return writeAbsent(ChunkRows(rowCount: rowCount, validity: validity), of: leaf, to: &output)
  }

  private mutating func writeAbsent(
    _ rows: ChunkRows, of leaf: LeafColumn, to output: inout FileOutput
  ) -> ColumnChunkMetadata {
    dictionary.removeAll()
    let values = ConstantValues(count: 0, statistics: ColumnStatistics())
    return writePages(values, rows, of: leaf, to: &output)
  }

  private mutating func write(
    _ values: ColumnValues, _ rows: ChunkRows, of leaf: LeafColumn, to output: inout FileOutput
  ) -> ColumnChunkMetadata {
    dictionary.removeAll()
    switch values {
    case .boolean(let values):
      return write(booleans: values, rows, of: leaf, to: &output)
    case .int32(let values):
      return write(integers: values, rows, of: leaf, to: &output)
    case .int64(let values):
      return write(integers: values, rows, of: leaf, to: &output)
    case .float(let values):
      return write(floatingPoint: values, rows, of: leaf, to: &output)
    case .double(let values):
      return write(floatingPoint: values, rows, of: leaf, to: &output)
    case .words(let indexes, let dictionary):
      let (references, rows) = rows.references(words: indexes)
      return write(
        ByteStringValues(references: references, strings: dictionary), rows,
        triesDictionary: true, of: leaf, to: &output)
    case .byteStrings(let strings):
      precondition(
        strings.count == rows.rowCount || rows.levels != nil,
        "there is one byte string for every row")
      let references = rows.presentRows()
      let first = RepeatedStrings.firstOccurrences(
        of: references, in: strings, table: &valueTable)
      return write(
        ByteStringValues(references: first ?? references, strings: strings), rows,
        triesDictionary: first != nil, of: leaf, to: &output)
    case .constantInteger(let value):
      return write(constant: .integer(value), rows, of: leaf, to: &output)
    case .constantWord(let word):
      return write(constant: .bytes(word), rows, of: leaf, to: &output)
    }
  }

  // MARK: - Analyse and prepare

  private mutating func write(
    booleans values: [Bool], _ rows: ChunkRows, of leaf: LeafColumn, to output: inout FileOutput
  ) -> ColumnChunkMetadata {
    writePages(BooleanValues(values: rows.compact(values)), rows, of: leaf, to: &output)
  }

  private mutating func write<Value: FixedWidthValue & FixedWidthInteger & SignedInteger>(
    integers values: [Value], _ rows: ChunkRows, of leaf: LeafColumn, to output: inout FileOutput
  ) -> ColumnChunkMetadata where Value.Magnitude: BitwiseCopyable {
    let present = rows.compact(values)
    let choice = EncodingChoice(integers: present.span, options: options, table: &valueTable)
    prepareDictionary(present, choice)
    return writePages(
      FixedWidthValues(values: present, fallbackEncoding: choice.fallback), rows, of: leaf,
      to: &output)
  }

  private mutating func write<Value: FixedWidthValue & BinaryFloatingPoint>(
    floatingPoint values: [Value], _ rows: ChunkRows, of leaf: LeafColumn,
    to output: inout FileOutput
  ) -> ColumnChunkMetadata {
    let present = rows.compact(values)
    let choice = EncodingChoice(floatingPoint: present.span, options: options, table: &valueTable)
    prepareDictionary(present, choice)
    return writePages(
      FixedWidthValues(values: present, fallbackEncoding: choice.fallback), rows, of: leaf,
      to: &output)
  }

  private mutating func prepareDictionary<Value: FixedWidthValue>(
    _ values: [Value], _ choice: EncodingChoice
  ) {
    guard let expectedEntryCount = choice.expectedEntryCount else { return }
    let byteCount = MemoryLayout<Value>.size
    valueTable.reset(expecting: expectedEntryCount)
    valueTable.number(
      values.span, entryCountMax: options.dictionaryByteCountMax / byteCount,
      into: &dictionary.indexes)
    dictionary.appendEntries(valueTable.entries, byteCountEach: byteCount)
    // The sample was wrong, and what the dictionary did take does not repay it.
    let codedCount = dictionary.indexes.count
    let plainByteCount = Double(codedCount * byteCount)
    let isCutShort = codedCount < values.count
    let isTooLarge =
      isCutShort
      && Double(dictionary.byteCountMax) > EncodingChoice.dictionaryShareMax * plainByteCount
    let pays = choice.pays(
      entryCount: dictionary.entryCount, valueCount: codedCount, entryByteCount: byteCount)
    if isTooLarge || !pays { dictionary.removeAll() }
  }

  private mutating func write(
    _ values: ByteStringValues, _ rows: ChunkRows, triesDictionary: Bool, of leaf: LeafColumn,
    to output: inout FileOutput
  ) -> ColumnChunkMetadata {
    if triesDictionary {
      stringDictionaryBuilder.build(
        values, byteCountMax: options.dictionaryByteCountMax, into: &dictionary)
    }
    return writePages(values, rows, of: leaf, to: &output)
  }

  /// A dictionary of one entry; its indexes have no bits, so a page is a single run.
  private mutating func write(
    constant value: ParquetValue, _ rows: ChunkRows, of leaf: LeafColumn,
    to output: inout FileOutput
  ) -> ColumnChunkMetadata {
    let valueCount = rows.valueCount
    var statistics = ColumnStatistics()
    switch value {
    case .integer(let value):
      let byteCount = leaf.physicalType == .int32 ? 4 : 8
      precondition(byteCount == 8 || Int32(exactly: value) != nil, "the constant fits its column")
      statistics.bounds = .known(min: .integer(value), max: .integer(value))
      dictionary.appendEntries([UInt64(bitPattern: value)], byteCountEach: byteCount)
    case .bytes(let bytes):
      let strings = ByteStrings(bytes: bytes, starts: [0, bytes.count])
      var bounds = ByteStringBounds(strings)
      bounds.include(0)
      statistics = bounds.statistics(isText: leaf.column.type == .string)
      dictionary.page.append(plain: 0, of: strings)
      dictionary.entryCount = 1
    default:
      preconditionFailure("constants are integers and words")
    }
    if valueCount == 0 { dictionary.removeAll() }
    return writePages(
      ConstantValues(count: valueCount, statistics: statistics), rows, of: leaf, to: &output)
  }

  // MARK: - Write

  private mutating func writePages<Values: ChunkValues>(
    _ values: Values, _ rows: ChunkRows, of leaf: LeafColumn, to output: inout FileOutput
  ) -> ColumnChunkMetadata {
    precondition(
      values.count == rows.rowCount || leaf.definitionLevelMax > 0,
      "every row of a required column has a value")
    dropCutDictionary(values, of: leaf)
    let start = output.filePosition
    var metadata = ColumnChunkMetadata(rows, Codec(options.compression))
    var pages = EncodingCounts(fallbackEncoding: values.fallbackEncoding)
    if dictionary.entryCount > 0 {
      metadata.dictionaryPagePosition = start
      pages.dictionaryPageCount = 1
      metadata.uncompressedByteCount += writeDictionary(to: &output)
    }
    metadata.firstDataPagePosition = output.filePosition
    var records: [PageRecord] = []
    var row = 0
    var fileRow = 0
    var value = 0
    while row < rows.rowCount {
      let isDictionaryEncoded = usesDictionary(forValue: value, of: values)
      var (rowEnd, valueCount) = rows.advance(
        from: row,
        rowCountMax: values.count == 0
          ? Int(Int32.max) : rowCountMax(isDictionaryEncoded: isDictionaryEncoded),
        valueCountMax: valueCountMax(from: value, of: values, isDictionaryEncoded))
      if leaf.repetitionLevelMax > 0 {
        (rowEnd, valueCount) = rows.pageEnd(from: row, rowEnd)
      }
      page.removeAll()
      appendLevels(row..<rowEnd, of: rows, leaf)
      let pageValues = value..<value + valueCount
      if isDictionaryEncoded {
        pages.dictionaryEncodedPageCount += 1
        appendIndexes(pageValues)
      } else {
        pages.fallbackPageCount += 1
        values.append(pageValues, to: &page)
      }
      var statistics = values.statistics(
        of: pageValues, isText: leaf.column.type == .string, seen: &seenStrings)
      statistics.absentCount = rowEnd - row - valueCount
      metadata.statistics.merge(statistics)
      let position = output.filePosition
      let byteCount = page.count
      let encoding = isDictionaryEncoded ? Encoding.dictionary : values.fallbackEncoding
      metadata.uncompressedByteCount += output.append(page, through: &compressor) {
        PageHeader.data(
          valueCount: rowEnd - row, encoding: encoding, byteCount: byteCount,
          compressedByteCount: $0)
      }
      records.append(
        PageRecord(
          location: PageLocation(
            filePosition: position, byteCount: output.filePosition - position, firstRow: fileRow),
          statistics: statistics))
      fileRow += rows.fileRowCount(row..<rowEnd)
      row = rowEnd
      value += valueCount
    }
    metadata.compressedByteCount = output.filePosition - start
    metadata.encodings = pages.encodings
    metadata.pageCounts = pages.pages
    metadata.index = ChunkIndex(
      pages: records.map(\.location), columnIndex: PageIndex.columnIndex(records, of: leaf),
      bloomFilter: bloomFilter(values, rows, of: leaf))
    return metadata
  }

  /// A row may go on where the dictionary ends, but a page may not change its encoding.
  private mutating func dropCutDictionary<Values: ChunkValues>(
    _ values: Values, of leaf: LeafColumn
  ) {
    if leaf.repetitionLevelMax > 0 && dictionary.codedCount(of: values.count) < values.count {
      dictionary.removeAll()
    }
  }

  /// Appends the dictionary page; returns the bytes it takes uncompressed.
  private mutating func writeDictionary(to output: inout FileOutput) -> Int {
    let (entryCount, byteCount) = (dictionary.entryCount, dictionary.page.count)
    return output.append(dictionary.page, through: &compressor) {
      PageHeader.dictionary(
        entryCount: entryCount, byteCount: byteCount, compressedByteCount: $0)
    }
  }

  /// Nil where nobody asked for one, or where it does not pay.
  private func bloomFilter<Values: ChunkValues>(
    _ values: Values, _ rows: ChunkRows, of leaf: LeafColumn
  ) -> [UInt8]? {
    guard options.bloomFilterColumns.contains(leaf.column.name), leaf.physicalType == .byteArray,
      dictionary.codedCount(of: values.count) == values.count
    else { return nil }
    return BloomFilter.filter(
      forDictionary: dictionary.page.bytes, entryCount: dictionary.entryCount,
      rowCount: rows.rowCount)?.encoded()
  }

  /// Whether the dictionary has the value, or, with no values left, all the values there were.
  private func usesDictionary<Values: ChunkValues>(
    forValue value: Int, of values: Values
  ) -> Bool {
    if dictionary.entryCount == 0 { return false }
    let codedCount = dictionary.codedCount(of: values.count)
    return value < codedCount || codedCount == values.count
  }

  private func rowCountMax(isDictionaryEncoded: Bool) -> Int {
    // A single run, however long: nothing to gain from more pages.
    if isDictionaryEncoded && dictionary.entryCount == 1 { return Int(Int32.max) }
    return options.pageRowCountMax
  }

  private func valueCountMax<Values: ChunkValues>(
    from value: Int, of values: Values, _ isDictionaryEncoded: Bool
  ) -> Int {
    if !isDictionaryEncoded {
      return values.pageEnd(from: value, byteCountMax: options.pageByteCountMax) - value
    }
    // One at least, or a page limit of less than an index would never come to an end.
    let fitting = max(1, options.pageByteCountMax * 8 / max(1, dictionary.indexWidth))
    let left = dictionary.codedCount(of: values.count) - value
    return dictionary.entryCount == 1 ? left : min(fitting, left)
  }

  /// Repetition levels come first; a column that is never repeated has none. Version 1 pages say
  /// the length of the levels before them.
  private mutating func appendLevels(
    _ pageRows: Range<Int>, of rows: ChunkRows, _ leaf: LeafColumn
  ) {
    if let levels = rows.levels {
      if leaf.repetitionLevelMax > 0 {
        RunLengthEncoding.append(
          levels: levels.repetition[pageRows], levelMax: leaf.repetitionLevelMax, to: &page)
      }
      if leaf.definitionLevelMax > 0 {
        RunLengthEncoding.append(
          levels: levels.definition[pageRows], levelMax: leaf.definitionLevelMax, to: &page)
      }
      return
    }
    guard leaf.definitionLevelMax > 0 else { return }
    let start = page.count
    page.append(littleEndian: 0)
    RunLengthEncoding.appendPresence(of: pageRows, in: rows.validity, to: &page)
    let byteCount = page.count - start - 4
    page.overwrite(at: start, littleEndian: UInt32(byteCount))
  }

  private mutating func appendIndexes(_ pageValues: Range<Int>) {
    let width = dictionary.indexWidth
    page.append(UInt8(width))
    if dictionary.entryCount == 1 {
      RunLengthEncoding.appendRepeated(0, count: pageValues.count, width: width, to: &page)
    } else {
      let indexes = dictionary.indexes
      RunLengthEncoding.append(indexes.span.extracting(pageValues), width: width, to: &page)
    }
  }
}

extension ChunkDictionary {
  /// How many of a chunk's values have an index. One entry stands for all of them.
  fileprivate func codedCount(of valueCount: Int) -> Int {
    indexes.isEmpty && entryCount == 1 ? valueCount : indexes.count
  }

  /// Adds entries of 4 or 8 bytes, given as bits.
  fileprivate mutating func appendEntries(_ entries: [UInt64], byteCountEach: Int) {
    if byteCountEach == 8 {
      page.append(memoryOf: entries.span)
    } else {
      // Named, for the span of a temporary array crashes the compiler in debug builds (6.3.1).
      let narrow = entries.map { UInt32(truncatingIfNeeded: $0) }
      page.append(memoryOf: narrow.span)
    }
    entryCount += entries.count
  }
}

extension ColumnChunkMetadata {
  /// Statistics come page by page.
  fileprivate init(_ rows: ChunkRows, _ codec: Codec) {
    self.init(
      codec: codec, valueCount: rows.rowCount, uncompressedByteCount: 0, compressedByteCount: 0,
      dictionaryPagePosition: nil, firstDataPagePosition: 0, statistics: ColumnStatistics())
  }
}
