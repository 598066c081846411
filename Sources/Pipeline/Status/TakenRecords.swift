import Telemetry

/// How many records were taken in between one look at the status and the next, as far as positions
/// tell.
///
/// They are compared partition by partition: one that comes, goes or repeats what the chain already
/// has is no record taken in. A new one begins at what is committed.
package struct TakenRecords: Sendable {
  private var positions: [TopicPartition: Int64] = [:]

  package init() {}

  /// Records since the last look. Cost: a look at every partition.
  package mutating func countSinceLast(_ status: PipelineStatus) -> Int64 {
    var now: [TopicPartition: Int64] = [:]
    var count: Int64 = 0
    for partition in status.partitions where !partition.isReplaying {
      guard let next = partition.nextOffset else { continue }
      now[partition.topicPartition] = next
      let before = positions[partition.topicPartition] ?? partition.committedOffset ?? next
      count += max(0, next - before)
    }
    positions = now
    return count
  }
}
