/// Why bytes are not the JSON we read, and where.
package struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is wrong, in words for the person who reads the log.
  package enum Reason: String, Sendable {
    case unexpectedEnd = "the text ends inside a value"
    case unexpectedByte = "no value, or no separator, begins with this byte"
    case trailingBytes = "more text follows the value"
    case tooDeep = "values are nested too deeply"
    case malformedNumber = "this is not a JSON number"
    case malformedEscape = "this is not an escape sequence of JSON"
    case loneSurrogate = "half of a surrogate pair stands alone"
    case invalidUTF8 = "the string is not UTF-8"
    case controlInString = "a control character in a string must be escaped"
    case duplicateName = "the object has two members of this name"
  }

  package let reason: Reason
  /// The byte where the fault begins, counted from 0.
  package let filePosition: Int

  package init(reason: Reason, filePosition: Int) {
    self.reason = reason
    self.filePosition = filePosition
  }

  package var description: String { "at byte \(filePosition): \(reason.rawValue)" }
}

extension JSONValue {
  /// Nesting that the parser accepts; Delta's and our own documents stay below ten.
  package static let depthMax = 64

  /// Reads one JSON document and nothing after it (white space excepted).
  ///
  /// Strict: RFC 8259's grammar and UTF-8, no byte order mark, no member twice. Cost: linear.
  package init(parsing bytes: [UInt8]) throws(JSONError) {
    try self.init(parsing: bytes[...])
  }

  /// As above; positions in errors count from the start of the slice.
  package init(parsing bytes: ArraySlice<UInt8>) throws(JSONError) {
    var parser = JSONParser(bytes)
    self = try parser.parseDocument()
  }

  package init(parsing text: String) throws(JSONError) {
    try self.init(parsing: Array(text.utf8))
  }
}

/// A cursor over the bytes of one document.
///
/// **Invariants:** `start ≤ position ≤ end`; recursion is bounded by `JSONValue.depthMax`.
private struct JSONParser {
  private let bytes: ArraySlice<UInt8>
  private var position: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  mutating func parseDocument() throws(JSONError) -> JSONValue {
    let value = try parseValue(depth: 0)
    skipWhiteSpace()
    if position < bytes.endIndex { throw error(.trailingBytes) }
    return value
  }

  private mutating func parseValue(depth: Int) throws(JSONError) -> JSONValue {
    skipWhiteSpace()
    switch try peek() {
    case UInt8(ascii: "{"):
      if depth == JSONValue.depthMax { throw error(.tooDeep) }
      return .object(try parseMembers(depth: depth + 1))
    case UInt8(ascii: "["):
      if depth == JSONValue.depthMax { throw error(.tooDeep) }
      return .array(try parseElements(depth: depth + 1))
    case UInt8(ascii: "\""): return .string(try parseString())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      return .number(try parseNumber())
    case UInt8(ascii: "t"): return try parseWord("true", .bool(true))
    case UInt8(ascii: "f"): return try parseWord("false", .bool(false))
    case UInt8(ascii: "n"): return try parseWord("null", .null)
    default: throw error(.unexpectedByte)
    }
  }

  private mutating func parseMembers(depth: Int) throws(JSONError) -> [JSONMember] {
    position += 1
    skipWhiteSpace()
    if try accept(UInt8(ascii: "}")) { return [] }
    var members: [JSONMember] = []
    var names: Set<[UInt8]> = []
    while true {
      skipWhiteSpace()
      let namePosition = position
      guard try peek() == UInt8(ascii: "\"") else { throw error(.unexpectedByte) }
      let name = try parseString()
      guard names.insert(Array(name.utf8)).inserted else {
        throw error(.duplicateName, at: namePosition)
      }
      skipWhiteSpace()
      guard try accept(UInt8(ascii: ":")) else { throw error(.unexpectedByte) }
      members.append(JSONMember(name, try parseValue(depth: depth)))
      skipWhiteSpace()
      if try accept(UInt8(ascii: "}")) { return members }
      guard try accept(UInt8(ascii: ",")) else { throw error(.unexpectedByte) }
    }
  }

  private mutating func parseElements(depth: Int) throws(JSONError) -> [JSONValue] {
    position += 1
    skipWhiteSpace()
    if try accept(UInt8(ascii: "]")) { return [] }
    var elements: [JSONValue] = []
    while true {
      elements.append(try parseValue(depth: depth))
      skipWhiteSpace()
      if try accept(UInt8(ascii: "]")) { return elements }
      guard try accept(UInt8(ascii: ",")) else { throw error(.unexpectedByte) }
    }
  }

  private mutating func parseWord(
    _ word: StaticString, _ value: JSONValue
  ) throws(JSONError) -> JSONValue {
    for byte in word.description.utf8 {
      guard try accept(byte) else { throw error(.unexpectedByte) }
    }
    return value
  }
}

