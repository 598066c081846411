internal import CRdkafka

/// Owns a reference to a topic of a client.
@safe
struct TopicHandle: ~Copyable {
  @unsafe let raw: OpaquePointer

  /// Nil if the name is no topic name; `rd_kafka_last_error` says more.
  init?(_ client: borrowing ClientHandle, _ topic: String) {
    guard let raw = unsafe rd_kafka_topic_new(client.raw, topic, nil) else { return nil }
    unsafe self.raw = raw
  }

  deinit { unsafe rd_kafka_topic_destroy(raw) }
}
