// An outline from the text of a `.proto` file.

extension SchemaOutline {
  /// Reads the text of a `.proto` file: proto2, proto3 and editions.
  ///
  /// Nested types come in the order in which the compiler makes them: messages, groups and the
  /// entry types of maps as they are declared. Nothing is checked that an outline does not need: a
  /// registry has compiled the file before it took it.
  package init(text: String) throws(Fault) {
    var parser = OutlineParser(tokens: try ProtoTokens.split(text))
    self.init(package: "", messages: [])
    package = try parser.parseFile(&messages)
  }
}

private struct OutlineParser {
  private let tokens: [ProtoTokens.Token]
  private var position = 0

  init(tokens: [ProtoTokens.Token]) { self.tokens = tokens }

  private var isAtEnd: Bool { position >= tokens.count }

  private func peek(_ distance: Int = 0) -> String? {
    position + distance < tokens.count ? tokens[position + distance].word : nil
  }

  private mutating func take() throws(SchemaOutline.Fault) -> String {
    guard let word = peek() else { throw SchemaOutline.Fault(problem: "the text ends early") }
    position += 1
    return word
  }

  private mutating func expect(_ word: String) throws(SchemaOutline.Fault) {
    let found = try take()
    guard found == word else {
      let line = tokens[position - 1].line
      throw SchemaOutline.Fault(problem: "line \(line): expected `\(word)`, found `\(found)`")
    }
  }

  // MARK: - Statements

  /// Returns the package.
  mutating func parseFile(
    _ messages: inout [SchemaOutline.Message]
  ) throws(SchemaOutline.Fault) -> String {
    var package = ""
    while let word = peek() {
      if word == "package" {
        _ = try take()
        package = ""
        while let part = peek(), part != ";" { package += try take() }
        try expect(";")
      } else {
        try parseStatement(&messages, depth: 1)
      }
    }
    return package
  }

  /// One statement of a file or of a message's, oneof's or extension's body.
  private mutating func parseStatement(
    _ messages: inout [SchemaOutline.Message], depth: Int
  ) throws(SchemaOutline.Fault) {
    // Editions: `export message`, `local enum`.
    if ["export", "local"].contains(peek()), ["message", "enum"].contains(peek(1)) {
      _ = try take()
    }
    switch peek() {
    case "message" where peek(2) == "{":
      _ = try take()
      messages.append(try parseBody(named: take(), depth: depth))
    case "enum" where peek(2) == "{", "service" where peek(2) == "{":
      try skipStatement()
    case "oneof" where peek(2) == "{":
      position += 2
      try parseFields(&messages, depth: depth + 1)
    case "extend":
      while let word = peek(), word != "{" { _ = try take() }
      try parseFields(&messages, depth: depth + 1)
    case "map" where peek(1) == "<":
      while try take() != ">" {}
      let field = try take()
      messages.append(
        SchemaOutline.Message(name: Self.entryName(ofMap: field), isMapEntry: true))
      try skipStatement()
    case "optional", "required", "repeated":
      if peek(1) == "group" { position += 1 } else { return try skipStatement() }
      try parseGroup(&messages, depth: depth)
    case "group" where peek(2) == "=": try parseGroup(&messages, depth: depth)
    default: try skipStatement()
    }
  }

  /// `group Name = 1 [options] { … }`
  private mutating func parseGroup(
    _ messages: inout [SchemaOutline.Message], depth: Int
  ) throws(SchemaOutline.Fault) {
    try expect("group")
    let name = try take()
    while let word = peek(), word != "{" {
      if word == "[" { try skipBalanced() } else { _ = try take() }
    }
    messages.append(try parseBody(named: name, depth: depth))
  }

  private mutating func parseBody(
    named name: String, depth: Int
  ) throws(SchemaOutline.Fault) -> SchemaOutline.Message {
    var message = SchemaOutline.Message(name: name)
    try parseFields(&message.nested, depth: depth + 1)
    return message
  }

  /// `{ … }`, whose declarations belong to the message around it. All that nests comes through
  /// here, so that the stack is bounded; `depth` is that of its statements.
  private mutating func parseFields(
    _ messages: inout [SchemaOutline.Message], depth: Int
  ) throws(SchemaOutline.Fault) {
    guard depth <= SchemaOutline.depthMax + 1 else {
      throw SchemaOutline.Fault(
        problem: "messages lie more than \(SchemaOutline.depthMax) deep in each other")
    }
    try expect("{")
    while let word = peek(), word != "}" { try parseStatement(&messages, depth: depth) }
    try expect("}")
  }

