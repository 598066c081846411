package import Base

/// The text of an entry: canonical JSON, so that reading and writing it again gives the same bytes.
extension LedgerEntry {
  package var json: JSONValue {
    var entry = ObjectBuilder()
    entry.set("format", Self.currentFormat)
    entry.set("kind", kind.rawValue)
    entry.set("version", version)
    entry.set("commit_id", commitID.json)
    entry.set("ledger_id", ledgerID)
    entry.set("pipeline", pipeline)
    entry.set("cluster_id", clusterID.map { .string($0) })
    entry.set("config", configFingerprint)
    entry.set("program", program)
    entry.set("written_at_us", writtenAtMicros)
    entry.set("openings", list: openings.map(\.json))
    entry.set("partitions", list: partitions.map(\.json))
    entry.set("tables", list: tables.map(\.json))
    entry.set("decisions", list: decisions.map(\.json))
    entry.set("replay", replay?.json)
    let counters = counters.map { JSONMember($0.name, .int($0.value)) }
    entry.set("counters", counters.isEmpty ? nil : .object(counters))
    return entry.value
  }

  /// The bytes of the entry's file: the canonical text, with the xxHash64 of what stands before it
  /// as the last member.
  ///
  /// JSON alone would let a changed digit pass for another offset.
  package var fileBytes: [UInt8] {
    var bytes = json.bytes
    bytes.removeLast()
    let checksum = RandomID.hex(XXHash64.hash(bytes))
    return bytes + Array(Self.checksumStart.utf8) + Array(checksum.utf8) + Array("\"}".utf8)
  }

  private static let checksumStart = ",\"checksum\":\""

  /// Whether the checksum at the end is that of what stands before it. An entry without one is
  /// taken as it is, as early programs wrote none; one that has a checksum in another shape or at
  /// another place is damaged.
  private static func isWhole(_ bytes: [UInt8], _ value: JSONValue) -> Bool {
    let tailCount = checksumStart.utf8.count + 16 + 2
    let tail = bytes.suffix(tailCount)
    guard tail.starts(with: checksumStart.utf8), tail.count == tailCount else {
      return value["checksum"] == nil
    }
    let checksum = tail.dropFirst(checksumStart.utf8.count).prefix(16)
    let content = Array(bytes.dropLast(tailCount))
    return RandomID.hex(XXHash64.hash(content)).utf8.elementsEqual(checksum)
  }

  /// Reads the entry in `path`, which must hold `version`.
  package init(
    parsing bytes: [UInt8], path: String, version: Int64
  ) throws(LedgerError) {
    let value = try Self.parse(bytes, path: path)
    let reader = ObjectReader(path: path, value: value)
    guard Self.isWhole(bytes, value) else {
      throw .unreadable(path: path, detail: "its checksum is not that of its content")
    }
    let format = try reader.integer("format")
    guard format == Self.currentFormat else {
      throw .unknownFormat(path: path, found: "format \(format)")
    }
    let kindText = try reader.text("kind")
    guard let kind = Kind(rawValue: kindText) else {
      throw .unknownFormat(path: path, found: "kind \"\(kindText)\"")
    }
    guard try reader.integer("version") == version else {
      throw .unreadable(path: path, detail: "it says another version than its name")
    }
    self.init(
      kind: kind, commitID: try CommitID(try reader.nested("commit_id")),
      ledgerID: try reader.text("ledger_id"), pipeline: try reader.text("pipeline"),
      clusterID: try reader.optionalText("cluster_id"),
      configFingerprint: try reader.text("config"), program: try reader.text("program"),
      writtenAtMicros: try reader.integer("written_at_us"))
    self.version = version
    for opening in try reader.objects("openings") { openings.append(try TopicOpening(opening)) }
    for move in try reader.objects("partitions") { partitions.append(try PartitionMove(move)) }
    for table in try reader.objects("tables") { tables.append(try TableActions(table)) }
    for decision in try reader.objects("decisions") { decisions.append(try Decision(decision)) }
    if let replay = reader.optionalObject("replay") { self.replay = try ReplayStep(replay) }
    if reader.value["counters"] != nil {
      for member in try reader.members("counters") {
        guard let value = member.value.int64Value,
          (0...ObjectReader.countMax).contains(value)
        else {
          throw .unreadable(path: path, detail: "counter \(member.name) is not a count")
        }
        counters.append(Counter(name: member.name, value: value))
      }
    }
  }

