import Telemetry

/// A field that a mapping reads: its path and what its values are.
struct MappedField {
  let path: FieldPath
  let kind: SlotReader.Kind
  /// The scalar whose word the slot has: of the field itself, of a wrapper's value, of a map's.
  let scalar: FieldType
  /// The key whose value it is, where the path ends in a map.
  let mapKey: MapKey?
  let enumeration: EnumType?

  /// nil if the path ends in a message that is no scalar of its own, in a group, or in a map.
  init?(_ path: FieldPath) {
    let leaf = path.leaf
    guard !leaf.isMap else { return nil }
    var scalar = leaf.type
    switch leaf.messageType?.wellKnown {
    case .timestamp?: kind = .timestamp
    case .duration?: kind = .duration
    case .wrapper(let type)?:
      guard let kind = SlotReader.Kind(type) else { return nil }
      self.kind = kind
      scalar = type
    case nil:
      guard let kind = SlotReader.Kind(leaf.type) else { return nil }
      self.kind = kind
    }
    self.path = path
    self.scalar = scalar
    mapKey = nil
    enumeration = leaf.enumType
  }

  /// The value of one key of the map that the path ends in; nil if it has no such key, or its
  /// values are messages.
  init?(_ path: FieldPath, mapKey: String) {
    guard let entry = path.leaf.messageType, path.leaf.isMap,
      let key = entry.field(numbered: 1), let value = entry.field(numbered: 2),
      let kind = SlotReader.Kind(value.type), let mapKey = MapKey(mapKey, type: key.type)
    else { return nil }
    self.path = path
    self.kind = kind
    scalar = value.type
    self.mapKey = mapKey
    enumeration = value.enumType
  }

  /// The column a metric of this kind makes (docs/ARCHITECTURE.md, "Types").
  var metricType: MetricType? {
    switch kind {
    case .timestamp: return .timestamp
    case .duration: return .double
    case .text, .name: return .text
    case .bytes: return .bytes
    case .boolean: return .boolean
    case .signed, .unsigned64, .floating: break
    }
    switch scalar {
    case .double: return .double
    case .float: return .float
    case .int32, .sint32, .sfixed32: return .int32
    case .int64, .sint64, .sfixed64, .uint32, .fixed32, .uint64, .fixed64: return .int64
    case .bool, .string, .bytes, .enumeration, .message, .group: return nil
    }
  }
}

extension SlotReader.Kind {
  /// How a scalar's word is read; nil for messages and groups.
  init?(_ type: FieldType) {
    switch type {
    case .int32, .sint32, .sfixed32, .int64, .sint64, .sfixed64, .uint32, .fixed32: self = .signed
    case .uint64, .fixed64: self = .unsigned64
    case .float, .double: self = .floating
    case .bool: self = .boolean
    case .string: self = .text
    case .bytes: self = .bytes
    case .enumeration: self = .name
    case .message, .group: return nil
    }
  }
}

/// Gives mapped fields their slots.
struct SlotMaker {
  private(set) var tree: PlanTree
  private(set) var enumerations: [EnumNames] = []
  /// Slots that hold numbers of enums, each once.
  private(set) var enumSlots: [EnumSlot] = []
  private let implicitZero: Bool
  private var enumerationIndexes: [String: Int] = [:]

  init(_ type: MessageType, implicitZero: Bool) {
    tree = PlanTree(type)
    self.implicitZero = implicitZero
  }

  /// The reader of a field, whose slot it shares with all others that read the same.
  /// Numbers are zero where they are absent if the mapping says `implicit_zero`.
  mutating func reader(for field: MappedField) -> SlotReader {
    let reader = makeReader(for: field)
    if field.enumeration == nil { return reader }
    let leaf = field.path.leaf
    // Of a map's column the enum is the entry's value.
    let value = field.mapKey == nil ? leaf : leaf.messageType?.field(numbered: 2) ?? leaf
    let slot = EnumSlot(
      slot: reader.slot, isInRow: field.path.isInRow, enumeration: reader.enumeration,
      messageIndex: Int32(truncatingIfNeeded: value.parent.index), fieldNumber: value.number)
    if !enumSlots.contains(slot) { enumSlots.append(slot) }
    return reader
  }

  private mutating func makeReader(for field: MappedField) -> SlotReader {
    let fields = field.path.fields
    let parent = tree.node(at: fields.dropLast(), rowDepth: field.path.rowDepth)
    let path = fields.map(\.name).joined(separator: ".")
    let leaf = field.path.leaf
    var reader = SlotReader(kind: field.kind, slot: 0)
    if let enumeration = field.enumeration { reader.enumeration = index(of: enumeration) }
    if let key = field.mapKey {
      reader.slot = tree.slot(ofKey: key, in: leaf, of: parent, path: path)
      return reader
    }
    guard leaf.type == .message else {
      reader.slot = tree.slot(of: leaf.number, in: parent, path: path)
      // Of a map's entry, a key or value that is not there is the zero of its type.
      let isEntry = leaf.parent.isMapEntry
      let isText = field.kind == .text || field.kind == .bytes
      if isEntry || implicitZero && leaf.presence == .implicit && !isText {
        tree.zero(reader.slot, in: parent)
      } else {
        reader.zeroIsAbsent = leaf.presence == .implicit
      }
      return reader
    }
    // A wrapper, Timestamp or Duration that is there and empty is a zero.
    let node = tree.node(at: fields[...], rowDepth: field.path.rowDepth)
    reader.slot = tree.slot(of: 1, in: node, path: path)
    tree.zero(reader.slot, in: node)
    if field.kind == .timestamp || field.kind == .duration {
      reader.nanosSlot = tree.slot(of: 2, in: node, path: path)
    }
    return reader
  }

  /// Makes sure that the rows have a node, and gives the key's reader if they are a map's entries.
  mutating func rows(at path: FieldPath) -> SlotReader? {
    _ = tree.node(at: path.fields[...], rowDepth: path.fields.count)
    guard path.leaf.isMap, let entry = path.leaf.messageType,
      let key = entry.field(numbered: 1)
    else { return nil }
    let keyPath = FieldPath(fields: path.fields + [key], rowDepth: path.fields.count)
    return MappedField(keyPath).map { reader(for: $0) }
  }

  private mutating func index(of type: EnumType) -> Int {
    if let known = enumerationIndexes[type.name] { return known }
    enumerations.append(EnumNames(type))
    enumerationIndexes[type.name] = enumerations.count - 1
    return enumerations.count - 1
  }
}
