/// A stretch of a payload: file positions in bytes. Payloads are below 2 GiB.
struct WireRange {
  var start: Int32
  var count: Int32
}

/// What one scan found, in buffers that are used again for the next record.
struct WireFindings {
  struct Frame {
    var end: Int
    var node: Int32
    var seen: UInt64
    /// Bytes that go, so far.
    var removedCount: Int
    /// Of the message inside: where its tag, its length and its content begin.
    var innerStarts: (tag: Int, length: Int, content: Int)
  }

  /// A length that is to be another one, in as many bytes.
  struct Length {
    var start: Int
    var byteCount: Int
    var value: Int
  }

  /// Unknown groups, from the start tag to behind the end tag, none inside another.
  var groups: [WireRange] = []
  /// Closed enums, and entries of maps, that are unknown fields because of their number: ascending,
  /// none inside another; and the lengths around them without them.
  var unknownEnums: [WireRange] = []
  var lengths: [Length] = []
  /// The first fault that leaves the structure readable: a field with a wrong wire type, or a
  /// message that stands twice and cannot be merged.
  var contentFault: WireFault?
  /// Messages and groups within each other that are let pass.
  fileprivate let depthMax: Int
  /// Enclosing messages of the one being scanned.
  fileprivate var frames: [Frame]
  fileprivate var groupNumbers: [UInt32] = []

  init(depthMax: Int = WireScanner.depthMax) {
    self.depthMax = depthMax
    let frame = Frame(
      end: 0, node: 0, seen: 0, removedCount: 0, innerStarts: (tag: 0, length: 0, content: 0))
    frames = Array(repeating: frame, count: WireScanner.depthMax)
  }

  fileprivate mutating func reset() {
    if !groups.isEmpty { groups.removeAll(keepingCapacity: true) }
    if !unknownEnums.isEmpty { unknownEnums.removeAll(keepingCapacity: true) }
    if !lengths.isEmpty { lengths.removeAll(keepingCapacity: true) }
    contentFault = nil
  }
}

/// Walks the wire form of a message once, before libprotobuf-c sees it.
///
/// libprotobuf-c 1.4.1 recurses without bound, cuts strings at a NUL, takes any bytes for a
/// string, refuses every group and says nothing about why it refuses. So this scan bounds the
/// depth, names the first structural fault, and finds the groups to be masked and the closed enums
/// to be left out.
/// What it accepts, libprotobuf-c accepts, but for missing required fields and want of memory.
///
/// It also refuses what libprotobuf-c would silently get wrong: see `MessageType.mergesWrongly`.
///
/// Structural faults end the scan. A wrong wire type is only noted, because "cut short" says more
/// about a record than what was cut off.
///
/// Source: protobuf.dev, "Encoding". Cost: 2–4 ns a field, nothing allocated in a steady state.
enum WireScanner {
  /// Messages and groups within each other, the outermost not counted.
  static let depthMax = 64

  /// Scans all of `bytes`, which must be shorter than 2 GiB; nil if the structure is sound.
  static func scan(
    _ bytes: RawSpan, table: borrowing ScanTable, into findings: inout WireFindings
  ) -> WireFault? {
    findings.reset()
    return scanMessages(
      bytes, fields: table.fields.span, nodes: table.nodes.span,
      sparseNumbers: table.sparseNumbers.span, sparseFields: table.sparseFields.span,
      closedNumbers: table.closedNumbers, into: &findings)
  }

  // MARK: - Hot loops

  /// Where the scan is: `position <= end`, and `end` lies within the payload.
  private struct Cursor {
    var position = 0
    var end: Int
    var depth = 0
    var node: Int32 = 0
    /// Bits of the unmergeable messages that the message at hand has had so far.
    var seen: UInt64 = 0
    /// Bytes of it that go; and whether it goes as a whole.
    var removedCount = 0
    var isRemoved = false

    func fault(_ reason: DeadReason, at filePosition: Int, _ number: UInt32) -> WireFault {
      WireFault(reason: reason, filePosition: filePosition, node: node, fieldNumber: number)
    }

    /// Goes on behind a nested message.
    @inline(__always)
    mutating func leave(to frame: WireFindings.Frame, _ findings: inout WireFindings) {
      let removed = removedCount
      removedCount = frame.removedCount
      if removed > 0 || isRemoved {
        removedCount &+= findings.remove(removed, isRemoved, frame, end)
      }
      isRemoved = false
      depth &-= 1
      end = frame.end
      node = frame.node
      seen = frame.seen
    }

