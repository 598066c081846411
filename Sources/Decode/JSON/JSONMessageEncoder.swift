package import Base

/// Makes the wire bytes of a message of any type out of JSON, as Protobuf's JSON mapping has it:
/// how people write records by hand, in fixtures of `downlinkd test`.
///
/// Fields go by their names in the `.proto` file or in lowerCamelCase. A null field is absent.
/// `Timestamp`, `Duration`, wrappers, `Struct`, `Value`, `ListValue` and `FieldMask` have their
/// texts and values; `Any` has none here, and extensions are unknown fields. A `required` field may
/// be left out: what becomes of such a record is the decoder's business.
///
/// Source: protobuf.dev, "ProtoJSON Format". Names set by `json_name` are not known (the schema
/// does not keep them).
///
/// Cost: a search in the message's fields for each member; made for fixtures, not for traffic.
package struct JSONMessageEncoder: Sendable {
  private let type: MessageType
  private let takesPlainText: Bool

  private var scalars: ScalarReader { ScalarReader(takesPlainText: takesPlainText) }

  /// - Parameter takesPlainText: whether a number, or `true`, may stand where a field is a text.
  ///   JSON tells them apart; a plain scalar of YAML does not: `firmware: 2.1`.
  package init(_ type: MessageType, takesPlainText: Bool = false) {
    self.type = type
    self.takesPlainText = takesPlainText
  }

  /// The message's bytes: fields in the order of their numbers, zeros of fields without presence
  /// left out, as Google's writers do.
  package func encode(_ value: JSONValue) throws(MessageFault) -> [UInt8] {
    try body(of: value, type, at: "")
  }

  // MARK: - Messages

  private func body(
    of value: JSONValue, _ type: MessageType, at path: String
  ) throws(MessageFault) -> [UInt8] {
    if let wellKnown = type.wellKnown { return try body(of: value, wellKnown, type, at: path) }
    if let special = WellKnownJSON(name: type.name) {
      return try special.body(of: value, at: path)
    }
    var writer = ByteWriter()
    for member in try members(of: value, type, at: path) {
      if member.field.isMap {
        try append(map: member, to: &writer)
      } else if member.field.isRepeated {
        try append(list: member, to: &writer)
      } else {
        try append(single: member, to: &writer)
      }
    }
    return writer.take()
  }

  /// A member that has a value.
  private struct Member {
    let field: MessageField
    let value: JSONValue
    let path: String
  }

  /// In the order of field numbers.
  private func members(
    of value: JSONValue, _ type: MessageType, at path: String
  ) throws(MessageFault) -> [Member] {
    guard let members = value.members else {
      throw MessageFault(
        path, "expected an object with the fields of \(type.name); found \(value.shown)")
    }
    var found: [Member] = []
    for member in members {
      let own = path.isEmpty ? member.name : "\(path).\(member.name)"
      guard let field = type.field(writtenAs: member.name) else {
        let names = type.fields.map(\.name)
        throw MessageFault(
          own, "\(type.name) has no such field",
          suggestion: Spelling.suggestion(for: member.name, among: names)
            ?? "the fields are \(names.prefix(20).joined(separator: ", "))")
      }
      // `Value` alone tells null from absent.
      if member.value.isNull, field.messageType?.name != WellKnownJSON.value.rawValue { continue }
      if let other = found.first(where: { $0.field.number == field.number }) {
        throw MessageFault(own, "is the same field as \(other.path)")
      }
      if let oneof = field.oneof, let other = found.first(where: { $0.field.oneof == oneof }) {
        throw MessageFault(
          own, "is of the oneof \(type.oneofs[oneof]), as \(other.path) is: one of them at most")
      }
      found.append(Member(field: field, value: member.value, path: own))
    }
    return found.sorted { $0.field.number < $1.field.number }
  }

  // MARK: - Fields

  private func append(single member: Member, to writer: inout ByteWriter) throws(MessageFault) {
    let field = member.field
    if field.messageType != nil {
      try append(message: member.value, field, at: member.path, to: &writer)
      return
    }
    let scalar = try scalars.read(member.value, field.type, field.enumType, at: member.path)
    if field.presence == .implicit && scalar.isZero { return }
    writer.append(tag: field.number, field.type.wireType)
    scalar.append(to: &writer)
  }

  private func append(list member: Member, to writer: inout ByteWriter) throws(MessageFault) {
    let field = member.field
    guard let elements = member.value.arrayValue else {
      throw MessageFault(
        member.path, "expected a list of \(field.typeName); found \(member.value.shown)")
    }
    var packed = ByteWriter()
    for (index, element) in elements.enumerated() {
      let path = "\(member.path)[\(index)]"
      if field.messageType != nil {
        try append(message: element, field, at: path, to: &writer)
        continue
      }
      let scalar = try scalars.read(element, field.type, field.enumType, at: path)
      if field.isPacked {
        scalar.append(to: &packed)
      } else {
        writer.append(tag: field.number, field.type.wireType)
        scalar.append(to: &writer)
      }
    }
    if packed.count > 0 {
      writer.append(tag: field.number, 2)
      writer.append(lengthPrefixed: packed.take())
    }
  }

  private func append(map member: Member, to writer: inout ByteWriter) throws(MessageFault) {
    guard let entries = member.value.members else {
      throw MessageFault(
        member.path, "expected an object, for \(member.field.typeName); found "
          + member.value.shown)
    }
    guard let key = member.field.messageType?.field(numbered: 1),
      let value = member.field.messageType?.field(numbered: 2)
    else { preconditionFailure("an entry of a map has a key and a value") }
    for entry in entries {
      let path = "\(member.path).\(entry.name)"
      var inner = ByteWriter()
      let word = Self.keyValue(entry.name, key.type)
      let scalar = try scalars.read(word, key.type, nil, at: path)
      inner.append(tag: 1, key.type.wireType)
      scalar.append(to: &inner)
      if value.messageType != nil {
        try append(message: entry.value, value, at: path, to: &inner)
      } else {
        let scalar = try scalars.read(entry.value, value.type, value.enumType, at: path)
        inner.append(tag: 2, value.type.wireType)
        scalar.append(to: &inner)
      }
      writer.append(tag: member.field.number, 2)
      writer.append(lengthPrefixed: inner.take())
    }
  }

  /// The keys of objects are texts, whatever the map's keys are.
  private static func keyValue(_ name: String, _ type: FieldType) -> JSONValue {
    guard type == .bool, name == "true" || name == "false" else { return .string(name) }
    return .bool(name == "true")
  }

  /// A message or a group, with its tag.
  private func append(
    message value: JSONValue, _ field: MessageField, at path: String, to writer: inout ByteWriter
  ) throws(MessageFault) {
    guard let type = field.messageType else { preconditionFailure("a message has its type") }
    let bytes = try body(of: value, type, at: path)
    if field.type == .group {
      writer.append(tag: field.number, 3)
      writer.append(bytes)
      writer.append(tag: field.number, 4)
    } else {
      writer.append(tag: field.number, 2)
      writer.append(lengthPrefixed: bytes)
    }
  }

  // MARK: - Well-known types

  private func body(
    of value: JSONValue, _ known: WellKnownType, _ type: MessageType, at path: String
  ) throws(MessageFault) -> [UInt8] {
    var writer = ByteWriter()
    switch known {
    case .timestamp:
      guard let text = value.stringValue, let instant = InstantText(text) else {
        throw MessageFault(
          path, "expected a time such as 2026-06-09T10:00:00Z; found \(value.shown)")
      }
      writer.append(seconds: instant.seconds, nanos: instant.nanos)
    case .duration:
      guard let text = value.stringValue, let span = DurationJSON(text) else {
        throw MessageFault(path, "expected seconds such as 1.5s; found \(value.shown)")
      }
      writer.append(seconds: span.seconds, nanos: span.nanos)
    case .wrapper(let type):
      let scalar = try scalars.read(value, type, nil, at: path)
      if !scalar.isZero {
        writer.append(tag: 1, type.wireType)
        scalar.append(to: &writer)
      }
    }
    return writer.take()
  }
}

