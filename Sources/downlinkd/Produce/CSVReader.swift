/// Takes comma-separated text apart, one row at a time.
///
/// Source: RFC 4180. Rows end with LF or CRLF; a quoted field may hold delimiters, line ends and
/// doubled quotes; the last row may lack its line end. Beyond it: a byte order mark is skipped, a
/// quote inside an unquoted field stands for itself, and empty lines are skipped.
///
/// **Invariants:** field `i` of the row is `text[fields[i]]`, unescaped, with a 0 byte after it
/// (`NumberText` relies on it). Cost: about 5 ns a byte; no allocation a row in a steady state.
struct CSVReader: ~Copyable {
  /// A row longer than this is taken for a quote that never ends.
  static let rowByteCountMax = 16 << 20

  private var input: ByteInput
  private let delimiter: UInt8
  private var buffer: [UInt8] = []
  private var position = 0
  private var isAtStart = true

  /// The unescaped bytes of the row's fields.
  private(set) var text: [UInt8] = []
  private(set) var fields: [Range<Int>] = []
  /// Line on which the row begins, from 1.
  private(set) var line = 0
  /// Whether something other than a delimiter followed a closing quote: the row cannot be trusted.
  private(set) var isMalformed = false
  private var nextLine = 1

  /// `delimiter` must be neither a quote nor a line end.
  init(_ input: consuming ByteInput, delimiter: UInt8) {
    self.input = input
    self.delimiter = delimiter
  }

  var path: String { input.path }

  /// Share of the file that has been read, where that can be told.
  var share: Double? {
    guard input.isPlain, input.fileByteCount > 0 else { return nil }
    return Double(input.readByteCount - buffer.count + position) / Double(input.fileByteCount)
  }

  /// The bytes of a field of the row.
  func field(_ index: Int) -> ArraySlice<UInt8> { text[fields[index]] }

  private enum State { case fieldStart, plain, quoted, afterQuote }

  /// Reads the next row that is not empty; false at the end of the file.
  ///
  /// Throws `.input` where a quote is never closed: everything behind it would be one field.
  mutating func next() throws(ProduceError) -> Bool {
    repeat {
      guard try readRow() else { return false }
    } while fields.count == 1 && fields[0].isEmpty
    return true
  }

  private mutating func readRow() throws(ProduceError) -> Bool {
    text.removeAll(keepingCapacity: true)
    fields.removeAll(keepingCapacity: true)
    isMalformed = false
    line = nextLine
    var state = State.fieldStart
    var start = 0
    while let byte = try nextByte() {
      if text.count > Self.rowByteCountMax { throw unclosedQuote() }
      switch (state, byte) {
      case (.quoted, UInt8(ascii: "\"")):
        state = .afterQuote
      case (.quoted, _):
        if byte == UInt8(ascii: "\n") { nextLine += 1 }
        text.append(byte)
      case (.afterQuote, UInt8(ascii: "\"")):
        text.append(byte)
        state = .quoted
      case (.fieldStart, UInt8(ascii: "\"")):
        state = .quoted
      case (_, delimiter):
        endField(&start)
        state = .fieldStart
      case (_, UInt8(ascii: "\n")):
        if state != .afterQuote, text.count > start, text.last == UInt8(ascii: "\r") {
          text.removeLast()
        }
        nextLine += 1
        endField(&start)
        return true
      case (.afterQuote, UInt8(ascii: "\r")):
        break
      case (.afterQuote, _):
        isMalformed = true
        text.append(byte)
      default:
        text.append(byte)
        state = .plain
      }
    }
    if state == .quoted { throw unclosedQuote() }
    guard !(state == .fieldStart && fields.isEmpty) else { return false }
    if state == .plain, text.last == UInt8(ascii: "\r") { text.removeLast() }
    endField(&start)
    return true
  }

  private mutating func endField(_ start: inout Int) {
    fields.append(start..<text.count)
    text.append(0)
    start = text.count
  }

  @inline(__always)
  private mutating func nextByte() throws(ProduceError) -> UInt8? {
    if position == buffer.count {
      try input.read(into: &buffer)
      position = 0
      if isAtStart {
        isAtStart = false
        if buffer.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
      }
      if position >= buffer.count { return nil }
    }
    let byte = buffer[position]
    position += 1
    return byte
  }

  private func unclosedQuote() -> ProduceError {
    .input(file: input.path, reason: "a quote opened on line \(line) or later is never closed")
  }
}
