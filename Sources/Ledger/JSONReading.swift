import Base

/// Reads the fields of one JSON object of the chain; a missing or mistyped field is a typed fault
/// that names the file and the field.
struct ObjectReader {
  let path: String
  let value: JSONValue

  func text(_ name: String) throws(LedgerError) -> String {
    guard let text = value[name]?.stringValue else { throw missing(name, "text") }
    return text
  }

  func integer(_ name: String) throws(LedgerError) -> Int64 {
    guard let integer = value[name]?.int64Value else { throw missing(name, "an integer") }
    return integer
  }

  /// Text that may be absent; anything else in its place is a fault.
  func optionalText(_ name: String) throws(LedgerError) -> String? {
    value[name] == nil ? nil : try text(name)
  }

  func optionalInteger(_ name: String) throws(LedgerError) -> Int64? {
    value[name] == nil ? nil : try integer(name)
  }

  /// True or false; absent is false.
  func flag(_ name: String) throws(LedgerError) -> Bool {
    guard let value = value[name] else { return false }
    guard let flag = value.boolValue else { throw missing(name, "true or false") }
    return flag
  }

  /// An offset, a count or a version: from `low` to `countMax`, so that no sum of a few overflows.
  func count(_ name: String, from low: Int64 = 0) throws(LedgerError) -> Int64 {
    let count = try integer(name)
    guard (low...Self.countMax).contains(count) else {
      throw .unreadable(path: path, detail: "field \"\(name)\" cannot be \(count)")
    }
    return count
  }

  /// 2^60: Kafka's offsets and our versions take centuries to get there.
  static let countMax: Int64 = 1 << 60

  /// A name that becomes part of a path.
  func name(_ name: String) throws(LedgerError) -> String {
    let text = try text(name)
    guard Self.isPathComponent(text[...]) else {
      throw .unreadable(path: path, detail: "field \"\(name)\" cannot be \"\(text)\"")
    }
    return text
  }

  /// Whether it names a file or folder right here and nothing else.
  static func isPathComponent(_ text: Substring) -> Bool {
    !text.isEmpty && text != "." && text != ".."
      && !text.utf8.contains { $0 == UInt8(ascii: "/") || $0 < 0x20 }
  }

  func checksum(_ name: String) throws(LedgerError) -> UInt64 {
    guard let checksum = UInt64(try text(name), radix: 16) else {
      throw missing(name, "a hexadecimal checksum")
    }
    return checksum
  }

  func integers(_ name: String) throws(LedgerError) -> [Int64] {
    var integers: [Int64] = []
    for element in try array(name) {
      guard let integer = element.int64Value else { throw missing(name, "a list of integers") }
      integers.append(integer)
    }
    return integers
  }

  func array(_ name: String) throws(LedgerError) -> [JSONValue] {
    guard let array = value[name]?.arrayValue else { throw missing(name, "a list") }
    return array
  }

  /// Readers of a list's elements; an absent list is empty.
  func objects(_ name: String) throws(LedgerError) -> [ObjectReader] {
    if value[name] == nil { return [] }
    return try array(name).map { ObjectReader(path: path, value: $0) }
  }

  /// A reader of a nested object, or nil where the field is absent.
  func optionalObject(_ name: String) -> ObjectReader? {
    value[name].map { ObjectReader(path: path, value: $0) }
  }

  func members(_ name: String) throws(LedgerError) -> [JSONMember] {
    guard let members = value[name]?.members else { throw missing(name, "an object") }
    return members
  }

  private func missing(_ name: String, _ kind: String) -> LedgerError {
    .unreadable(path: path, detail: "field \"\(name)\" is not \(kind)")
  }
}

/// Builds an object whose absent members are left out.
struct ObjectBuilder {
  private(set) var members: [JSONMember] = []

  mutating func set(_ name: String, _ value: JSONValue?) {
    if let value { members.append(JSONMember(name, value)) }
  }

  mutating func set(_ name: String, _ text: String) { set(name, .string(text)) }

  mutating func set(_ name: String, _ integer: Int64) { set(name, .int(integer)) }

  /// A list; an empty one is left out.
  mutating func set(_ name: String, list: [JSONValue]) {
    if !list.isEmpty { set(name, .array(list)) }
  }

  var value: JSONValue { .object(members) }
}
