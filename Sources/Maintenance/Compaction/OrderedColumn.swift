import Parquet
import Telemetry

/// One column of rows that are being brought into order: filled from the row groups of many files,
/// each value put in its place at once.
struct OrderedColumn {
  private let type: ParquetType
  /// One of these has an element a row, by the type; stored apart, so that filling one is in place.
  private var booleans: [Bool] = []
  private var int32s: [Int32] = []
  private var int64s: [Int64] = []
  private var floats: [Float] = []
  private var doubles: [Double] = []
  /// Indexes into `words`.
  private var indexes: [UInt32] = []
  /// Bit `row % 64` of word `row / 64`.
  private var validity: [UInt64]
  private var presentCount = 0
  private var words = WordTable()
  /// Of the word table, once it is complete.
  private var dictionary: ByteStrings?
  private let rowCount: Int

  init(_ type: ParquetType, rowCount: Int) {
    self.rowCount = rowCount
    validity = Array(repeating: 0, count: (rowCount + 63) / 64)
    self.type = type
    switch type {
    case .boolean: booleans = Array(repeating: false, count: rowCount)
    case .int32, .date: int32s = Array(repeating: 0, count: rowCount)
    case .int64, .timestampMicros: int64s = Array(repeating: 0, count: rowCount)
    case .float: floats = Array(repeating: 0, count: rowCount)
    case .double: doubles = Array(repeating: 0, count: rowCount)
    case .string, .binary:
      indexes = Array(repeating: ColumnValues.absentWord, count: rowCount)
    }
  }

  // MARK: - Filling

  /// Puts rows of a row group into their places.
  /// - Parameters:
  ///   - rows: which rows; nil for all of them.
  ///   - places: of each of these rows its place among the ordered ones.
  mutating func put(
    _ column: ParquetColumnValues, rows: [UInt32]?, at places: ArraySlice<UInt32>
  ) {
    note(column.validity, rows, places)
    switch column.values {
    case .boolean(let source): scatter(source, rows, places, into: &booleans)
    case .int32(let source): scatter(source, rows, places, into: &int32s)
    case .int64(let source): scatter(source, rows, places, into: &int64s)
    case .float(let source): scatter(source, rows, places, into: &floats)
    case .double(let source): scatter(source, rows, places, into: &doubles)
    case .constantInteger(let value):
      if int32s.isEmpty {
        for place in places { int64s[Int(place)] = value }
      } else {
        for place in places { int32s[Int(place)] = Int32(truncatingIfNeeded: value) }
      }
    case .words, .constantWord, .byteStrings: put(words: column, rows, places)
    }
  }

  private mutating func put(
    words column: ParquetColumnValues, _ rows: [UInt32]?, _ places: ArraySlice<UInt32>
  ) {
    let source = WordColumn(column)
    var own = [UInt32](repeating: WordTable.none, count: source.wordCount)
    for (number, place) in places.enumerated() {
      let row = rows.map { Int($0[number]) } ?? number
      guard let word = source.word(row) else { continue }
      if own[word] == WordTable.none {
        let bytes = source.bytes(word)
        own[word] = unsafe words.intern(bytes.span.bytes)
      }
      indexes[Int(place)] = own[word]
    }
  }

  private mutating func note(
    _ present: [UInt64]?, _ rows: [UInt32]?, _ places: ArraySlice<UInt32>
  ) {
    for (number, place) in places.enumerated() {
      let row = rows.map { Int($0[number]) } ?? number
      if let present, present[row >> 6] >> UInt64(row & 63) & 1 == 0 { continue }
      validity[Int(place >> 6)] |= 1 << UInt64(place & 63)
      presentCount += 1
    }
  }

  // MARK: - Taking

  /// Ends the filling.
  mutating func seal() {
    if type != .string && type != .binary { return }
    let storage = words.storage
    dictionary = ByteStrings(bytes: storage.bytes, starts: storage.starts)
    words = WordTable()
  }

  /// Bytes of a row's word; 0 where it has none, and for numbers.
  func wordByteCount(_ row: Int) -> Int {
    guard let dictionary, indexes[row] != ColumnValues.absentWord else { return 0 }
    return dictionary.starts[Int(indexes[row]) + 1] - dictionary.starts[Int(indexes[row])]
  }

  /// Rows `range`, as a row group takes them.
  func slice(_ range: Range<Int>) -> (values: ColumnValues, validity: [UInt64]?) {
    let part: ColumnValues =
      switch type {
      case .boolean: .boolean(Array(booleans[range]))
      case .int32, .date: .int32(Array(int32s[range]))
      case .int64, .timestampMicros: .int64(Array(int64s[range]))
      case .float: .float(Array(floats[range]))
      case .double: .double(Array(doubles[range]))
      case .string, .binary:
        .words(
          indexes: Array(indexes[range]),
          dictionary: dictionary ?? ByteStrings(bytes: [], starts: [0]))
      }
    return (part, presentCount == rowCount ? nil : bits(range))
  }

  private func bits(_ range: Range<Int>) -> [UInt64] {
    let shift = UInt64(range.lowerBound & 63)
    let first = range.lowerBound >> 6
    var bits: [UInt64] = []
    for index in 0..<(range.count + 63) / 64 {
      var word = validity[first + index] >> shift
      if shift > 0, first + index + 1 < validity.count {
        word |= validity[first + index + 1] << (64 - shift)
      }
      bits.append(word)
    }
    // None is set beyond the rows.
    if range.count & 63 != 0 { bits[bits.count - 1] &= (1 << UInt64(range.count & 63)) - 1 }
    return bits
  }
}

/// A column of texts of a row group, whatever form it was read in: of each row the number of its
/// word.
struct WordColumn {
  private enum Form {
    case words([UInt32], ByteStrings)
    case constant([UInt8])
    case strings(ByteStrings)
  }

  private let form: Form
  private let validity: [UInt64]?

  init(_ column: ParquetColumnValues) {
    validity = column.validity
    switch column.values {
    case .words(let indexes, let dictionary): form = .words(indexes, dictionary)
    case .constantWord(let word): form = .constant(word)
    case .byteStrings(let strings): form = .strings(strings)
    default: preconditionFailure("a column of texts is read as texts")
    }
  }

  var wordCount: Int {
    switch form {
    case .words(_, let dictionary): dictionary.count
    case .constant: 1
    case .strings(let strings): strings.count
    }
  }

  /// Nil where the row has none.
  func word(_ row: Int) -> Int? {
    if let validity, validity[row >> 6] >> UInt64(row & 63) & 1 == 0 { return nil }
    switch form {
    case .words(let indexes, _):
      return indexes[row] == ColumnValues.absentWord ? nil : Int(indexes[row])
    case .constant: return 0
    case .strings: return row
    }
  }

  func bytes(_ word: Int) -> [UInt8] {
    switch form {
    case .words(_, let dictionary): dictionary[word]
    case .constant(let bytes): bytes
    case .strings(let strings): strings[word]
    }
  }
}

// MARK: - Hot loops

private func scatter<Value: BitwiseCopyable>(
  _ source: [Value], _ rows: [UInt32]?, _ places: ArraySlice<UInt32>, into target: inout [Value]
) {
  if let rows {
    for (number, place) in places.enumerated() {
      target[Int(place)] = source[Int(rows[number])]
    }
  } else {
    for (number, place) in places.enumerated() { target[Int(place)] = source[number] }
  }
}
