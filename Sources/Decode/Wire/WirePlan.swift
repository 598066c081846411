/// The flat form of a plan's tree that `WireDecoder` walks: for each message type at each place, a
/// table that says what to do with each field.
///
///     words  … [header][128 fields, by the byte of a short tag][fields by number, from 16 on] …
///                       ^ a node is the place of its table
///
/// A field is one word (`WireField`), so that reading a tag of one byte costs one load: the byte
/// tells number and wire type, and a wrong wire type has a word of its own.
///
/// Message types that nothing is wanted of are shared by all places they stand at, so recursive
/// types are cycles here; the places on the way to a slot have nodes of their own.
///
/// A class, so that the tables have one owner and an address that stays.
///
/// **Invariants:** every target is the place of a table or an index into its list; the memory is
/// written in `init` only. Cost: about a kilobyte a node.
@safe
final class WirePlan: @unchecked Sendable {
  // @unchecked because the memory it points to is constant from `init` to `deinit`.

  /// The first node's table: that of the mapped message.
  let root: UnsafePointer<UInt64>
  /// All tables.
  let words: UnsafePointer<UInt64>
  private let nodes: [WireNode]
  private let sparseNumbers: [UInt32]
  private let sparseFields: [WireField]
  let choices: [WireChoice]
  let columnMaps: [WireColumnMap]
  let closedFields: [WireClosedField]
  /// Slots that are zero where a node's message is present.
  let zeroed: [SlotSet.Word]
  let record: SlotMemory.Layout
  let row: SlotMemory.Layout
  private let wanted: [UInt64: WireReach]
  /// By node: the message type's index in its pool; -1 where nothing of it is mapped.
  private let mappedTypes: [Int32]
  /// Groups that a mapped type declares, by `WirePlanBuilder.key`: no plan reads them.
  private let declaredGroups: Set<UInt64>

  init(_ tree: PlanTree) {
    var builder = WirePlanBuilder(tree)
    builder.build()
    let memory = UnsafeMutablePointer<UInt64>.allocate(capacity: builder.words.count)
    unsafe memory.initialize(from: builder.words, count: builder.words.count)
    unsafe words = UnsafePointer(memory)
    unsafe root = UnsafePointer(memory + WireNode.headerWordCount)
    nodes = builder.nodes
    sparseNumbers = builder.sparseNumbers
    sparseFields = builder.sparseFields
    choices = builder.choices
    columnMaps = builder.columnMaps
    closedFields = builder.closedFields
    zeroed = builder.zeroed
    wanted = builder.wanted
    mappedTypes = builder.nodes.map { $0.isMapped ? Int32(truncatingIfNeeded: $0.type.index) : -1 }
    declaredGroups = builder.declaredGroups
    record = builder.record
    row = builder.row
  }

  deinit { unsafe words.deallocate() }

  /// The node whose table that is.
  @unsafe
  func node(of table: UnsafePointer<UInt64>) -> Int { Int(unsafe table[-1] >> 32 & 0x3FFF_FFFF) }

  /// What is known of a node beside its fields.
  subscript(node: Int) -> WireNode { nodes[node] }

  /// What hangs below a field of a node, if anything is wanted of it.
  func reach(node: Int32, fieldNumber: UInt32) -> WireReach? {
    wanted[WirePlanBuilder.key(node, fieldNumber)]
  }

  /// Index of a node's type in its pool; nil where nothing of the message is mapped.
  func mappedType(ofNode node: Int) -> Int32? {
    let index = mappedTypes[node]
    return index < 0 ? nil : index
  }

  /// Whether a node's type declares a group of that number.
  func declaresGroup(_ number: UInt32, node: Int) -> Bool {
    if declaredGroups.isEmpty { return false }
    return declaredGroups.contains(
      WirePlanBuilder.key(Int32(truncatingIfNeeded: node), number))
  }

  /// The field of a number that has no place in its node's table.
  func sparseField(_ number: UInt32, node: Int) -> WireField {
    let node = nodes[node]
    var low = node.sparseStart
    var high = low + node.sparseCount
    while low < high {
      let middle = (low + high) / 2
      if sparseNumbers[middle] == number { return sparseFields[middle] }
      if sparseNumbers[middle] < number { low = middle + 1 } else { high = middle }
    }
    return .unknown
  }

  /// The name of a node's message and of a field in it, as `Sample.metric`.
  func describe(node: Int32, fieldNumber: UInt32) -> String {
    let type = nodes[Int(node)].type
    guard fieldNumber != 0 else { return type.name }
    guard let field = type.field(numbered: fieldNumber) else {
      return "\(type.name), field \(fieldNumber)"
    }
    return "\(type.name).\(field.name)"
  }
}

