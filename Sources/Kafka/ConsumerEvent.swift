package import Telemetry

/// What `KafkaConsumer.poll` found, besides the rebalances it has already carried out.
package enum ConsumerEvent: Sendable {
  case statistics(ConsumerStatistics)
  /// Partitions the group gave us and the delegate did not take: nobody reads them until the next
  /// rebalance. Report it; closing the consumer gives them to another instance.
  case declined([TopicPartition])
  /// Group offsets could not be committed. Nothing is lost: they serve lag tools only.
  case groupOffsetsNotCommitted(KafkaError)
  /// A fault the client goes on from by itself: brokers away, a topic missing, a poll too late.
  case error(KafkaError)
  /// The client is beyond use: close it and open another.
  case fatal(KafkaError)
}

/// Where a partition starts, and which lane gets it.
package struct StartPosition: Sendable, Equatable {
  package let partition: TopicPartition
  /// Offset of the first record wanted; never one of Kafka's logical offsets (negative).
  package let offset: Int64
  /// Index of a lane of this consumer.
  package let lane: Int

  package init(partition: TopicPartition, offset: Int64, lane: Int) {
    self.partition = partition
    self.offset = offset
    self.lane = lane
  }
}

/// Decides about partitions while the group is rebalanced.
///
/// **Threads:** every method runs inside `KafkaConsumer.poll` or `leaveGroup`, on the control
/// thread; while one runs, the group waits for this instance (`max.poll.interval.ms` bounds it).
/// The methods may query the consumer, and must not poll, subscribe or close it.
package protocol RebalanceDelegate: AnyObject {
  /// Partitions that are ours from now on. Returns where each starts; one that is left out is not
  /// taken (`ConsumerEvent.declined`), nil takes none. Records reach the lanes' queues only after
  /// this returns.
  func assigned(_ partitions: [TopicPartition]) -> [StartPosition]?

  /// Partitions about to go to another instance. Must return only when the lanes have let go of
  /// them: the next owner may start the moment it does.
  func revoked(_ partitions: [TopicPartition])

  /// Partitions that another instance may have already: whatever is not committed must not be.
  /// Must return only when the lanes have let go of them.
  func lost(_ partitions: [TopicPartition])
}
