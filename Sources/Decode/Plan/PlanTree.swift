/// What a mapping wants of its message type: a tree of the message types on the way, with a *slot*
/// at every field that is read.
///
/// A slot is one 64-bit word and a presence bit, in one of two scopes: the record's, filled once,
/// and the row's, filled once for every element of `rows`. Both decoders fill slots and nothing
/// else; what a slot's word means is told by the field it stands for (`SlotWord`).
///
/// **Invariants:** node 0 is the mapped message; a field is one step of its node; slots of a scope
/// are counted from 0.
struct PlanTree: Sendable {
  /// What is done with one field of a node.
  enum Step: Equatable, Sendable {
    /// The last occurrence goes to a slot of the node's scope.
    case value(slot: Int)
    /// A singular message, which has wanted fields.
    case message(node: Int)
    /// A repeated message or a map: each element is a row.
    case rows(node: Int)
    /// A map whose values become columns by key: index into `maps`.
    case columns(map: Int)
  }

  /// One message type at one place.
  struct Node: Sendable {
    let type: MessageType
    /// Whether its slots are the row's.
    let isInRow: Bool
    /// By field number.
    var steps: [UInt32: Step] = [:]
    /// Slots that are present and zero where this message is present and says nothing of them.
    var zeroedSlots: [Int] = []
  }

  /// A map whose values become columns by key.
  struct ColumnMap: Sendable {
    /// The entry's node; its key and value have slots of their own, of this entry only.
    let node: Int
    let keySlot: Int
    let valueSlot: Int
    /// Which slot the value of a key goes to.
    var columns: [(key: MapKey, slot: Int)] = []
  }

  private(set) var nodes: [Node]
  private(set) var maps: [ColumnMap] = []
  private(set) var recordSlotCount = 0
  private(set) var rowSlotCount = 0
  /// Paths of slots, as the mapping writes them, for messages to people.
  private(set) var recordPaths: [String] = []
  private(set) var rowPaths: [String] = []

  init(_ type: MessageType) { nodes = [Node(type: type, isInRow: false)] }

  /// The words of a text or bytes slot: where the bytes start, and how many they are.
  static func range(of word: UInt64) -> Range<Int> {
    let start = Int(word >> 32)
    return start..<start + Int(word & 0xFFFF_FFFF)
  }

  // MARK: - Building

  /// The node of the message that `fields` lead to; the field number `rowDepth - 1` of them is the
  /// repeated one whose elements are rows.
  mutating func node(at fields: ArraySlice<MessageField>, rowDepth: Int) -> Int {
    var node = 0
    for (index, field) in fields.enumerated() {
      let isRows = index + 1 == rowDepth
      guard let type = field.messageType else {
        preconditionFailure("only messages have fields inside")
      }
      switch nodes[node].steps[field.number] {
      case .message(let next), .rows(let next): node = next
      case nil:
        nodes.append(Node(type: type, isInRow: nodes[node].isInRow || isRows))
        let next = nodes.count - 1
        nodes[node].steps[field.number] = isRows ? .rows(node: next) : .message(node: next)
        node = next
      case .value, .columns:
        preconditionFailure("a field is read in one way")
      }
    }
    return node
  }

  /// The slot of a scalar field of a node; made at the first call, shared by all later ones.
  mutating func slot(of number: UInt32, in node: Int, path: String) -> Int {
    if case .value(let slot) = nodes[node].steps[number] { return slot }
    let slot = makeSlot(isInRow: nodes[node].isInRow, path: path)
    nodes[node].steps[number] = .value(slot: slot)
    return slot
  }

  /// A slot that is zero where its message is present without it.
  mutating func zero(_ slot: Int, in node: Int) {
    if !nodes[node].zeroedSlots.contains(slot) { nodes[node].zeroedSlots.append(slot) }
  }

  /// The slot of one key's value in a map field of a node.
  mutating func slot(
    ofKey key: MapKey, in field: MessageField, of node: Int, path: String
  ) -> Int {
    let map = map(field, of: node, path: path)
    if let known = maps[map].columns.first(where: { $0.key == key }) { return known.slot }
    let slot = makeSlot(isInRow: nodes[node].isInRow, path: path)
    maps[map].columns.append((key, slot))
    return slot
  }

  private mutating func map(_ field: MessageField, of node: Int, path: String) -> Int {
    if case .columns(let map) = nodes[node].steps[field.number] { return map }
    guard let entry = field.messageType else { preconditionFailure("a map has entries") }
    let isInRow = nodes[node].isInRow
    let keySlot = makeSlot(isInRow: isInRow, path: path)
    let valueSlot = makeSlot(isInRow: isInRow, path: path)
    nodes.append(
      Node(
        type: entry, isInRow: isInRow,
        steps: [1: .value(slot: keySlot), 2: .value(slot: valueSlot)]))
    maps.append(ColumnMap(node: nodes.count - 1, keySlot: keySlot, valueSlot: valueSlot))
    nodes[node].steps[field.number] = .columns(map: maps.count - 1)
    return maps.count - 1
  }

  private mutating func makeSlot(isInRow: Bool, path: String) -> Int {
    if isInRow {
      rowSlotCount += 1
      rowPaths.append(path)
      return rowSlotCount - 1
    }
    recordSlotCount += 1
    recordPaths.append(path)
    return recordSlotCount - 1
  }

  // MARK: - Looking at it

  /// All that hangs below one step, for a oneof that drops it and for a field with a wrong type.
  struct Reach {
    var recordSlots: [Int] = []
    var rowSlots: [Int] = []
    var hasRows = false

    var isEmpty: Bool { recordSlots.isEmpty && rowSlots.isEmpty && !hasRows }
  }

  /// The slots below a step. Rows are one thing: their slots are not listed.
  func reach(of step: Step, isInRow: Bool) -> Reach {
    var reach = Reach()
    collect(step, isInRow: isInRow, &reach)
    return reach
  }

  private func collect(_ step: Step, isInRow: Bool, _ reach: inout Reach) {
    switch step {
    case .rows: reach.hasRows = true
    case .value(let slot):
      if isInRow { reach.rowSlots.append(slot) } else { reach.recordSlots.append(slot) }
    case .columns(let map):
      for column in maps[map].columns {
        collect(.value(slot: column.slot), isInRow: isInRow, &reach)
      }
    case .message(let node):
      for step in nodes[node].steps.sorted(by: { $0.key < $1.key }) {
        collect(step.value, isInRow: isInRow, &reach)
      }
    }
  }
}

/// A key of a map, as the mapping names it.
enum MapKey: Equatable, Sendable {
  case text([UInt8])
  /// An integer or bool, as its slot's word.
  case word(UInt64)

  /// Reads a key as the configuration writes it; nil if the map cannot have it.
  init?(_ text: String, type: FieldType) {
    switch type {
    case .string: self = .text(Array(text.utf8))
    case .bool:
      guard let value = Bool(text) else { return nil }
      self = .word(value ? 1 : 0)
    case .int32, .sint32, .sfixed32:
      guard let value = Int32(text) else { return nil }
      self = .word(UInt64(bitPattern: Int64(value)))
    case .int64, .sint64, .sfixed64:
      guard let value = Int64(text) else { return nil }
      self = .word(UInt64(bitPattern: value))
    case .uint32, .fixed32:
      guard let value = UInt32(text) else { return nil }
      self = .word(UInt64(value))
    case .uint64, .fixed64:
      guard let value = UInt64(text) else { return nil }
      self = .word(value)
    default: return nil
    }
  }
}
