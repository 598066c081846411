import Inference
import Kafka
import Telemetry

/// Reads the newest records of a topic and leaves no trace: no group is joined, nothing committed.
struct SampleReader {
  let brokers: String
  /// librdkafka's, as of the configuration or the command line.
  let properties: [(String, String)]
  let topic: String
  let recordCountMax: Int
  let timeoutMillis: Int

  /// Far more than any record sample that a person waits for.
  private static let byteCountMax = 64 << 20

  /// What was read, and how many records the topic's partitions have by their offsets.
  struct Sample {
    var records: [SampleRecord]
    var offsetCount: Int64
    var partitionCount: Int
  }

  func read() throws(KafkaError) -> Sample {
    var options = KafkaConsumer.Options(
      brokers: brokers, group: "downlinkd-schema-infer", clientID: "downlinkd-schema-infer")
    options.properties = properties
    options.statisticsIntervalMillis = 0
    let consumer = try KafkaConsumer(options, rebalance: NoAssignment())
    defer { consumer.close() }
    let timeout = Int32(clamping: max(1000, timeoutMillis))
    let count = try consumer.partitionCounts([topic], timeoutMillis: timeout)[topic] ?? 0
    let partitions = (0..<count).map { TopicPartition(topic: topic, partition: Int32($0)) }
    let ranges = try consumer.offsetRanges(partitions, timeoutMillis: timeout)
    let newest = try consumer.newestRecords(
      in: ranges,
      limits: TailLimits(
        recordCountMax: recordCountMax, byteCountMax: Self.byteCountMax,
        timeoutMillis: timeoutMillis))
    return Sample(
      records: newest.map { SampleRecord($0) },
      offsetCount: ranges.values.reduce(0) { $0 + ($1.end - $1.beginning) },
      partitionCount: count)
  }

  /// Never asked: the consumer subscribes to nothing.
  private final class NoAssignment: RebalanceDelegate {
    func assigned(_ partitions: [TopicPartition]) -> [StartPosition]? { nil }
    func revoked(_ partitions: [TopicPartition]) {}
    func lost(_ partitions: [TopicPartition]) {}
  }
}

extension SampleRecord {
  init(_ record: TailRecord) {
    let micros = record.header.timestampMicros
    self.init(
      partition: record.partition.partition, offset: record.header.offset,
      timestampMicros: micros == ReadingBatch.absentTimestamp ? nil : micros, key: record.key,
      value: record.payload,
      headers: record.headers.map { SampleRecord.Header(name: $0.name, value: $0.value) })
  }
}