  static func parse(_ bytes: [UInt8], path: String) throws(LedgerError) -> JSONValue {
    do {
      return try JSONValue(parsing: bytes)
    } catch {
      throw .unreadable(path: path, detail: "\(error)")
    }
  }
}

extension ObjectReader {
  func nested(_ name: String) throws(LedgerError) -> ObjectReader {
    guard let object = optionalObject(name) else {
      throw .unreadable(path: path, detail: "field \"\(name)\" is missing")
    }
    return object
  }
}

extension CommitID {
  var json: JSONValue { ["incarnation": .string(incarnation), "counter": .int(counter)] }

  init(_ reader: ObjectReader) throws(LedgerError) {
    self.init(
      incarnation: try reader.text("incarnation"), counter: try reader.integer("counter"))
  }
}

extension PartitionKey {
  /// The three members that name a partition, for splicing into an object.
  func set(in object: inout ObjectBuilder) {
    object.set("topic", topic)
    object.set("incarnation", incarnation)
    object.set("partition", Int64(partition))
  }

  init(_ reader: ObjectReader) throws(LedgerError) {
    guard let partition = Int32(exactly: try reader.count("partition")) else {
      throw .unreadable(path: reader.path, detail: "a partition number is out of range")
    }
    self.init(
      topic: try reader.name("topic"), incarnation: try reader.count("incarnation"),
      partition: partition)
  }
}

extension TopicOpening {
  var json: JSONValue {
    [
      "topic": .string(topic), "incarnation": .int(incarnation),
      "partition_count": .int(partitionCount), "first_partition": .int(firstPartition),
      "start_offsets": .array(startOffsets.map { .int($0) }),
    ]
  }

  init(_ reader: ObjectReader) throws(LedgerError) {
    let starts = try reader.integers("start_offsets")
    guard let count = Int32(exactly: try reader.integer("partition_count")),
      let first = Int32(exactly: try reader.integer("first_partition")), first >= 0,
      starts.count == Int(count) - Int(first),
      starts.allSatisfy((0...ObjectReader.countMax).contains)
    else {
      throw .unreadable(path: reader.path, detail: "an opening's partition counts do not agree")
    }
    self.init(
      topic: try reader.name("topic"), incarnation: try reader.count("incarnation"),
      partitionCount: count, firstPartition: first, startOffsets: starts)
  }
}

extension Witness {
  var json: JSONValue {
    [
      "offset": .int(offset), "timestamp_us": .int(timestampMicros),
      "checksum": .string(RandomID.hex(checksum)),
    ]
  }

  init(_ reader: ObjectReader) throws(LedgerError) {
    self.init(
      offset: try reader.count("offset"), timestampMicros: try reader.integer("timestamp_us"),
      checksum: try reader.checksum("checksum"))
  }
}

extension OffsetGap {
  /// The decider is left out where it is the configuration.
  var json: JSONValue {
    var gap = ObjectBuilder()
    gap.set("from", from)
    gap.set("to", to)
    gap.set("reason", reason)
    if decidedBy != .configuration { gap.set("decided_by", decidedBy.rawValue) }
    return gap.value
  }

  init(_ reader: ObjectReader) throws(LedgerError) {
    self.init(
      from: try reader.count("from"), to: try reader.count("to"),
      reason: try reader.text("reason"))
    if to < from {
      throw .unreadable(path: reader.path, detail: "a gap goes back from \(from) to \(to)")
    }
    if reader.value["decided_by"] != nil {
      let text = try reader.text("decided_by")
      guard let decider = Decider(rawValue: text) else {
        throw .unknownFormat(path: reader.path, found: "a gap decided by \"\(text)\"")
      }
      decidedBy = decider
    }
  }
}

extension StateReference {
  var json: JSONValue {
    var object = ObjectBuilder()
    object.set("path", path)
    object.set("cut", cut)
    object.set("size", byteCount)
    object.set("checksum", RandomID.hex(checksum))
    object.set("needed", isNeeded ? .bool(true) : nil)
    return object.value
  }

