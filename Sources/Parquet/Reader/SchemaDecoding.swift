/// The schema of a file as it was read.
///
/// **Invariants:** the leaves of the nodes are those of `leaves`, in order.
struct DecodedSchema {
  var fields: [ParquetField] = []
  var nodes: [SchemaNode] = []
  var leaves: [DecodedLeaf] = []
}

/// A leaf column of a file.
struct DecodedLeaf {
  let path: [String]
  /// Number of parquet.thrift.
  let physicalType: Int32
  /// Nil where values of the column cannot be read, but the rest of the file can.
  let column: LeafColumn?

  var name: String { path.joined(separator: ".") }
}

/// The Thrift list of `SchemaElement`, the tree of columns flattened depth first, and what it means
/// (LogicalTypes.md, "Nested Types" with its rules for older files).
struct SchemaDecoding {
  /// One node as the file has it; numbers are those of parquet.thrift.
  private struct Element {
    var physicalType: Int32?
    var repetition: Repetition?
    var name = ""
    var childCount = 0
    var convertedType: Int32?
    var logicalType: LogicalAnnotation?
    var children: [Element] = []

    var isList: Bool { logicalType == .list || (logicalType == nil && convertedType == 3) }

    var isMap: Bool {
      logicalType == .map || (logicalType == nil && (convertedType == 1 || convertedType == 2))
    }
  }

  /// Deeper than any schema that somebody wrote on purpose.
  private static let depthMax = 60

  private var schema = DecodedSchema()

  static func read(
    _ field: ThriftCompactReader.Field, from input: inout ThriftCompactReader
  ) throws(ParquetError) -> DecodedSchema {
    var missingCount = try input.readList(field, of: .structure)
    guard missingCount > 1 else { throw .unsupported("a schema without columns") }
    missingCount -= 1
    var root = try readElement(from: &input)
    guard root.childCount > 0, root.physicalType == nil else {
      throw input.malformed("the root of the schema is a column")
    }
    root.children = try readChildren(of: root, depth: 0, &missingCount, from: &input)
    guard missingCount == 0 else { throw input.malformed("columns after the end of the schema") }
    var decoding = SchemaDecoding()
    for child in root.children {
      let (field, node) = try decoding.append(child, Place(), input)
      decoding.schema.fields.append(field)
      decoding.schema.nodes.append(node)
    }
    return decoding.schema
  }

  // MARK: - Elements

  private static func readChildren(
    of parent: Element, depth: Int, _ missingCount: inout Int,
    from input: inout ThriftCompactReader
  ) throws(ParquetError) -> [Element] {
    guard parent.childCount <= missingCount else {
      throw input.malformed("group '\(parent.name)' has more columns than the schema")
    }
    guard depth < depthMax else { throw input.malformed("columns nested too deep") }
    missingCount -= parent.childCount
    var children: [Element] = []
    var names: Set<String> = []
    for _ in 0..<parent.childCount {
      var child = try readElement(from: &input)
      guard names.insert(child.name).inserted else {
        throw input.malformed("two columns of name '\(child.name)'")
      }
      guard child.repetition != nil else {
        throw input.malformed("column '\(child.name)' without a repetition")
      }
      guard child.physicalType == nil || child.childCount == 0 else {
        throw input.malformed("column '\(child.name)' is a group and a value")
      }
      if child.physicalType == nil {
        child.children = try readChildren(of: child, depth: depth + 1, &missingCount, from: &input)
      }
      children.append(child)
    }
    return children
  }

  private static func readElement(
    from input: inout ThriftCompactReader
  ) throws(ParquetError) -> Element {
    var element = Element()
    var previous = 0
    while let field = try input.nextField(after: &previous) {
      switch field.number {
      case 1: element.physicalType = try input.readInt32(field)
      case 3:
        let number = try input.readInt32(field)
        guard let repetition = Repetition(rawValue: number) else {
          throw input.malformed("a column of repetition \(number)")
        }
        element.repetition = repetition
      case 4: element.name = try input.readText(field)
      case 5:
        element.childCount = Int(try input.readInt32(field))
        guard element.childCount >= 0 else { throw input.malformed("less than no columns") }
      case 6: element.convertedType = try input.readInt32(field)
      case 10: element.logicalType = try LogicalAnnotation.read(field, from: &input)
      default: try input.skip(field)
      }
    }
    return element
  }

  // MARK: - Meaning

  /// Where a node stands: the path and levels of the node above it.
  private struct Place {
    var path: [String] = []
    var definitionLevel = 0
    var repetitionLevel = 0
    var slotLevel = 0

    /// Below a repeated node called `name`.
    func repeated(_ names: [String], level: Int) -> Place {
      Place(
        path: path + names, definitionLevel: level, repetitionLevel: repetitionLevel + 1,
        slotLevel: level)
    }
  }

