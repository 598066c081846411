import Base

/// What the chain says after its entries so far: the pure part of the ledger's rules.
///
/// `validate` and `apply` are the whole of "an entry is valid only if": no I/O, so that tests can
/// try every order of events.
///
/// **Invariants** (numbers of docs/ARCHITECTURE.md):
/// - I1 for each partition the moves' `from … to` follow each other without hole or overlap;
/// - I2 a move names in `previous` the version that last touched its partition;
/// - I3 a state snapshot's cut is at most the `to` of the move that brings it;
/// - I12 a replay of dead letters names the last replay before it, and moves nothing.
package struct ChainState: Equatable, Sendable {
  /// What is known of one open partition.
  package struct Partition: Equatable, Sendable {
    /// The version that last touched it.
    package var lastVersion: Int64
    /// The next offset to account for.
    package var to: Int64
    /// Where the topic's opening placed it.
    package var start: Int64
    package var witness: Witness?
    package var clockMicros: Int64?
    /// The newest two state snapshots, newest last.
    package var states: [StateReference] = []
    /// The gaps that a replay may have to cross again, oldest first: see
    /// `forgetBelowStates`.
    package var gaps: [OffsetGap] = []
    /// Of the offsets that a replay may meet, those that it refuses as its moves did.
    package var unknownSchemas = OffsetRuns()
    /// Offsets at which the partition was found idle, ascending, of those that a replay may meet:
    /// it fires the open windows there as the first pass did.
    package var idleOffsets: [Int64] = []
    /// Offsets skipped as gaps, and not delivered, since the opening.
    package var skippedCount: Int64 = 0
    package var notDeliveredCount: Int64 = 0
  }

  /// What is known of one table.
  package struct Table: Equatable, Sendable {
    /// The last version with actions for it.
    package var lastVersion: Int64
    /// The schema of the last metaData action, verbatim; nil before the first.
    package var schemaText: String?
  }

  package var ledgerID: String
  package var pipeline: String
  package var clusterID: String?
  /// The number the next entry takes.
  package var nextVersion: Int64
  /// Newest incarnation of each topic, and how many of its partitions are open.
  package var topics: [String: OpenTopic] = [:]
  package var partitions: [PartitionKey: Partition] = [:]
  package var tables: [String: Table] = [:]
  /// The last entry that brought dead letters back, or `ReplayStep.none`.
  package var lastReplay = ReplayStep.none
  /// Sums of all entries' counters.
  package var counters: [String: Int64] = [:]

  /// The incarnation of a topic that is open now.
  package struct OpenTopic: Equatable, Sendable {
    package var incarnation: Int64
    package var partitionCount: Int32
  }

  /// The chain before its first entry.
  package init(pipeline: String) {
    self.pipeline = pipeline
    ledgerID = ""
    nextVersion = 0
  }

  package var isEmpty: Bool { nextVersion == 0 }

  package var lastVersion: Int64 { nextVersion - 1 }

  /// The key under which a topic's partition is open now, or nil if it is not.
  package func openKey(topic: String, partition: Int32) -> PartitionKey? {
    guard let open = topics[topic], partition < open.partitionCount else { return nil }
    return PartitionKey(topic: topic, incarnation: open.incarnation, partition: partition)
  }
}

// MARK: - Rules

extension ChainState {
  /// Why `entry` may not be the next one, or nil if it may.
  package func conflict(with entry: LedgerEntry) -> Conflict? {
    if let reason = clusterFault(of: entry) ?? replayFault(of: entry) {
      return Conflict(key: nil, reason: reason)
    }
    var opened: Set<String> = []
    for opening in entry.openings {
      let isTwice = !opened.insert(opening.topic).inserted
      if let reason = isTwice ? "the entry opens its topic twice" : fault(of: opening) {
        let key = PartitionKey(
          topic: opening.topic, incarnation: opening.incarnation,
          partition: opening.firstPartition)
        return Conflict(key: key, reason: reason)
      }
    }
    var moved: Set<PartitionKey> = []
    for move in entry.partitions {
      if let reason = fault(of: move) { return Conflict(key: move.key, reason: reason) }
      if !moved.insert(move.key).inserted {
        return Conflict(key: move.key, reason: "the entry moves it twice")
      }
    }
    return conflictOfDecisions(in: entry)
  }

