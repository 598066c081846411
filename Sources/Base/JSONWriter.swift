extension JSONValue {
  /// The canonical text: no white space, members in their order, numbers verbatim, and only what
  /// RFC 8259 section 7 requires escaped (quote, backslash, controls). Text in this form parses
  /// and writes back to the same bytes. Cost: linear.
  package var bytes: [UInt8] {
    var target: [UInt8] = []
    write(into: &target)
    return target
  }

  /// `bytes` as a string.
  package var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Appends the canonical text to `target`.
  package func write(into target: inout [UInt8]) {
    switch self {
    case .null: target.append(contentsOf: "null".utf8)
    case .bool(let value): target.append(contentsOf: (value ? "true" : "false").utf8)
    case .number(let number): target.append(contentsOf: number.text.utf8)
    case .string(let text): Self.write(string: text, into: &target)
    case .array(let elements):
      target.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { target.append(UInt8(ascii: ",")) }
        element.write(into: &target)
      }
      target.append(UInt8(ascii: "]"))
    case .object(let members):
      target.append(UInt8(ascii: "{"))
      for (index, member) in members.enumerated() {
        if index > 0 { target.append(UInt8(ascii: ",")) }
        Self.write(string: member.name, into: &target)
        target.append(UInt8(ascii: ":"))
        member.value.write(into: &target)
      }
      target.append(UInt8(ascii: "}"))
    }
  }

  /// Appends `text` as a quoted JSON string.
  package static func write(string text: String, into target: inout [UInt8]) {
    target.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        target.append(UInt8(ascii: "\\"))
        target.append(byte)
      case 0x08: target.append(contentsOf: #"\b"#.utf8)
      case 0x09: target.append(contentsOf: #"\t"#.utf8)
      case 0x0A: target.append(contentsOf: #"\n"#.utf8)
      case 0x0C: target.append(contentsOf: #"\f"#.utf8)
      case 0x0D: target.append(contentsOf: #"\r"#.utf8)
      case 0..<0x20:
        target.append(contentsOf: #"\u00"#.utf8)
        target.append(byte < 0x10 ? UInt8(ascii: "0") : UInt8(ascii: "1"))
        let low = byte & 0x0F
        target.append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
      default: target.append(byte)
      }
    }
    target.append(UInt8(ascii: "\""))
  }
}
