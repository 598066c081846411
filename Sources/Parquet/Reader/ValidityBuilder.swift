/// Gathers which rows of a chunk have a value, page by page.
///
/// **Invariants:** `words` is empty while only runs of present rows were added; after that it has
/// a bit for each of `rowCount` rows and none set beyond.
struct ValidityBuilder {
  private(set) var rowCount = 0
  private(set) var presentCount = 0
  private var words: [UInt64] = []

  /// Nil when every row has a value.
  var validity: [UInt64]? { presentCount == rowCount ? nil : words }

  /// Adds rows of a required column.
  mutating func appendPresent(_ count: Int) { append(isPresent: true, count: count) }

  /// Adds the rows of a page by their definition levels, 0 or 1; returns how many have a value.
  mutating func append(levels: inout PageInput, count: Int) throws(PageFault) -> Int {
    let before = presentCount
    var runs = try RunLengthDecoding(width: 1, count: count)
    while let run = try runs.next(&levels) {
      switch run {
      case .repeated(let level, let count):
        guard level <= 1 else { throw .malformed("a definition level of \(level)") }
        append(isPresent: level == 1, count: count)
      case .packed(let start, let count):
        append(bitsAt: start, of: levels.bytes, count: count)
      }
    }
    try levels.requireEnd(of: "definition levels")
    return presentCount - before
  }

  private mutating func append(isPresent: Bool, count: Int) {
    if isPresent { presentCount += count }
    if words.isEmpty {
      if isPresent {
        rowCount += count
        return
      }
      startWords()
    }
    var rest = count
    while rest > 0 {
      let step = min(64, rest)
      append(isPresent ? UInt64.max >> UInt64(64 - step) : 0, count: step)
      rest -= step
    }
  }

  /// Adds bits that begin at byte `start`; those of the last byte beyond `count` are nobody's.
  private mutating func append(bitsAt start: Int, of bytes: [UInt8], count: Int) {
    if words.isEmpty { startWords() }
    var (position, rest) = (start, count)
    while rest > 0 {
      let step = min(64, rest)
      var bits: UInt64 = 0
      for index in 0..<(step + 7) / 8 {
        bits |= UInt64(bytes[position + index]) << UInt64(index * 8)
      }
      bits &= UInt64.max >> UInt64(64 - step)
      presentCount += bits.nonzeroBitCount
      append(bits, count: step)
      position += 8
      rest -= step
    }
  }

  private mutating func startWords() {
    words.reserveCapacity(rowCount / 64 + 1)
    words.append(contentsOf: repeatElement(.max, count: rowCount / 64))
    if rowCount % 64 != 0 { words.append(UInt64.max >> UInt64(64 - rowCount % 64)) }
    // Not empty, whatever comes: it would mean that no row is absent.
    if words.isEmpty { words.append(0) }
  }

  /// Adds up to 64 rows; bits beyond `count` are clear.
  private mutating func append(_ bits: UInt64, count: Int) {
    let shift = rowCount & 63
    let word = rowCount >> 6
    rowCount += count
    while words.count * 64 < rowCount { words.append(0) }
    words[word] |= bits << UInt64(shift)
    if shift + count > 64 { words[word + 1] |= bits >> UInt64(64 - shift) }
  }
}
