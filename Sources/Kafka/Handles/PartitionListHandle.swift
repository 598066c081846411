internal import CRdkafka
internal import Telemetry

/// Owns a list of partitions with an offset each, the form in which most calls take and answer.
@safe
struct PartitionListHandle: ~Copyable {
  @unsafe let raw: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

  init(_ positions: some Collection<(partition: TopicPartition, offset: Int64)>) {
    unsafe raw = rd_kafka_topic_partition_list_new(Int32(positions.count))
    for (partition, offset) in positions {
      let element = unsafe rd_kafka_topic_partition_list_add(
        raw, partition.topic, partition.partition)
      unsafe element?.pointee.offset = offset
    }
  }

  /// A list without offsets.
  init(_ partitions: [TopicPartition]) {
    self.init(partitions.map { (partition: $0, offset: Int64(RD_KAFKA_OFFSET_INVALID)) })
  }

  deinit { unsafe rd_kafka_topic_partition_list_destroy(raw) }

  /// What a call wrote into the list.
  var elements: [Element] { unsafe Self.read(raw) }

  struct Element {
    let partition: TopicPartition
    let offset: Int64
    let code: KafkaErrorCode
  }

  /// Throws the first fault among the elements, naming its partition.
  func checkElements(_ operation: @autoclosure () -> String) throws(KafkaError) {
    for element in elements where element.code != .none {
      throw KafkaError(code: element.code, operation: "\(operation()) (\(element.partition))")
    }
  }

  @unsafe
  static func read(_ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) -> [Element] {
    unsafe UnsafeBufferPointer(start: list.pointee.elems, count: Int(list.pointee.cnt)).map {
      unsafe Element(
        partition: TopicPartition(topic: String(cString: $0.topic), partition: $0.partition),
        offset: $0.offset,
        code: KafkaErrorCode($0.err))
    }
  }
}
