internal import Base
internal import CRdkafka
package import Telemetry

/// One record, looked at without belonging to a group.
package struct ProbedRecord: Sendable {
  package let offset: Int64
  /// Microseconds; `ReadingBatch.absentTimestamp` where Kafka carries none.
  package let timestampMicros: Int64
  package let key: [UInt8]?
  package let payload: [UInt8]?

  package init(offset: Int64, timestampMicros: Int64, key: [UInt8]?, payload: [UInt8]?) {
    self.offset = offset
    self.timestampMicros = timestampMicros
    self.key = key
    self.payload = payload
  }
}

extension KafkaConsumer {
  /// The first record at or behind each offset, without joining the group: nobody is disturbed.
  ///
  /// For a consumer that is used for nothing else: it must not have subscribed. Partitions where
  /// nothing came in time, or that end there, are absent from the answer. Fetches about one answer
  /// a partition (`fetch.max.bytes`).
  package func firstRecords(
    at positions: [TopicPartition: Int64], timeoutMillis: Int32
  ) throws(KafkaError) -> [TopicPartition: ProbedRecord] {
    if positions.isEmpty { return [:] }
    let starts = positions.sorted { $0.key < $1.key }.filter {
      forward(StartPosition(partition: $0.key, offset: $0.value, lane: 0))
    }
    let list = PartitionListHandle(starts.map { (partition: $0.key, offset: $0.value) })
    try check(unsafe rd_kafka_assign(openClient.raw, list.raw), "look at single records")
    var found: [TopicPartition: ProbedRecord] = [:]
    var pending = Set(starts.map(\.key))
    var batch = RecordBatch()
    let deadlineNanos = MonotonicClock.nowNanos() + Int64(timeoutMillis) * 1_000_000
    while !pending.isEmpty, MonotonicClock.nowNanos() < deadlineNanos {
      lane(0).drain(into: &batch, countMax: 1000, timeoutMillis: 50)
      for (index, header) in batch.headers.enumerated() {
        let partition = lane(0).partitions[Int(header.partitionIndex)]
        guard pending.remove(partition) != nil, header.kind == .record else { continue }
        found[partition] = ProbedRecord(
          offset: header.offset, timestampMicros: header.timestampMicros,
          key: Self.copy(batch.key(at: index)), payload: Self.copy(batch.payload(at: index)))
      }
      _ = lane(0).takeFaults()
    }
    try check(unsafe rd_kafka_assign(openClient.raw, nil), "let go of single records")
    return found
  }

  /// Bytes of a batch, to keep.
  static func copy(_ bytes: RawSpan?) -> [UInt8]? {
    guard let bytes else { return nil }
    return unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) }
  }
}