    /// A field that runs over the end of its message: cut short if that is the outermost one,
    /// else the lengths contradict each other.
    func overrun(_ filePosition: Int, _ number: UInt32) -> WireFault {
      fault(depth == 0 ? .truncated : .malformed, at: filePosition, number)
    }
  }

  // Loads below stay inside `bytes`: each follows a comparison of its position with an end that
  // lies within.
  private static func scanMessages(
    _ bytes: RawSpan, fields: Span<ScanField>, nodes: Span<ScanNode>,
    sparseNumbers: Span<UInt32>, sparseFields: Span<ScanField>, closedNumbers: [[Int32]],
    into findings: inout WireFindings
  ) -> WireFault? {
    var cursor = Cursor(end: bytes.byteCount)
    var node = nodes[0]
    while true {
      while cursor.position == cursor.end {
        if cursor.depth == 0 { return nil }
        cursor.leave(to: findings.frames[cursor.depth &- 1], &findings)
        node = nodes[Int(cursor.node)]
      }
      let start = cursor.position
      var tag = UInt32(byte(bytes, start))
      cursor.position &+= 1
      if tag >= 0x80 {
        let long = longVarint32(bytes, start, cursor.end)
        guard let long else { return cut(bytes, start, 5, cursor, 0) }
        (tag, cursor.position) = long
      }
      let number = tag >> 3
      let wireType = UInt8(truncatingIfNeeded: tag & 7)
      var field = lookUp(number, node, fields, sparseNumbers, sparseFields)
      if (field.acceptedWireTypes >> wireType) & 1 == 0 || number == 0 {
        if let fault = unexpected(wireType, number, field, start, cursor, &findings) {
          return fault
        }
        if wireType == 3 {
          if let fault = skipGroup(bytes, from: start, number, &cursor, &findings) { return fault }
          continue
        }
        field.action = .skip
      }
      let byteCount: Int
      let behindTag = cursor.position
      switch wireType {
      case 0:
        let next = skipVarint(bytes, cursor.position, cursor.end)
        guard next > 0 else { return cut(bytes, cursor.position, 10, cursor, number) }
        if field.action.isClosed {
          judge(bytes, field, closedNumbers, start..<next, &cursor, &findings)
        }
        cursor.position = next
        continue
      case 1: byteCount = 8
      case 5: byteCount = 4
      default:
        guard let count = readLength(bytes, &cursor) else {
          return cut(bytes, cursor.position, 5, cursor, number)
        }
        byteCount = count
      }
      guard byteCount <= cursor.end &- cursor.position else { return cursor.overrun(start, number) }
      if wireType == 2, field.action != .skip {
        if field.action.entersMessage {
          guard cursor.depth < findings.depthMax else {
            return cursor.fault(.tooDeep, at: start, number)
          }
          enter(field, number, byteCount, (start, behindTag), &cursor, &findings)
          node = nodes[Int(cursor.node)]
          continue
        }
        guard isPackedSound(bytes, cursor.position, byteCount, field.action) else {
          return cursor.fault(.malformed, at: cursor.position, number)
        }
      }
      cursor.position &+= byteCount
    }
  }

  /// Steps into a nested message of `byteCount` bytes.
  @inline(__always)
  private static func enter(
    _ field: ScanField, _ number: UInt32, _ byteCount: Int, _ starts: (tag: Int, length: Int),
    _ cursor: inout Cursor, _ findings: inout WireFindings
  ) {
    if field.action == .unmergeable { mark(field, starts.tag, number, &cursor, &findings) }
    findings.frames[cursor.depth] = WireFindings.Frame(
      end: cursor.end, node: cursor.node, seen: cursor.seen, removedCount: cursor.removedCount,
      innerStarts: (starts.tag, starts.length, cursor.position))
    cursor.removedCount = 0
    cursor.depth &+= 1
    cursor.end = cursor.position &+ byteCount
    cursor.node = field.target
    cursor.seen = 0
  }

  /// Notes that an unmergeable message begins, and the fault if it is not the first.
  @inline(never)
  private static func mark(
    _ field: ScanField, _ start: Int, _ number: UInt32, _ cursor: inout Cursor,
    _ findings: inout WireFindings
  ) {
    let bit: UInt64 = 1 << UInt64(field.ordinal)
    if cursor.seen & bit != 0, findings.contentFault == nil {
      findings.contentFault = cursor.fault(.unpackRefused, at: start, number)
    }
    cursor.seen |= bit
  }