extension ByteWriter {
  /// A field's number and wire type.
  mutating func append(tag number: UInt32, _ wireType: UInt8) {
    append(varint: UInt64(number) << 3 | UInt64(wireType))
  }

  /// The fields of a `Timestamp` or `Duration`.
  mutating func append(seconds: Int64, nanos: Int32) {
    if seconds != 0 {
      append(tag: 1, 0)
      append(varint: UInt64(bitPattern: seconds))
    }
    if nanos != 0 {
      append(tag: 2, 0)
      append(varint: UInt64(bitPattern: Int64(nanos)))
    }
  }
}

extension MessageType {
  /// The field of this name, in either of the spellings that JSON has for it.
  package func field(writtenAs name: String) -> MessageField? {
    if let field = field(named: name) { return field }
    if name.utf8.contains(UInt8(ascii: "_")) { return nil }
    return fields.first { $0.jsonName == name }
  }
}

extension MessageField {
  /// lowerCamelCase, as protoc makes it: `time_unix_ms` is `timeUnixMs`.
  package var jsonName: String {
    var camel: [UInt8] = []
    var isRaised = false
    for byte in name.utf8 {
      if byte == UInt8(ascii: "_") {
        isRaised = true
        continue
      }
      let isSmall = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
      camel.append(isRaised && isSmall ? byte - 0x20 : byte)
      isRaised = false
    }
    return String(decoding: camel, as: UTF8.self)
  }
}
