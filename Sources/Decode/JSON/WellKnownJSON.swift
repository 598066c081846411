import Base

/// A `google.protobuf.Duration` in JSON: `1.5s`, `-0.000000001s`.
struct DurationJSON {
  /// Of one sign with `nanos`.
  let seconds: Int64
  let nanos: Int32

  /// The limit of `duration.proto`: about 10,000 years.
  private static let secondsMax: Int64 = 315_576_000_000

  init?(_ text: String) {
    var digits = Array(text.utf8)[...]
    guard digits.popLast() == UInt8(ascii: "s") else { return nil }
    let isNegative = digits.first == UInt8(ascii: "-")
    if isNegative { digits.removeFirst() }
    let parts = digits.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count),
      parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { (0x30...0x39).contains($0) } }),
      let whole = Int64(String(decoding: parts[0], as: UTF8.self)), whole <= Self.secondsMax
    else { return nil }
    var nanos: Int32 = 0
    if parts.count == 2 {
      guard parts[1].count <= 9 else { return nil }
      for digit in parts[1] { nanos = nanos * 10 + Int32(digit - 0x30) }
      for _ in parts[1].count..<9 { nanos *= 10 }
    }
    seconds = isNegative ? -whole : whole
    self.nanos = isNegative ? -nanos : nanos
  }
}

/// Types that have a JSON form of their own and no meaning for a mapping.
///
/// Their fields are known by number: struct.proto and field_mask.proto never change.
enum WellKnownJSON: String {
  case structure = "google.protobuf.Struct"
  case value = "google.protobuf.Value"
  case list = "google.protobuf.ListValue"
  case fieldMask = "google.protobuf.FieldMask"
  case any = "google.protobuf.Any"

  init?(name: String) { self.init(rawValue: name) }

  func body(of value: JSONValue, at path: String) throws(MessageFault) -> [UInt8] {
    switch self {
    case .structure:
      guard let members = value.members else {
        throw MessageFault(path, "expected an object; found \(value.shown)")
      }
      return try Self.structure(members, at: path)
    case .value: return try Self.value(value, at: path)
    case .list:
      guard let elements = value.arrayValue else {
        throw MessageFault(path, "expected a list; found \(value.shown)")
      }
      return try Self.list(elements, at: path)
    case .fieldMask:
      guard let text = value.stringValue else {
        throw MessageFault(path, "expected paths such as \"a,b.c\"; found \(value.shown)")
      }
      return Self.fieldMask(text)
    case .any:
      throw MessageFault(
        path, "google.protobuf.Any has no JSON form here",
        suggestion: "leave the field out, or give the whole record as raw bytes")
    }
  }

  private static func structure(
    _ members: [JSONMember], at path: String
  ) throws(MessageFault) -> [UInt8] {
    var writer = ByteWriter()
    for member in members {
      var entry = ByteWriter()
      entry.append(tag: 1, 2)
      entry.append(lengthPrefixed: member.name)
      entry.append(tag: 2, 2)
      entry.append(lengthPrefixed: try value(member.value, at: "\(path).\(member.name)"))
      writer.append(tag: 1, 2)
      writer.append(lengthPrefixed: entry.take())
    }
    return writer.take()
  }

  private static func list(
    _ elements: [JSONValue], at path: String
  ) throws(MessageFault) -> [UInt8] {
    var writer = ByteWriter()
    for (index, element) in elements.enumerated() {
      writer.append(tag: 1, 2)
      writer.append(lengthPrefixed: try value(element, at: "\(path)[\(index)]"))
    }
    return writer.take()
  }

  /// `Value` is a oneof: the member that is set is written even where it is zero.
  private static func value(
    _ value: JSONValue, at path: String
  ) throws(MessageFault) -> [UInt8] {
    var writer = ByteWriter()
    switch value {
    case .null:
      writer.append(tag: 1, 0)
      writer.append(varint: 0)
    case .number:
      guard let number = value.doubleValue else {
        throw MessageFault(path, "\(value.shown) is beyond the range of a double")
      }
      writer.append(tag: 2, 1)
      writer.append(number)
    case .string(let text):
      writer.append(tag: 3, 2)
      writer.append(lengthPrefixed: text)
    case .bool(let bool):
      writer.append(tag: 4, 0)
      writer.append(varint: bool ? 1 : 0)
    case .object(let members):
      writer.append(tag: 5, 2)
      writer.append(lengthPrefixed: try structure(members, at: path))
    case .array(let elements):
      writer.append(tag: 6, 2)
      writer.append(lengthPrefixed: try list(elements, at: path))
    }
    return writer.take()
  }

  /// JSON has paths in lowerCamelCase, messages have the names of fields.
  private static func fieldMask(_ text: String) -> [UInt8] {
    var writer = ByteWriter()
    for path in text.split(separator: ",") {
      var name: [UInt8] = []
      for byte in path.utf8 {
        if (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) {
          name += [UInt8(ascii: "_"), byte + 0x20]
        } else {
          name.append(byte)
        }
      }
      writer.append(tag: 1, 2)
      writer.append(lengthPrefixed: name)
    }
    return writer.take()
  }
}
