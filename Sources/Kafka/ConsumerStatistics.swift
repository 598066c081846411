internal import Base
package import Telemetry

/// What the client knows about itself, every `statisticsIntervalMillis`.
///
/// Source: librdkafka's STATISTICS.md; only the figures this program exports are kept.
package struct ConsumerStatistics: Sendable {
  /// One partition that is being fetched.
  package struct Partition: Sendable, Equatable {
    package let partition: TopicPartition
    /// Offsets between the next record to be drained and the end; nil where not known yet.
    package let lag: Int64?
    /// Offset of the oldest record kept; nil where not known yet.
    package let beginningOffset: Int64?
    /// Offset of the next record to come (committed ones only); nil where not known yet.
    package let endOffset: Int64?
    /// Offset of the next record to be drained; nil before the first.
    package let nextOffset: Int64?
    /// Records waiting in the queue of the partition's lane (shared by all its partitions).
    package let queuedCount: Int
    /// Bytes of values waiting there.
    package let queuedByteCount: Int
    /// Whether the client is connected to the partition's leader, or to somebody it fetches from
    /// instead; also where it does not say.
    package var isWithinReach = true

    package init(
      partition: TopicPartition, lag: Int64?, beginningOffset: Int64?, endOffset: Int64?,
      nextOffset: Int64?, queuedCount: Int, queuedByteCount: Int
    ) {
      self.partition = partition
      self.lag = lag
      self.beginningOffset = beginningOffset
      self.endOffset = endOffset
      self.nextOffset = nextOffset
      self.queuedCount = queuedCount
      self.queuedByteCount = queuedByteCount
    }
  }

  /// One broker as the client sees it.
  package struct Broker: Sendable, Equatable {
    package let name: String
    /// `UP`, `INIT`, `DOWN`, `AUTH_…`
    package let state: String
    /// Smoothed round trip, microseconds; 0 where unknown.
    package let averageRoundTripMicros: Int64

    package init(name: String, state: String, averageRoundTripMicros: Int64) {
      self.name = name
      self.state = state
      self.averageRoundTripMicros = averageRoundTripMicros
    }
  }

  /// Sorted by partition.
  package var partitions: [Partition] = []
  /// Sorted by name; without the library's own pseudo brokers.
  package var brokers: [Broker] = []
  /// Bytes and records received since the client started.
  package var receivedByteCount: Int64 = 0
  package var receivedRecordCount: Int64 = 0
  /// `up` while the group's coordinator answers.
  package var groupState = ""
  /// `steady` when no rebalance is under way.
  package var joinState = ""
  package var rebalanceCount: Int64 = 0
  package var assignedPartitionCount: Int64 = 0

  /// Whether the client is a member of its group and no rebalance is under way; also where it does
  /// not say.
  package var isSettled: Bool {
    ["", "up"].contains(groupState) && ["", "steady"].contains(joinState)
  }

  /// Figures that come from elsewhere than the library: a simulator's.
  package init(
    partitions: [Partition], brokers: [Broker], groupState: String, joinState: String,
    assignedPartitionCount: Int64
  ) {
    self.partitions = partitions
    self.brokers = brokers
    self.groupState = groupState
    self.joinState = joinState
    self.assignedPartitionCount = assignedPartitionCount
  }

  /// Reads the library's JSON.
  init(json bytes: [UInt8]) throws(JSONError) {
    let root = try JSONValue(parsing: bytes)
    receivedByteCount = root["rxmsg_bytes"]?.int64Value ?? 0
    receivedRecordCount = root["rxmsgs"]?.int64Value ?? 0
    if let group = root["cgrp"] {
      groupState = group["state"]?.stringValue ?? ""
      joinState = group["join_state"]?.stringValue ?? ""
      rebalanceCount = group["rebalance_cnt"]?.int64Value ?? 0
      assignedPartitionCount = group["assignment_size"]?.int64Value ?? 0
    }
    brokers = (root["brokers"]?.members ?? [])
      .compactMap { Self.broker($0.value) }
      .sorted { $0.name < $1.name }
    let connected = Set(
      (root["brokers"]?.members ?? []).compactMap { member -> Int64? in
        guard member.value["state"]?.stringValue == "UP" else { return nil }
        // −1 is a bootstrap address, and what a partition without a broker says.
        return member.value["nodeid"]?.int64Value.flatMap { $0 >= 0 ? $0 : nil }
      })
    for topic in root["topics"]?.members ?? [] {
      for member in topic.value["partitions"]?.members ?? [] {
        guard var partition = Self.partition(member.value, topic: topic.name) else { continue }
        if let broker = (member.value["broker"] ?? member.value["leader"])?.int64Value {
          partition.isWithinReach = connected.contains(broker)
        }
        partitions.append(partition)
      }
    }
    partitions.sort { $0.partition < $1.partition }
  }

  private static func broker(_ value: JSONValue) -> Broker? {
    // Seeds (`configured`) and real brokers (`learned`) count; `internal` and `logical` do not.
    guard let name = value["name"]?.stringValue, let state = value["state"]?.stringValue,
      let source = value["source"]?.stringValue, source == "learned" || source == "configured"
    else { return nil }
    return Broker(
      name: name, state: state, averageRoundTripMicros: value["rtt"]?["avg"]?.int64Value ?? 0)
  }

  private static func partition(_ value: JSONValue, topic: String) -> Partition? {
    // Partition −1 holds a topic's records without a partition; `none` is what others fetch.
    guard let number = value["partition"]?.int64Value, number >= 0,
      let state = value["fetch_state"]?.stringValue, state != "none"
    else { return nil }
    let end = known(value["ls_offset"])
    let next = known(value["app_offset"])
    // The library's own `consumer_lag` counts from the group's committed offset: that comes late.
    let lag = end.flatMap { end in next.map { max(0, end - $0) } }
    return Partition(
      partition: TopicPartition(topic: topic, partition: Int32(truncatingIfNeeded: number)),
      lag: lag,
      beginningOffset: known(value["lo_offset"]),
      endOffset: end,
      nextOffset: next,
      queuedCount: Int(value["fetchq_cnt"]?.int64Value ?? 0),
      queuedByteCount: Int(value["fetchq_size"]?.int64Value ?? 0))
  }

  /// The library writes −1 and −1001 for offsets it does not know.
  private static func known(_ value: JSONValue?) -> Int64? {
    guard let offset = value?.int64Value, offset >= 0 else { return nil }
    return offset
  }
}
