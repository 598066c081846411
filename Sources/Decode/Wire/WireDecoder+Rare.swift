// What a walk meets seldom: oneofs, maps, unknown and wrong fields, groups.

extension WireDecoder {
  /// Makes slots present and zero that are absent, as their message says nothing of them yet.
  @unsafe
  func zero(
    _ node: WireNode, in scope: UnsafeMutablePointer<UInt64>, _ slots: inout SlotMemory
  ) {
    let layout = node.isInRow ? plan.row : plan.record
    for index in node.zeroed {
      unsafe slots.spend(1 + layout.zero(plan.zeroed[index], in: scope))
    }
  }

  /// A message begins, some of whose slots have values before it says anything.
  @unsafe @inline(never)
  func begin(
    _ table: UnsafePointer<UInt64>, _ scope: UnsafeMutablePointer<UInt64>,
    _ slots: inout SlotMemory
  ) {
    let node = unsafe plan[plan.node(of: table)]
    slots.isUnknownEntry = false
    if let index = node.columnMap {
      // An entry without a key or a value has the zero of its type.
      let map = plan.columnMaps[index]
      let layout = map.isInRow ? plan.row : plan.record
      unsafe layout.set(map.keySlot, 0, in: scope)
      unsafe layout.set(map.valueSlot, 0, in: scope)
    }
    unsafe zero(node, in: scope, &slots)
  }

  /// An entry is over: its value goes to the column of its key, if there is one; a row that is an
  /// unknown field is none.
  @unsafe @inline(never)
  func endEntry(
    _ table: UnsafePointer<UInt64>, _ bytes: WireBytes, _ scope: UnsafeMutablePointer<UInt64>,
    _ slots: inout SlotMemory
  ) {
    let isUnknown = slots.isUnknownEntry
    slots.isUnknownEntry = false
    guard let index = unsafe plan[plan.node(of: table)].columnMap else {
      if isUnknown { slots.removeLastRow() }
      return
    }
    let map = plan.columnMaps[index]
    let layout = map.isInRow ? plan.row : plan.record
    let key = unsafe layout.word(map.keySlot, in: scope)
    let value = unsafe layout.word(map.valueSlot, in: scope)
    let isWrong = slots.takeFault(slot: map.valueSlot, isInRow: map.isInRow)
    // A key of a wrong wire type leaves the key that an entry without one has, as Google's have it.
    _ = slots.takeFault(slot: map.keySlot, isInRow: map.isInRow)
    if isUnknown { return }
    let texts = unsafe RawSpan(_unsafeStart: bytes.base, byteCount: bytes.count)
    guard let slot = map.keys.slot(of: key, in: texts) else { return }
    _ = slots.takeFault(slot: slot, isInRow: map.isInRow)
    if isWrong {
      unsafe layout.clear(slot, in: scope)
      slots.noteFault(SlotSet([slot]), isInRow: map.isInRow)
    } else {
      unsafe layout.set(slot, value, in: scope)
    }
  }

  // MARK: - Fields that are looked at apart

  /// What to do with a field that is no plain one of its table: a member of a oneof, one with a
  /// long tag, an unknown one, one with a wrong wire type. The field to go on with and the address
  /// behind its tag; a field whose word is 0 has been read over, and the address is behind it. nil
  /// if it is not sound: then `slots.fault` says why.
  @unsafe @inline(never)
  func lookApart(
    _ bytes: WireBytes, _ start: UnsafeRawPointer, _ end: UnsafeRawPointer, _ depth: Int,
    _ table: UnsafePointer<UInt64>, _ scope: UnsafeMutablePointer<UInt64>,
    _ slots: inout SlotMemory
  ) -> (WireField, UnsafeRawPointer)? {
    var place = unsafe self.place(bytes, at: start, end, depth, table)
    guard let (tag, behindTag) = unsafe WireBytes.longVarint32(start, end) else {
      slots.fault = unsafe bytes.cut(place, place.position, 5, 0)
      return nil
    }
    place.position = unsafe behindTag - bytes.base
    var field = unsafe declared(tag, table, node: place.node)
    let begin = unsafe start - bytes.base
    let isRight = UInt32(field.wireType) == tag & 7
    var isReadOver = !isRight
    if isRight, field.action == WireField.Action.closed.rawValue {
      if let known = unsafe known(field, tag, place, bytes, &slots) {
        field = known
      } else {
        isReadOver = true
        slots.fault = unsafe Self.skipValue(0, tag >> 3, begin, &place, bytes)
      }
    }
    if !isReadOver, field.action == WireField.Action.choice.rawValue {
      field = unsafe choose(field, scope, &slots)
    }
    if !isRight { slots.fault = unsafe unexpected(tag, field, begin, &place, bytes, &slots) }
    if slots.isSpent { slots.fault = place.fault(.tooLarge, at: begin, tag >> 3) }
    if slots.fault != nil { return nil }
    return isReadOver
      ? unsafe (WireField(word: 0), bytes.base + place.position) : unsafe (field, behindTag)
  }