/// What is done with one field of one message type, as one word of a table:
///
///     bits 0–7 action · 8–15 wire type · 16–21 bit in the presence word · 24–31 packing
///     32–47 place of the slot's word · 48–63 of its presence word · or 32–63 the target
struct WireField: Sendable {
  /// In groups that `WireDecoder` tells apart by their order. Raw values are as in memory.
  enum Action: UInt8, Sendable {
    /// Nothing is to be done: it has been read over already.
    case none
    // Numbers: nothing is wanted, or to a slot as the 64-bit word of a reading batch.
    case skipVarint, skip64, skip32
    case fixed64, signed32, unsigned32, float
    case varint64, varintSigned32, varintUnsigned32, zigzag64, zigzag32, bool
    // Length-delimited.
    case skipBytes, bytes
    /// A nested message: the target is its table.
    case message
    /// An element of the rows: the target is its table.
    case row
    /// An entry of a map whose values are columns: the target is its table.
    case entry
    // Looked at apart.
    /// A member of a oneof that drops what other members left: the target is a choice.
    case choice
    /// A closed enum, some of whose numbers make it an unknown field: the target is a closed field.
    case closed
    /// Not declared, or of another wire type.
    case unexpected
  }

  /// How elements of a repeated scalar stand in a length-delimited field.
  enum Packing: UInt8, Sendable { case none, varints, fixed32, fixed64 }

  private(set) var word: UInt64

  init(_ action: Action, wireType: UInt8, packing: Packing = .none) {
    word = UInt64(action.rawValue) | UInt64(wireType) << 8 | UInt64(packing.rawValue) << 24
  }

  init(word: UInt64) { self.word = word }

  static let noWireType: UInt8 = 0xFF
  static let unknown = WireField(.unexpected, wireType: noWireType)

  @inline(__always) var action: UInt8 { UInt8(truncatingIfNeeded: word) }
  @inline(__always) var wireType: UInt8 { UInt8(truncatingIfNeeded: word >> 8) }
  @inline(__always) var slotMask: UInt64 { 1 << (word >> 16 & 63) }
  var packing: Packing { Packing(rawValue: UInt8(truncatingIfNeeded: word >> 24)) ?? .none }
  @inline(__always) var slotWord: Int { Int(word >> 32 & 0xFFFF) }
  @inline(__always) var presenceWord: Int { Int(word >> 48) }
  @inline(__always) var target: Int { Int(word >> 32) }

  /// The same field when it comes with a wire type that it does not have.
  var withWrongWireType: WireField {
    WireField(word: word & ~0xFF | UInt64(Action.unexpected.rawValue))
  }

  mutating func setSlot(_ slot: Int, in layout: SlotMemory.Layout) {
    word |= UInt64(slot & 63) << 16 | UInt64(layout.presenceCount + slot) << 32
    word |= UInt64(slot >> 6) << 48
  }

  mutating func setTarget(_ target: Int) { word = word & 0xFFFF_FFFF | UInt64(target) << 32 }
}

/// What is known of one message type at one place, beside its fields.
struct WireNode: Sendable {
  /// Words before a table: `denseCount | node << 32 | flags`, which is `table[-1]`.
  static let headerWordCount = 1
  /// Set for entries of maps of which more is to be done when they are over.
  static let entryFlag: UInt64 = 1 << 63
  /// Set where some slots have values before the message says anything.
  static let zeroedFlag: UInt64 = 1 << 62
  static let beginFlags = entryFlag | zeroedFlag
  /// `table[byNumber + number]` is the field of a number that has a place and a longer tag.
  static let byNumber = shortTagCount - shortNumberEnd
  /// Fields by the byte of a short tag, before those by number.
  static let shortTagCount = 128
  /// Numbers below it have short tags.
  static let shortNumberEnd = 16

  let type: MessageType
  /// Place of its table among the words.
  var table = 0
  /// Numbers beyond the table: a stretch of the sparse lists, ascending.
  var sparseStart = 0
  var sparseCount = 0
  /// Among the plan's `zeroed`.
  var zeroed = 0..<0
  /// The map whose entry it is, where its values become columns.
  var columnMap: Int?
  var isInRow = false
  /// Whether something of this message is mapped, so that what it does not declare is drift.
  var isMapped = false
}

/// A member of a oneof: what to drop before it is read.
struct WireChoice: Sendable {
  var field: WireField
  /// Slots of the other members, in the scope of the node.
  var slots: SlotSet
  /// Whether the rows so far came through another member.
  var dropsRows: Bool
  var isInRow: Bool
}

/// A map whose values become columns by key.
struct WireColumnMap: Sendable {
  var keySlot: Int
  var valueSlot: Int
  var keys: ColumnKeys
  var isInRow: Bool
}

/// A field of a closed enum: a number without a name is not its value, but an unknown field.
struct WireClosedField: Sendable {
  /// What is done with all others.
  var field: WireField
  /// Ascending.
  var numbers: [Int32]
  /// Whether it is the value of a map's entry, which is then an unknown field as a whole.
  var isOfEntry: Bool
  /// Whether something is wanted of it, so that such a number is drift.
  var isWanted: Bool

  /// Whether a number has a name.
  func knows(_ number: Int32) -> Bool { numbers.holds(number) }
}

/// What hangs below a field that something is wanted of.
struct WireReach: Sendable {
  var recordSlots: SlotSet
  var rowSlots: SlotSet
  var hasRows: Bool

  init(_ reach: PlanTree.Reach) {
    recordSlots = SlotSet(reach.recordSlots)
    rowSlots = SlotSet(reach.rowSlots)
    hasRows = reach.hasRows
  }
}
