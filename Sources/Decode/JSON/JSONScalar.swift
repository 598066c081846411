import Base

/// One scalar value of a field, ready for the wire.
enum WireScalar {
  case varint(UInt64)
  case four(UInt32)
  case eight(UInt64)
  case bytes([UInt8])

  /// Whether a field without presence leaves it out. Minus zero is none.
  var isZero: Bool {
    switch self {
    case .varint(let value): value == 0
    case .four(let value): value == 0
    case .eight(let value): value == 0
    case .bytes(let bytes): bytes.isEmpty
    }
  }

  /// Appends the value without its tag.
  func append(to writer: inout ByteWriter) {
    switch self {
    case .varint(let value): writer.append(varint: value)
    case .four(let value): writer.append(littleEndian: value)
    case .eight(let value): writer.append(littleEndian: value)
    case .bytes(let bytes): writer.append(lengthPrefixed: bytes)
    }
  }
}

/// JSON's values as the scalar types of Protobuf.
///
/// Source: protobuf.dev, "ProtoJSON Format". Whole numbers may be written as texts, with a decimal
/// point or an exponent as long as they are whole; NaN and infinities are texts.
struct ScalarReader {
  /// Whether a number, or `true`, may stand where a text is expected: YAML does not tell them
  /// apart.
  let takesPlainText: Bool

  func read(
    _ value: JSONValue, _ type: FieldType, _ names: EnumType?, at path: String
  ) throws(MessageFault) -> WireScalar {
    switch type {
    case .int32: .varint(UInt64(bitPattern: Int64(try whole(value, Int32.self, path))))
    case .int64: .varint(UInt64(bitPattern: try whole(value, Int64.self, path)))
    case .uint32: .varint(UInt64(try whole(value, UInt32.self, path)))
    case .uint64: .varint(try whole(value, UInt64.self, path))
    case .sint32: .varint(Self.zigzag(Int64(try whole(value, Int32.self, path))))
    case .sint64: .varint(Self.zigzag(try whole(value, Int64.self, path)))
    case .fixed32: .four(try whole(value, UInt32.self, path))
    case .sfixed32: .four(UInt32(bitPattern: try whole(value, Int32.self, path)))
    case .fixed64: .eight(try whole(value, UInt64.self, path))
    case .sfixed64: .eight(UInt64(bitPattern: try whole(value, Int64.self, path)))
    case .double: .eight(try double(value, path).bitPattern)
    case .float: .four(try float(value, path).bitPattern)
    case .bool: .varint(try bool(value, path) ? 1 : 0)
    case .string: .bytes(Array(try text(value, path).utf8))
    case .bytes: .bytes(try bytes(value, path))
    case .enumeration:
      .varint(UInt64(bitPattern: Int64(try enumeration(value, names, path))))
    case .message, .group: preconditionFailure("a message is no scalar")
    }
  }

  private static func zigzag(_ value: Int64) -> UInt64 {
    UInt64(bitPattern: value << 1 ^ value >> 63)
  }

  // MARK: - Numbers

  private func whole<Value: FixedWidthInteger>(
    _ value: JSONValue, _ type: Value.Type, _ path: String
  ) throws(MessageFault) -> Value {
    let text: String
    switch value {
    case .number(let number): text = number.text
    case .string(let string): text = string
    default: throw MessageFault(path, "expected a whole number; found \(value.kindText)")
    }
    if let exact = Value(text), !text.hasPrefix("+") { return exact }
    // 1.0 and 1e3 are whole numbers as well.
    if let double = Self.decimal(text), let exact = Value(exactly: double) { return exact }
    let range = "a whole number from \(Value.min) to \(Value.max)"
    throw MessageFault(path, "\(value.shown) is out of range or no number; expected \(range)")
  }

  private func double(_ value: JSONValue, _ path: String) throws(MessageFault) -> Double {
    switch value {
    case .number(let number):
      if let double = Self.decimal(number.text) { return double }
      throw MessageFault(path, "\(value.shown) is beyond the range of a double")
    case .string("NaN"): return .nan
    case .string("Infinity"): return .infinity
    case .string("-Infinity"): return -.infinity
    case .string(let text):
      if let double = Self.decimal(text) { return double }
    default: break
    }
    let yaml = [".nan": "NaN", ".inf": "Infinity", "-.inf": "-Infinity"]
    let meant = value.stringValue.flatMap { yaml[$0.lowercased()] }
    throw MessageFault(
      path, "expected a number; found \(value.shown)", suggestion: meant.map { "write \($0)" })
  }

  private func float(_ value: JSONValue, _ path: String) throws(MessageFault) -> Float {
    let double = try double(value, path)
    let float = Float(double)
    guard float.isFinite || !double.isFinite else {
      throw MessageFault(path, "\(value.shown) is beyond the range of a float")
    }
    return float
  }

  /// A finite decimal number, which `Double` reads beside hexadecimal ones and words.
  private static func decimal(_ text: String) -> Double? {
    guard text.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }),
      let value = Double(text), value.isFinite
    else { return nil }
    return value
  }

  // MARK: - Others

  private func bool(_ value: JSONValue, _ path: String) throws(MessageFault) -> Bool {
    if let bool = value.boolValue { return bool }
    throw MessageFault(path, "expected true or false; found \(value.shown)")
  }

  private func text(_ value: JSONValue, _ path: String) throws(MessageFault) -> String {
    switch value {
    case .string(let text): return text
    case .number(let number) where takesPlainText: return number.text
    case .bool(let bool) where takesPlainText: return bool ? "true" : "false"
    default: throw MessageFault(path, "expected a text; found \(value.shown)")
    }
  }

  private func bytes(_ value: JSONValue, _ path: String) throws(MessageFault) -> [UInt8] {
    if let bytes = Base64Text.bytes(try text(value, path)) { return bytes }
    throw MessageFault(path, "\(value.shown) is not base64, as the JSON mapping has bytes")
  }

  private func enumeration(
    _ value: JSONValue, _ names: EnumType?, _ path: String
  ) throws(MessageFault) -> Int32 {
    guard let names else { preconditionFailure("an enum field names its type") }
    var number: Int32?
    switch value {
    case .string(let name):
      if let named = names.values.first(where: { $0.name == name }) { return named.number }
      number = Int32(name)
    case .number(let text): number = Self.decimal(text.text).flatMap { Int32(exactly: $0) }
    default: break
    }
    if let number, !names.isClosed || names.name(of: number) != nil { return number }
    let known = names.values.map(\.name)
    throw MessageFault(
      path, "\(value.shown) is no value of the enum \(names.name)",
      suggestion: value.stringValue.flatMap { Spelling.suggestion(for: $0, among: known) }
        ?? "the values are \(known.prefix(20).joined(separator: ", "))")
  }
}

extension JSONValue {
  /// What it is, for messages.
  var kindText: String {
    switch self {
    case .null: "null"
    case .bool: "true or false"
    case .number: "a number"
    case .string: "a text"
    case .array: "a list"
    case .object: "an object"
    }
  }

  /// What it is, with its value where that is short.
  var shown: String {
    switch self {
    case .null, .array, .object: kindText
    case .bool(let value): "\(value)"
    case .number(let number): number.text
    case .string(let text): PlainText.shown(text)
    }
  }
}
