import CProtobufC

/// The descriptors libprotobuf-c unpacks a message type by, built at run time from a schema: of the
/// type itself and of all that may stand inside it.
///
/// The structs that libprotobuf-c fills have a layout of our own, described by `offset`s alone:
///
///     ProtobufCMessage | 8-byte quantifiers and members | 4-byte ones |
///
/// What protoc-c would generate and unpacking never looks at is left out: names of C types, tables
/// by name, enum descriptors, init functions. So are default values: an absent field is zeros and
/// null, and its presence is told by its quantifier. Strings are bytes, because libprotobuf-c ends
/// a string at its first NUL. Groups cannot be expressed; their fields are unknown here
/// (`GroupMask` makes them so on the wire).
///
/// **Invariants:** all pointers lead into `memory`, which is never changed once `init` has returned
/// and lives as long as `self`. Whoever unpacks keeps `self`.
@safe
final class CDescriptors: @unchecked Sendable {
  // @unchecked because memory that nobody changes is safe to share between threads.

  /// Where a field stands in the struct of its message; offsets in bytes.
  struct Place: Hashable {
    var offset: Int
    /// Of `has_`, `n_` or the oneof's case; 0 if it has none.
    var quantifierOffset: Int
  }

  /// The type the others were found from.
  let root: MessageType
  /// Bytes allocated, for bounds and tests.
  let byteCount: Int
  private let memory: UnsafeMutableRawPointer
  /// Index of a message of the pool among `layouts`.
  private let slots: [Int: Int]
  private let layouts: [Layout]

  /// Cost: linear in the fields of all types that can be reached. Once a source.
  init(_ root: MessageType) {
    self.root = root
    let types = Self.reachable(from: root)
    slots = Dictionary(uniqueKeysWithValues: types.enumerated().map { ($1.index, $0) })
    layouts = types.map(Layout.init)
    var plan = MemoryPlan(messageCount: layouts.count)
    for layout in layouts { plan.add(layout) }
    byteCount = plan.byteCount
    unsafe memory = .allocate(byteCount: byteCount, alignment: 8)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    var writer = unsafe DescriptorWriter(memory: memory, messageCount: layouts.count)
    for (slot, layout) in layouts.enumerated() {
      unsafe writer.write(layout, slot: slot, slots: slots)
    }
    precondition(unsafe writer.byteCount == byteCount, "what was planned is what was written")
  }

  deinit { unsafe memory.deallocate() }

  /// The descriptor of a type that can be reached from `root`; valid as long as `self`.
  @unsafe
  func descriptor(of type: MessageType) -> UnsafePointer<ProtobufCMessageDescriptor> {
    guard type.pool === root.pool, let slot = slots[type.index] else {
      preconditionFailure("\(type.name) cannot be reached from \(root.name)")
    }
    return unsafe DescriptorWriter.descriptor(slot, in: memory)
  }

  /// Where a field of a reachable type stands; nil for a group, which is left out.
  func place(of field: MessageField) -> Place? {
    guard field.parent.pool === root.pool, let slot = slots[field.parent.index] else {
      preconditionFailure("\(field.parent.name) cannot be reached from \(root.name)")
    }
    return layouts[slot].places[field.index]
  }

  /// The same for a field that a path leads through, which is never a group.
  func requiredPlace(of field: MessageField) -> Place {
    guard let place = place(of: field) else {
      preconditionFailure("\(field.parent.name).\(field.name) is a group: no path leads there")
    }
    return place
  }

  private static func reachable(from root: MessageType) -> [MessageType] {
    var found = [root]
    var seen: Set<Int> = [root.index]
    var next = 0
    while next < found.count {
      for field in found[next].fields where field.type == .message {
        if let type = field.messageType, seen.insert(type.index).inserted { found.append(type) }
      }
      next += 1
    }
    return found
  }
}

/// Where the fields of one message stand in its C struct.
private struct Layout {
  let type: MessageType
  /// By field index; nil for groups.
  private(set) var places: [CDescriptors.Place?]
  /// Bytes of the struct, a multiple of 8.
  private(set) var byteCount = unsafe MemoryLayout<ProtobufCMessage>.size

  init(_ type: MessageType) {
    self.type = type
    places = Array(repeating: nil, count: type.fieldCount)
    let fields = type.fields.filter { $0.type != .group }
    placeOneofs(fields)
    // Those that want eight bytes first, so that nothing needs padding.
    for field in fields where field.oneof == nil {
      if field.isRepeated {
        set(field, quantifier: take(8), member: take(8))
      } else if Self.memberByteCount(field.type) >= 8 {
        set(field, quantifier: 0, member: take(Self.memberByteCount(field.type)))
      }
    }
    for field in fields where field.oneof == nil && !field.isRepeated {
      let isNarrow = Self.memberByteCount(field.type) < 8
      let member = isNarrow ? take(4) : places[field.index]?.offset ?? 0
      set(field, quantifier: Self.hasQuantifier(field) ? take(4) : 0, member: member)
    }
    byteCount = (byteCount + 7) & ~7
  }