  /// The field that a node has for a tag's number, whatever its wire type.
  @unsafe
  private func declared(
    _ tag: UInt32, _ table: UnsafePointer<UInt64>, node: Int
  ) -> WireField {
    let number = Int(tag >> 3)
    if number < WireNode.shortNumberEnd {
      let field = WireField(word: unsafe table[Int(tag)])
      return field
    }
    if number < Int(unsafe table[-1] & 0xFFFF_FFFF) {
      return WireField(word: unsafe table[number + WireNode.byNumber])
    }
    return plan.sparseField(tag >> 3, node: node)
  }

  /// Drops the other members of a oneof; what is to be done with this one.
  @unsafe
  private func choose(
    _ field: WireField, _ scope: UnsafeMutablePointer<UInt64>, _ slots: inout SlotMemory
  ) -> WireField {
    let choice = plan.choices[field.target]
    let layout = choice.isInRow ? plan.row : plan.record
    slots.spend(choice.slots.words.count)
    unsafe layout.clear(choice.slots, in: scope)
    slots.clearFaults(choice.slots, isInRow: choice.isInRow)
    if choice.dropsRows { slots.removeRows() }
    return choice.field
  }

  /// What is to be done with a closed enum whose number lies at a place; nil if that has no name,
  /// so that the field is an unknown one, and drift if something is wanted of it.
  @unsafe
  private func known(
    _ field: WireField, _ tag: UInt32, _ place: WirePlace, _ bytes: WireBytes,
    _ slots: inout SlotMemory
  ) -> WireField? {
    let closed = plan.closedFields[field.target]
    let at = unsafe bytes.base + place.position
    // One that does not end is found out by whoever reads it.
    guard let (value, next) = unsafe WireBytes.longVarint(at, bytes.base + place.end) else {
      return closed.field
    }
    let number = Int32(truncatingIfNeeded: value)
    if closed.knows(number) { return closed.field }
    if closed.isOfEntry { slots.isUnknownEntry = true }
    if closed.isWanted {
      let range = unsafe place.position..<next - bytes.base
      noteUnknownNumber(number, of: tag >> 3, node: place.node, range, &slots)
    }
    return nil
  }

  // MARK: - Unknown and wrong fields

  /// Reads over a field whose wire type its declaration does not have, or which is not declared.
  /// The place stands behind its tag, and then behind it.
  private func unexpected(
    _ tag: UInt32, _ field: WireField, _ start: Int, _ place: inout WirePlace, _ bytes: WireBytes,
    _ slots: inout SlotMemory
  ) -> WireFault? {
    let number = tag >> 3
    guard number != 0 else { return place.fault(.malformed, at: start, 0) }
    if field.packing != .none, tag & 7 == 2 {
      return unsafe skipPacked(field.packing, number, start, &place, bytes)
    }
    if field.wireType != WireField.noWireType { noteWrongType(place, number, start, &slots) }
    let behindTag = place.position
    let fault = tag & 7 == 3
      ? unsafe skipGroup(number, start, &place, bytes)
      : unsafe Self.skipValue(tag & 7, number, start, &place, bytes)
    noteUnknown(tag, node: place.node, behindTag..<place.position, &slots)
    return fault
  }

