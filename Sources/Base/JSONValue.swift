/// One JSON value (RFC 8259), kept so that writing it again gives the same bytes.
///
/// The ledger carries Delta actions verbatim (docs/ARCHITECTURE.md, the ledger): an object keeps
/// its members in the order they were read, and a number keeps its text, so that neither a digit
/// nor the order of two keys changes on the way through.
///
/// **Invariants:** no object holds two members of the same name (the parser refuses them); strings
/// are compared by their UTF-8, never by canonical equivalence as `String` does.
package enum JSONValue: Sendable {
  case null
  case bool(Bool)
  case number(JSONNumber)
  case string(String)
  case array([JSONValue])
  case object([JSONMember])
}

/// One member of a JSON object.
package struct JSONMember: Sendable {
  package let name: String
  package var value: JSONValue

  package init(_ name: String, _ value: JSONValue) {
    self.name = name
    self.value = value
  }
}

/// A JSON number as its text, which `JSONValue` never rewrites.
package struct JSONNumber: Sendable, Equatable {
  /// The number as it stands in the document; always of RFC 8259's grammar.
  package let text: String

  package init(_ value: Int64) { text = value.description }

  package init(_ value: UInt64) { text = value.description }

  /// The shortest decimal text that reads back as `value`; nil for NaN and infinities, which JSON
  /// cannot express.
  package init?(_ value: Double) {
    guard value.isFinite else { return nil }
    text = value.description
  }

  /// As for doubles, but the shortest text that reads back as this `Float`.
  package init?(_ value: Float) {
    guard value.isFinite else { return nil }
    text = value.description
  }

  /// For the parser, which has just checked the grammar.
  init(validatedText text: String) { self.text = text }
}

// MARK: - Building

extension JSONValue {
  /// An integer.
  package static func int(_ value: some BinaryInteger) -> JSONValue {
    if let signed = Int64(exactly: value) { return .number(JSONNumber(signed)) }
    guard let unsigned = UInt64(exactly: value) else {
      preconditionFailure("a JSON integer of ours fits 64 bits")
    }
    return .number(JSONNumber(unsigned))
  }

  /// A double in its shortest round-trip form; nil for NaN and infinities.
  package static func double(_ value: Double) -> JSONValue? {
    JSONNumber(value).map { .number($0) }
  }

  /// The string, or null.
  package static func optional(_ text: String?) -> JSONValue {
    text.map { .string($0) } ?? .null
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  package init(stringLiteral text: String) { self = .string(text) }

  package init(booleanLiteral value: Bool) { self = .bool(value) }

  package init(integerLiteral value: Int64) { self = .int(value) }

  package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

  /// An object with its members in the order written.
  package init(dictionaryLiteral members: (String, JSONValue)...) {
    self = .object(members.map { JSONMember($0.0, $0.1) })
  }
}

// MARK: - Reading

extension JSONValue {
  /// The member of that name; nil where this is not an object or has no such member. A member that
  /// is null is `.null`. Cost: linear in the number of members.
  package subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
  }

  package var isNull: Bool {
    if case .null = self { return true }
    return false
  }

  package var boolValue: Bool? {
    guard case .bool(let value) = self else { return nil }
    return value
  }

  package var stringValue: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  /// The number, if it is written as an integer and fits; `1.0` and `1e3` are not integers here.
  package var int64Value: Int64? {
    guard case .number(let number) = self else { return nil }
    return Int64(number.text)
  }

  /// As `int64Value`, for unsigned 64-bit numbers.
  package var uint64Value: UInt64? {
    guard case .number(let number) = self else { return nil }
    return UInt64(number.text)
  }

  /// The nearest double; a number beyond the range of doubles is nil.
  package var doubleValue: Double? {
    guard case .number(let number) = self, let value = Double(number.text), value.isFinite
    else { return nil }
    return value
  }

  package var arrayValue: [JSONValue]? {
    guard case .array(let elements) = self else { return nil }
    return elements
  }

  /// An object's members in their order.
  package var members: [JSONMember]? {
    guard case .object(let members) = self else { return nil }
    return members
  }
}

extension JSONValue: Equatable {
  /// Equal as documents: same kinds, same text of numbers and strings byte for byte, members in the
  /// same order.
  package static func == (left: JSONValue, right: JSONValue) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.bool(let left), .bool(let right)): left == right
    case (.number(let left), .number(let right)): left == right
    case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
    case (.array(let left), .array(let right)): left == right
    case (.object(let left), .object(let right)): left == right
    default: false
    }
  }
}

extension JSONMember: Equatable {
  package static func == (left: JSONMember, right: JSONMember) -> Bool {
    left.name.utf8.elementsEqual(right.name.utf8) && left.value == right.value
  }
}
