package import Kafka
package import Telemetry

/// What a session asks of Kafka: `KafkaConsumer` in production, a simulator in tests.
///
/// Control-plane calls, and one `RecordSource` a lane; threads as `KafkaConsumer` says.
package protocol GroupConsumer: AnyObject, Sendable {
  func subscribe(_ topics: [String]) throws(KafkaError)
  func poll(timeoutMillis: Int32) -> [ConsumerEvent]
  func records(ofLane index: Int) -> any RecordSource
  func partitionCounts(
    _ topics: [String], timeoutMillis: Int32
  ) throws(KafkaError) -> [String: Int]
  func offsetRanges(
    _ partitions: [TopicPartition], timeoutMillis: Int32
  ) throws(KafkaError) -> [TopicPartition: OffsetRange]
  /// Ends of those partitions of which the brokers tell them. One without a leader may make the
  /// call fail as a whole.
  func endOffsets(
    _ partitions: [TopicPartition], timeoutMillis: Int32
  ) throws(KafkaError) -> [TopicPartition: Int64]
  func clusterID(timeoutMillis: Int32) -> String?
  func commitGroupOffsets(
    _ positions: [(partition: TopicPartition, nextOffset: Int64)]
  ) throws(KafkaError)
  func seek(
    _ partition: TopicPartition, to offset: Int64, timeoutMillis: Int32
  ) throws(KafkaError)
  /// Fetches nothing of the partitions until `resume`; what is on its way may still come.
  func pause(_ partitions: [TopicPartition]) throws(KafkaError)
  func resume(_ partitions: [TopicPartition]) throws(KafkaError)
  /// Gives every partition back (the delegate's `revoked` runs inside) and leaves the group.
  @discardableResult
  func leaveGroup(timeoutMillis: Int) -> (events: [ConsumerEvent], isClean: Bool)
  /// Ends the client; the lanes' threads have ended before.
  func close(timeoutMillis: Int)
}

extension KafkaConsumer: GroupConsumer {
  package func records(ofLane index: Int) -> any RecordSource { lane(index) }
}