  /// A mapped field that is not what it was declared to be: what was wanted of it is unreadable.
  private func noteWrongType(
    _ place: WirePlace, _ number: UInt32, _ start: Int, _ slots: inout SlotMemory
  ) {
    guard
      let reach = plan.reach(
        node: Int32(truncatingIfNeeded: place.node), fieldNumber: number)
    else { return }
    if !reach.recordSlots.isEmpty { slots.noteFault(reach.recordSlots, isInRow: false) }
    if !reach.rowSlots.isEmpty { slots.noteFault(reach.rowSlots, isInRow: true) }
    if reach.hasRows { slots.noteWrongRows(place.fault(.wrongType, at: start, number)) }
  }

  /// Elements of which nothing is wanted must be whole ones all the same.
  private func skipPacked(
    _ packing: WireField.Packing, _ number: UInt32, _ start: Int, _ place: inout WirePlace,
    _ bytes: WireBytes
  ) -> WireFault? {
    let first: Int
    switch unsafe bytes.length(at: place, start, number) {
    case .failure(let stop): return stop.fault
    case .success(let content):
      first = content.lowerBound
      place.position = content.upperBound
    }
    let count = place.position - first
    switch packing {
    case .none: break
    case .fixed32 where count % 4 != 0, .fixed64 where count % 8 != 0:
      return place.fault(.malformed, at: first, number)
    case .fixed32, .fixed64: break
    case .varints:
      var at = first
      while at < place.position {
        guard let next = unsafe bytes.behindVarint(at, place.position) else {
          return place.fault(.malformed, at: at, number)
        }
        at = next
      }
    }
    return nil
  }

  /// Skips one value of a wire type that is no group's start.
  private static func skipValue(
    _ wireType: UInt32, _ number: UInt32, _ start: Int, _ place: inout WirePlace,
    _ bytes: WireBytes
  ) -> WireFault? {
    switch wireType {
    case 0:
      guard let next = unsafe bytes.behindVarint(place.position, place.end) else {
        return unsafe bytes.cut(place, place.position, 10, number)
      }
      place.position = next
    case 1, 5:
      let byteCount = wireType == 1 ? 8 : 4
      guard byteCount <= place.end - place.position else { return place.overrun(start, number) }
      place.position += byteCount
    case 2:
      switch unsafe bytes.length(at: place, start, number) {
      case .failure(let stop): return stop.fault
      case .success(let content): place.position = content.upperBound
      }
    default: return place.fault(.malformed, at: start, number)
    }
    return nil
  }

  /// Skips the group whose start tag lies at `start`; the place stands behind that tag.
  private func skipGroup(
    _ number: UInt32, _ start: Int, _ place: inout WirePlace, _ bytes: WireBytes
  ) -> WireFault? {
    guard place.depth < depthMax else { return place.fault(.tooDeep, at: start, number) }
    // Numbers of the groups that are open.
    var open = InlineArray<64, UInt32>(repeating: 0)
    open[0] = number
    var openCount = 1
    while openCount > 0 {
      let fieldStart = place.position
      guard fieldStart < place.end else { return place.overrun(fieldStart, number) }
      let at = unsafe bytes.base + fieldStart
      let end = unsafe bytes.base + place.end
      guard let (tag, behindTag) = unsafe WireBytes.longVarint32(at, end) else {
        return unsafe bytes.cut(place, fieldStart, 5, number)
      }
      place.position = unsafe behindTag - bytes.base
      guard tag >> 3 != 0 else { return place.fault(.malformed, at: fieldStart, number) }
      switch tag & 7 {
      case 3:
        guard place.depth + openCount < depthMax else {
          return place.fault(.tooDeep, at: fieldStart, number)
        }
        open[openCount] = tag >> 3
        openCount += 1
      case 4:
        guard tag >> 3 == open[openCount - 1] else {
          return place.fault(.malformed, at: fieldStart, number)
        }
        openCount -= 1
      default:
        if let fault = unsafe Self.skipValue(tag & 7, number, fieldStart, &place, bytes) {
          return fault
        }
      }
    }
    return nil
  }