  private mutating func append(
    _ element: Element, _ place: Place, _ input: ThriftCompactReader
  ) throws(ParquetError) -> (ParquetField, SchemaNode) {
    let firstLeaf = schema.leaves.count
    guard element.repetition == .repeated else {
      return try append(element, isOptional: element.repetition == .optional, place, input)
    }
    // Repeated outside of a list: a required list of required elements.
    let level = place.definitionLevel + 1
    var inner = place.repeated([], level: level)
    inner.path = place.path
    let (field, node) = try append(element, isOptional: false, inner, input)
    return (
      ParquetField(name: element.name, isOptional: false, content: .list(element: field)),
      self.node(
        element.name, isOptional: false, place, from: firstLeaf,
        .list(level: level, element: node))
    )
  }

  /// The element as a node of its own, whatever its repetition says.
  private mutating func append(
    _ element: Element, isOptional: Bool, _ place: Place, _ input: ThriftCompactReader
  ) throws(ParquetError) -> (ParquetField, SchemaNode) {
    let firstLeaf = schema.leaves.count
    var inner = place
    inner.path.append(element.name)
    inner.definitionLevel += isOptional ? 1 : 0
    let content: (field: ParquetField.Content, node: SchemaNode.Content)
    if let physicalType = element.physicalType {
      content = (appendLeaf(element, physicalType, isOptional, inner), .leaf)
    } else if element.isList, element.children.count == 1,
      element.children[0].repetition == .repeated
    {
      content = try list(of: element, inner, input)
    } else if element.isMap, element.children.count == 1,
      element.children[0].repetition == .repeated, element.children[0].children.count == 2
    {
      content = try map(of: element, inner, input)
    } else {
      var fields: [ParquetField] = []
      var nodes: [SchemaNode] = []
      for child in element.children {
        let (field, node) = try append(child, inner, input)
        fields.append(field)
        nodes.append(node)
      }
      content = nodes.isEmpty ? (.unreadable("a group of no columns"), .group([]))
        : (.group(fields), .group(nodes))
    }
    return (
      ParquetField(name: element.name, isOptional: isOptional, content: content.field),
      node(element.name, isOptional: isOptional, place, from: firstLeaf, content.node)
    )
  }

  private func node(
    _ name: String, isOptional: Bool, _ place: Place, from firstLeaf: Int,
    _ content: SchemaNode.Content
  ) -> SchemaNode {
    SchemaNode(
      name: name, isOptional: isOptional,
      definitionLevel: place.definitionLevel + (isOptional ? 1 : 0),
      repetitionLevel: place.repetitionLevel, slotLevel: place.slotLevel,
      leaves: firstLeaf..<schema.leaves.count, content: content)
  }

  private mutating func appendLeaf(
    _ element: Element, _ physicalType: Int32, _ isOptional: Bool, _ inner: Place
  ) -> ParquetField.Content {
    let type = ParquetType(
      physicalType: physicalType, element.logicalType, convertedType: element.convertedType)
    let leaf = type.map {
      LeafColumn(
        path: inner.path, type: $0, isOptional: isOptional,
        definitionLevelMax: inner.definitionLevel, repetitionLevelMax: inner.repetitionLevel)
    }
    schema.leaves.append(
      DecodedLeaf(path: inner.path, physicalType: physicalType, column: leaf))
    return type.map { .value($0) }
      ?? .unreadable("the type \(FormatNames.physicalType(physicalType)) as it is used")
  }

  /// A list in three levels, or in two, as writers had it before the standard form.
  private mutating func list(
    of element: Element, _ inner: Place, _ input: ThriftCompactReader
  ) throws(ParquetError) -> (ParquetField.Content, SchemaNode.Content) {
    let repeated = element.children[0]
    let level = inner.definitionLevel + 1
    let isElement =
      repeated.children.count != 1 || repeated.children[0].repetition == .repeated
      || repeated.name == "array" || repeated.name == element.name + "_tuple"
    if isElement {
      let (field, node) = try append(
        repeated, isOptional: false, inner.repeated([], level: level), input)
      return (.list(element: field), .list(level: level, element: node))
    }
    let (field, node) = try append(
      repeated.children[0], inner.repeated([repeated.name], level: level), input)
    return (.list(element: field), .list(level: level, element: node))
  }

  private mutating func map(
    of element: Element, _ inner: Place, _ input: ThriftCompactReader
  ) throws(ParquetError) -> (ParquetField.Content, SchemaNode.Content) {
    let entry = element.children[0]
    let level = inner.definitionLevel + 1
    let place = inner.repeated([entry.name], level: level)
    let (key, keyNode) = try append(entry.children[0], place, input)
    let (value, valueNode) = try append(entry.children[1], place, input)
    return (
      .map(key: key, value: value), .map(level: level, key: keyNode, value: valueNode)
    )
  }
}
