import Kafka
import Telemetry

/// Asks the brokers about the topic: its partitions, and how far they reach.
///
/// A consumer that joins no group and reads nothing. Call `close` before letting it go.
struct TopicQuery {
  private static let timeoutMillis: Int32 = 15_000

  private let consumer: KafkaConsumer
  private let topic: String

  /// `properties` are the producer's: those of the connection count, the library ignores the rest.
  init(
    brokers: String, topic: String, properties: [(String, String)]
  ) throws(KafkaError) {
    var options = KafkaConsumer.Options(
      brokers: brokers, group: "downlinkd-produce", clientID: "downlinkd-produce")
    options.properties = properties
    consumer = try KafkaConsumer(options, rebalance: NoAssignment())
    self.topic = topic
  }

  func close() { consumer.close() }

  func partitionCount() throws(KafkaError) -> Int {
    try consumer.partitionCounts([topic], timeoutMillis: Self.timeoutMillis)[topic] ?? 0
  }

  /// Offset that the next record of each partition gets.
  func endOffsets(partitionCount: Int) throws(KafkaError) -> [Int64] {
    let partitions = (0..<partitionCount).map {
      TopicPartition(topic: topic, partition: Int32($0))
    }
    let ranges = try consumer.offsetRanges(partitions, timeoutMillis: Self.timeoutMillis)
    return partitions.map { ranges[$0]?.end ?? 0 }
  }

  /// Never asked: the consumer subscribes to nothing.
  private final class NoAssignment: RebalanceDelegate {
    func assigned(_ partitions: [TopicPartition]) -> [StartPosition]? { nil }
    func revoked(_ partitions: [TopicPartition]) {}
    func lost(_ partitions: [TopicPartition]) {}
  }
}