  /// Passes over everything to the statement's `;`, or to the `}` of the block that ends it.
  private mutating func skipStatement() throws(SchemaOutline.Fault) {
    let isOption = peek() == "option"
    while true {
      switch peek() {
      case ";":
        _ = try take()
        return
      case "{":
        try skipBalanced()
        // `option (name) = { … };` goes on behind its value.
        if !isOption { return }
      case "[", "(": try skipBalanced()
      case "}", "]", ")": throw unexpected()
      default: _ = try take()
      }
    }
  }

  /// Passes over a bracket, all that is in it, and the one that closes it.
  private mutating func skipBalanced() throws(SchemaOutline.Fault) {
    var depth = 0
    repeat {
      switch try take() {
      case "{", "[", "(": depth += 1
      case "}", "]", ")": depth -= 1
      default: break
      }
    } while depth > 0
  }

  private func unexpected() -> SchemaOutline.Fault {
    SchemaOutline.Fault(
      problem: "line \(tokens[position].line): `\(tokens[position].word)` was not expected")
  }

  /// As protoc names it: `sensor_values` makes `SensorValuesEntry`.
  private static func entryName(ofMap field: String) -> String {
    var name = ""
    var isUpper = true
    for character in field {
      if character == "_" {
        isUpper = true
        continue
      }
      name += isUpper ? character.uppercased() : String(character)
      isUpper = false
    }
    return name + "Entry"
  }
}

/// The words and signs of a `.proto` file, without comments; texts in quotes are one token that is
/// no word.
private enum ProtoTokens {
  struct Token {
    var word: String
    var line: Int
  }

  /// The longest file that is looked at, in bytes.
  private static let byteCountMax = 16 << 20

  static func split(_ text: String) throws(SchemaOutline.Fault) -> [Token] {
    let bytes = Array(text.utf8)
    guard bytes.count <= byteCountMax else {
      throw SchemaOutline.Fault(problem: "it has \(bytes.count) bytes")
    }
    var tokens: [Token] = []
    var index = 0
    var line = 1
    while index < bytes.count {
      let byte = bytes[index]
      let next = index + 1 < bytes.count ? bytes[index + 1] : 0
      let start = index
      if byte == UInt8(ascii: "\n") {
        line += 1
        index += 1
      } else if byte <= 0x20 {
        index += 1
      } else if byte == UInt8(ascii: "/"), next == UInt8(ascii: "/") {
        while index < bytes.count, bytes[index] != UInt8(ascii: "\n") { index += 1 }
      } else if byte == UInt8(ascii: "/"), next == UInt8(ascii: "*") {
        index = try endOfComment(bytes, from: index + 2, &line)
      } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
        index = try endOfText(bytes, from: index, line)
        tokens.append(Token(word: "\"\"", line: line))
      } else if isWord(byte) {
        while index < bytes.count, isWord(bytes[index]) { index += 1 }
        let word = String(decoding: bytes[start..<index], as: UTF8.self)
        tokens.append(Token(word: word, line: line))
      } else {
        index += 1
        tokens.append(Token(word: String(decoding: [byte], as: UTF8.self), line: line))
      }
    }
    return tokens
  }

  /// Dotted names are one word; a package `a . b` is put together again by its reader.
  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."):
      true
    default: false
    }
  }

  private static func endOfComment(
    _ bytes: [UInt8], from start: Int, _ line: inout Int
  ) throws(SchemaOutline.Fault) -> Int {
    var index = start
    while index + 1 < bytes.count {
      if bytes[index] == UInt8(ascii: "*"), bytes[index + 1] == UInt8(ascii: "/") {
        return index + 2
      }
      if bytes[index] == UInt8(ascii: "\n") { line += 1 }
      index += 1
    }
    throw SchemaOutline.Fault(problem: "a comment does not end")
  }

  private static func endOfText(
    _ bytes: [UInt8], from start: Int, _ line: Int
  ) throws(SchemaOutline.Fault) -> Int {
    var index = start + 1
    while index < bytes.count, bytes[index] != UInt8(ascii: "\n") {
      if bytes[index] == bytes[start] { return index + 1 }
      index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
    }
    throw SchemaOutline.Fault(problem: "line \(line): a text in quotes does not end")
  }
}
