package import Base

/// One commit of a pipeline: the unit that stands or falls whole.
///
/// An entry is a JSON file `_ledger/<version, 20 digits>.json`, put if absent; the put is the
/// commit point of everything it names (design: "Exactly once: the ledger"). It says which offsets
/// are now accounted for, which table actions carry their rows, and where the state that goes with
/// them lies. Entries are values; the rules that link them are `ChainState`'s.
package struct LedgerEntry: Equatable, Sendable {
  /// The only format this program writes or reads; another one is refused, never guessed.
  package static let currentFormat: Int64 = 1

  /// What an entry does to the chain.
  package enum Kind: String, Sendable {
    /// Version 0: makes the ledger and its id.
    case create
    /// Creates tables or changes their schema.
    case configure
    /// Opens topics: partition counts and resolved start offsets, before anything is fetched.
    case open
    /// Moves partitions forward, with the rows and state that belong to the move.
    case commit
    /// Brings dead letters back: rows that are read now, and marks that say so. Moves nothing.
    case replay
  }

  package var kind: Kind
  /// Place in the chain, from 0; assigned when the entry is put.
  package var version: Int64
  package var commitID: CommitID
  package var ledgerID: String
  package var pipeline: String
  /// Kafka's cluster id, where the brokers told it.
  package var clusterID: String?
  /// Fingerprint of the configuration that made the rows.
  package var configFingerprint: String
  package var program: String
  /// Wall clock when the entry was composed, microseconds. The tables hold no such time.
  package var writtenAtMicros: Int64
  package var openings: [TopicOpening] = []
  package var partitions: [PartitionMove] = []
  /// Delta actions, verbatim, in the order the tables take them.
  package var tables: [TableActions] = []
  package var decisions: [Decision] = []
  /// Present in entries of kind `replay`, and in no others.
  package var replay: ReplayStep?
  /// Counters of this entry: outcomes, late readings, firings. Names are those of the metrics.
  package var counters: [Counter] = []

  package init(
    kind: Kind, commitID: CommitID, ledgerID: String, pipeline: String, clusterID: String?,
    configFingerprint: String, program: String, writtenAtMicros: Int64
  ) {
    self.kind = kind
    self.version = 0
    self.commitID = commitID
    self.ledgerID = ledgerID
    self.pipeline = pipeline
    self.clusterID = clusterID
    self.configFingerprint = configFingerprint
    self.program = program
    self.writtenAtMicros = writtenAtMicros
  }
}

/// Who made an entry: a UUID of the running instance and a counter within it. Two attempts with
/// the same id are the same attempt, which is how an unclear put is resolved.
package struct CommitID: Hashable, Sendable, CustomStringConvertible {
  package let incarnation: String
  package let counter: Int64

  package init(incarnation: String, counter: Int64) {
    self.incarnation = incarnation
    self.counter = counter
  }

  package var description: String { "\(incarnation)-\(counter)" }
}

/// A partition as the chain knows it: a re-created topic is another incarnation of its name.
package struct PartitionKey: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let topic: String
  /// 0 for the first topic of that name, one more for each re-creation.
  package let incarnation: Int64
  package let partition: Int32

  package init(topic: String, incarnation: Int64, partition: Int32) {
    self.topic = topic
    self.incarnation = incarnation
    self.partition = partition
  }

  package static func < (left: PartitionKey, right: PartitionKey) -> Bool {
    (left.topic, left.incarnation, left.partition)
      < (right.topic, right.incarnation, right.partition)
  }

  package var description: String {
    incarnation == 0 ? "\(topic)[\(partition)]" : "\(topic)#\(incarnation)[\(partition)]"
  }
}

/// Opens a topic: from here on its partitions below `partitionCount` have a start offset, and only
/// partitions beyond it are new (they start at the beginning).
package struct TopicOpening: Equatable, Sendable {
  package var topic: String
  package var incarnation: Int64
  package var partitionCount: Int32
  /// The first partition this opening covers: 0, or the count of an earlier opening.
  package var firstPartition: Int32
  /// Resolved start offsets of partitions `firstPartition ..< partitionCount`.
  package var startOffsets: [Int64]

  package init(
    topic: String, incarnation: Int64, partitionCount: Int32, firstPartition: Int32,
    startOffsets: [Int64]
  ) {
    precondition(
      startOffsets.count == Int(partitionCount - firstPartition),
      "an opening resolves the start of every partition it covers")
    self.topic = topic
    self.incarnation = incarnation
    self.partitionCount = partitionCount
    self.firstPartition = firstPartition
    self.startOffsets = startOffsets
  }
}

/// Proof of position: the last record delivered before `to`. A different record at that offset
/// means another topic under the same name.
package struct Witness: Equatable, Sendable {
  package var offset: Int64
  package var timestampMicros: Int64
  /// xxHash64 of the key and the payload (`Witness.checksum`).
  package var checksum: UInt64

  package init(offset: Int64, timestampMicros: Int64, checksum: UInt64) {
    self.offset = offset
    self.timestampMicros = timestampMicros
    self.checksum = checksum
  }

  /// Key and payload are hashed apart, so that bytes cannot move from one to the other unseen.
  package static func checksum(key: RawSpan?, payload: RawSpan?) -> UInt64 {
    var keyHash: UInt64 = 1
    if let key { keyHash = XXHash64.hash(key) }
    var payloadHash: UInt64 = 2
    if let payload { payloadHash = XXHash64.hash(payload) }
    return keyHash &* 31 &+ payloadHash
  }
}

