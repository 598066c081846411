package import Base

/// The text of a summary: the whole state of the chain at a version, and where the tables stood.
///
/// A summary is valid only with its checksum (`LedgerSummary`).
extension ChainState {
  package var json: JSONValue {
    var state = ObjectBuilder()
    state.set("ledger_id", ledgerID)
    state.set("pipeline", pipeline)
    state.set("cluster_id", clusterID.map { .string($0) })
    state.set("next_version", nextVersion)
    state.set("topics", list: topics.sorted { $0.key < $1.key }.map { Self.json($0, $1) })
    state.set("partitions", list: partitions.sorted { $0.key < $1.key }.map { Self.json($0, $1) })
    state.set("tables", list: tables.sorted { $0.key < $1.key }.map { Self.json($0, $1) })
    if lastReplay != ReplayStep.none { state.set("last_replay", lastReplay) }
    let sums = counters.sorted { $0.key < $1.key }.map { JSONMember($0.key, .int($0.value)) }
    state.set("counters", .object(sums))
    return state.value
  }

  private static func json(_ topic: String, _ open: OpenTopic) -> JSONValue {
    [
      "topic": .string(topic), "incarnation": .int(open.incarnation),
      "partition_count": .int(open.partitionCount),
    ]
  }

  private static func json(_ key: PartitionKey, _ partition: Partition) -> JSONValue {
    var object = ObjectBuilder()
    key.set(in: &object)
    object.set("last_version", partition.lastVersion)
    object.set("start", partition.start)
    object.set("to", partition.to)
    object.set("skipped", partition.skippedCount)
    object.set("not_delivered", partition.notDeliveredCount)
    object.set("witness", partition.witness?.json)
    object.set("clock_us", partition.clockMicros.map { .int($0) })
    object.set("states", list: partition.states.map(\.json))
    object.set("gaps", list: partition.gaps.map(\.json))
    object.set("unknown_schema", list: partition.unknownSchemas.json)
    object.set("idle", list: partition.idleOffsets.map { .int($0) })
    return object.value
  }

  private static func json(_ name: String, _ table: Table) -> JSONValue {
    var object = ObjectBuilder()
    object.set("table", name)
    object.set("last_version", table.lastVersion)
    object.set("schema", table.schemaText.map { .string($0) })
    return object.value
  }

  package init(json: JSONValue, path: String) throws(LedgerError) {
    let reader = ObjectReader(path: path, value: json)
    self.init(pipeline: try reader.text("pipeline"))
    ledgerID = try reader.text("ledger_id")
    clusterID = try reader.optionalText("cluster_id")
    nextVersion = try reader.count("next_version", from: 1)
    for topic in try reader.objects("topics") {
      guard let count = Int32(exactly: try topic.count("partition_count")) else {
        throw .unreadable(path: path, detail: "a partition count is out of range")
      }
      let open = OpenTopic(incarnation: try topic.count("incarnation"), partitionCount: count)
      try Self.add(open, as: try topic.name("topic"), to: &topics, path)
    }
    for reader in try reader.objects("partitions") {
      let key = try PartitionKey(reader)
      let partition = try Partition(reader)
      if let fault = partition.fault(nextVersion: nextVersion) {
        throw .unreadable(path: path, detail: "\(key): \(fault)")
      }
      try Self.add(partition, as: key, to: &partitions, path)
    }
    for reader in try reader.objects("tables") {
      let table = Table(
        lastVersion: try reader.count("last_version"),
        schemaText: try reader.optionalText("schema"))
      try Self.add(table, as: try reader.name("table"), to: &tables, path)
    }
    if reader.value["last_replay"] != nil {
      lastReplay = try reader.count("last_replay")
      if lastReplay >= nextVersion {
        throw .unreadable(path: path, detail: "its last replay lies beyond the chain")
      }
    }
    for member in try reader.members("counters") {
      guard let value = member.value.int64Value, value >= 0 else {
        throw .unreadable(path: path, detail: "counter \(member.name) is not a count")
      }
      try Self.add(value, as: member.name, to: &counters, path)
    }
  }

  private static func add<Key: Hashable, Value>(
    _ value: Value, as key: Key, to values: inout [Key: Value], _ path: String
  ) throws(LedgerError) {
    if values.updateValue(value, forKey: key) != nil {
      throw .unreadable(path: path, detail: "\(key) is there twice")
    }
  }
}

extension ChainState.Partition {
  fileprivate init(_ reader: ObjectReader) throws(LedgerError) {
    self.init(
      lastVersion: try reader.count("last_version"), to: try reader.count("to"),
      start: try reader.count("start"), clockMicros: try reader.optionalInteger("clock_us"),
      skippedCount: try reader.count("skipped"),
      notDeliveredCount: try reader.count("not_delivered"))
    if let witness = reader.optionalObject("witness") { self.witness = try Witness(witness) }
    for state in try reader.objects("states") { states.append(try StateReference(state)) }
    for gap in try reader.objects("gaps") { gaps.append(try OffsetGap(gap)) }
    unknownSchemas = try OffsetRuns(reader, "unknown_schema")
    if reader.value["idle"] != nil {
      for offset in try reader.array("idle") {
        guard let offset = offset.int64Value, offset >= 0, offset > idleOffsets.last ?? -1 else {
          throw .unreadable(path: reader.path, detail: "its idle offsets do not ascend")
        }
        idleOffsets.append(offset)
      }
    }
  }

  /// What in it no chain of `nextVersion` entries can have said.
  fileprivate func fault(nextVersion: Int64) -> String? {
    if lastVersion >= nextVersion { return "entry \(lastVersion) moved it, beyond the chain" }
    if to < start { return "it stands at \(to), before its start \(start)" }
    if states.count > 2 { return "more than two state snapshots" }
    if states.contains(where: { $0.cut > to }) { return "a state's cut lies beyond \(to)" }
    if states.count == 2, states[1].cut < states[0].cut { return "its states are out of order" }
    if let witness, witness.offset >= to { return "its witness lies at or beyond \(to)" }
    if let last = unknownSchemas.runs.last, last.upperBound > to {
      return "it refuses offsets beyond \(to)"
    }
    if let last = idleOffsets.last, last > to { return "it was idle beyond \(to)" }
    return nil
  }
}
