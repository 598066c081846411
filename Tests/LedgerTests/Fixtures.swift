import Base
import Storage

@testable import Ledger

/// Short ways to the values of the chain.
enum Fixtures {
  static func key(_ partition: Int32, incarnation: Int64 = 0) -> PartitionKey {
    PartitionKey(topic: "telemetry", incarnation: incarnation, partition: partition)
  }

  static func entry(
    _ kind: LedgerEntry.Kind, counter: Int64 = 1, incarnation: String = "test"
  ) -> LedgerEntry {
    LedgerEntry(
      kind: kind, commitID: CommitID(incarnation: incarnation, counter: counter),
      ledgerID: "ledger", pipeline: "fleet", clusterID: "cluster", configFingerprint: "config",
      program: "test", writtenAtMicros: 1)
  }

  static func opening(
    incarnation: Int64 = 0, count: Int32 = 4, first: Int32 = 0, start: Int64 = 0
  ) -> TopicOpening {
    TopicOpening(
      topic: "telemetry", incarnation: incarnation, partitionCount: count, firstPartition: first,
      startOffsets: Array(repeating: start, count: Int(count - first)))
  }

  /// An entry that opens the topic's first `count` partitions at 0.
  static func open(count: Int32 = 4) -> LedgerEntry {
    var entry = entry(.open)
    entry.openings = [opening(count: count)]
    return entry
  }

  static func commit(
    _ moves: [PartitionMove], counter: Int64 = 1, incarnation: String = "test"
  ) -> LedgerEntry {
    var entry = entry(.commit, counter: counter, incarnation: incarnation)
    entry.partitions = moves
    return entry
  }

  static func state(_ name: String, cut: Int64) -> StateReference {
    StateReference(path: "_state/\(name)", cut: cut, byteCount: 10, checksum: 0xAB)
  }

  /// The chain after version 0 (create) and 1 (open).
  static func openChain(count: Int32 = 4) -> ChainState {
    var state = ChainState(pipeline: "fleet")
    state.apply(entry(.create))
    var open = open(count: count)
    open.version = 1
    state.apply(open)
    return state
  }
}

/// A ledger as one instance has it, with drafts that count their attempts.
struct Writer {
  let ledger: Ledger
  let name: String

  init(_ storage: any Storage, name: String = "a", pipeline: String = "fleet") {
    ledger = Ledger(storage: storage, pipeline: pipeline, incarnation: name)
    self.name = name
  }

  func draft(_ kind: LedgerEntry.Kind) -> LedgerEntry {
    let id = ledger.nextCommitID()
    var draft = Fixtures.entry(kind, counter: id.counter, incarnation: id.incarnation)
    draft.pipeline = ledger.state.pipeline
    draft.ledgerID = kind == .create ? "ledger-of-\(name)" : ledger.state.ledgerID
    return draft
  }

  /// Reads the chain, and begins it if it is empty: entry 0 creates, entry 1 opens the topic.
  func begin(partitionCount: Int32 = 4) throws(LedgerError) {
    try ledger.open()
    if ledger.state.isEmpty { _ = try ledger.put(draft(.create)) }
    if ledger.state.topics.isEmpty {
      var open = draft(.open)
      open.openings = [Fixtures.opening(count: partitionCount)]
      _ = try ledger.put(open)
    }
  }

  /// A move of `count` offsets based on what this writer knows of the chain.
  func move(_ partition: Int32, by count: Int64, state: StateReference? = nil) -> PartitionMove {
    let key = Fixtures.key(partition)
    let known = ledger.state.partitions[key]
    return PartitionMove(
      key: key, previous: known?.lastVersion ?? -1, from: known?.to ?? 0,
      to: (known?.to ?? 0) + count, state: state)
  }

  @discardableResult
  func commit(_ moves: [PartitionMove]) throws(LedgerError) -> LedgerEntry? {
    var entry = draft(.commit)
    entry.partitions = moves
    return try ledger.put(entry)
  }

  /// What follows a commit in the pipeline: every table has taken it.
  func summarize() throws(LedgerError) {
    try ledger.summarizeIfDue(
      bookmarks: [JSONMember("t", .int(ledger.state.lastVersion))],
      takenVersion: ledger.state.lastVersion)
  }
}
