/// One Kafka partition: topic name and number.
package struct TopicPartition: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let topic: String
  package let partition: Int32

  package init(topic: String, partition: Int32) {
    self.topic = topic
    self.partition = partition
  }

  package static func < (left: TopicPartition, right: TopicPartition) -> Bool {
    (left.topic, left.partition) < (right.topic, right.partition)
  }

  /// `telemetry[3]`, the form used in logs and errors.
  package var description: String { "\(topic)[\(partition)]" }
}