/// A state snapshot's name and what proves it undamaged.
package struct StateReference: Equatable, Sendable {
  /// Path below the root, in `_state/`.
  package var path: String
  /// The snapshot holds the state after every record below this offset; at most the move's `to`.
  package var cut: Int64
  package var byteCount: Int64
  /// xxHash64 of the file.
  package var checksum: UInt64
  /// Whether no older snapshot may stand in: this one holds what a replay would not repeat, such as
  /// windows that a decision fired.
  package var isNeeded: Bool

  package init(
    path: String, cut: Int64, byteCount: Int64, checksum: UInt64, isNeeded: Bool = false
  ) {
    self.path = path
    self.cut = cut
    self.byteCount = byteCount
    self.checksum = checksum
    self.isNeeded = isNeeded
  }
}

/// Offsets of a partition that were passed over without being read: because Kafka no longer had
/// them and the configuration let them go, or because a person said so.
package struct OffsetGap: Equatable, Sendable {
  /// Who let the offsets go.
  package enum Decider: String, Sendable {
    /// `kafka.on_position_lost: skip_and_record`.
    case configuration
    /// A person, with `downlinkd offsets skip`.
    case person = "operator"
  }

  /// Kafka no longer had them.
  package static let retention = "retention"
  /// Kafka no longer had them, and they lie below the move's `from`: their rows are in the tables,
  /// but the event-time state could not be brought up to date with them.
  package static let state = "state"
  /// Kafka still had them; a person went on behind them.
  package static let skipped = "skipped"

  package var from: Int64
  /// The first offset behind the gap.
  package var to: Int64
  /// `retention`, `state` or `skipped`.
  package var reason: String
  package var decidedBy: Decider

  package init(from: Int64, to: Int64, reason: String, decidedBy: Decider = .configuration) {
    self.from = from
    self.to = to
    self.reason = reason
    self.decidedBy = decidedBy
  }
}

/// One partition's step in an entry: offsets `from ..< to` are accounted for by it.
package struct PartitionMove: Equatable, Sendable {
  package var key: PartitionKey
  /// The version that last touched the partition.
  package var previous: Int64
  package var from: Int64
  /// The next offset to read.
  package var to: Int64
  /// Offsets of the range that Kafka did not deliver though it still had them: transaction
  /// markers and compacted records.
  package var notDelivered: Int64
  /// Offsets skipped because Kafka no longer had them.
  package var gaps: [OffsetGap]
  /// Offsets of the range whose records were refused because nobody knew their schema. By the time
  /// of a replay somebody may, or nobody may know any more which it was: a replay refuses these
  /// without asking.
  package var unknownSchemas: OffsetRuns
  /// Nil while nothing has ever been delivered.
  package var witness: Witness?
  /// The partition's clock (largest trusted Kafka timestamp), for people; the state has its own.
  package var clockMicros: Int64?
  /// Present when this entry brings a new state snapshot.
  package var state: StateReference?

  package init(
    key: PartitionKey, previous: Int64, from: Int64, to: Int64, notDelivered: Int64 = 0,
    gaps: [OffsetGap] = [], unknownSchemas: OffsetRuns = OffsetRuns(),
    witness: Witness? = nil, clockMicros: Int64? = nil, state: StateReference? = nil
  ) {
    self.key = key
    self.previous = previous
    self.from = from
    self.to = to
    self.notDelivered = notDelivered
    self.gaps = gaps
    self.unknownSchemas = unknownSchemas
    self.witness = witness
    self.clockMicros = clockMicros
    self.state = state
  }
}

/// What one table takes from an entry.
package struct TableActions: Equatable, Sendable {
  package var table: String
  package var actions: [JSONValue]

  package init(table: String, actions: [JSONValue]) {
    self.table = table
    self.actions = actions
  }
}

/// Something decided by the wall clock or a person, bound to an offset so that a replay repeats it.
package struct Decision: Equatable, Sendable {
  /// What was decided.
  package enum Kind: String, Sendable {
    /// Every open window of the partition fired once, at the end of a finite input.
    case fireOpenWindows = "fire_open_windows"
    /// Nothing had come for `event_time.partition_idle` of wall clock: every open window of the
    /// partition fired, as if each of its devices had become idle. A replay repeats it.
    case partitionIdle = "partition_idle"
  }

  package var kind: Kind
  package var key: PartitionKey
  /// The decision took effect after every record below this offset.
  package var offset: Int64

  package init(kind: Kind, key: PartitionKey, offset: Int64) {
    self.kind = kind
    self.key = key
    self.offset = offset
  }
}

/// One figure of an entry's accounting.
package struct Counter: Equatable, Sendable {
  package var name: String
  package var value: Int64

  package init(name: String, value: Int64) {
    self.name = name
    self.value = value
  }
}

/// What a replay of dead letters is based on: all marks of the replays before it, and no others.
/// Two replays at once name the same entry, so that only one of them gets into the chain.
package struct ReplayStep: Equatable, Sendable {
  /// No replay came before.
  package static let none: Int64 = -1

  /// The chain's last entry of kind `replay`, or `none`.
  package var previous: Int64

  package init(previous: Int64) { self.previous = previous }
}
