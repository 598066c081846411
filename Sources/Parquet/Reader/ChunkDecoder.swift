/// Gathers the present values of a column chunk, page by page. The counterpart of `ChunkValues`:
/// one conforming type for each way values lie in memory, and a page loop specialised for each.
protocol ChunkDecoder {
  /// Reads the entries of the dictionary page, which comes before every data page.
  mutating func readDictionary(_ page: inout PageInput, entryCount: Int) throws(PageFault)

  /// Reads the next `count` present values.
  mutating func readValues(
    _ page: inout PageInput, encoding: Encoding, count: Int
  ) throws(PageFault)

  /// Puts the values where their rows are.
  consuming func finish(_ rows: DecodedRows) -> ColumnValues
}

/// The rows of a chunk whose pages are all read.
struct DecodedRows {
  let rowCount: Int
  /// Nil when every row has a value.
  let validity: ValidityBitmap?

  /// The values with a filler in the place of every absent one. The counterpart of
  /// `ChunkRows.compact`.
  func spread<Value: BitwiseCopyable>(_ dense: consuming [Value], filler: Value) -> [Value] {
    guard let validity else { return dense }
    var values = [Value](repeating: filler, count: rowCount)
    var next = 0
    validity.forEachPresentRow { row in
      values[row] = dense[next]
      next &+= 1
    }
    return values
  }
}

/// Dictionary indexes of a chunk. Those into a dictionary of one entry are counted and not stored:
/// a constant costs nothing a row, here as in the file.
struct DictionaryIndexes {
  /// Nil before the dictionary page.
  var entryCount: Int?
  /// Values at the start of the chunk that are all the sole entry.
  private(set) var soleCount = 0

  /// Reads the indexes of a data page into `indexes`, or counts them while `countsSole`.
  mutating func read(
    _ page: inout PageInput, count: Int, countsSole: Bool, into indexes: inout [UInt32]
  ) throws(PageFault) {
    guard let entryCount else { throw .malformed("indexes without a dictionary") }
    let width = Int(try page.readByte())
    if entryCount == 1 && countsSole {
      try RunLengthDecoding.skipSoleIndexes(of: &page, width: width, count: count)
      soleCount += count
    } else {
      try RunLengthDecoding.appendIndexes(
        of: &page, width: width, count: count, below: entryCount, to: &indexes)
    }
  }

  /// Hands over the values counted so far, which are then to be stored.
  mutating func takeSoleCount() -> Int {
    defer { soleCount = 0 }
    return soleCount
  }
}

// MARK: - Booleans

/// Booleans: PLAIN is one bit a value, RLE runs of width 1; they have no dictionary.
struct BooleanDecoder: ChunkDecoder {
  private var values: [Bool] = []

  mutating func readDictionary(_ page: inout PageInput, entryCount: Int) throws(PageFault) {
    throw .unsupported("a dictionary of booleans")
  }

  mutating func readValues(
    _ page: inout PageInput, encoding: Encoding, count: Int
  ) throws(PageFault) {
    if encoding == .runLength { return try readRuns(&page, count: count) }
    guard encoding == .plain else { throw .unsupported("booleans in encoding \(encoding)") }
    let start = try page.take((count + 7) / 8).lowerBound
    let bytes = page.bytes.span
    values.append(addingCapacity: count) { output in
      for index in 0..<count {
        output.append(bytes[start &+ index &>> 3] &>> UInt8(index & 7) & 1 == 1)
      }
    }
  }

  /// With its length before it, in pages of both versions (Encodings.md, RLE = 3).
  private mutating func readRuns(_ page: inout PageInput, count: Int) throws(PageFault) {
    var runs = try page.split(page.readLength())
    var bits: [UInt32] = []
    try RunLengthDecoding.appendIndexes(of: &runs, width: 1, count: count, below: 2, to: &bits)
    values.append(addingCapacity: count) { output in
      for bit in bits { output.append(bit == 1) }
    }
  }

  consuming func finish(_ rows: DecodedRows) -> ColumnValues {
    .boolean(rows.spread(values, filler: false))
  }
}

// MARK: - Numbers

