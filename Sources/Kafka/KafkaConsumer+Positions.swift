internal import CRdkafka
package import Telemetry

/// Positions: asking for them, moving them, telling the group. Any thread.
extension KafkaConsumer {
  /// Moves a held partition: nothing from before reaches its lane after this returns, except what a
  /// drain has handed out already. Fails with `.wrongState` on a partition whose position was lost.
  package func seek(
    _ partition: TopicPartition, to offset: Int64, timeoutMillis: Int32 = 1000
  ) throws(KafkaError) {
    let list = PartitionListHandle(CollectionOfOne((partition: partition, offset: offset)))
    let (scaled, overflow) = timeoutMillis.multipliedReportingOverflow(
      by: LibraryVersion.seekTimeoutScale)
    try unsafe check(
      consuming: rd_kafka_seek_partitions(
        openClient.raw, list.raw, overflow ? Int32.max : scaled),
      "seek \(partition) to \(offset)")
    try list.checkElements("seek to \(offset)")
  }

  /// Stops fetching held partitions and throws away what is prefetched of them.
  package func pause(_ partitions: [TopicPartition]) throws(KafkaError) {
    let list = PartitionListHandle(partitions)
    try check(unsafe rd_kafka_pause_partitions(openClient.raw, list.raw), "pause partitions")
    try list.checkElements("pause")
  }

  /// Goes on fetching, from the record after the last one drained.
  package func resume(_ partitions: [TopicPartition]) throws(KafkaError) {
    let list = PartitionListHandle(partitions)
    try check(unsafe rd_kafka_resume_partitions(openClient.raw, list.raw), "resume partitions")
    try list.checkElements("resume")
  }

  /// Tells the group how far we are, for lag tools only: never read back. Asynchronous; a failure
  /// becomes `ConsumerEvent.groupOffsetsNotCommitted`.
  package func commitGroupOffsets(
    _ positions: [(partition: TopicPartition, nextOffset: Int64)]
  ) throws(KafkaError) {
    if positions.isEmpty { return }
    let list = PartitionListHandle(
      positions.map { (partition: $0.partition, offset: $0.nextOffset) })
    // With a queue and no callback the result comes back as an event; `rd_kafka_commit` drops it.
    try check(
      unsafe rd_kafka_commit_queue(openClient.raw, list.raw, openControlQueue, nil, nil),
      "commit group offsets")
  }

  /// Number of partitions of each topic. Throws on the first topic that does not exist or may not
  /// be read; asks the brokers once a topic.
  package func partitionCounts(
    _ topics: [String], timeoutMillis: Int32
  ) throws(KafkaError) -> [String: Int] {
    var counts: [String: Int] = [:]
    for topic in topics { counts[topic] = try partitionCount(topic, timeoutMillis) }
    return counts
  }

  private func partitionCount(
    _ topic: String, _ timeoutMillis: Int32
  ) throws(KafkaError) -> Int {
    let operation = "read the metadata of topic \(topic)"
    let client = openClient
    guard let handle = TopicHandle(client.handle, topic) else {
      throw KafkaError(code: KafkaErrorCode(rd_kafka_last_error()), operation: operation)
    }
    var metadata: UnsafePointer<rd_kafka_metadata>?
    try check(
      unsafe rd_kafka_metadata(client.raw, 0, handle.raw, &metadata, timeoutMillis), operation)
    defer { unsafe rd_kafka_metadata_destroy(metadata) }
    guard let metadata = unsafe metadata, unsafe metadata.pointee.topic_cnt == 1 else {
      throw KafkaError(code: .unknownTopic, operation: operation)
    }
    let description = unsafe metadata.pointee.topics[0]
    try check(unsafe description.err, operation)
    return unsafe Int(description.partition_cnt)
  }

