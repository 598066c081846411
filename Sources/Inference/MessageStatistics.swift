import Decode

/// What a sample of records shows of a message type: statistics of every field at every place.
///
/// Places are made as messages come up in the data, so that types that contain themselves cost
/// what is there. Records are taken in whose structure is sound (`TypeJudge`).
struct MessageStatistics {
  /// A message type at one place: the outermost one, or inside the fields of `path`.
  struct Node {
    let type: MessageType
    let path: [MessageField]
    /// Repeated fields on the way.
    let repeatedCount: Int
    fileprivate(set) var fields: [FieldStatistics]
    /// By field index; nil where no message came.
    fileprivate(set) var children: [Int?]
    /// How often such a message was seen.
    fileprivate(set) var messageCount = 0
    fileprivate let indexOfNumber: [UInt32: Int]
    fileprivate let kinds: [ValueKind?]
    fileprivate let enums: [EnumType?]

    fileprivate init(_ type: MessageType, _ path: [MessageField], repeatedCount: Int) {
      self.type = type
      self.path = path
      self.repeatedCount = repeatedCount
      let declared = type.fields
      fields = declared.map { _ in FieldStatistics() }
      children = declared.map { _ in nil }
      kinds = declared.map { ValueKind($0) }
      enums = declared.map(\.enumType)
      indexOfNumber = Dictionary(
        declared.map { ($0.number, $0.index) }, uniquingKeysWith: { first, _ in first })
    }
  }

  /// An unknown field, or a known one with a wrong wire type.
  struct Oddity: Hashable {
    var path: [UInt32]
    var wireType: UInt8
    /// The path of names, where the field is declared.
    var declared: String?
  }

  private(set) var nodes: [Node]
  private(set) var recordCount = 0
  /// Records with each; the first `unknownCountMax` that came up.
  private(set) var oddities: [Oddity: Int] = [:]
  /// Whether some places were not looked at, for there are too many.
  private(set) var isCapped = false
  private var fieldCount: Int
  private var budget = InferenceBounds.entryCountMax
  private var recordOddities: Set<Oddity> = []

  init(_ type: MessageType) {
    nodes = [Node(type, [], repeatedCount: 0)]
    fieldCount = type.fieldCount
  }

  /// Takes in one record whose structure is sound.
  ///
  /// - Parameter group: its key, or its device.
  mutating func insert(_ message: [UInt8], group: Int?, key: [UInt8]?, kafkaMicros: Int64?) {
    recordOddities.removeAll()
    walk(
      message, 0..<message.count, node: 0,
      FieldStatistics.Context(
        scope: recordCount, group: group, key: key, kafkaMicros: kafkaMicros))
    recordCount += 1
    for oddity in recordOddities
    where oddities[oddity] != nil || oddities.count < InferenceBounds.unknownCountMax {
      oddities[oddity, default: 0] += 1
    }
  }

  private mutating func walk(
    _ bytes: [UInt8], _ range: Range<Int>, node: Int, _ outer: FieldStatistics.Context
  ) {
    var context = outer
    if nodes[node].repeatedCount > 0 { context.scope = nodes[node].messageCount }
    nodes[node].messageCount += 1
    var cursor = WireCursor(bytes, range)
    let isEntry = nodes[node].type.isMapEntry
    var seen: Set<UInt32> = []
    // A fault inside was ruled out before; what follows one would not be read.
    while let field = (try? cursor.next()) ?? nil {
      if isEntry { seen.insert(field.number) }
      take(field, bytes, node: node, context)
    }
    if isEntry { addZeros(but: seen, bytes, node: node, context) }
  }

  private mutating func take(
    _ field: WireField, _ bytes: [UInt8], node: Int, _ context: FieldStatistics.Context
  ) {
    guard let index = nodes[node].indexOfNumber[field.number] else {
      note(field, node: node, declared: nil)
      return
    }
    let declared = nodes[node].type.field(at: index)
    if let kind = nodes[node].kinds[index], !declared.isRepeated {
      guard let value = ScalarValue(declared, field, in: bytes) else {
        note(field, node: node, declared: declared)
        return
      }
      nodes[node].fields[index].insert(
        value, of: kind, names: nodes[node].enums[index], bytes: bytes, context, budget: &budget)
    } else if declared.type == .message, field.wireType == 2 {
      nodes[node].fields[index].insert(
        .truth(true), of: .truth, names: nil, bytes: bytes, context, budget: &budget)
      if let child = child(of: node, at: index, declared) {
        walk(bytes, field.content, node: child, context)
      }
    } else if declared.isRepeated || declared.type == .group {
      nodes[node].fields[index].insert(
        .truth(true), of: .truth, names: nil, bytes: bytes, context, budget: &budget)
    } else {
      note(field, node: node, declared: declared)
    }
  }

