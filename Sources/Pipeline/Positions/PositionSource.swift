package import Kafka
package import Telemetry

/// What the commands about positions ask of the brokers: nothing that joins a group or moves a
/// position. `KafkaConsumer` in production.
package protocol PositionSource: AnyObject {
  func partitionCounts(
    _ topics: [String], timeoutMillis: Int32
  ) throws(KafkaError) -> [String: Int]
  func offsetRanges(
    _ partitions: [TopicPartition], timeoutMillis: Int32
  ) throws(KafkaError) -> [TopicPartition: OffsetRange]
  func clusterID(timeoutMillis: Int32) -> String?
  func firstRecords(
    at positions: [TopicPartition: Int64], timeoutMillis: Int32
  ) throws(KafkaError) -> [TopicPartition: ProbedRecord]
}

extension KafkaConsumer: PositionSource {}
