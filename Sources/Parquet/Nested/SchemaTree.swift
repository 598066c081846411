/// A node of a schema as levels see it.
///
/// **Invariants:** `leaves` is not empty, and the ranges of children follow each other in it.
struct SchemaNode {
  indirect enum Content {
    case leaf
    case group([SchemaNode])
    /// `level` is the definition level that says that there is an element.
    case list(level: Int, element: SchemaNode)
    case map(level: Int, key: SchemaNode, value: SchemaNode)
  }

  let name: String
  let isOptional: Bool
  /// The definition level from which on this node is present.
  let definitionLevel: Int
  /// Repeated nodes above this one; an entry with a greater repetition level is a further element
  /// inside the same slot.
  let repetitionLevel: Int
  /// The definition level from which on there is a slot of this node: that of an element of the
  /// list around it, 0 where there is none.
  let slotLevel: Int
  /// The leaf columns below, by their index in the schema.
  let leaves: Range<Int>
  let content: Content
}

/// One `SchemaElement` of the footer.
struct SchemaElement {
  enum Kind {
    case leaf(ParquetType)
    case group(childCount: Int, annotation: GroupAnnotation?)
  }

  let name: String
  let repetition: Repetition
  let kind: Kind
}

/// What a group stands for: number of the `ConvertedType`, field of the `LogicalType`.
enum GroupAnnotation {
  case map
  case list

  var convertedType: Int32 {
    switch self {
    case .map: 1
    case .list: 3
    }
  }

  var logicalTypeField: Int {
    switch self {
    case .map: 2
    case .list: 3
    }
  }
}

/// A schema laid out for writing: nodes with levels, leaf columns, and the footer's elements.
struct SchemaTree {
  private(set) var fields: [SchemaNode] = []
  private(set) var leaves: [LeafColumn] = []
  /// Depth first, without the root.
  private(set) var elements: [SchemaElement] = []

  init(fields: [ParquetField]) {
    precondition(!fields.isEmpty, "a Parquet schema has at least one column")
    Self.checkNames(of: fields)
    for field in fields {
      self.fields.append(append(field, path: [], definitionLevel: 0, repetitionLevel: 0))
    }
  }

  private static func checkNames(of fields: [ParquetField]) {
    precondition(
      Set(fields.map(\.name)).count == fields.count, "names of fields side by side are unique")
  }

  /// Where a field stands: levels of the node above it.
  private mutating func append(
    _ field: ParquetField, path: [String], definitionLevel: Int, repetitionLevel: Int,
    slotLevel: Int = 0
  ) -> SchemaNode {
    let path = path + [field.name]
    let level = definitionLevel + (field.isOptional ? 1 : 0)
    let repetition = field.isOptional ? Repetition.optional : .required
    precondition(level <= Int(UInt8.max), "a schema nests at most 255 levels deep")
    let firstLeaf = leaves.count
    func element(_ kind: SchemaElement.Kind) -> SchemaElement {
      SchemaElement(name: field.name, repetition: repetition, kind: kind)
    }
    let content: SchemaNode.Content
    switch field.content {
    case .value(let type):
      elements.append(element(.leaf(type)))
      leaves.append(
        LeafColumn(
          path: path, type: type, isOptional: field.isOptional, definitionLevelMax: level,
          repetitionLevelMax: repetitionLevel))
      content = .leaf
    case .group(let fields):
      precondition(!fields.isEmpty, "a group has at least one field")
      Self.checkNames(of: fields)
      elements.append(element(.group(childCount: fields.count, annotation: nil)))
      content = .group(
        fields.map {
          append(
            $0, path: path, definitionLevel: level, repetitionLevel: repetitionLevel,
            slotLevel: slotLevel)
        })
    case .list(let inner):
      precondition(inner.name == "element", "the element of a list is called element")
      elements.append(element(.group(childCount: 1, annotation: .list)))
      appendRepeatedGroup("list", childCount: 1)
      content = .list(
        level: level + 1,
        element: append(
          inner, path: path + ["list"], definitionLevel: level + 1,
          repetitionLevel: repetitionLevel + 1, slotLevel: level + 1))
    case .map(let key, let value):
      precondition(
        key.name == "key" && value.name == "value" && !key.isOptional,
        "an entry of a map is a key, which is required, and a value")
      elements.append(element(.group(childCount: 1, annotation: .map)))
      appendRepeatedGroup("key_value", childCount: 2)
      let nodes = [key, value].map {
        append(
          $0, path: path + ["key_value"], definitionLevel: level + 1,
          repetitionLevel: repetitionLevel + 1, slotLevel: level + 1)
      }
      content = .map(level: level + 1, key: nodes[0], value: nodes[1])
    case .unreadable(let what):
      preconditionFailure("field '\(field.name)' cannot be written: \(what)")
    }
    return SchemaNode(
      name: field.name, isOptional: field.isOptional, definitionLevel: level,
      repetitionLevel: repetitionLevel, slotLevel: slotLevel, leaves: firstLeaf..<leaves.count,
      content: content)
  }

  private mutating func appendRepeatedGroup(_ name: String, childCount: Int) {
    elements.append(
      SchemaElement(
        name: name, repetition: .repeated, kind: .group(childCount: childCount, annotation: nil)))
  }
}
