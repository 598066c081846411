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
  private(set) var closedFields: [WireClosedField] = []
  private(set) var zeroed: [SlotSet.Word] = []
  /// Fields that something is wanted of, by `key`.
  private(set) var wanted: [UInt64: WireReach] = [:]
  /// Groups that mapped types declare, by `key`.
  private(set) var declaredGroups: Set<UInt64> = []
  /// Nodes of types that nothing is wanted of.
  private var sharedNodes: [MessageType: Int] = [:]
  /// Numbers of closed enums, by name.
  private var enumNumbers: [String: [Int32]] = [:]

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
    let zeroedHere = SlotSet(place.zeroedSlots).words
    nodes[index].zeroed = zeroed.count..<zeroed.count + zeroedHere.count
    zeroed += zeroedHere
    let header = nodes[index].table - 1
    let isClosedEntry = place.type.isMapEntry && place.type.fields.contains { $0.isClosedEnum }
    if columnMap != nil || isClosedEntry { words[header] |= WireNode.entryFlag }
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
    let choices = place.map { self.choices(of: type, in: $0) } ?? [:]
    var sparse: [(number: UInt32, field: WireField)] = []
    for field in type.fields where field.type != .group {
      var entry = Self.skipping(field)
      if let place, let step = place.steps[field.number] {
        entry = reading(field, step, in: place)
        wanted[Self.key(Int32(node), field.number)] = WireReach(
          tree.reach(of: step, isInRow: place.isInRow))
      } else if let nested = field.messageType {
        entry = WireField(.message, wireType: 2)
        entry.setTarget(sharedTable(nested))
      }
      if var choice = choices[field.number] {
        choice.field = entry
        self.choices.append(choice)
        entry = WireField(.choice, wireType: entry.wireType)
        entry.setTarget(self.choices.count - 1)
      }
      if let place { entry = closed(field, entry, in: place) }
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
          keySlot: map.keySlot, valueSlot: map.valueSlot, keys: ColumnKeys(map.columns),
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

  /// The field's entry, or one that asks first whether its number has a name, where that matters.
  private mutating func closed(
    _ field: MessageField, _ entry: WireField, in place: PlanTree.Node
  ) -> WireField {
    let isOfEntry = place.type.isMapEntry
    let matters = isOfEntry || entry.action >= WireField.Action.fixed64.rawValue
    guard let type = field.enumType, field.isClosedEnum, matters else { return entry }
    let numbers = enumNumbers[type.name] ?? Set(type.values.map(\.number)).sorted()
    enumNumbers[type.name] = numbers
    closedFields.append(
      WireClosedField(
        field: entry, numbers: numbers, isOfEntry: isOfEntry,
        isWanted: place.steps[field.number] != nil))
    var closed = WireField(.closed, wireType: entry.wireType)
    closed.setTarget(closedFields.count - 1)
    return closed
  }

  /// What members of oneofs drop, by number, for those that drop anything. What to do with the
  /// member itself is left open.
  private func choices(
    of type: MessageType, in place: PlanTree.Node
  ) -> [UInt32: WireChoice] {
    var members: [Int: [(number: UInt32, reach: PlanTree.Reach)]] = [:]
    for field in type.fields {
      guard let oneof = field.oneof else { continue }
      let reach =
        place.steps[field.number].map { tree.reach(of: $0, isInRow: place.isInRow) } ?? .init()
      members[oneof, default: []].append((field.number, reach))
    }
    var choices: [UInt32: WireChoice] = [:]
    for all in members.values {
      let wanted = all.filter { !$0.reach.isEmpty }
      for (number, _) in all {
        let others = wanted.filter { $0.number != number }
        if others.isEmpty { continue }
        let slots = others.flatMap { place.isInRow ? $0.reach.rowSlots : $0.reach.recordSlots }
        choices[number] = WireChoice(
          field: .unknown, slots: SlotSet(slots),
          dropsRows: others.contains { $0.reach.hasRows }, isInRow: place.isInRow)
      }
    }
    return choices
  }
}

extension MessageField {
  /// Whether it is a singular enum whose numbers without a name are unknown fields.
  var isClosedEnum: Bool { !isRepeated && enumType?.isClosed == true }
}

extension [Int32] {
  /// Whether an ascending list has a number.
  func holds(_ number: Int32) -> Bool {
    var low = startIndex
    var high = endIndex
    while low < high {
      let middle = (low + high) / 2
      if self[middle] == number { return true }
      if self[middle] < number { low = middle + 1 } else { high = middle }
    }
    return false
  }
}