  init(_ reader: ObjectReader) throws(LedgerError) {
    self.init(
      path: try reader.text("path"), cut: try reader.count("cut"),
      byteCount: try reader.count("size"), checksum: try reader.checksum("checksum"),
      isNeeded: try reader.flag("needed"))
    // It is read, and one day deleted.
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0] == "_state", ObjectReader.isPathComponent(parts[1]) else {
      throw .unreadable(path: reader.path, detail: "\"\(path)\" names no state snapshot")
    }
  }
}

extension PartitionMove {
  var json: JSONValue {
    var move = ObjectBuilder()
    key.set(in: &move)
    move.set("prev", previous)
    move.set("from", from)
    move.set("to", to)
    move.set("not_delivered", notDelivered)
    move.set("gaps", list: gaps.map(\.json))
    move.set("unknown_schema", list: unknownSchemas.json)
    move.set("witness", witness?.json)
    move.set("clock_us", clockMicros.map { .int($0) })
    move.set("state", state?.json)
    return move.value
  }

  init(_ reader: ObjectReader) throws(LedgerError) {
    self.init(
      key: try PartitionKey(reader), previous: try reader.integer("prev"),
      from: try reader.count("from"), to: try reader.count("to"),
      notDelivered: try reader.count("not_delivered"),
      clockMicros: try reader.optionalInteger("clock_us"))
    for gap in try reader.objects("gaps") { gaps.append(try OffsetGap(gap)) }
    unknownSchemas = try OffsetRuns(reader, "unknown_schema")
    if let witness = reader.optionalObject("witness") { self.witness = try Witness(witness) }
    if let state = reader.optionalObject("state") { self.state = try StateReference(state) }
    if let fault { throw .unreadable(path: reader.path, detail: "\(key): \(fault)") }
  }

  /// What in it contradicts itself, whatever the chain says.
  private var fault: String? {
    if to < from { return "it would go back from \(from) to \(to)" }
    if notDelivered > to - from { return "more not delivered than offsets" }
    for (index, gap) in gaps.enumerated() {
      if gap.to > to { return "a gap ends beyond \(to)" }
      if index > 0, gap.from < gaps[index - 1].to { return "gaps overlap" }
    }
    if let witness, witness.offset >= to { return "its witness lies at or beyond \(to)" }
    if let first = unknownSchemas.runs.first, let last = unknownSchemas.runs.last,
      first.lowerBound < from || last.upperBound > to
    {
      return "it refuses offsets that are not its own"
    }
    return nil
  }
}

extension OffsetRuns {
  /// A list of runs as `{"from", "to"}`, the latter being the first offset behind.
  var json: [JSONValue] {
    runs.map { ["from": .int($0.lowerBound), "to": .int($0.upperBound)] }
  }

  init(_ reader: ObjectReader, _ name: String) throws(LedgerError) {
    self.init()
    for run in try reader.objects(name) {
      let (from, to) = (try run.count("from"), try run.count("to"))
      // A bound that touches the next run is none that we write.
      guard from < to, runs.last.map({ $0.upperBound < from }) ?? true else {
        throw .unreadable(path: reader.path, detail: "field \"\(name)\" is out of order")
      }
      append(from..<to)
    }
  }
}

extension TableActions {
  var json: JSONValue { ["table": .string(table), "actions": .array(actions)] }

  init(_ reader: ObjectReader) throws(LedgerError) {
    self.init(table: try reader.name("table"), actions: try reader.array("actions"))
  }
}

extension Decision {
  var json: JSONValue {
    var decision = ObjectBuilder()
    decision.set("kind", kind.rawValue)
    key.set(in: &decision)
    decision.set("offset", offset)
    return decision.value
  }

  init(_ reader: ObjectReader) throws(LedgerError) {
    let kindText = try reader.text("kind")
    guard let kind = Kind(rawValue: kindText) else {
      throw .unknownFormat(path: reader.path, found: "decision \"\(kindText)\"")
    }
    self.init(kind: kind, key: try PartitionKey(reader), offset: try reader.count("offset"))
  }
}

extension ReplayStep {
  var json: JSONValue { ["previous": .int(previous)] }

  init(_ reader: ObjectReader) throws(LedgerError) {
    self.init(previous: try reader.count("previous", from: Self.none))
  }
}
