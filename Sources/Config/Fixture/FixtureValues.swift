internal import Base

extension JSONValue {
  /// A part of a YAML document as JSON. What a plain scalar is follows from its text alone, as
  /// JSON has it: `null`, `true`, `false`, numbers; all else is a text.
  init(_ node: ConfigNode) {
    switch node.content {
    case .scalar(let scalar): self = Self.plain(scalar)
    case .list(let items): self = .array(items.map { JSONValue($0) })
    case .mapping(let entries):
      self = .object(entries.map { JSONMember($0.key, JSONValue($0.value)) })
    case .faulty: self = .null
    }
  }

  private static func plain(_ scalar: ConfigScalar) -> JSONValue {
    if scalar.isNull { return .null }
    if scalar.isQuoted && !scalar.isFromEnvironment { return .string(scalar.text) }
    // The grammar of JSON decides what a number is: 1_000 and 0x10 are texts.
    if let value = try? JSONValue(parsing: scalar.text) {
      switch value {
      case .bool, .number: return value
      default: break
      }
    }
    return .string(scalar.text)
  }
}

extension Reading {
  /// Bytes as a fixture has them: a text, `{hex: 0a01}`, `{base64: CgE=}`; nil for null and, after
  /// it was reported, for anything else.
  func bytes(_ node: ConfigNode, path: String) -> [UInt8]? {
    switch node.content {
    case .scalar(let scalar): return scalar.isNull ? nil : Array(scalar.text.utf8)
    case .faulty: return nil
    case .mapping(let entries) where entries.count == 1:
      guard case .scalar(let scalar) = entries[0].value.content else { break }
      switch entries[0].key {
      case "hex":
        if let bytes = HexText.bytes(scalar.text) { return bytes }
        report(path, "the digits of `hex` are not pairs of 0-9 and a-f")
        return nil
      case "base64":
        if let bytes = Base64Text.bytes(scalar.text) { return bytes }
        report(path, "what stands behind `base64` is none")
        return nil
      default: break
      }
    case .mapping, .list: break
    }
    report(path, "expected a text, {hex: 0a01} or {base64: CgE=}; found \(node.kindText)")
    return nil
  }
}

extension Format where Value == Int64 {
  /// A time with its offset, as microseconds since 1970.
  static var instant: Format<Int64> {
    let expected = "a time such as 2026-06-09T10:00:00Z"
    return Format(expected: expected) { (scalar) throws(ValueFault) in
      if let instant = InstantText(scalar.text) { return instant.micros }
      let withZone = InstantText(scalar.text + "Z") == nil ? nil : scalar.text + "Z"
      throw ValueFault(
        "is no time; expected \(expected)", suggestion: withZone.map { "did you mean `\($0)`?" })
    }
  }

  /// How far time passes.
  static var advance: Format<Int64> { .duration(in: 1...400 * 86_400_000_000) }
}