  // MARK: - Faults

  @unsafe
  private func place(
    _ bytes: WireBytes, at: UnsafeRawPointer, _ end: UnsafeRawPointer, _ depth: Int,
    _ table: UnsafePointer<UInt64>
  ) -> WirePlace {
    unsafe WirePlace(
      position: at - bytes.base, end: end - bytes.base, depth: depth, node: plan.node(of: table))
  }

  /// Why a message cannot be stepped into.
  func entryFault(depth: Int, _ slots: borrowing SlotMemory) -> DeadReason {
    if slots.isSpent { return .tooLarge }
    if depth >= depthMax { return .tooDeep }
    return slots.isRowLimitReached ? .tooManyRows : .tooLarge
  }

  /// A fault of the field whose tag lies at `start`.
  @unsafe @inline(never)
  func fault(
    _ reason: DeadReason, _ bytes: WireBytes, _ start: UnsafeRawPointer, _ end: UnsafeRawPointer,
    _ depth: Int, _ table: UnsafePointer<UInt64>
  ) -> WireFault {
    let place = unsafe place(bytes, at: start, end, depth, table)
    return place.fault(reason, at: place.position, unsafe bytes.fieldNumber(at: place))
  }

  /// Names the fault of a number that does not end before its message does; it begins at `at`.
  @unsafe @inline(never)
  func numberFault(
    _ field: WireField, _ bytes: WireBytes, _ start: UnsafeRawPointer, _ at: UnsafeRawPointer,
    _ end: UnsafeRawPointer, _ depth: Int, _ table: UnsafePointer<UInt64>
  ) -> WireFault {
    let place = unsafe place(bytes, at: start, end, depth, table)
    let number = unsafe bytes.fieldNumber(at: place)
    if field.wireType != 0 { return place.overrun(place.position, number) }
    return unsafe bytes.cut(place, at - bytes.base, 10, number)
  }

  /// Names the fault of a length-delimited value that has no length or runs over the end of its
  /// message; its length should be at `at`.
  @unsafe @inline(never)
  func contentFault(
    _ bytes: WireBytes, _ start: UnsafeRawPointer, _ at: UnsafeRawPointer,
    _ end: UnsafeRawPointer, _ depth: Int, _ table: UnsafePointer<UInt64>
  ) -> WireFault {
    var place = unsafe place(bytes, at: start, end, depth, table)
    let number = unsafe bytes.fieldNumber(at: place)
    let position = place.position
    place.position = unsafe at - bytes.base
    switch unsafe bytes.length(at: place, position, number) {
    case .failure(let stop): return stop.fault
    case .success: preconditionFailure("a length that is no fault was read before")
    }
  }
}

/// A fault as an error, for results.
struct WireStop: Error {
  var fault: WireFault
}

extension WireBytes {
  /// The number of the field whose tag is at a place; 0 if it has none.
  fileprivate func fieldNumber(at place: WirePlace) -> UInt32 {
    let tag = unsafe Self.longVarint32(base + place.position, base + place.end)
    return unsafe tag.map { unsafe $0.value >> 3 } ?? 0
  }

  fileprivate func behindVarint(_ position: Int, _ end: Int) -> Int? {
    unsafe Self.behindVarint(base + position, base + end, base + (count - 8)).map {
      unsafe $0 - base
    }
  }

  /// Reads the length at a place and compares it with what is left of the message.
  fileprivate func length(
    at place: WirePlace, _ start: Int, _ number: UInt32
  ) -> Result<Range<Int>, WireStop> {
    let end = unsafe base + place.end
    guard let (length, next) = unsafe Self.longVarint32(base + place.position, end),
      length <= UInt32(Int32.max)
    else {
      return .failure(WireStop(fault: unsafe cut(place, place.position, 5, number)))
    }
    let first = unsafe next - base
    if Int(length) > place.end - first {
      return .failure(WireStop(fault: place.overrun(start, number)))
    }
    return .success(first..<first + Int(length))
  }
}
