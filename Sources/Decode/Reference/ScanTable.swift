/// What the wire scanner knows of one field number of one message.
struct ScanField {
  enum Action: UInt8 {
    /// Nothing of it is wanted.
    case skip
    /// A nested message: `target` is its node.
    case message
    /// A singular nested message that libprotobuf-c cannot merge with an earlier occurrence of
    /// itself (see `MessageType.mergesWrongly`): `target` is its node, `ordinal` its bit.
    case unmergeable
    /// Packed elements, when the wire type is length-delimited.
    case packedVarints
    case packed32
    case packed64
    /// A singular closed enum, whose numbers without a name make it an unknown field: `target` is
    /// its list in `ScanTable.closedNumbers`.
    case closedEnum
    /// The same as the value of a map's entry, which is then unknown as a whole.
    case closedEntry

    var entersMessage: Bool { self == .message || self == .unmergeable }
    var isClosed: Bool { self == .closedEnum || self == .closedEntry }
  }

  /// Bit `w` is set if the field may have wire type `w`.
  var acceptedWireTypes: UInt8
  var action: Action
  /// Which bit of the scanner's word says that it has been seen. A message with more than 64 such
  /// fields has the last of them share one: at worst a record too many is refused.
  var ordinal: UInt8 = 0
  var target: Int32

  /// A number the message does not declare: any wire type but a group's, which is looked at apart.
  static let unknown = ScanField(acceptedWireTypes: 0b0010_0111, action: .skip, target: 0)
}

/// One message type.
struct ScanNode {
  /// `fields[denseStart + number]` for numbers below `denseCount`.
  var denseStart: Int32
  var denseCount: UInt32
  /// `sparseNumbers[sparseStart ..< sparseStart + sparseCount]`, ascending, are the others.
  var sparseStart: Int32
  var sparseCount: Int32
}

/// The compiled form of a message type that the wire scanner walks: for each type that can be
/// reached, which wire types its fields may have and what to do with them. Recursive types are
/// cycles here.
///
/// **Invariants:** node 0 is the mapped message; every target of a message is a node.
struct ScanTable: Sendable {
  /// Numbers up to this one are looked up by index: what a byte of tag and most schemas need.
  private static let denseNumberMax: UInt32 = 127

  private(set) var fields: [ScanField] = []
  private(set) var nodes: [ScanNode] = []
  private(set) var sparseNumbers: [UInt32] = []
  private(set) var sparseFields: [ScanField] = []
  /// Numbers with names of closed enums, ascending.
  private(set) var closedNumbers: [[Int32]] = []
  private var closedEnums: [String: Int32] = [:]
  /// The type of each node, for messages to people.
  private var types: [MessageType] = []
  /// Nodes by their type; empty once built.
  private var nodesByType: [MessageType: Int32] = [:]

  init(_ type: MessageType) {
    _ = node(for: type)
    // Not by recursion: a chain of types may be as long as a schema is.
    var next = 0
    while next < types.count {
      addFields(of: types[next], to: Int32(next))
      next += 1
    }
    nodesByType = [:]
  }

  /// The name of a node's message and of a field in it, as `Sample.metric`.
  func describe(node: Int32, fieldNumber: UInt32) -> String {
    let type = types[Int(node)]
    guard let field = type.field(numbered: fieldNumber) else {
      return "\(type.name), field \(fieldNumber)"
    }
    return "\(type.name).\(field.name)"
  }

  func messageName(node: Int32) -> String { types[Int(node)].name }

  // MARK: - Building

  /// The type's node, whose fields may be added later.
  private mutating func node(for type: MessageType) -> Int32 {
    if let known = nodesByType[type] { return known }
    let node = Int32(nodes.count)
    nodes.append(ScanNode(denseStart: 0, denseCount: 0, sparseStart: 0, sparseCount: 0))
    types.append(type)
    nodesByType[type] = node
    return node
  }

  private mutating func addFields(of type: MessageType, to node: Int32) {
    var entries: [(number: UInt32, field: ScanField)] = []
    var ordinal: UInt8 = 0
    // A group is skipped like an unknown one, whoever declares it.
    for field in type.fields where field.type != .group {
      var entry = scanField(field)
      if entry.action == .unmergeable {
        entry.ordinal = ordinal
        ordinal = min(ordinal + 1, 63)
      }
      entries.append((field.number, entry))
    }
    place(entries, in: node)
  }

  private mutating func closedEnum(_ type: EnumType) -> Int32 {
    if let known = closedEnums[type.name] { return known }
    closedNumbers.append(Set(type.values.map(\.number)).sorted())
    closedEnums[type.name] = Int32(closedNumbers.count - 1)
    return Int32(closedNumbers.count - 1)
  }

  private mutating func scanField(_ field: MessageField) -> ScanField {
    if let type = field.messageType {
      let target = node(for: type)
      let isUnmergeable = !field.isRepeated && (field.oneof != nil || type.mergesWrongly)
      return ScanField(
        acceptedWireTypes: 1 << 2, action: isUnmergeable ? .unmergeable : .message, target: target)
    }
    if field.isClosedEnum, let type = field.enumType {
      return ScanField(
        acceptedWireTypes: 1, action: field.parent.isMapEntry ? .closedEntry : .closedEnum,
        target: closedEnum(type))
    }
    let (wireType, packed) = Self.wireForm(of: field.type)
    let isPackable = field.isRepeated && packed != .skip
    return ScanField(
      acceptedWireTypes: 1 << wireType | (isPackable ? 1 << 2 : 0),
      action: isPackable ? packed : .skip, target: 0)
  }

  private static func wireForm(
    of type: FieldType
  ) -> (wireType: UInt8, packed: ScanField.Action) {
    switch type {
    case .sfixed32, .fixed32, .float: (5, .packed32)
    case .sfixed64, .fixed64, .double: (1, .packed64)
    case .string, .bytes, .message, .group: (2, .skip)
    case .int32, .int64, .uint32, .uint64, .sint32, .sint64, .bool, .enumeration:
      (0, .packedVarints)
    }
  }

  private mutating func place(
    _ entries: [(number: UInt32, field: ScanField)], in node: Int32
  ) {
    let dense = entries.filter { $0.number <= Self.denseNumberMax }
    let denseCount = (dense.map(\.number).max() ?? 0) + 1
    let denseStart = fields.count
    fields.append(contentsOf: repeatElement(.unknown, count: Int(denseCount)))
    for (number, field) in dense { fields[denseStart + Int(number)] = field }
    let sparse = entries.filter { $0.number > Self.denseNumberMax }
      .sorted { $0.number < $1.number }
    nodes[Int(node)] = ScanNode(
      denseStart: Int32(denseStart), denseCount: denseCount,
      sparseStart: Int32(sparseNumbers.count), sparseCount: Int32(sparse.count))
    sparseNumbers.append(contentsOf: sparse.map(\.number))
    sparseFields.append(contentsOf: sparse.map(\.field))
  }
}
