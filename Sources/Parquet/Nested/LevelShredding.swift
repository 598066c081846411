/// The levels of one leaf column of one row group, and which of the leaf's slots have the values.
struct ChunkLevels {
  /// One an entry: how much of the path is there.
  let definition: [UInt8]
  /// One an entry: which repeated node goes on, 0 at the start of a row. Empty where no node of
  /// the path is repeated.
  let repetition: [UInt8]
  /// The leaf's slots that have a value, ascending.
  let presentSlots: [UInt32]

  var entryCount: Int { definition.count }
}

/// Takes a nested column apart into the levels of its leaves (the record shredding of Dremel,
/// Melnik et al. 2010, on columns instead of records).
///
/// From the top down, each node turns entries into entries: an absent node ends an entry with the
/// level reached, a list of n elements makes one entry into n, or ends it where n is 0.
struct LevelShredding {
  /// The leaves in schema order, and their values; nil where no entry has one.
  private(set) var leaves: [(levels: ChunkLevels, values: ColumnValues?)] = []

  /// Levels so far. `slots` of an entry that has ended is `ended`.
  private struct Entries {
    static let ended = UInt32.max

    var definition: [UInt8]
    var repetition: [UInt8]
    var slots: [UInt32]
  }

  init(_ column: NestedColumn, of node: SchemaNode) {
    precondition(column.count <= Int(Int32.max), "a row group has at most 2^31 − 1 rows")
    let entries = Entries(
      definition: Array(repeating: 0, count: column.count),
      repetition: Array(repeating: 0, count: column.count),
      slots: Array(0..<UInt32(column.count)))
    append(column, node, entries)
  }

  private mutating func append(_ column: NestedColumn, _ node: SchemaNode, _ entries: Entries) {
    if case .absent = column.content {
      precondition(node.isOptional, "field '\(node.name)' is required")
      return appendAbsent(node, entries)
    }
    var entries = entries
    Self.enter(node, column, &entries)
    switch (column.content, node.content) {
    case (.values(let values), .leaf):
      appendLeaf(values, node, entries)
    case (.group(let columns), .group(let nodes)):
      precondition(columns.count == nodes.count, "a group has every field of its schema")
      for (column, node) in zip(columns, nodes) { append(column, node, entries) }
    case (.list(let starts, let elements), .list(let level, let element)):
      append(elements, element, Self.expanded(entries, starts, level, node))
    case (.map(let starts, let keys, let values), .map(let level, let key, let value)):
      let expanded = Self.expanded(entries, starts, level, node)
      append(keys, key, expanded)
      append(values, value, expanded)
    default:
      preconditionFailure("the column of field '\(node.name)' is of the field's kind")
    }
  }

  /// Ends the entries whose node is absent; the others have come one level further.
  private static func enter(_ node: SchemaNode, _ column: NestedColumn, _ entries: inout Entries) {
    var words: [UInt32] = []
    if case .values(.words(let indexes, _)) = column.content {
      precondition(indexes.count == column.count, "a column has one element for every slot")
      words = indexes
    }
    for entry in entries.slots.indices where entries.slots[entry] != Entries.ended {
      let slot = Int(entries.slots[entry])
      let isPresent =
        column.isPresent(slot) && (words.isEmpty || words[slot] != ColumnValues.absentWord)
      if isPresent {
        entries.definition[entry] = UInt8(node.definitionLevel)
      } else {
        precondition(node.isOptional, "field '\(node.name)' is required")
        entries.slots[entry] = Entries.ended
      }
    }
  }

  /// One entry for every element, or one that ends for a list without any.
  private static func expanded(
    _ entries: Entries, _ starts: [Int], _ level: Int, _ node: SchemaNode
  ) -> Entries {
    var expanded = Entries(definition: [], repetition: [], slots: [])
    for entry in entries.slots.indices {
      let slot = entries.slots[entry]
      let elements =
        slot == Entries.ended ? 0..<0 : starts[Int(slot)]..<starts[Int(slot) + 1]
      if elements.isEmpty {
        expanded.definition.append(entries.definition[entry])
        expanded.repetition.append(entries.repetition[entry])
        expanded.slots.append(Entries.ended)
        continue
      }
      precondition(elements.upperBound <= Int(Int32.max), "a chunk has at most 2^31 − 1 entries")
      for element in elements {
        expanded.definition.append(UInt8(level))
        expanded.repetition.append(
          element == elements.lowerBound
            ? entries.repetition[entry] : UInt8(node.repetitionLevel + 1))
        expanded.slots.append(UInt32(element))
      }
    }
    return expanded
  }

  private mutating func appendLeaf(
    _ values: ColumnValues, _ node: SchemaNode, _ entries: Entries
  ) {
    let presentSlots = entries.slots.filter { $0 != Entries.ended }
    leaves.append((Self.levels(node, entries, presentSlots), values))
  }

  /// Nothing of the node is there: its leaves have the levels reached so far.
  private mutating func appendAbsent(_ node: SchemaNode, _ entries: Entries) {
    switch node.content {
    case .leaf: leaves.append((Self.levels(node, entries, []), nil))
    case .group(let nodes): for node in nodes { appendAbsent(node, entries) }
    case .list(_, let element): appendAbsent(element, entries)
    case .map(_, let key, let value):
      appendAbsent(key, entries)
      appendAbsent(value, entries)
    }
  }

  private static func levels(
    _ node: SchemaNode, _ entries: Entries, _ presentSlots: [UInt32]
  ) -> ChunkLevels {
    ChunkLevels(
      definition: entries.definition,
      repetition: node.repetitionLevel > 0 ? entries.repetition : [],
      presentSlots: presentSlots)
  }
}
