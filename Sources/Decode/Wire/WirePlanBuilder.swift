/// Flattens a plan's tree; see `WirePlan`.
struct WirePlanBuilder {
  /// Numbers up to this one have a place in the table, and all of a message with few gaps.
  private static let denseNumberMax: UInt32 = 127

  private let tree: PlanTree
  let record: SlotMemory.Layout
  let row: SlotMemory.Layout
  private(set) var words: [UInt64] = []
  private(set) var nodes: [WireNode] = []
  private(set) var sparseNumbers: [UInt32] = []
  private(set) var sparseFields: [WireField] = []
  private(set) var choices: [WireChoice] = []
  private(set) var columnMaps: [WireColumnMap] = []
  private(set) var zeroed: [Int] = []
  /// Fields that something is wanted of, by `key`.
  private(set) var wanted: [UInt64: PlanTree.Reach] = [:]
  /// Groups that mapped types declare, by `key`.
  private(set) var declaredGroups: Set<UInt64> = []
  /// Nodes of types that nothing is wanted of.
  private var sharedNodes: [MessageType: Int] = [:]

  init(_ tree: PlanTree) {
    self.tree = tree
    record = SlotMemory.Layout(slotCount: tree.recordSlotCount)
    row = SlotMemory.Layout(slotCount: tree.rowSlotCount)
    precondition(
      max(record.wordCount, row.wordCount) <= Int(UInt16.max), "a field names a slot by 16 bits")
  }

  static func key(_ node: Int32, _ number: UInt32) -> UInt64 {
    UInt64(UInt32(bitPattern: node)) << 32 | UInt64(number)
  }

  mutating func build() { _ = addNode(tree.nodes[0]) }

  /// A node for a place of the tree; its table. Recursion is as deep as the mapping's paths.
  private mutating func addNode(_ place: PlanTree.Node, columnMap: Int? = nil) -> Int {
    let index = newNode(place.type)
    nodes[index].isInRow = place.isInRow
    nodes[index].isMapped = true
    for field in place.type.fields where field.type == .group {
      declaredGroups.insert(Self.key(Int32(index), field.number))
    }
    nodes[index].columnMap = columnMap
    nodes[index].zeroed = zeroed.count..<zeroed.count + place.zeroedSlots.count
    zeroed += place.zeroedSlots
    let header = nodes[index].table - 1
    if columnMap != nil { words[header] |= WireNode.entryFlag }
    if !place.zeroedSlots.isEmpty { words[header] |= WireNode.zeroedFlag }
    fill(index, place)
    return nodes[index].table
  }

  /// A node and the room for its table: what is in it comes later, for types inside themselves.
  private mutating func newNode(_ type: MessageType) -> Int {
    let node = nodes.count
    let dense = type.fields.map(\.number).filter { Self.isDense($0, in: type) }
    let denseCount = Int(dense.max() ?? 0) + 1
    nodes.append(WireNode(type: type, table: words.count + WireNode.headerWordCount))
    words.append(UInt64(denseCount) | UInt64(node) << 32)
    let byNumber = max(0, denseCount - WireNode.shortNumberEnd)
    words.append(
      contentsOf: repeatElement(
        WireField.unknown.word, count: WireNode.shortTagCount + byNumber))
    return node
  }

  private static func isDense(_ number: UInt32, in type: MessageType) -> Bool {
    number <= denseNumberMax || Int(number) < 4 * type.fieldCount
  }

  /// The table of a type that nothing is wanted of. Types still to be filled wait in a list,
  /// because a chain of types may be longer than the stack is deep.
  private mutating func sharedTable(_ type: MessageType) -> Int {
    if let known = sharedNodes[type] { return nodes[known].table }
    let first = newNode(type)
    sharedNodes[type] = first
    var open = [first]
    while let index = open.popLast() {
      for field in nodes[index].type.fields {
        guard field.type == .message, let nested = field.messageType,
          sharedNodes[nested] == nil
        else { continue }
        let node = newNode(nested)
        sharedNodes[nested] = node
        open.append(node)
      }
      fill(index, nil)
    }
    return nodes[first].table
  }

