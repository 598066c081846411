package import Base

/// Columns that a table cannot take, because it has others under these names.
package struct SchemaConflict: Error, Equatable, Sendable, CustomStringConvertible {
  package let table: String
  /// One sentence a column.
  package let reasons: [String]

  package var description: String {
    "table \(table) cannot take the columns that the configuration asks for: "
      + reasons.joined(separator: "; ")
  }
}

/// How a table's schema grows: columns come, none goes and none changes its type.
///
/// What a table has stays in its place with all that people have added to it (comments, metadata of
/// other engines); a column without a unit or a comment may get one, and one that the configuration
/// describes takes that as its comment. New columns come behind, nullable, so that old files simply
/// lack them and old rows read as null (PROTOCOL.md, "Change Metadata" and "Schema Serialization
/// Format").
package enum SchemaGrowth {
  /// The body of the metaData action with which the table has all columns of `wanted`; nil where
  /// it has them already.
  ///
  /// - Parameter metaData: the body of the table's newest metaData action.
  package static func metaData(
    of table: String, adding wanted: DeltaSchema, to metaData: JSONValue
  ) throws(SchemaConflict) -> JSONValue? {
    guard let text = try text(
      of: table, adding: wanted, to: metaData["schemaString"]?.stringValue ?? "")
    else { return nil }
    var members = metaData.members ?? []
    guard let place = members.firstIndex(where: { $0.name == "schemaString" }) else {
      preconditionFailure("a schema that was read is a member of its action")
    }
    members[place] = JSONMember("schemaString", .string(text))
    return .object(members)
  }

  /// A schema's text with all columns of `wanted`; nil where it has them already.
  package static func text(
    of table: String, adding wanted: DeltaSchema, to schemaText: String
  ) throws(SchemaConflict) -> String? {
    guard let schema = try? JSONValue(parsing: schemaText),
      var fields = schema["fields"]?.arrayValue
    else { throw SchemaConflict(table: table, reasons: ["its schema cannot be read"]) }
    var reasons: [String] = []
    let known = Dictionary(
      fields.enumerated().compactMap { place, field in
        field["name"]?.stringValue.map { ($0.lowercased(), place) }
      }, uniquingKeysWith: { first, _ in first })
    var isChanged = false
    for column in wanted.columns {
      if let place = known[column.name.lowercased()] {
        if let reason = conflict(column, fields[place]) { reasons.append(reason) }
        var field = fields[place]
        if let unit = column.unit, self.unit(of: field) == nil {
          field = field.with("unit", unit)
        }
        let mayComment = column.isCommentConfigured || self.comment(of: field) == nil
        if mayComment, let comment = column.comment {
          field = field.with("comment", comment)
        }
        if field == fields[place] { continue }
        fields[place] = field
      } else {
        fields.append(column.json)
      }
      isChanged = true
    }
    if !reasons.isEmpty { throw SchemaConflict(table: table, reasons: reasons) }
    if !isChanged { return nil }
    let grown: JSONValue = ["type": "struct", "fields": .array(fields)]
    return grown.text
  }

  /// Why a column is not the one that the table has under its name.
  private static func conflict(_ column: DeltaColumn, _ field: JSONValue) -> String? {
    let name = field["name"]?.stringValue ?? ""
    if name != column.name {
      return "\(column.name) differs from its column \(name) by case alone, which engines do not "
        + "tell apart: give one of them another name"
    }
    let type = field["type"]?.stringValue ?? "nested"
    if type != column.type.rawValue {
      return "\(name) is \(type) there and would be \(column.type.rawValue): a column keeps its "
        + "type, so give the new one another name (name:), or the source"
    }
    if let unit = unit(of: field), let other = column.unit, unit != other {
      return "\(name) is in \(unit) there and would be in \(other): a column keeps its unit, so "
        + "give the new one another name"
    }
    return nil
  }

  private static func comment(of field: JSONValue) -> String? {
    field["metadata"]?["comment"]?.stringValue
  }

  private static func unit(of field: JSONValue) -> String? {
    field["metadata"]?["unit"]?.stringValue
  }
}

extension JSONValue {
  /// A column with a text in its metadata, in the place of what stood there.
  fileprivate func with(_ key: String, _ text: String) -> JSONValue {
    var metadata = self["metadata"]?.members ?? []
    let member = JSONMember(key, .string(text))
    if let place = metadata.firstIndex(where: { $0.name == key }) {
      if metadata[place] == member { return self }
      metadata[place] = member
    } else {
      metadata.append(member)
    }
    var members = (members ?? []).filter { $0.name != "metadata" }
    members.append(JSONMember("metadata", .object(metadata)))
    return .object(members)
  }
}
