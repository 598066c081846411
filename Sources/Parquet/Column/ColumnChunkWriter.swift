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

  init(options: ParquetWriterOptions) {
    self.options = options
    compressor = PageCompressor(options.compression)
  }

  /// Appends the chunk's pages to `output` and returns what the footer has to say of it.
  mutating func write(
    _ values: ColumnValues, validity: [UInt64]?, of leaf: LeafColumn, rowCount: Int,
    to output: inout FileOutput
  ) -> ColumnChunkMetadata {
    dictionary.removeAll()
    let bitmap = validity.flatMap { ValidityBitmap(words: $0, rowCount: rowCount) }
    let rows = ChunkRows(rowCount: rowCount, validity: bitmap)
    switch values {
    case .boolean(let values):
      return write(booleans: values, rows, of: leaf, to: &output)
    case .int32(let values):
      return write(integers: values, rows, of: leaf, to: &output)
    case .int64(let values):
      return write(integers: values, rows, of: leaf, to: &output)
    case .float(let values):
      return write(floatingPoint: values, rows, of: leaf, to: &output) { .float($0) }
    case .double(let values):
      return write(floatingPoint: values, rows, of: leaf, to: &output) { .double($0) }
    case .words(let indexes, let dictionary):
      let (references, rows) = rows.references(words: indexes)
      return write(
        ByteStringValues(references: references, strings: dictionary), rows,
        triesDictionary: true, of: leaf, to: &output)
    case .byteStrings(let strings):
      precondition(strings.count == rowCount, "there is one byte string for every row")
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
    let present = rows.compact(values)
    let statistics = ColumnStatistics(booleans: present.span)
    return writePages(BooleanValues(values: present), rows, statistics, of: leaf, to: &output)
  }

  private mutating func write<Value: FixedWidthValue & FixedWidthInteger & SignedInteger>(
    integers values: [Value], _ rows: ChunkRows, of leaf: LeafColumn, to output: inout FileOutput
  ) -> ColumnChunkMetadata where Value.Magnitude: BitwiseCopyable {
    let present = rows.compact(values)
    let statistics = ColumnStatistics(integers: present.span)
    let choice = EncodingChoice(integers: present.span, options: options, table: &valueTable)
    prepareDictionary(present, choice)
    return writePages(
      FixedWidthValues(values: present, fallbackEncoding: choice.fallback), rows, statistics,
      of: leaf, to: &output)
  }

  private mutating func write<Value: FixedWidthValue & BinaryFloatingPoint>(
    floatingPoint values: [Value], _ rows: ChunkRows, of leaf: LeafColumn,
    to output: inout FileOutput, wrap: (Value) -> ParquetValue
  ) -> ColumnChunkMetadata {
    let present = rows.compact(values)
    let statistics = ColumnStatistics(floatingPoint: present.span, wrap: wrap)
    let choice = EncodingChoice(floatingPoint: present.span, options: options, table: &valueTable)
    prepareDictionary(present, choice)
    return writePages(
      FixedWidthValues(values: present, fallbackEncoding: choice.fallback), rows, statistics,
      of: leaf, to: &output)
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
    let plainByteCount = Double(dictionary.indexes.count * byteCount)
    let isCutShort = dictionary.indexes.count < values.count
    if isCutShort
      && Double(dictionary.byteCountMax) > EncodingChoice.dictionaryShareMax * plainByteCount
    {
      dictionary.removeAll()
    }
  }

  private mutating func write(
    _ values: ByteStringValues, _ rows: ChunkRows, triesDictionary: Bool, of leaf: LeafColumn,
    to output: inout FileOutput
  ) -> ColumnChunkMetadata {
    var bounds = ByteStringBounds(values.strings)
    if triesDictionary {
      stringDictionaryBuilder.build(
        values, byteCountMax: options.dictionaryByteCountMax, into: &dictionary, bounds: &bounds)
    } else {
      bounds.include(values, from: 0)
    }
    let statistics = bounds.statistics(isText: leaf.column.type == .string)
    return writePages(values, rows, statistics, of: leaf, to: &output)
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
    if valueCount == 0 {
      statistics = ColumnStatistics()
      dictionary.removeAll()
    }
    return writePages(
      ConstantValues(count: valueCount), rows, statistics, of: leaf, to: &output)
  }

  // MARK: - Write

  private mutating func writePages<Values: ChunkValues>(
    _ values: Values, _ rows: ChunkRows, _ statistics: ColumnStatistics, of leaf: LeafColumn,
    to output: inout FileOutput
  ) -> ColumnChunkMetadata {
    precondition(
      values.count == rows.rowCount || leaf.definitionLevelMax > 0,
      "every row of a required column has a value")
    let start = output.filePosition
    var metadata = ColumnChunkMetadata(rows, statistics, values.fallbackEncoding)
    if dictionary.entryCount > 0 {
      metadata.dictionaryPagePosition = start
      metadata.encodings.dictionaryPageCount = 1
      let (entryCount, byteCount) = (dictionary.entryCount, dictionary.page.count)
      metadata.uncompressedByteCount += output.append(dictionary.page, through: &compressor) {
        PageHeader.dictionary(
          entryCount: entryCount, byteCount: byteCount, compressedByteCount: $0)
      }
    }
    metadata.firstDataPagePosition = output.filePosition
    var row = 0
    var value = 0
    while row < rows.rowCount {
      let isDictionaryEncoded = usesDictionary(forValue: value, of: values)
      let (rowEnd, valueCount) = rows.advance(
        from: row,
        rowCountMax: rowCountMax(isDictionaryEncoded: isDictionaryEncoded),
        valueCountMax: valueCountMax(from: value, of: values, isDictionaryEncoded))
      page.removeAll()
      appendLevels(row..<rowEnd, of: rows, leaf)
      let pageValues = value..<value + valueCount
      if isDictionaryEncoded {
        metadata.encodings.dictionaryEncodedPageCount += 1
        appendIndexes(pageValues)
      } else {
        metadata.encodings.fallbackPageCount += 1
        values.append(pageValues, to: &page)
      }
      let byteCount = page.count
      let encoding = isDictionaryEncoded ? Encoding.dictionary : values.fallbackEncoding
      metadata.uncompressedByteCount += output.append(page, through: &compressor) {
        PageHeader.data(
          valueCount: rowEnd - row, encoding: encoding, byteCount: byteCount,
          compressedByteCount: $0)
      }
      row = rowEnd
      value += valueCount
    }
    metadata.compressedByteCount = output.filePosition - start
    return metadata
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

  /// Repetition levels would come first; a column that is never repeated has none. Version 1
  /// pages say the length of the levels before them.
  private mutating func appendLevels(
    _ pageRows: Range<Int>, of rows: ChunkRows, _ leaf: LeafColumn
  ) {
    precondition(leaf.repetitionLevelMax == 0, "flat columns only, so far")
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
  fileprivate init(
    _ rows: ChunkRows, _ statistics: ColumnStatistics, _ fallbackEncoding: Encoding
  ) {
    var statistics = statistics
    statistics.absentCount = rows.rowCount - rows.valueCount
    self.init(
      encodings: EncodingCounts(fallbackEncoding: fallbackEncoding),
      valueCount: rows.rowCount, uncompressedByteCount: 0, compressedByteCount: 0,
      dictionaryPagePosition: nil, firstDataPagePosition: 0, statistics: statistics)
  }
}
