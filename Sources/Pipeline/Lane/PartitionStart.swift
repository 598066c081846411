import Ledger
import Telemetry

/// Where a lane takes a partition up: what the chain says of it at assignment.
///
///     fetchFrom                state.cut                       to
///        │  witness only           │  replay, output suppressed  │  new records
///        └─────────────────────────┴─────────────────────────────┴──────────────▶ offsets
///
/// Fetching begins at the witness or at the state's cut, whichever is lower: the first records
/// prove that the topic is still the same one and bring the state to `to`.
struct PartitionStart: Sendable {
  var topicPartition: TopicPartition
  var key: PartitionKey
  var sourceIndex: Int
  /// The next offset to account for.
  var to: Int64
  /// The snapshot to begin with; nil where there is none and the topic's start is the beginning.
  var state: StateReference?
  /// The topic's start offset for this partition: replay begins there without any snapshot.
  var openedAt: Int64
  var witness: Witness?
  /// The first offset asked of Kafka.
  var fetchFrom: Int64
  /// Gaps below `to` that the chain knows: the replay crosses them as the first pass did.
  var gaps: [OffsetGap] = []
  /// Offsets below `to` that were refused for a schema that nobody knew: the replay does the same.
  var unknownSchemas = OffsetRuns()
  /// Where the partition was found idle: those below `to`, or at it, the replay repeats.
  var idleOffsets: [Int64] = []
  /// The chain has one snapshot, and it is damaged: that would say what a replay is judged by.
  var missesState = false
}

/// A fault that ends a session; the instance decides what follows.
enum SessionFailure: Error, Sendable {
  /// The consumer must be closed and everything read again: the one recovery path.
  case reopen(String)
  /// A state snapshot is damaged: recover with the older one.
  case damagedState(path: String, String)
  /// Going on needs a person.
  case stop(String)
  /// A sync failed: the process must end without touching storage again.
  case syncFailed(String)
}