  /// Beginning and end offset of each partition, asked from the brokers: two requests a broker,
  /// whatever the number of partitions. The end offset is that of committed records.
  package func offsetRanges(
    _ partitions: [TopicPartition], timeoutMillis: Int32
  ) throws(KafkaError) -> [TopicPartition: OffsetRange] {
    if partitions.isEmpty { return [:] }
    let beginnings = try offsets(
      partitions, at: Int64(RD_KAFKA_OFFSET_BEGINNING), timeoutMillis: timeoutMillis)
    let ends = try offsets(
      partitions, at: Int64(RD_KAFKA_OFFSET_END), timeoutMillis: timeoutMillis)
    var ranges: [TopicPartition: OffsetRange] = [:]
    for (beginning, end) in zip(beginnings, ends) {
      ranges[beginning.partition] = OffsetRange(beginning: beginning.offset, end: end.offset)
    }
    return ranges
  }

  /// As `offsetRanges`, for one partition.
  package func offsetRange(
    _ partition: TopicPartition, timeoutMillis: Int32
  ) throws(KafkaError) -> OffsetRange {
    guard let range = try offsetRanges([partition], timeoutMillis: timeoutMillis)[partition] else {
      throw KafkaError(code: .unknownPartition, operation: "ask for the offsets of \(partition)")
    }
    return range
  }

  /// End offset of every partition of which the brokers tell it; the others are left out. Where a
  /// partition has no leader the client may fail the call as a whole, when the time is up.
  package func endOffsets(
    _ partitions: [TopicPartition], timeoutMillis: Int32
  ) throws(KafkaError) -> [TopicPartition: Int64] {
    if partitions.isEmpty { return [:] }
    let list = try answers(
      partitions, at: Int64(RD_KAFKA_OFFSET_END), timeoutMillis: timeoutMillis)
    var ends: [TopicPartition: Int64] = [:]
    for element in list.elements where element.code == .none && element.offset >= 0 {
      ends[element.partition] = element.offset
    }
    return ends
  }

  private func offsets(
    _ partitions: [TopicPartition], at time: Int64, timeoutMillis: Int32
  ) throws(KafkaError) -> [PartitionListHandle.Element] {
    let list = try answers(partitions, at: time, timeoutMillis: timeoutMillis)
    try list.checkElements("ask for offsets")
    return list.elements
  }

  /// The protocol answers the logical offsets, given as times, with the real ones.
  private func answers(
    _ partitions: [TopicPartition], at time: Int64, timeoutMillis: Int32
  ) throws(KafkaError) -> PartitionListHandle {
    let list = PartitionListHandle(partitions.map { (partition: $0, offset: time) })
    try check(
      unsafe rd_kafka_offsets_for_times(openClient.raw, list.raw, timeoutMillis),
      "ask for the offsets of \(partitions.count) partitions, \(partitions[0]) the first")
    return list
  }

  /// Beginning and end offset as the last fetch of a held partition reported them: no request, no
  /// waiting. Nil before the first answer.
  package func knownOffsetRange(_ partition: TopicPartition) -> OffsetRange? {
    var beginning: Int64 = -1
    var end: Int64 = -1
    let code = unsafe rd_kafka_get_watermark_offsets(
      openClient.raw, partition.topic, partition.partition, &beginning, &end)
    guard KafkaErrorCode(code) == .none, beginning >= 0, end >= 0 else { return nil }
    return OffsetRange(beginning: beginning, end: end)
  }

  /// The cluster's id, or nil if no broker answered in time (or none is configured).
  package func clusterID(timeoutMillis: Int32) -> String? {
    let client = openClient
    guard let text = unsafe rd_kafka_clusterid(client.raw, timeoutMillis) else { return nil }
    defer { unsafe rd_kafka_mem_free(client.raw, text) }
    return unsafe String(cString: text)
  }
}

/// The offsets a partition holds: `beginning ..< end`.
package struct OffsetRange: Equatable, Sendable {
  /// Offset of the oldest record kept.
  package let beginning: Int64
  /// Offset of the next record to come.
  package let end: Int64

  package init(beginning: Int64, end: Int64) {
    self.beginning = beginning
    self.end = end
  }
}