  private mutating func fill(_ node: Int, _ place: PlanTree.Node?) {
    let type = nodes[node].type
    var sparse: [(number: UInt32, field: WireField)] = []
    for field in type.fields where field.type != .group {
      var entry = Self.skipping(field)
      if let place, let step = place.steps[field.number] {
        entry = reading(field, step, in: place)
        wanted[Self.key(Int32(node), field.number)] = tree.reach(
          of: step, isInRow: place.isInRow)
      } else if let nested = field.messageType {
        entry = WireField(.message, wireType: 2)
        entry.setTarget(sharedTable(nested))
      }
      if let place, let choice = choice(field, entry, in: place) {
        choices.append(choice)
        entry = WireField(.choice, wireType: entry.wireType)
        entry.setTarget(choices.count - 1)
      }
      if Self.isDense(field.number, in: type) {
        lay(entry, number: Int(field.number), in: node)
      } else {
        sparse.append((field.number, entry))
      }
    }
    // Filling the types inside may have put theirs in between: these come as one stretch.
    nodes[node].sparseStart = sparseNumbers.count
    nodes[node].sparseCount = sparse.count
    sparseNumbers.append(contentsOf: sparse.map(\.number))
    sparseFields.append(contentsOf: sparse.map(\.field))
  }

  private mutating func lay(_ field: WireField, number: Int, in node: Int) {
    let table = nodes[node].table
    if number >= WireNode.shortNumberEnd {
      words[table + WireNode.shortTagCount + number - WireNode.shortNumberEnd] = field.word
      return
    }
    for wireType in 0..<8 {
      let isRight = wireType == Int(field.wireType)
      words[table + (number << 3 | wireType)] = (isRight ? field : field.withWrongWireType).word
    }
  }

  // MARK: - Fields

  private static func skipping(_ field: MessageField) -> WireField {
    let (action, packing): (WireField.Action, WireField.Packing) =
      switch field.type.wireType {
      case 0: (.skipVarint, .varints)
      case 1: (.skip64, .fixed64)
      case 5: (.skip32, .fixed32)
      default: (.skipBytes, .none)
      }
    return WireField(
      action, wireType: field.type.wireType, packing: field.isRepeated ? packing : .none)
  }

  private mutating func reading(
    _ field: MessageField, _ step: PlanTree.Step, in place: PlanTree.Node
  ) -> WireField {
    var entry: WireField
    switch step {
    case .value(let slot):
      entry = WireField(Self.action(of: field.type), wireType: field.type.wireType)
      entry.setSlot(slot, in: place.isInRow ? row : record)
    case .message(let node):
      entry = WireField(.message, wireType: 2)
      entry.setTarget(addNode(tree.nodes[node]))
    case .rows(let node):
      entry = WireField(.row, wireType: 2)
      entry.setTarget(addNode(tree.nodes[node]))
    case .columns(let index):
      let map = tree.maps[index]
      columnMaps.append(
        WireColumnMap(
          keySlot: map.keySlot, valueSlot: map.valueSlot, columns: map.columns,
          isInRow: place.isInRow))
      entry = WireField(.entry, wireType: 2)
      entry.setTarget(addNode(tree.nodes[map.node], columnMap: columnMaps.count - 1))
    }
    return entry
  }

  private static func action(of type: FieldType) -> WireField.Action {
    switch type {
    case .double, .fixed64, .sfixed64: .fixed64
    case .float: .float
    case .int64, .uint64: .varint64
    case .int32, .enumeration: .varintSigned32
    case .uint32: .varintUnsigned32
    case .sint32: .zigzag32
    case .sint64: .zigzag64
    case .bool: .bool
    case .fixed32: .unsigned32
    case .sfixed32: .signed32
    case .string, .bytes: .bytes
    case .message, .group: .message
    }
  }

  /// What a member of a oneof drops; nil if it is in none, or drops nothing.
  private func choice(
    _ field: MessageField, _ entry: WireField, in place: PlanTree.Node
  ) -> WireChoice? {
    guard let oneof = field.oneof else { return nil }
    var slots: [Int] = []
    var dropsRows = false
    for other in place.type.fields where other.oneof == oneof && other.number != field.number {
      guard let step = place.steps[other.number] else { continue }
      let reach = tree.reach(of: step, isInRow: place.isInRow)
      slots += place.isInRow ? reach.rowSlots : reach.recordSlots
      dropsRows = dropsRows || reach.hasRows
    }
    if slots.isEmpty && !dropsRows { return nil }
    return WireChoice(
      field: entry, slots: slots, dropsRows: dropsRows, isInRow: place.isInRow)
  }
}
