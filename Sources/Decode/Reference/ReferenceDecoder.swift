import CProtobufC
import Telemetry

/// Reads a message with libprotobuf-c into the same slots that the wire plan fills: for message
/// types with `required` fields, and as the other opinion in tests.
///
///     payload ── WireScanner ──▶ sound, groups found ── libprotobuf-c ──▶ C structs ──▶ slots
///
/// libprotobuf-c copies the bytes of texts; they are gathered in `texts`, which the slots' words
/// count in. Strings are declared `bytes` to it, because it would cut them at a NUL.
///
/// A class, because it is beside the fast path and has one owner. Cost: two to five times the
/// payload in memory, 30–60 ns a field.
final class ReferenceDecoder {
  private let plan: CompiledMapping
  private let scan: ScanTable
  private let descriptors: CDescriptors
  private let arena: Arena
  private var findings: WireFindings
  /// By map of the tree.
  private let columnKeys: [ColumnKeys]
  /// Bytes of the texts of the last record.
  private(set) var texts: [UInt8] = []

  init(_ plan: CompiledMapping, byteCountMax: Int, depthMax: Int) {
    self.plan = plan
    findings = WireFindings(depthMax: depthMax)
    scan = ScanTable(plan.type)
    columnKeys = plan.tree.maps.map { ColumnKeys($0.columns) }
    descriptors = CDescriptors(plan.type)
    arena = Arena(firstByteCount: min(64 << 10, byteCountMax), byteCountMax: byteCountMax)
  }

  /// Reads all of `payload`, which must be shorter than 2 GiB; the outcome if it is dead.
  func read(_ payload: RawSpan, into slots: inout SlotMemory) -> DecodeOutcome? {
    slots.begin(payloadByteCount: payload.byteCount)
    texts.removeAll(keepingCapacity: texts.capacity <= SlotMemory.keptByteCountMax)
    let fault = WireScanner.scan(payload, table: scan, into: &findings)
    if let fault = fault ?? findings.contentFault {
      let place = scan.describe(node: fault.node, fieldNumber: fault.fieldNumber)
      let sentence = plan.sentence(for: fault.reason)
      return .dead(fault.reason, detail: "\(place) at byte \(fault.filePosition): \(sentence)")
    }
    arena.reset()
    guard let message = unsafe unpack(payload) else { return refused(payload) }
    guard unsafe fill(node: 0, from: message, slots.record, &slots) else {
      if slots.isRowLimitReached, !slots.isSpent { return .dead(.tooManyRows, detail: "") }
      return .dead(.tooLarge, detail: plan.sentence(for: .tooLarge))
    }
    return nil
  }

