import Base
import Decode

/// Message types with their fields, numbers and types.
///
///     acme.Orbit
///       1  device_id   string
///       2  position    acme.Position
///          1  altitude_km   double
///
/// A type is shown with its fields where it comes up first; later it says so. That cuts recursion,
/// and keeps what is printed linear in the set.
struct MessageOutline: SchemaDocument {
  /// Types inside each other; decoding bounds them likewise, and a schema may go on for ever.
  private static let depthMax = 64

  private let types: [MessageType]
  /// Whether messages are shown inside the fields that hold them.
  private let isNested: Bool

  /// Each type by itself; those of Google that everybody has are left out.
  init(_ types: [MessageType]) {
    let own = types.filter { !$0.name.hasPrefix("google.protobuf.") }
    self.types = own.isEmpty ? types : own
    isNested = false
  }

  /// One type and all that is inside.
  init(root: MessageType) {
    types = [root]
    isNested = true
  }

  // MARK: - Text

  var text: String {
    var lines: [String] = []
    for type in types {
      if !lines.isEmpty { lines.append("") }
      lines.append(type.name)
      var shown: Set<MessageType> = [type]
      add(type, at: 1, &shown, &lines)
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private func add(
    _ type: MessageType, at depth: Int, _ shown: inout Set<MessageType>, _ lines: inout [String]
  ) {
    let fields = type.fields
    let indent = String(repeating: "   ", count: depth)
    let numberWidth = fields.map { "\($0.number)".count }.max() ?? 0
    let nameWidth = fields.map(\.name.count).max() ?? 0
    if fields.isEmpty { lines.append(indent + "no fields") }
    for field in fields {
      let number = "\(field.number)"
      let space = String(repeating: " ", count: numberWidth - number.count)
      let name = field.name.padded(to: nameWidth)
      var line = "\(indent)\(space)\(number)  \(name)  \(Self.words(for: field))"
      let nested = isNested ? Self.contents(of: field) : nil
      guard let nested else {
        lines.append(line)
        continue
      }
      let isDeep = depth >= Self.depthMax
      let isNew = !isDeep && shown.insert(nested).inserted
      if !isNew { line += isDeep ? " (too deep to be read)" : " (above)" }
      lines.append(line)
      if isNew { add(nested, at: depth + 1, &shown, &lines) }
    }
  }

  /// The message type to show inside a field: a map's is that of its values.
  private static func contents(of field: MessageField) -> MessageType? {
    guard let type = field.isMap ? field.messageType?.field(numbered: 2)?.messageType
      : field.messageType
    else { return nil }
    return type.wellKnown == nil ? type : nil
  }

  private static func words(for field: MessageField) -> String {
    var words = field.isRepeated && !field.isMap ? "repeated " : ""
    if field.presence == .required { words += "required " }
    if field.type == .group { words += "group " }
    words += field.typeName
    if let type = field.enumType {
      let names = type.values.prefix(12).map { "\($0.name) = \($0.number)" }
      let rest = type.values.count > 12 ? ", … \(type.values.count - 12) more" : ""
      words += " (\(names.joined(separator: ", "))\(rest))"
    }
    if let oneof = field.oneof { words += ", one of \(field.parent.oneofs[oneof])" }
    return words
  }

  // MARK: - JSON

  /// The types, and in a nested outline all that they contain, each once.
  var json: JSONValue {
    var found = types
    if isNested {
      var seen = Set(types)
      var next = 0
      while next < found.count {
        for case let type? in found[next].fields.map(\.messageType)
        where seen.insert(type).inserted {
          found.append(type)
        }
        next += 1
      }
    }
    return ["messages": .array(found.map(Self.object))]
  }

  private static func object(_ type: MessageType) -> JSONValue {
    [
      "name": .string(type.name), "is_map_entry": .bool(type.isMapEntry),
      "oneofs": .array(type.oneofs.map { .string($0) }),
      "fields": .array(type.fields.map(object)),
    ]
  }

  private static func object(_ field: MessageField) -> JSONValue {
    var members = [
      JSONMember("name", .string(field.name)), JSONMember("number", .int(field.number)),
      JSONMember("type", .string(field.type.name)),
      JSONMember("repeated", .bool(field.isRepeated)),
      JSONMember("packed", .bool(field.isPacked)), JSONMember("map", .bool(field.isMap)),
      JSONMember("presence", .string("\(field.presence)")),
      JSONMember("oneof", .optional(field.oneof.map { field.parent.oneofs[$0] })),
    ]
    if let type = field.messageType { members.append(JSONMember("message", .string(type.name))) }
    if let type = field.enumType {
      members.append(JSONMember("enum", .string(type.name)))
      members.append(
        JSONMember(
          "values",
          .array(type.values.map { ["name": .string($0.name), "number": .int($0.number)] })))
    }
    return .object(members)
  }
}

extension String {
  /// With spaces behind it, so that columns line up.
  func padded(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}
