internal import CRdkafka
internal import Telemetry

/// Owns a reference to one of a client's queues.
@safe
struct QueueHandle: ~Copyable {
  @unsafe let raw: OpaquePointer

  /// Nil for nil: the library has no such queue.
  init?(adopting raw: OpaquePointer?) {
    guard let raw = unsafe raw else { return nil }
    unsafe self.raw = raw
  }

  /// A new, empty queue of the client.
  init(of client: borrowing ClientHandle) {
    unsafe raw = rd_kafka_queue_new(client.raw)
  }

  deinit { unsafe rd_kafka_queue_destroy(raw) }

  /// Number of operations waiting, followed through forwarding.
  var count: Int { unsafe rd_kafka_queue_length(raw) }

  /// The next event, or nil after `timeoutMillis`.
  func poll(timeoutMillis: Int32) -> EventHandle? {
    unsafe EventHandle(adopting: rd_kafka_queue_poll(raw, timeoutMillis))
  }

  /// Whatever comes into this queue goes to `target` from now on.
  func forward(to target: borrowing QueueHandle) {
    unsafe rd_kafka_queue_forward(raw, target.raw)
  }
}

/// Owns one event taken from a queue.
@safe
struct EventHandle: ~Copyable {
  @unsafe let raw: OpaquePointer

  init?(adopting raw: OpaquePointer?) {
    guard let raw = unsafe raw else { return nil }
    unsafe self.raw = raw
  }

  deinit { unsafe rd_kafka_event_destroy(raw) }

  /// One of `RD_KAFKA_EVENT_…`.
  var kind: Int32 { unsafe rd_kafka_event_type(raw) }

  var errorCode: KafkaErrorCode { KafkaErrorCode(unsafe rd_kafka_event_error(raw)) }

  /// The event's error as a value; `operation` says what was going on.
  func error(_ operation: String) -> KafkaError {
    KafkaError(
      code: errorCode, operation: operation,
      detail: unsafe String(cString: rd_kafka_event_error_string(raw)),
      isFatal: unsafe rd_kafka_event_error_is_fatal(raw) != 0)
  }

  /// The partitions the event is about, in the library's order.
  var partitions: [TopicPartition] {
    guard let list = unsafe rd_kafka_event_topic_partition_list(raw) else { return [] }
    return unsafe PartitionListHandle.read(list).map(\.partition)
  }
}