  /// A decision is part of a move: only so does it stand or fall with what it was based on.
  private func conflictOfDecisions(in entry: LedgerEntry) -> Conflict? {
    for decision in entry.decisions where decision.kind == .partitionIdle {
      let move = entry.partitions.first { $0.key == decision.key }
      guard let move, decision.offset >= move.from, decision.offset <= move.to else {
        return Conflict(
          key: decision.key, reason: "it is found idle at \(decision.offset), outside its move")
      }
    }
    return nil
  }

  /// Offsets mean something on one cluster only: an entry of another one is valid only if it opens
  /// the next incarnation of every topic, so that nothing of the old cluster can move any more.
  private func clusterFault(of entry: LedgerEntry) -> String? {
    guard let known = clusterID, let found = entry.clusterID, found != known else { return nil }
    let renewed = Set(
      entry.openings.filter { nextIncarnation(of: $0.topic) == $0.incarnation }.map(\.topic))
    if topics.keys.allSatisfy(renewed.contains) { return nil }
    return "it is of cluster \(found), the chain's offsets are of cluster \(known)"
  }

  /// Which letters wait is known from the marks of all replays before: one that does not know the
  /// last of them might bring rows back a second time.
  private func replayFault(of entry: LedgerEntry) -> String? {
    guard entry.kind == .replay else {
      return entry.replay == nil ? nil : "only a replay is based on the last replay"
    }
    guard let replay = entry.replay else { return "it is a replay and does not say of what" }
    if !entry.openings.isEmpty || !entry.partitions.isEmpty || !entry.decisions.isEmpty {
      return "a replay moves nothing"
    }
    if replay.previous == lastReplay { return nil }
    return lastReplay == ReplayStep.none
      ? "nothing was replayed yet, it is based on entry \(replay.previous)"
      : "entry \(lastReplay) replayed dead letters since entry \(replay.previous)"
  }

  /// The incarnation that a re-creation of the topic would get; 0 for one never opened.
  package func nextIncarnation(of topic: String) -> Int64 {
    topics[topic].map { $0.incarnation + 1 } ?? 0
  }

  private func fault(of opening: TopicOpening) -> String? {
    guard let open = topics[opening.topic] else {
      if opening.incarnation == 0 && opening.firstPartition == 0 { return nil }
      return "its topic is not open yet"
    }
    if opening.incarnation == open.incarnation {
      return opening.firstPartition == open.partitionCount
        ? nil : "\(open.partitionCount) partitions are open already"
    }
    if opening.incarnation == open.incarnation + 1 && opening.firstPartition == 0 { return nil }
    return "incarnation \(open.incarnation) is open already"
  }

  private func fault(of move: PartitionMove) -> String? {
    guard topics[move.key.topic]?.incarnation == move.key.incarnation,
      let partition = partitions[move.key]
    else { return "it is not open" }
    if move.previous != partition.lastVersion {
      return "entry \(partition.lastVersion) moved it since entry \(move.previous)"
    }
    if move.from != partition.to {
      return "the chain stands at offset \(partition.to), the move starts at \(move.from)"
    }
    if move.to < move.from { return "it would go back from \(move.from) to \(move.to)" }
    if let state = move.state, state.cut > move.to {
      return "its state's cut \(state.cut) lies beyond \(move.to)"
    }
    if let first = move.unknownSchemas.runs.first, let last = move.unknownSchemas.runs.last,
      first.lowerBound < move.from || last.upperBound > move.to
    {
      return "it refuses offsets that are not its own"
    }
    return faultOfGaps(in: move)
  }

  /// Gaps follow each other and end with the move at the latest; what is skipped and what is not
  /// delivered fits into it (I4).
  private func faultOfGaps(in move: PartitionMove) -> String? {
    var end: Int64 = 0
    var passedCount = move.notDelivered
    for gap in move.gaps {
      if gap.from < end || gap.to <= gap.from || gap.to > move.to {
        return "its gap \(gap.from) to \(gap.to) is out of place"
      }
      end = gap.to
      passedCount += gap.skippedCount(from: move.from)
    }
    return passedCount <= move.to - move.from
      ? nil : "it passes over more offsets than lie between \(move.from) and \(move.to)"
  }

