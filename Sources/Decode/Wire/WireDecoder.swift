/// Reads a message straight from the wire into slots: one walk, which also checks the structure.
///
/// What the walk holds to is what Google's parsers do: the last occurrence of a scalar wins,
/// messages that stand twice are merged, a member of a oneof drops the others with all below them,
/// a field with another wire type than its declaration is an unknown one, packed and unpacked
/// elements are the same, unknown fields and groups are skipped. Messages of which nothing is
/// wanted are walked as well, because a message with a broken one inside is broken.
///
/// Depth is bounded by a stack of frames of its own; nothing here recurses.
///
/// **Invariants:** `at <= end` between any two fields, and `end` lies within the payload; every
/// load lies below it, because a comparison with `end` (or `wordLimit`, for eight bytes at once)
/// comes first. Presence bits of a scope's first 64 slots are in `bits`; its first word has them
/// only while the walk is in another scope or in a function that is called with them. Source:
/// protobuf.dev, "Encoding". Cost: 1–2 ns a field, nothing allocated.
@safe
struct WireDecoder: ~Copyable {
  /// Messages and groups within each other, the outermost not counted: the most that a source's
  /// limit may be.
  static let depthMax = 64

  /// An enclosing message of the one being read.
  @unsafe struct Frame {
    var end: UnsafeRawPointer
    var table: UnsafePointer<UInt64>
    var scope: UnsafeMutablePointer<UInt64>
  }

  let plan: WirePlan
  /// Messages and groups within each other that are let pass.
  let depthMax: Int
  private let frames: UnsafeMutablePointer<Frame>

  init(_ plan: WirePlan, depthMax: Int) {
    precondition(depthMax <= Self.depthMax, "there are \(Self.depthMax) frames")
    self.plan = plan
    self.depthMax = depthMax
    unsafe frames = .allocate(capacity: Self.depthMax)
  }

  deinit { unsafe frames.deallocate() }