  /// Members of a oneof share their memory and the case, which takes eight bytes for alignment.
  private mutating func placeOneofs(_ fields: [MessageField]) {
    var oneofs: [[MessageField]] = Array(repeating: [], count: type.oneofs.count)
    for field in fields {
      if let oneof = field.oneof { oneofs[oneof].append(field) }
    }
    for members in oneofs {
      guard let widest = members.map({ Self.memberByteCount($0.type) }).max() else { continue }
      let quantifier = take(8)
      let member = take((widest + 7) & ~7)
      for field in members { set(field, quantifier: quantifier, member: member) }
    }
  }

  private mutating func set(_ field: MessageField, quantifier: Int, member: Int) {
    places[field.index] = .init(offset: member, quantifierOffset: quantifier)
  }

  private mutating func take(_ count: Int) -> Int {
    defer { byteCount += count }
    return byteCount
  }

  /// Bytes of one value in the struct; a group takes none.
  private static func memberByteCount(_ type: FieldType) -> Int {
    switch type {
    case .int32, .sint32, .sfixed32, .uint32, .fixed32, .float, .bool, .enumeration: 4
    case .int64, .sint64, .sfixed64, .uint64, .fixed64, .double: 8
    case .message: unsafe MemoryLayout<UnsafeRawPointer>.size
    case .string, .bytes: unsafe MemoryLayout<ProtobufCBinaryData>.size
    case .group: 0
    }
  }

  /// A pointer that is null says by itself that nothing is there.
  private static func hasQuantifier(_ field: MessageField) -> Bool {
    field.presence == .explicit && !field.type.isMessage
  }
}

/// A stretch of fields whose numbers follow each other: libprotobuf-c looks for a number among
/// these, so most messages need one look. As protoc-c makes them.
struct NumberRange: Equatable {
  var firstNumber: UInt32
  /// Of the field with that number, among the message's.
  var firstIndex: Int

  static func all(of fields: [MessageField]) -> [NumberRange] {
    var ranges: [NumberRange] = []
    for (index, field) in fields.enumerated()
    where index == 0 || fields[index - 1].number + 1 != field.number {
      ranges.append(NumberRange(firstNumber: field.number, firstIndex: index))
    }
    return ranges
  }
}

/// How much memory the descriptors need; counts in the order in which `DescriptorWriter` writes.
private struct MemoryPlan {
  private(set) var byteCount: Int

  init(messageCount: Int) {
    byteCount = unsafe messageCount * MemoryLayout<ProtobufCMessageDescriptor>.stride
  }

  mutating func add(_ layout: Layout) {
    let fields = layout.type.fields.filter { $0.type != .group }
    byteCount += unsafe fields.count * MemoryLayout<ProtobufCFieldDescriptor>.stride
    byteCount += (NumberRange.all(of: fields).count + 1) * MemoryLayout<ProtobufCIntRange>.stride
    byteCount += Self.byteCount(ofName: layout.type.name)
    for field in fields { byteCount += Self.byteCount(ofName: field.name) }
  }

  /// With the NUL, rounded up so that what follows is aligned.
  static func byteCount(ofName name: String) -> Int { (name.utf8.count + 8) & ~7 }
}

/// Writes descriptors into memory that `MemoryPlan` has measured.
@unsafe
private struct DescriptorWriter {
  private let memory: UnsafeMutableRawPointer
  /// Bytes used so far.
  private(set) var byteCount: Int

  init(memory: UnsafeMutableRawPointer, messageCount: Int) {
    unsafe self.memory = memory
    unsafe byteCount = messageCount * MemoryLayout<ProtobufCMessageDescriptor>.stride
  }

  static func descriptor(
    _ slot: Int, in memory: UnsafeMutableRawPointer
  ) -> UnsafePointer<ProtobufCMessageDescriptor> {
    unsafe UnsafePointer(
      (memory + slot * MemoryLayout<ProtobufCMessageDescriptor>.stride)
        .assumingMemoryBound(to: ProtobufCMessageDescriptor.self))
  }