  /// Takes an entry that `conflict(with:)` has nothing against.
  package mutating func apply(_ entry: LedgerEntry) {
    precondition(entry.version == nextVersion, "entries are applied in order, without holes")
    assert(conflict(with: entry) == nil, "an entry is checked before it is applied")
    if entry.kind == .create { ledgerID = entry.ledgerID }
    if let clusterID = entry.clusterID { self.clusterID = clusterID }
    for opening in entry.openings { apply(opening, version: entry.version) }
    for move in entry.partitions { apply(move, version: entry.version) }
    for decision in entry.decisions { apply(decision) }
    for table in entry.tables { apply(table, version: entry.version) }
    if entry.kind == .replay { lastReplay = entry.version }
    for counter in entry.counters {
      // Figures for people: they stand still rather than trap on entries that lie.
      let sum = counters[counter.name, default: 0].addingReportingOverflow(counter.value)
      counters[counter.name] = sum.overflow ? .max : sum.partialValue
    }
    nextVersion += 1
  }

  private mutating func apply(_ opening: TopicOpening, version: Int64) {
    topics[opening.topic] = OpenTopic(
      incarnation: opening.incarnation, partitionCount: opening.partitionCount)
    for (index, start) in opening.startOffsets.enumerated() {
      let key = PartitionKey(
        topic: opening.topic, incarnation: opening.incarnation,
        partition: opening.firstPartition + Int32(index))
      partitions[key] = Partition(lastVersion: version, to: start, start: start)
    }
  }

  private mutating func apply(_ move: PartitionMove, version: Int64) {
    guard var partition = partitions[move.key] else {
      preconditionFailure("\(move.key) was checked to be open")
    }
    partition.lastVersion = version
    partition.to = move.to
    partition.notDeliveredCount += move.notDelivered
    for gap in move.gaps { partition.skippedCount += gap.skippedCount(from: move.from) }
    partition.gaps += move.gaps
    partition.unknownSchemas.append(move.unknownSchemas)
    if let witness = move.witness { partition.witness = witness }
    if let clock = move.clockMicros { partition.clockMicros = clock }
    if let state = move.state { partition.states = partition.states.suffix(1) + [state] }
    partition.forgetBelowStates()
    partitions[move.key] = partition
  }

  private mutating func apply(_ decision: Decision) {
    switch decision.kind {
    // Its state is needed: no replay begins before it.
    case .fireOpenWindows: break
    case .partitionIdle:
      guard let known = partitions[decision.key]?.idleOffsets, known.last != decision.offset
      else { return }
      partitions[decision.key]?.idleOffsets.append(decision.offset)
    }
  }

  private mutating func apply(_ actions: TableActions, version: Int64) {
    var table = tables[actions.table] ?? Table(lastVersion: version, schemaText: nil)
    table.lastVersion = version
    for action in actions.actions {
      if let schema = action["metaData"]?["schemaString"]?.stringValue { table.schemaText = schema }
    }
    tables[actions.table] = table
  }
}

extension ChainState.Partition {
  /// Forgets what no replay can meet: refused offsets and silences below the older snapshot, and
  /// the gaps below it that Kafka no longer has. What a person skipped may still be there, for a
  /// replay from the very start, so that is kept for good: people decide rarely.
  fileprivate mutating func forgetBelowStates() {
    guard states.count == 2 else { return }
    unknownSchemas.removeAll(below: states[0].cut)
    // At the cut itself the state may be of before or behind it; once more changes nothing.
    idleOffsets.removeAll { $0 < states[0].cut }
    gaps.removeAll { $0.to <= states[0].cut && $0.reason != OffsetGap.skipped }
  }

  /// Where `offset` leads when the known gaps are crossed: itself, or the end of the gap it is in.
  package func crossingGaps(from offset: Int64) -> Int64 { gaps.end(from: offset) }
}

extension OffsetGap {
  /// Offsets of the gap that a move beginning at `from` accounts for.
  package func skippedCount(from: Int64) -> Int64 { max(0, to - max(self.from, from)) }
}

extension [OffsetGap] {
  /// `offset`, or where the gaps that it lies in end.
  package func end(from offset: Int64) -> Int64 {
    var offset = offset
    while let gap = first(where: { $0.from <= offset && offset < $0.to }) { offset = gap.to }
    return offset
  }

  /// The stretches of `range` that no gap covers, in order.
  package func uncovered(in range: Range<Int64>) -> [Range<Int64>] {
    var stretches: [Range<Int64>] = []
    var next = range.lowerBound
    for gap in sorted(by: { $0.from < $1.from })
    where gap.to > next && gap.from < range.upperBound {
      if gap.from > next { stretches.append(next..<gap.from) }
      next = gap.to
    }
    if next < range.upperBound { stretches.append(next..<range.upperBound) }
    return stretches
  }
}