  /// Reads all of `payload`, which must be shorter than 2 GiB, into `slots`; nil if its structure
  /// is sound. Slots are in no particular state if it is not.
  func read(_ payload: RawSpan, into slots: inout SlotMemory) -> WireFault? {
    slots.begin(payloadByteCount: payload.byteCount)
    let fault: WireFault? = unsafe payload.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress, bytes.count > 0 else {
        unsafe zero(plan[0], in: slots.record, &slots)
        return nil
      }
      return unsafe walk(WireBytes(base: base, count: bytes.count), &slots)
    }
    slots.settleFaults()
    return fault
  }

  // MARK: - Hot loops

  /// The message that a walk is in.
  @unsafe private struct Inside {
    var end: UnsafeRawPointer
    var table: UnsafePointer<UInt64>
    var scope: UnsafeMutablePointer<UInt64>
    /// Presence bits of the scope's first 64 slots.
    var bits: UInt64
    var depth = 0
  }

  @inline(never)
  private func walk(_ bytes: WireBytes, _ slots: inout SlotMemory) -> WireFault? {
    let wordLimit = unsafe bytes.base + (bytes.count - 8)
    var at = unsafe bytes.base
    if unsafe plan.root[-1] & WireNode.zeroedFlag != 0 {
      unsafe begin(plan.root, slots.record, &slots)
    }
    var inside = unsafe Inside(
      end: at + bytes.count, table: plan.root, scope: slots.record, bits: slots.record[0])
    while true {
      while unsafe at == inside.end {
        if unsafe !leave(&inside, bytes, &slots) { return nil }
      }
      let start = unsafe at
      var field = unsafe Self.field(&at, inside.end, inside.table)
      // The commonest first: a double or a time of eight bytes.
      if field.action == WireField.Action.fixed64.rawValue, unsafe inside.end - at >= 8 {
        let word = unsafe UInt64(littleEndian: at.loadUnaligned(as: UInt64.self))
        unsafe Self.set(field, word, inside.scope, &inside.bits)
        unsafe at += 8
        continue
      }
      if field.action >= WireField.Action.choice.rawValue {
        unsafe inside.scope[0] = inside.bits
        guard let (found, next) = unsafe lookApart(
          bytes, start, inside.end, inside.depth, inside.table, inside.scope, &slots)
        else { return slots.fault }
        unsafe inside.bits = inside.scope[0]
        unsafe at = next
        if found.word == 0 { continue }
        field = found
      }
      if field.action <= WireField.Action.bool.rawValue {
        guard let next = unsafe Self.number(field, at, wordLimit, &inside) else {
          return unsafe numberFault(
            field, bytes, start, at, inside.end, inside.depth, inside.table)
        }
        unsafe at = next
        continue
      }
      guard let content = unsafe Self.content(at, inside.end) else {
        return unsafe contentFault(bytes, start, at, inside.end, inside.depth, inside.table)
      }
      unsafe at = content.start
      if field.action <= WireField.Action.bytes.rawValue {
        if field.action == WireField.Action.bytes.rawValue {
          let word = unsafe UInt64(at - bytes.base) << 32 | UInt64(content.count)
          unsafe Self.set(field, word, inside.scope, &inside.bits)
        }
        unsafe at += content.count
        continue
      }
      guard unsafe enter(field, at + content.count, &inside, &slots) else {
        let reason = unsafe entryFault(depth: inside.depth, slots)
        return unsafe fault(reason, bytes, start, inside.end, inside.depth, inside.table)
      }
    }
  }

  /// Steps into a message that ends at `end`; false if it is too deep, one row too many, or one
  /// step too many (`entryFault`).
  @unsafe @inline(__always)
  private func enter(
    _ field: WireField, _ end: UnsafeRawPointer, _ inside: inout Inside,
    _ slots: inout SlotMemory
  ) -> Bool {
    if unsafe inside.depth == depthMax { return false }
    unsafe frames[inside.depth] = unsafe Frame(
      end: inside.end, table: inside.table, scope: inside.scope)
    if field.action == WireField.Action.row.rawValue {
      guard let row = unsafe slots.addRow() else { return false }
      unsafe inside.scope[0] = inside.bits
      unsafe inside.scope = row
      unsafe inside.bits = 0
    }
    unsafe inside.depth &+= 1
    unsafe inside.end = end
    unsafe inside.table = plan.words + field.target
    if unsafe inside.table[-1] & WireNode.beginFlags != 0 {
      unsafe inside.scope[0] = inside.bits
      unsafe begin(inside.table, inside.scope, &slots)
      unsafe inside.bits = inside.scope[0]
      if slots.isSpent {
        // The fault is this field's, not one's inside.
        unsafe inside.depth &-= 1
        unsafe inside.end = frames[inside.depth].end
        unsafe inside.table = frames[inside.depth].table
        return false
      }
    }
    return true
  }

  /// Steps out of a message; false if it was the outermost.
  @unsafe @inline(__always)
  private func leave(
    _ inside: inout Inside, _ bytes: WireBytes, _ slots: inout SlotMemory
  ) -> Bool {
    unsafe inside.scope[0] = inside.bits
    if unsafe inside.table[-1] & WireNode.entryFlag != 0 {
      unsafe endEntry(inside.table, bytes, inside.scope, &slots)
    }
    if unsafe inside.depth == 0 { return false }
    unsafe inside.depth &-= 1
    let frame = unsafe frames[inside.depth]
    unsafe inside.end = frame.end
    unsafe inside.table = frame.table
    unsafe inside.scope = frame.scope
    unsafe inside.bits = inside.scope[0]
    return true
  }

  /// The field whose tag lies at `at`, which then is behind the tag; one to look at apart, and `at`
  /// anywhere, if the tag is not one of the table's.
  @unsafe @inline(__always)
  private static func field(
    _ at: inout UnsafeRawPointer, _ end: UnsafeRawPointer, _ table: UnsafePointer<UInt64>
  ) -> WireField {
    let first = unsafe at.load(as: UInt8.self)
    unsafe at += 1
    if first < 0x80 { return WireField(word: unsafe table[Int(first)]) }
    // Two bytes, and a number that has a place in the table: what nearly all longer tags are.
    if unsafe at == end { return .unknown }
    let second = unsafe at.load(as: UInt8.self)
    unsafe at += 1
    // A third byte follows from 0x80 on; with 0 it is a short number, written long.
    if second &- 1 >= 0x7F { return .unknown }
    let tag = Int(first & 0x7F) | Int(second) << 7
    let number = tag >> 3
    if unsafe UInt64(number) >= table[-1] & 0xFFFF_FFFF { return .unknown }
    let field = WireField(word: unsafe table[number &+ WireNode.byNumber])
    return Int(field.wireType) == tag & 7 ? field : .unknown
  }

  /// Makes a field's slot present with a word.
  @unsafe @inline(__always)
  private static func set(
    _ field: WireField, _ word: UInt64, _ scope: UnsafeMutablePointer<UInt64>,
    _ bits: inout UInt64
  ) {
    unsafe scope[field.slotWord] = word
    if field.presenceWord == 0 {
      bits |= field.slotMask
    } else {
      unsafe scope[field.presenceWord] |= field.slotMask
    }
  }

  /// Reads or skips a number that is not length-delimited; what lies behind it, nil if it does not
  /// end. Branch by branch and no jump table: branches are told apart by what came before them.
  @unsafe @inline(__always)
  private static func number(
    _ field: WireField, _ at: UnsafeRawPointer, _ wordLimit: UnsafeRawPointer,
    _ inside: inout Inside
  ) -> UnsafeRawPointer? {
    let end = unsafe inside.end
    if field.action == WireField.Action.skip64.rawValue {
      return unsafe end - at < 8 ? nil : at + 8
    }
    if field.action == WireField.Action.skip32.rawValue {
      return unsafe end - at < 4 ? nil : at + 4
    }
    if field.action == WireField.Action.skipVarint.rawValue {
      return unsafe WireBytes.behindVarint(at, end, wordLimit)
    }
    guard let (word, next) = unsafe value(field.action, at, end, wordLimit) else { return nil }
    unsafe set(field, word, inside.scope, &inside.bits)
    return unsafe next
  }

  /// A number as the word of its slot. Apart, and without anything by reference, so that the loop
  /// keeps what it is at in registers.
  @unsafe @inline(never)
  private static func value(
    _ action: UInt8, _ at: UnsafeRawPointer, _ end: UnsafeRawPointer,
    _ wordLimit: UnsafeRawPointer
  ) -> (word: UInt64, next: UnsafeRawPointer)? {
    if action == WireField.Action.fixed64.rawValue {
      if unsafe end - at < 8 { return nil }
      return unsafe (UInt64(littleEndian: at.loadUnaligned(as: UInt64.self)), at + 8)
    }
    if action <= WireField.Action.float.rawValue {
      if unsafe end - at < 4 { return nil }
      let four = unsafe at.loadUnaligned(as: UInt32.self)
      return unsafe (WireBytes.word(of: four, action), at + 4)
    }
    var value: UInt64 = 0
    guard let next = unsafe WireBytes.varint(at, end, wordLimit, &value) else { return nil }
    return unsafe (WireBytes.word(ofVarint: value, action), next)
  }

  /// Where a length-delimited value begins and how many bytes it has; nil if it has no length, or
  /// runs over the end.
  @unsafe @inline(__always)
  private static func content(
    _ at: UnsafeRawPointer, _ end: UnsafeRawPointer
  ) -> (start: UnsafeRawPointer, count: Int)? {
    if unsafe at == end { return nil }
    var count = unsafe Int(at.load(as: UInt8.self))
    var start = unsafe at + 1
    if count >= 0x80 {
      guard let (value, next) = unsafe WireBytes.longVarint32(at, end) else { return nil }
      count = Int(value)
      unsafe start = next
    }
    return unsafe count > end - start ? nil : (start, count)
  }
}

/// Where a walk is.
struct WirePlace {
  var position: Int
  /// Of the message at hand.
  var end: Int
  var depth: Int
  var node: Int

  func fault(_ reason: DeadReason, at filePosition: Int, _ number: UInt32) -> WireFault {
    WireFault(
      reason: reason, filePosition: filePosition, node: Int32(truncatingIfNeeded: node),
      fieldNumber: number)
  }

  /// A field that runs over the end of its message: cut short if that is the outermost one, else
  /// the lengths contradict each other.
  func overrun(_ filePosition: Int, _ number: UInt32) -> WireFault {
    fault(depth == 0 ? .truncated : .malformed, at: filePosition, number)
  }
}

/// Why a walk stopped.
struct WireFault {
  var reason: DeadReason
  /// Where in the payload, bytes.
  var filePosition: Int
  /// The message it is in; `fieldNumber` is 0 when no field is at hand.
  var node: Int32
  var fieldNumber: UInt32
}