  /// The byte count before a length-delimited value; nil if it is no length, or does not end.
  @inline(__always)
  private static func readLength(_ bytes: RawSpan, _ cursor: inout Cursor) -> Int? {
    guard cursor.position < cursor.end else { return nil }
    let first = byte(bytes, cursor.position)
    if first < 0x80 {
      cursor.position &+= 1
      return Int(first)
    }
    guard let (long, next) = longVarint32(bytes, cursor.position, cursor.end), long <= Int32.max
    else { return nil }
    cursor.position = next
    return Int(long)
  }

  @inline(__always)
  private static func byte(_ bytes: RawSpan, _ position: Int) -> UInt8 {
    unsafe bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self)
  }

  /// The position behind a varint, or -1 if it does not end before `end` or within ten bytes.
  /// Bits beyond the 64th are dropped by every reader, this one included.
  @inline(__always)
  private static func skipVarint(_ bytes: RawSpan, _ start: Int, _ end: Int) -> Int {
    var position = start
    let last = min(end, start &+ 10)
    while position < last {
      let value = byte(bytes, position)
      position &+= 1
      if value < 0x80 { return position }
    }
    return -1
  }

  @inline(__always)
  private static func lookUp(
    _ number: UInt32, _ node: ScanNode, _ fields: Span<ScanField>, _ numbers: Span<UInt32>,
    _ sparse: Span<ScanField>
  ) -> ScanField {
    number < node.denseCount
      ? fields[Int(node.denseStart) &+ Int(number)] : sparseField(number, node, numbers, sparse)
  }

  private static func sparseField(
    _ number: UInt32, _ node: ScanNode, _ numbers: Span<UInt32>, _ fields: Span<ScanField>
  ) -> ScanField {
    var low = Int(node.sparseStart)
    var high = low &+ Int(node.sparseCount)
    while low < high {
      let middle = (low &+ high) / 2
      if numbers[middle] == number { return fields[middle] }
      if numbers[middle] < number { low = middle &+ 1 } else { high = middle }
    }
    return .unknown
  }
}

// MARK: - Rare shapes

extension WireFindings {
  /// Notes what goes of a message that ends at `end`: some bytes, or all of it. How many bytes the
  /// message around it loses.
  @inline(never)
  fileprivate mutating func remove(
    _ count: Int, _ isAll: Bool, _ frame: Frame, _ end: Int
  ) -> Int {
    let starts = frame.innerStarts
    guard isAll else {
      lengths.append(
        Length(
          start: starts.length, byteCount: starts.content - starts.length,
          value: end - starts.content - count))
      return count
    }
    unknownEnums.append(WireRange(start: Int32(starts.tag), count: Int32(end - starts.tag)))
    return end - starts.tag
  }
}

extension WireScanner {
  /// Notes a closed enum at `range`, tag included, if its number has no name.
  @inline(never)
  private static func judge(
    _ bytes: RawSpan, _ field: ScanField, _ closedNumbers: [[Int32]], _ range: Range<Int>,
    _ cursor: inout Cursor, _ findings: inout WireFindings
  ) {
    var value: UInt64 = 0
    for (index, position) in (cursor.position..<range.upperBound).enumerated() {
      value |= UInt64(byte(bytes, position) & 0x7F) << UInt64(7 * index)
    }
    if closedNumbers[Int(field.target)].holds(Int32(truncatingIfNeeded: value)) { return }
    if field.action == .closedEntry {
      cursor.isRemoved = true
    } else {
      findings.unknownEnums.append(
        WireRange(start: Int32(range.lowerBound), count: Int32(range.count)))
      cursor.removedCount += range.count
    }
  }

  /// A varint of at most five bytes and 32 bits, as tags and lengths are.
  @inline(never)
  private static func longVarint32(
    _ bytes: RawSpan, _ start: Int, _ end: Int
  ) -> (value: UInt32, next: Int)? {
    var value: UInt64 = 0
    var position = start
    while position < min(end, start + 5) {
      let group = byte(bytes, position)
      value |= UInt64(group & 0x7F) << UInt64((position - start) * 7)
      position += 1
      if group < 0x80 { return UInt32(exactly: value).map { ($0, position) } }
    }
    return nil
  }

