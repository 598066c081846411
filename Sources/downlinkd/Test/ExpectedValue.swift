import Base
import Pipeline

/// What a column shall have, typed as the column is.
enum ExpectedValue {
  case value(RowValue)
  /// Members that the column's JSON text shall have, whatever else it has.
  case json(JSONValue)

  /// Nil where a column of this type cannot have such a value.
  init?(_ value: JSONValue, _ type: RowType) {
    if value.isNull {
      self = .value(.null)
      return
    }
    switch type {
    case .boolean:
      guard let bool = value.boolValue else { return nil }
      self = .value(.boolean(bool))
    case .integer:
      guard let number = value.int64Value else { return nil }
      self = .value(.integer(number))
    case .float:
      guard let number = Self.double(value) else { return nil }
      self = .value(.float(Float(number)))
    case .double:
      guard let number = Self.double(value) else { return nil }
      self = .value(.double(number))
    case .timestamp:
      guard let micros = value.stringValue.flatMap({ InstantText($0)?.micros }) else { return nil }
      self = .value(.timestamp(micros))
    case .bytes:
      guard let bytes = Self.bytes(value) else { return nil }
      self = .value(.bytes(bytes))
    case .text:
      switch value {
      case .string(let text): self = .value(.text(text))
      case .number(let number): self = .value(.text(number.text))
      case .bool(let bool): self = .value(.text(bool ? "true" : "false"))
      case .object: self = .json(value)
      default: return nil
      }
    }
  }

  /// What to write for a column of this type.
  static func words(for type: RowType) -> String {
    switch type {
    case .boolean: "true or false"
    case .integer: "a whole number"
    case .float, .double: "a number, NaN, Infinity or -Infinity"
    case .text: "a text, or members of its JSON"
    case .bytes: "a text, {hex: 0a01} or {base64: CgE=}"
    case .timestamp: "a time such as 2026-06-09T10:00:00Z"
    }
  }

  private static func double(_ value: JSONValue) -> Double? {
    switch value {
    case .string("NaN"): .nan
    case .string("Infinity"): .infinity
    case .string("-Infinity"): -.infinity
    default: value.doubleValue
    }
  }

  private static func bytes(_ value: JSONValue) -> [UInt8]? {
    if let text = value.stringValue { return Array(text.utf8) }
    guard let members = value.members, members.count == 1 else { return nil }
    let text: String? =
      switch members[0].value {
      case .string(let text): text
      // Digits alone are a number to YAML.
      case .number(let number): number.text
      default: nil
      }
    switch members[0].name {
    case "hex": return text.flatMap { HexText.bytes($0) }
    case "base64": return text.flatMap { Base64Text.bytes($0) }
    default: return nil
    }
  }

  // MARK: - Comparing

  /// - Parameter tolerance: of doubles, relative to the larger of the two.
  func matches(_ found: RowValue, tolerance: Double) -> Bool {
    switch (self, found) {
    case (.value(.double(let left)), .double(let right)):
      return Self.isClose(left, right, tolerance)
    case (.value(.float(let left)), .float(let right)):
      return Self.isClose(Double(left), Double(right), tolerance)
    case (.value(let expected), _): return expected == found
    case (.json(let expected), .text(let text)):
      guard let document = try? JSONValue(parsing: text) else { return false }
      return Self.contains(document, expected, tolerance)
    case (.json, _): return false
    }
  }

  private static func isClose(_ left: Double, _ right: Double, _ tolerance: Double) -> Bool {
    if left == right || left.isNaN && right.isNaN { return true }
    return abs(left - right) <= tolerance * max(abs(left), abs(right))
  }

  /// Whether a document has everything that is expected: members of objects, whole lists.
  private static func contains(
    _ found: JSONValue, _ expected: JSONValue, _ tolerance: Double
  ) -> Bool {
    switch (found, expected) {
    case (.object, .object(let members)):
      return members.allSatisfy { member in
        found[member.name].map { contains($0, member.value, tolerance) } ?? member.value.isNull
      }
    case (.array(let elements), .array(let others)):
      return elements.count == others.count
        && zip(elements, others).allSatisfy { contains($0, $1, tolerance) }
    case (.number, .number):
      guard let left = found.doubleValue, let right = expected.doubleValue else {
        return found == expected
      }
      return isClose(left, right, tolerance)
    default: return found == expected
    }
  }

  /// For people.
  var text: String {
    switch self {
    case .value(let value): value.text
    case .json(let value): value.text
    }
  }
}

extension RowValue {
  /// For people.
  var text: String {
    switch self {
    case .null: "null"
    case .boolean(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .float(let value): Self.number("\(value)")
    case .double(let value): Self.number("\(value)")
    case .text(let text): text.isEmpty ? "\"\"" : PlainText.shown(text)
    case .bytes(let bytes): Self.short("{hex: \(HexText.text(bytes.prefix(41)))}", bytes.count)
    case .timestamp(let micros): Timestamp.text(micros: micros)
    }
  }

  private static func short(_ text: String, _ byteCount: Int) -> String {
    byteCount > 40 ? "\(text.dropLast(3))… of \(byteCount) bytes}" : text
  }

  /// As fixtures have it.
  private static func number(_ text: String) -> String {
    switch text {
    case "nan", "-nan": "NaN"
    case "inf": "Infinity"
    case "-inf": "-Infinity"
    default: text
    }
  }

  /// As JSON, for programs; bytes in hexadecimal.
  var json: JSONValue {
    switch self {
    case .null: .null
    case .boolean(let value): .bool(value)
    case .integer(let value): .int(value)
    case .float(let value): JSONNumber(value).map { .number($0) } ?? .string(text)
    case .double(let value): .double(value) ?? .string(text)
    case .text(let text): .string(text)
    case .bytes(let bytes): .string(HexText.text(bytes))
    case .timestamp(let micros): .string(Timestamp.text(micros: micros))
    }
  }
}