/// Integers, dates, times, floats and doubles.
struct FixedWidthDecoder<Value: DecodableValue>: ChunkDecoder {
  private var dictionary: [Value] = []
  private var indexes = DictionaryIndexes()
  private var values: [Value] = []
  /// Of one page; kept for its memory.
  private var pageIndexes: [UInt32] = []

  mutating func readDictionary(_ page: inout PageInput, entryCount: Int) throws(PageFault) {
    try Value.appendPlain(of: &page, count: entryCount, to: &dictionary)
    indexes.entryCount = entryCount
  }

  mutating func readValues(
    _ page: inout PageInput, encoding: Encoding, count: Int
  ) throws(PageFault) {
    if encoding == .dictionary {
      pageIndexes.removeAll(keepingCapacity: true)
      try indexes.read(
        &page, count: count, countsSole: values.isEmpty, into: &pageIndexes)
      Self.gather(pageIndexes, from: dictionary, into: &values)
    } else {
      storeSoleValues()
      try Value.append(of: &page, encoding: encoding, count: count, to: &values)
    }
  }

  consuming func finish(_ rows: DecodedRows) -> ColumnValues {
    if indexes.soleCount > 0, let constant = Value.constant(dictionary[0]) { return constant }
    storeSoleValues()
    return Value.columnValues(rows.spread(values, filler: 0))
  }

  private mutating func storeSoleValues() {
    let count = indexes.takeSoleCount()
    if count > 0 { values.append(contentsOf: repeatElement(dictionary[0], count: count)) }
  }

  /// The indexes were compared with the dictionary's size when they were read.
  private static func gather(
    _ indexes: [UInt32], from dictionary: [Value], into values: inout [Value]
  ) {
    values.append(addingCapacity: indexes.count) { output in
      for index in indexes { output.append(dictionary[Int(index)]) }
    }
  }
}

// MARK: - Strings

/// Strings and binary, as words: the dictionary's entries, then every string that is not among
/// them, each a word of its own.
struct ByteStringDecoder: ChunkDecoder {
  private let limits: ParquetReaderLimits
  private var bytes: [UInt8] = []
  private var starts = [0]
  private var indexes = DictionaryIndexes()
  /// The word of each value.
  private var words: [UInt32] = []

  init(limits: ParquetReaderLimits) { self.limits = limits }

  mutating func readDictionary(_ page: inout PageInput, entryCount: Int) throws(PageFault) {
    for _ in 0..<entryCount { try appendString(of: &page) }
    indexes.entryCount = entryCount
  }

  mutating func readValues(
    _ page: inout PageInput, encoding: Encoding, count: Int
  ) throws(PageFault) {
    switch encoding {
    case .dictionary:
      try indexes.read(&page, count: count, countsSole: words.isEmpty, into: &words)
    case .plain:
      storeSoleWords()
      for _ in 0..<count {
        words.append(UInt32(truncatingIfNeeded: starts.count - 1))
        try appendString(of: &page)
      }
    case .deltaLengthByteArray, .deltaByteArray:
      storeSoleWords()
      let first = UInt32(truncatingIfNeeded: starts.count - 1)
      try DeltaStrings.append(
        of: &page, encoding: encoding, count: count, bytes: &bytes, starts: &starts,
        limits: limits)
      words.append(contentsOf: first..<first + UInt32(count))
    case .runLength, .deltaBinaryPacked, .byteStreamSplit, .plainDictionary, .bitPacked:
      throw .unsupported("strings in encoding \(encoding)")
    }
  }

  consuming func finish(_ rows: DecodedRows) -> ColumnValues {
    if indexes.soleCount > 0 && words.isEmpty { return .constantWord(bytes) }
    return .words(
      indexes: rows.spread(words, filler: ColumnValues.absentWord),
      dictionary: ByteStrings(bytes: bytes, starts: starts))
  }

  private mutating func storeSoleWords() {
    words.append(contentsOf: repeatElement(0, count: indexes.takeSoleCount()))
  }

  private mutating func appendString(of page: inout PageInput) throws(PageFault) {
    let range = try page.take(page.readLength())
    bytes.append(contentsOf: page.bytes[range])
    starts.append(bytes.count)
  }
}