  /// Of a map's entry, a key or value that is not there is the zero of its type.
  private mutating func addZeros(
    but seen: Set<UInt32>, _ bytes: [UInt8], node: Int, _ context: FieldStatistics.Context
  ) {
    for number in UInt32(1)...2 where !seen.contains(number) {
      guard let index = nodes[node].indexOfNumber[number], let kind = nodes[node].kinds[index]
      else { continue }
      let type = nodes[node].type.field(at: index).type
      nodes[node].fields[index].insert(
        .zero(of: type), of: kind, names: nodes[node].enums[index], bytes: bytes, context,
        budget: &budget)
    }
  }

  private mutating func child(of node: Int, at index: Int, _ field: MessageField) -> Int? {
    if let known = nodes[node].children[index] { return known }
    guard let type = field.messageType else { return nil }
    let path = nodes[node].path + [field]
    guard path.count <= InferenceBounds.depthMax, nodes.count < InferenceBounds.nodeCountMax,
      fieldCount + type.fieldCount <= InferenceBounds.fieldCountMax
    else {
      isCapped = true
      return nil
    }
    fieldCount += type.fieldCount
    let repeatedCount = nodes[node].repeatedCount + (field.isRepeated ? 1 : 0)
    nodes.append(Node(type, path, repeatedCount: repeatedCount))
    nodes[node].children[index] = nodes.count - 1
    return nodes.count - 1
  }

  private mutating func note(_ field: WireField, node: Int, declared: MessageField?) {
    guard recordOddities.count < InferenceBounds.unknownCountMax else { return }
    let path = nodes[node].path.map(\.number) + [field.number]
    let names = declared.map { nodes[node].path.map(\.name) + [$0.name] }
    recordOddities.insert(
      Oddity(
        path: path, wireType: field.wireType, declared: names?.joined(separator: ".")))
  }
}

/// A field that has values, where it stands and what was seen of it.
struct Leaf {
  let path: [MessageField]
  let kind: ValueKind
  let statistics: FieldStatistics
  /// Of the repeated field on the way, among the statistics' nodes; nil for a field of the record.
  let rowNode: Int?
  /// Scopes in which it could have stood.
  let scopeCount: Int

  var field: MessageField { path[path.count - 1] }
  var text: String { path.map(\.name).joined(separator: ".") }

  /// Share of scopes with a value that counts.
  var usefulShare: Double {
    scopeCount == 0 ? 0 : Double(statistics.usefulCount) / Double(scopeCount)
  }

  /// Share of scopes with any value.
  var presentShare: Double {
    scopeCount == 0 ? 0 : Double(statistics.presentCount) / Double(scopeCount)
  }
}

extension MessageStatistics {
  /// Every place at which a mapping could name a field, in the order of declaration: those of the
  /// record, and those inside one repeated message.
  func leaves() -> [Leaf] {
    var leaves: [Leaf] = []
    collect(from: 0, rowNode: nil, &leaves)
    return leaves
  }

  private func collect(from node: Int, rowNode: Int?, _ leaves: inout [Leaf]) {
    let scopeCount = rowNode.map { nodes[$0].messageCount } ?? recordCount
    for field in nodes[node].type.fields {
      let path = nodes[node].path + [field]
      if let kind = nodes[node].kinds[field.index] {
        guard !field.isRepeated else { continue }
        leaves.append(
          Leaf(
            path: path, kind: kind, statistics: nodes[node].fields[field.index], rowNode: rowNode,
            scopeCount: scopeCount))
      } else if let child = nodes[node].children[field.index] {
        if field.isRepeated && rowNode != nil { continue }
        collect(from: child, rowNode: field.isRepeated ? child : rowNode, &leaves)
      }
    }
  }
}
