import Telemetry

/// One record as it was produced.
struct SimulatedRecord: Sendable, Equatable {
  var key: [UInt8]?
  /// Nil for a tombstone.
  var payload: [UInt8]?
  /// Microseconds since 1970 UTC, whole milliseconds as Kafka keeps them.
  var timestampMicros: Int64
  /// Whether the broker stamped it (LogAppendTime).
  var hasAppendTime = false
  /// As `RecordSource.headersJSON` gives them; nil without headers.
  var headersJSON: String?
}

/// One partition's log: every offset ever given out, and which of them retention has left.
///
/// **Invariants:** `0 ≤ beginning ≤ end`; an offset, once given, keeps its content for ever: what
/// retention deletes is only no longer delivered.
struct PartitionLog: Sendable {
  /// By offset; nil is an offset without a record: a transaction marker or a compacted record.
  private(set) var entries: [SimulatedRecord?] = []
  private(set) var beginning: Int64 = 0

  /// Offset of the next record to come.
  var end: Int64 { Int64(entries.count) }

  mutating func append(_ entry: SimulatedRecord?) { entries.append(entry) }

  /// Retention: offsets below `offset` are not delivered any more.
  mutating func delete(before offset: Int64) { beginning = min(end, max(beginning, offset)) }

  /// Records of a range of offsets, with theirs; markers left out.
  func records(in range: Range<Int64>) -> [(offset: Int64, record: SimulatedRecord)] {
    range.compactMap { offset in entries[Int(offset)].map { (offset, $0) } }
  }
}

/// A topic: its partitions' logs, and those of the topics that had its name before.
struct SimulatedTopic: Sendable {
  var partitions: [PartitionLog]
  /// Oldest first; with each new incarnation the logs before it are kept here.
  var former: [[PartitionLog]] = []
  /// Why this is not the topic it was, until a client has met it.
  var unseenFault: FaultKind?

  init(partitionCount: Int) { partitions = Array(repeating: PartitionLog(), count: partitionCount) }

  /// Begins again with empty logs.
  mutating func replace(partitionCount: Int, because fault: FaultKind) {
    former.append(partitions)
    partitions = Array(repeating: PartitionLog(), count: partitionCount)
    unseenFault = fault
  }
}
