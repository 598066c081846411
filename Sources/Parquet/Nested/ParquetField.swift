/// A node of a schema that may be nested: a value, a group of fields, a list or a map.
///
/// Lists and maps are written in the standard form of LogicalTypes.md and read in that and in the
/// older ones:
///
///     optional group tags (MAP) {             optional group names (LIST) {
///       repeated group key_value {              repeated group list {
///         required binary key (STRING);           optional binary element (STRING);
///         optional binary value (STRING);       }
///       }                                     }
///     }
package struct ParquetField: Sendable, Equatable {
  /// What a field is: a value, or a node with fields of its own.
  package indirect enum Content: Sendable, Equatable {
    case value(ParquetType)
    /// A struct.
    case group([ParquetField])
    case list(element: ParquetField)
    case map(key: ParquetField, value: ParquetField)
    /// A value of a type that this module neither reads nor writes, or a shape of nodes that is
    /// none of the above; says which. Occurs in files of others only.
    case unreadable(String)
  }

  package let name: String
  /// Whether a row (or the group, list or map around it) may lack this node.
  package let isOptional: Bool
  package let content: Content

  package init(name: String, isOptional: Bool = true, content: Content) {
    self.name = name
    self.isOptional = isOptional
    self.content = content
  }

  package init(_ column: ParquetColumn) {
    self.init(name: column.name, isOptional: column.isOptional, content: .value(column.type))
  }

  /// A column or a field of a group.
  package static func value(
    _ name: String, _ type: ParquetType, isOptional: Bool = true
  ) -> ParquetField {
    ParquetField(name: name, isOptional: isOptional, content: .value(type))
  }

  /// A struct of at least one field; their names differ.
  package static func group(
    _ name: String, isOptional: Bool = true, _ fields: [ParquetField]
  ) -> ParquetField {
    ParquetField(name: name, isOptional: isOptional, content: .group(fields))
  }

  /// A list of values.
  package static func list(
    _ name: String, of type: ParquetType, isOptional: Bool = true
  ) -> ParquetField {
    ParquetField(
      name: name, isOptional: isOptional, content: .list(element: .value("element", type)))
  }

  /// A map from values to values; a key is never absent, a value may be.
  package static func map(
    _ name: String, key: ParquetType = .string, value: ParquetType = .string,
    isOptional: Bool = true
  ) -> ParquetField {
    ParquetField(
      name: name, isOptional: isOptional,
      content: .map(key: .value("key", key, isOptional: false), value: .value("value", value)))
  }

  /// The field below this one that `path` leads to through groups, or nil.
  package func field(at path: ArraySlice<String>) -> ParquetField? {
    guard let name = path.first else { return self }
    guard case .group(let fields) = content, let next = fields.first(where: { $0.name == name })
    else { return nil }
    return next.field(at: path.dropFirst())
  }
}
