package import Base

/// The text of a summary: the whole state of the chain at a version, and where the tables stood.
///
/// A summary is valid only with its checksum, the xxHash64 of the canonical texts of `"state"` and
/// `"bookmarks"`, one after the other.
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
    clusterID = json["cluster_id"]?.stringValue
    nextVersion = try reader.integer("next_version")
    for topic in try reader.objects("topics") {
      guard let count = Int32(exactly: try topic.integer("partition_count")) else {
        throw .unreadable(path: path, detail: "a partition count is out of range")
      }
      topics[try topic.text("topic")] = OpenTopic(
        incarnation: try topic.integer("incarnation"), partitionCount: count)
    }
    for partition in try reader.objects("partitions") {
      partitions[try PartitionKey(partition)] = try Partition(partition)
    }
    for table in try reader.objects("tables") {
      tables[try table.text("table")] = Table(
        lastVersion: try table.integer("last_version"),
        schemaText: table.value["schema"]?.stringValue)
    }
    for member in try reader.members("counters") {
      counters[member.name] = member.value.int64Value
    }
  }
}

extension ChainState.Partition {
  fileprivate init(_ reader: ObjectReader) throws(LedgerError) {
    self.init(
      lastVersion: try reader.integer("last_version"), to: try reader.integer("to"),
      start: try reader.integer("start"), clockMicros: reader.value["clock_us"]?.int64Value,
      skippedCount: try reader.integer("skipped"),
      notDeliveredCount: try reader.integer("not_delivered"))
    if let witness = reader.optionalObject("witness") { self.witness = try Witness(witness) }
    for state in try reader.objects("states") { states.append(try StateReference(state)) }
    for gap in try reader.objects("gaps") { gaps.append(try OffsetGap(gap)) }
  }
}