// MARK: - Numbers

extension JSONParser {
  private mutating func parseNumber() throws(JSONError) -> JSONNumber {
    let start = position
    skip(UInt8(ascii: "-"))
    if !skip(UInt8(ascii: "0")) { try skipDigits(numberStart: start) }
    if skip(UInt8(ascii: ".")) { try skipDigits(numberStart: start) }
    if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
      if !skip(UInt8(ascii: "+")) { skip(UInt8(ascii: "-")) }
      try skipDigits(numberStart: start)
    }
    // A digit here follows a leading zero: 01 is not a number.
    if position < bytes.endIndex, isDigit(bytes[position]) {
      throw error(.malformedNumber, at: start)
    }
    return JSONNumber(validatedText: String(decoding: bytes[start..<position], as: UTF8.self))
  }

  private mutating func skipDigits(numberStart: Int) throws(JSONError) {
    let start = position
    while position < bytes.endIndex, isDigit(bytes[position]) { position += 1 }
    if position == start { throw error(.malformedNumber, at: numberStart) }
  }

  private func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }
}

// MARK: - Strings

extension JSONParser {
  private mutating func parseString() throws(JSONError) -> String {
    let quotePosition = position
    position += 1
    var runStart = position
    var unescaped: [UInt8] = []
    while true {
      switch try peek() {
      case UInt8(ascii: "\""):
        let run = bytes[runStart..<position]
        position += 1
        // Most strings have no escapes: those are validated in place, without a copy.
        let text =
          unescaped.isEmpty
          ? String(validating: run, as: UTF8.self)
          : String(validating: unescaped + run, as: UTF8.self)
        guard let text else { throw error(.invalidUTF8, at: quotePosition) }
        return text
      case UInt8(ascii: "\\"):
        unescaped.append(contentsOf: bytes[runStart..<position])
        try parseEscape(into: &unescaped)
        runStart = position
      case 0..<0x20: throw error(.controlInString)
      default: position += 1
      }
    }
  }

  private mutating func parseEscape(into target: inout [UInt8]) throws(JSONError) {
    let start = position
    position += 1
    let kind = try peek()
    position += 1
    switch kind {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): target.append(kind)
    case UInt8(ascii: "b"): target.append(0x08)
    case UInt8(ascii: "f"): target.append(0x0C)
    case UInt8(ascii: "n"): target.append(0x0A)
    case UInt8(ascii: "r"): target.append(0x0D)
    case UInt8(ascii: "t"): target.append(0x09)
    case UInt8(ascii: "u"): try parseUnicodeEscape(start: start, into: &target)
    default: throw error(.malformedEscape, at: start)
    }
  }

  /// The four digits after `\u`, and the second half of a surrogate pair where one must follow.
  private mutating func parseUnicodeEscape(
    start: Int, into target: inout [UInt8]
  ) throws(JSONError) {
    var code = try parseFourHexDigits(escapeStart: start)
    if (0xD800..<0xDC00).contains(code) {
      guard skip(UInt8(ascii: "\\")), skip(UInt8(ascii: "u")) else {
        throw error(.loneSurrogate, at: start)
      }
      let low = try parseFourHexDigits(escapeStart: start)
      guard (0xDC00..<0xE000).contains(low) else { throw error(.loneSurrogate, at: start) }
      code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(code) else { throw error(.loneSurrogate, at: start) }
    target.append(contentsOf: String(scalar).utf8)
  }

  private mutating func parseFourHexDigits(escapeStart: Int) throws(JSONError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      let byte = try peek()
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: throw error(.malformedEscape, at: escapeStart)
      }
      code = code << 4 | UInt32(digit)
      position += 1
    }
    return code
  }
}

// MARK: - Cursor

extension JSONParser {
  private func peek() throws(JSONError) -> UInt8 {
    guard position < bytes.endIndex else { throw error(.unexpectedEnd) }
    return bytes[position]
  }

  /// Steps over `byte` if it is next; at the end of the text that is an error.
  private mutating func accept(_ byte: UInt8) throws(JSONError) -> Bool {
    guard try peek() == byte else { return false }
    position += 1
    return true
  }

  /// Steps over `byte` if it is next.
  @discardableResult
  private mutating func skip(_ byte: UInt8) -> Bool {
    guard position < bytes.endIndex, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  private mutating func skipWhiteSpace() {
    while position < bytes.endIndex {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return
      }
    }
  }

  private func error(_ reason: JSONError.Reason) -> JSONError { error(reason, at: position) }

  private func error(_ reason: JSONError.Reason, at position: Int) -> JSONError {
    JSONError(reason: reason, filePosition: position - bytes.startIndex)
  }
}