  /// Unpacks into the arena; nil if libprotobuf-c refuses, or the arena is used up.
  @unsafe
  private func unpack(_ payload: RawSpan) -> UnsafeRawPointer? {
    let count = payload.byteCount
    let descriptor = unsafe descriptors.descriptor(of: plan.type)
    if findings.groups.isEmpty, findings.unknownEnums.isEmpty {
      return unsafe payload.withUnsafeBytes { bytes in
        unsafe UnsafeRawPointer(
          protobuf_c_message_unpack(
            descriptor, arena.allocator, count,
            bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)))
      }
    }
    guard let copy = unsafe arena.allocate(byteCount: count) else { return nil }
    let masked = unsafe UnsafeMutableRawBufferPointer(start: copy, count: count)
    unsafe payload.withUnsafeBytes { unsafe masked.copyMemory(from: $0) }
    var span = unsafe masked.mutableBytes
    GroupMask.apply(findings.groups, to: &span)
    let leftCount = EnumMask.apply(findings, to: &span)
    return unsafe UnsafeRawPointer(
      protobuf_c_message_unpack(
        descriptor, arena.allocator, leftCount, copy.assumingMemoryBound(to: UInt8.self)))
  }

  /// Why an unpack failed that the scanner had let pass.
  private func refused(_ payload: RawSpan) -> DecodeOutcome {
    if arena.isExhausted {
      return .dead(
        .tooLarge, detail: "unpacking \(payload.byteCount) bytes needs more memory than allowed")
    }
    if plan.type.hasRequiredField {
      return .dead(.missingRequired, detail: "a required field of \(plan.type.name) is absent")
    }
    return .dead(.unpackRefused, detail: "libprotobuf-c cannot unpack it as \(plan.type.name)")
  }

  // MARK: - Structs to slots

  // These read memory that libprotobuf-c laid out by the same descriptors the places come from.

  /// Fills a node's slots from its struct; false if there may be no more rows, or no more steps.
  private func fill(
    node index: Int, from base: UnsafeRawPointer, _ words: UnsafeMutablePointer<UInt64>,
    _ slots: inout SlotMemory
  ) -> Bool {
    let node = plan.tree.nodes[index]
    let layout = node.isInRow ? slots.rowLayout : slots.recordLayout
    for zeroed in SlotSet(node.zeroedSlots).words {
      unsafe slots.spend(1 + layout.zero(zeroed, in: words))
    }
    if slots.isSpent { return false }
    for (number, step) in node.steps.sorted(by: { $0.key < $1.key }) {
      guard let field = node.type.field(numbered: number) else {
        preconditionFailure("a step is a field of its node")
      }
      let place = descriptors.requiredPlace(of: field)
      switch step {
      case .value(let slot):
        if let word = unsafe word(of: field, at: place, in: base) {
          unsafe layout.set(slot, word, in: words)
        }
      case .message(let next):
        guard let nested = unsafe message(field, at: place, in: base) else { continue }
        guard unsafe fill(node: next, from: nested, words, &slots) else { return false }
      case .rows(let next):
        for unsafe element in unsafe elements(at: place, in: base) {
          guard let row = unsafe slots.addRow(), unsafe fill(node: next, from: element, row, &slots)
          else { return false }
        }
      case .columns(let map):
        for unsafe entry in unsafe elements(at: place, in: base) {
          unsafe takeColumn(map, from: entry, layout, words)
        }
      }
    }
    return true
  }

  /// A scalar's word; nil if it is absent.
  private func word(
    of field: MessageField, at place: CDescriptors.Place, in base: UnsafeRawPointer
  ) -> UInt64? {
    let quantifier = place.quantifierOffset
    if field.oneof != nil {
      guard unsafe base.load(fromByteOffset: quantifier, as: UInt32.self) == field.number
      else { return nil }
    } else if field.presence == .explicit {
      guard unsafe base.load(fromByteOffset: quantifier, as: Int32.self) != 0 else { return nil }
    }
    let word = unsafe load(field.type, at: place.offset, in: base)
    // Where presence is implicit the struct cannot tell an absent value from a zero.
    if field.oneof == nil, field.presence == .implicit {
      let isText = field.type == .string || field.type == .bytes
      if (isText ? word & 0xFFFF_FFFF : word) == 0 { return nil }
    }
    return word
  }

  private func load(_ type: FieldType, at offset: Int, in base: UnsafeRawPointer) -> UInt64 {
    switch type {
    case .double, .int64, .uint64, .sint64, .fixed64, .sfixed64:
      return unsafe base.load(fromByteOffset: offset, as: UInt64.self)
    case .float:
      return Double(unsafe base.load(fromByteOffset: offset, as: Float.self)).bitPattern
    case .int32, .sint32, .sfixed32, .enumeration:
      return UInt64(bitPattern: Int64(unsafe base.load(fromByteOffset: offset, as: Int32.self)))
    case .uint32, .fixed32:
      return UInt64(unsafe base.load(fromByteOffset: offset, as: UInt32.self))
    case .bool:
      return unsafe base.load(fromByteOffset: offset, as: Int32.self) != 0 ? 1 : 0
    case .string, .bytes:
      let data = unsafe base.load(fromByteOffset: offset, as: ProtobufCBinaryData.self)
      let start = texts.count
      unsafe texts.append(contentsOf: UnsafeBufferPointer(start: data.data, count: data.len))
      return UInt64(start) << 32 | UInt64(texts.count - start)
    case .message, .group:
      preconditionFailure("a message is no scalar")
    }
  }

  private func message(
    _ field: MessageField, at place: CDescriptors.Place, in base: UnsafeRawPointer
  ) -> UnsafeRawPointer? {
    if field.oneof != nil,
      unsafe base.load(fromByteOffset: place.quantifierOffset, as: UInt32.self) != field.number
    {
      return nil
    }
    return unsafe base.load(fromByteOffset: place.offset, as: UnsafeRawPointer?.self)
  }

  private func elements(
    at place: CDescriptors.Place, in base: UnsafeRawPointer
  ) -> UnsafeBufferPointer<UnsafeRawPointer> {
    let count = unsafe base.load(fromByteOffset: place.quantifierOffset, as: Int.self)
    return unsafe UnsafeBufferPointer(
      start: base.load(fromByteOffset: place.offset, as: UnsafePointer<UnsafeRawPointer>?.self),
      count: count)
  }

  /// Gives an entry's value to the column of its key. An entry without a value has its type's zero.
  private func takeColumn(
    _ map: Int, from entry: UnsafeRawPointer, _ layout: SlotMemory.Layout,
    _ words: UnsafeMutablePointer<UInt64>
  ) {
    let type = plan.tree.nodes[plan.tree.maps[map].node].type
    guard let key = type.field(numbered: 1), let value = type.field(numbered: 2) else {
      preconditionFailure("an entry has a key and a value")
    }
    let keyWord = unsafe word(of: key, at: descriptors.requiredPlace(of: key), in: entry) ?? 0
    let texts = texts
    guard let slot = unsafe columnKeys[map].slot(of: keyWord, in: texts.span.bytes) else { return }
    let word = unsafe word(of: value, at: descriptors.requiredPlace(of: value), in: entry)
    unsafe layout.set(slot, word ?? 0, in: words)
  }
}
