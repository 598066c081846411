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
/// **Invariants:** `at <= end` between any two fields, and `end` lies within the payload; every load
/// lies below it, because a comparison with `end` (or `wordLimit`, for eight bytes at once) comes
/// first. Presence bits of a scope's first 64 slots are in `bits`; its first word has them only
/// while the walk is in another scope or in a function that is called with them.
/// Source: protobuf.dev, "Encoding". Cost: 1–2 ns a field, nothing allocated.
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
    slots.begin()
    return unsafe payload.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress, bytes.count > 0 else {
        unsafe zero(plan[0], in: slots.record)
        return nil
      }
      return unsafe walk(WireBytes(base: base, count: bytes.count), &slots)
    }
  }

  // MARK: - Hot loops

  @inline(never)
  private func walk(_ bytes: WireBytes, _ slots: inout SlotMemory) -> WireFault? {
    let base = unsafe bytes.base
    let wordLimit = unsafe base + (bytes.count - 8)
    var at = unsafe base
    var end = unsafe base + bytes.count
    var depth = 0
    var table = unsafe plan.root
    var scope = unsafe slots.record
    if !plan[0].zeroed.isEmpty { unsafe zero(plan[0], in: scope) }
    var bits = unsafe scope[0]
    while true {
      while unsafe at == end {
        unsafe scope[0] = bits
        if unsafe table[-1] & WireNode.entryFlag != 0 {
          unsafe takeColumn(table, bytes, scope, &slots)
        }
        if depth == 0 { return nil }
        depth &-= 1
        let frame = unsafe frames[depth]
        unsafe (end, table, scope) = unsafe (frame.end, frame.table, frame.scope)
        bits = unsafe scope[0]
      }
      let start = unsafe at
      var field = unsafe Self.field(&at, end, table)
      // The commonest first: a double or a time of eight bytes.
      if field.action == WireField.Action.fixed64.rawValue, unsafe end - at >= 8 {
        unsafe Self.set(field, at.loadUnaligned(as: UInt64.self), scope, &bits)
        unsafe at += 8
        continue
      }
      if field.action >= WireField.Action.choice.rawValue {
        unsafe scope[0] = bits
        guard let (found, next) = unsafe lookApart(
          field, bytes, start, end, depth, table, scope, &slots)
        else { return slots.fault }
        bits = unsafe scope[0]
        unsafe at = next
        if found.word == 0 { continue }
        field = found
      }
      if field.action <= WireField.Action.bool.rawValue {
        guard let next = unsafe Self.number(field, at, end, wordLimit, scope, &bits) else {
          return unsafe numberFault(field, bytes, start, at, end, depth, table)
        }
        unsafe at = next
        continue
      }
      guard let content = unsafe Self.content(at, end) else {
        return unsafe contentFault(bytes, start, at, end, depth, table)
      }
      unsafe at = content.start
      if field.action <= WireField.Action.bytes.rawValue {
        if field.action == WireField.Action.bytes.rawValue {
          let word = unsafe UInt64(at - base) << 32 | UInt64(content.count)
          unsafe Self.set(field, word, scope, &bits)
        }
        unsafe at += content.count
        continue
      }
      if depth == depthMax {
        return unsafe fault(.tooDeep, bytes, start, end, depth, table)
      }
      unsafe frames[depth] = unsafe Frame(end: end, table: table, scope: scope)
      depth &+= 1
      unsafe end = at + content.count
      unsafe table = plan.words + field.target
      if field.action == WireField.Action.row.rawValue {
        unsafe scope[0] = bits
        bits = 0
        guard let row = unsafe slots.addRow() else {
          return unsafe fault(.tooLarge, bytes, start, end, depth, table)
        }
        unsafe scope = row
      }
      if unsafe table[-1] & WireNode.beginFlags != 0 {
        unsafe scope[0] = bits
        unsafe begin(table, scope)
        bits = unsafe scope[0]
      }
    }
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
    let tag = Int(first & 0x7F) | Int(second) << 7
    let number = tag >> 3
    if second >= 0x80 || number < WireNode.shortNumberEnd { return .unknown }
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

  /// Reads a number that is not length-delimited; what lies behind it, nil if it does not end.
  @unsafe @inline(__always)
  private static func number(
    _ field: WireField, _ at: UnsafeRawPointer, _ end: UnsafeRawPointer,
    _ wordLimit: UnsafeRawPointer, _ scope: UnsafeMutablePointer<UInt64>, _ bits: inout UInt64
  ) -> UnsafeRawPointer? {
    let action = field.action
    // One after the other and no jump table: branches are told apart by what came before them.
    if action == WireField.Action.fixed64.rawValue {
      if unsafe end - at < 8 { return nil }
      unsafe set(field, at.loadUnaligned(as: UInt64.self), scope, &bits)
      return unsafe at + 8
    }
    if action == WireField.Action.skip64.rawValue { return unsafe end - at < 8 ? nil : at + 8 }
    if action == WireField.Action.skipVarint.rawValue {
      return unsafe WireBytes.behindVarint(at, end, wordLimit)
    }
    if action == WireField.Action.skip32.rawValue { return unsafe end - at < 4 ? nil : at + 4 }
    if action <= WireField.Action.float.rawValue {
      if unsafe end - at < 4 { return nil }
      let four = unsafe at.loadUnaligned(as: UInt32.self)
      unsafe set(field, WireBytes.word(of: four, action), scope, &bits)
      return unsafe at + 4
    }
    var value: UInt64 = 0
    let next = unsafe WireBytes.varint(at, end, wordLimit, &value)
    unsafe set(field, WireBytes.word(ofVarint: value, action), scope, &bits)
    return unsafe next
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