  /// Names the fault of a varint that could not be read at `start`: cut off by the end of the
  /// payload, or longer than any may be.
  @inline(never)
  private static func cut(
    _ bytes: RawSpan, _ start: Int, _ byteCountMax: Int, _ cursor: Cursor, _ number: UInt32
  ) -> WireFault {
    let end = min(cursor.end, start + byteCountMax)
    let runsOn = (start..<end).allSatisfy { byte(bytes, $0) >= 0x80 }
    guard runsOn, cursor.end - start < byteCountMax else {
      return cursor.fault(.malformed, at: start, number)
    }
    return cursor.overrun(start, number)
  }

  /// Judges a field whose wire type its declaration does not have. A sound one is only noted: the
  /// scan goes on over it.
  @inline(never)
  private static func unexpected(
    _ wireType: UInt8, _ number: UInt32, _ field: ScanField, _ start: Int, _ cursor: Cursor,
    _ findings: inout WireFindings
  ) -> WireFault? {
    guard number != 0, wireType != 4, wireType < 6 else {
      return cursor.fault(.malformed, at: start, number)
    }
    let isDeclared = field.acceptedWireTypes != ScanField.unknown.acceptedWireTypes
    if isDeclared, findings.contentFault == nil {
      findings.contentFault = cursor.fault(.wrongType, at: start, number)
    }
    return nil
  }

  /// Whether libprotobuf-c can unpack the elements: whole ones only.
  private static func isPackedSound(
    _ bytes: RawSpan, _ start: Int, _ count: Int, _ action: ScanField.Action
  ) -> Bool {
    if action == .packed32 { return count % 4 == 0 }
    if action == .packed64 { return count % 8 == 0 }
    var position = start
    while position < start + count {
      position = skipVarint(bytes, position, start + count)
      if position < 0 { return false }
    }
    return true
  }

  /// Skips the group whose start tag lies at `start` and records where it is; the cursor stands
  /// behind that tag.
  @inline(never)
  private static func skipGroup(
    _ bytes: RawSpan, from start: Int, _ number: UInt32, _ cursor: inout Cursor,
    _ findings: inout WireFindings
  ) -> WireFault? {
    guard cursor.depth < findings.depthMax else { return cursor.fault(.tooDeep, at: start, number) }
    findings.groupNumbers.removeAll(keepingCapacity: true)
    findings.groupNumbers.append(number)
    while let open = findings.groupNumbers.last {
      let fieldStart = cursor.position
      guard fieldStart < cursor.end else { return cursor.overrun(fieldStart, number) }
      guard let (tag, behindTag) = longVarint32(bytes, fieldStart, cursor.end) else {
        return cut(bytes, fieldStart, 5, cursor, number)
      }
      cursor.position = behindTag
      guard tag >> 3 != 0 else { return cursor.fault(.malformed, at: fieldStart, number) }
      switch tag & 7 {
      case 3:
        guard cursor.depth + findings.groupNumbers.count < findings.depthMax else {
          return cursor.fault(.tooDeep, at: fieldStart, number)
        }
        findings.groupNumbers.append(tag >> 3)
      case 4 where tag >> 3 == open:
        findings.groupNumbers.removeLast()
      case 0, 1, 2, 5:
        if let fault = skipValue(bytes, tag & 7, number, &cursor) { return fault }
      default:
        return cursor.fault(.malformed, at: fieldStart, number)
      }
    }
    findings.groups.append(
      WireRange(start: Int32(start), count: Int32(cursor.position - start)))
    return nil
  }

  /// Skips one value inside a group.
  private static func skipValue(
    _ bytes: RawSpan, _ wireType: UInt32, _ number: UInt32, _ cursor: inout Cursor
  ) -> WireFault? {
    let byteCount: Int
    switch wireType {
    case 0:
      let next = skipVarint(bytes, cursor.position, cursor.end)
      guard next > 0 else { return cut(bytes, cursor.position, 10, cursor, number) }
      byteCount = next - cursor.position
    case 1: byteCount = 8
    case 5: byteCount = 4
    default:
      guard let count = readLength(bytes, &cursor) else {
        return cut(bytes, cursor.position, 5, cursor, number)
      }
      byteCount = count
    }
    guard byteCount <= cursor.end - cursor.position else {
      return cursor.overrun(cursor.position, number)
    }
    cursor.position += byteCount
    return nil
  }
}
