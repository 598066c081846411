internal import Base
internal import CRdkafka
package import Telemetry

/// What came of reading one partition, to see whether it can be read.
package enum TrialRead: Sendable {
  /// A record; `timestampMicros` is nil where Kafka carries none, and the broker's own where
  /// `hasAppendTime`.
  case record(timestampMicros: Int64?, hasAppendTime: Bool)
  /// There was none, and reading was allowed.
  case nothing
  case refused(KafkaError)
}

/// Trying out what a consumer may do, without joining the group: nobody is disturbed.
extension KafkaConsumer {
  /// Reads one record at or behind each offset.
  ///
  /// For a consumer that is used for nothing else: it must not have subscribed. Partitions that
  /// answered nothing in time are absent.
  package func tryReading(
    at positions: [TopicPartition: Int64], timeoutMillis: Int32
  ) throws(KafkaError) -> [TopicPartition: TrialRead] {
    if positions.isEmpty { return [:] }
    let starts = positions.sorted { $0.key < $1.key }.filter {
      forward(StartPosition(partition: $0.key, offset: $0.value, lane: 0))
    }
    let list = PartitionListHandle(starts.map { (partition: $0.key, offset: $0.value) })
    try check(unsafe rd_kafka_assign(openClient.raw, list.raw), "try to read")
    var found: [TopicPartition: TrialRead] = [:]
    var pending = Set(starts.map(\.key))
    var batch = RecordBatch()
    let deadlineNanos = MonotonicClock.nowNanos() + Int64(timeoutMillis) * 1_000_000
    while !pending.isEmpty, MonotonicClock.nowNanos() < deadlineNanos {
      lane(0).drain(into: &batch, countMax: 1000, timeoutMillis: 50)
      for header in batch.headers {
        let partition = lane(0).partitions[Int(header.partitionIndex)]
        guard pending.remove(partition) != nil else { continue }
        let micros = header.timestampMicros
        found[partition] =
          header.kind == .record
          ? .record(
            timestampMicros: micros == ReadingBatch.absentTimestamp ? nil : micros,
            hasAppendTime: header.hasAppendTime) : .nothing
      }
      for error in lane(0).takeErrors() {
        guard let partition = pending.first(where: { error.operation.hasPrefix("read \($0) ") })
        else { continue }
        // What is no refusal may pass: the partition stays in the waiting.
        found[partition] = .refused(error)
        if error.code == .topicAuthorizationFailed { pending.remove(partition) }
      }
    }
    try check(unsafe rd_kafka_assign(openClient.raw, nil), "let go of what was tried")
    return found
  }

  /// Asks the group's coordinator for an offset of the group, which takes the right to see it.
  /// Joining takes the right to read it besides, which only joining would tell.
  package func tryGroup(
    _ partition: TopicPartition, timeoutMillis: Int32
  ) throws(KafkaError) {
    let list = PartitionListHandle([partition])
    try check(
      unsafe rd_kafka_committed(openClient.raw, list.raw, timeoutMillis),
      "ask the group's coordinator")
    try list.checkElements("ask for the group's offsets")
  }
}