  @unsafe
  mutating func write(_ layout: Layout, slot: Int, slots: [Int: Int]) {
    let fields = layout.type.fields.filter { $0.type != .group }
    let entries = unsafe take(ProtobufCFieldDescriptor.self, count: fields.count)
    let numbers = NumberRange.all(of: fields)
    let ranges = unsafe take(ProtobufCIntRange.self, count: numbers.count + 1)
    for (index, field) in fields.enumerated() {
      unsafe (entries + index).initialize(to: entry(of: field, in: layout, slots: slots))
    }
    for (index, range) in numbers.enumerated() {
      unsafe (ranges + index).initialize(
        to: ProtobufCIntRange(
          start_value: Int32(range.firstNumber), orig_index: UInt32(range.firstIndex)))
    }
    unsafe (ranges + numbers.count).initialize(
      to: ProtobufCIntRange(start_value: 0, orig_index: UInt32(fields.count)))
    var message = unsafe ProtobufCMessageDescriptor()
    unsafe message.magic = UInt32(PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC)
    unsafe message.name = name(layout.type.name)
    unsafe message.sizeof_message = layout.byteCount
    unsafe message.n_fields = UInt32(fields.count)
    unsafe message.fields = UnsafePointer(entries)
    unsafe message.n_field_ranges = UInt32(numbers.count)
    unsafe message.field_ranges = UnsafePointer(ranges)
    unsafe (memory + slot * MemoryLayout<ProtobufCMessageDescriptor>.stride)
      .initializeMemory(as: ProtobufCMessageDescriptor.self, to: message)
  }

  @unsafe
  private mutating func entry(
    of field: MessageField, in layout: Layout, slots: [Int: Int]
  ) -> ProtobufCFieldDescriptor {
    guard let place = layout.places[field.index] else {
      preconditionFailure("every field but a group has a place")
    }
    var entry = unsafe ProtobufCFieldDescriptor()
    unsafe entry.name = name(field.name)
    unsafe entry.id = field.number
    unsafe entry.label = Self.label(of: field)
    unsafe entry.type = Self.type(of: field)
    unsafe entry.offset = UInt32(place.offset)
    unsafe entry.quantifier_offset = UInt32(place.quantifierOffset)
    if field.type == .message, let type = field.messageType, let slot = slots[type.index] {
      unsafe entry.descriptor = UnsafeRawPointer(Self.descriptor(slot, in: memory))
    }
    if field.oneof != nil { unsafe entry.flags |= UInt32(PROTOBUF_C_FIELD_FLAG_ONEOF.rawValue) }
    if field.isPacked { unsafe entry.flags |= UInt32(PROTOBUF_C_FIELD_FLAG_PACKED.rawValue) }
    return unsafe entry
  }

  @unsafe
  private mutating func name(_ text: String) -> UnsafePointer<CChar> {
    let start = unsafe memory + byteCount
    unsafe byteCount += MemoryPlan.byteCount(ofName: text)
    // The NUL is there already: the memory was all zeros.
    for (index, byte) in text.utf8.enumerated() {
      unsafe start.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
    }
    return unsafe UnsafePointer(start.assumingMemoryBound(to: CChar.self))
  }

  @unsafe
  private mutating func take<Element>(
    _ type: Element.Type, count: Int
  ) -> UnsafeMutablePointer<Element> {
    let start = unsafe memory + byteCount
    unsafe byteCount += count * MemoryLayout<Element>.stride
    return unsafe start.bindMemory(to: type, capacity: count)
  }

  private static func label(of field: MessageField) -> ProtobufCLabel {
    if field.isRepeated { return PROTOBUF_C_LABEL_REPEATED }
    return switch field.presence {
    case .required: PROTOBUF_C_LABEL_REQUIRED
    case .explicit: PROTOBUF_C_LABEL_OPTIONAL
    case .implicit: PROTOBUF_C_LABEL_NONE
    }
  }

  private static func type(of field: MessageField) -> ProtobufCType {
    switch field.type {
    case .double: PROTOBUF_C_TYPE_DOUBLE
    case .float: PROTOBUF_C_TYPE_FLOAT
    case .int64: PROTOBUF_C_TYPE_INT64
    case .uint64: PROTOBUF_C_TYPE_UINT64
    case .int32: PROTOBUF_C_TYPE_INT32
    case .fixed64: PROTOBUF_C_TYPE_FIXED64
    case .fixed32: PROTOBUF_C_TYPE_FIXED32
    case .bool: PROTOBUF_C_TYPE_BOOL
    // As bytes, because libprotobuf-c loses the length of a string: it ends at the first NUL.
    case .string, .bytes: PROTOBUF_C_TYPE_BYTES
    case .uint32: PROTOBUF_C_TYPE_UINT32
    case .enumeration: PROTOBUF_C_TYPE_ENUM
    case .sfixed32: PROTOBUF_C_TYPE_SFIXED32
    case .sfixed64: PROTOBUF_C_TYPE_SFIXED64
    case .sint32: PROTOBUF_C_TYPE_SINT32
    case .sint64: PROTOBUF_C_TYPE_SINT64
    case .message: PROTOBUF_C_TYPE_MESSAGE
    case .group: preconditionFailure("a group has no descriptor")
    }
  }
}
