internal import CRdkafka

/// Owns a running client: its threads, connections and memory.
///
/// **Invariants:** destroyed exactly once; every queue, topic and message of it has died before
/// (`KafkaConsumer.close`, `KafkaProducer.close`), or destruction would wait for them for ever.
/// The log sink is released after the client, because `deinit` runs before members are released.
@safe
struct ClientHandle: ~Copyable, @unchecked Sendable {
  // @unchecked because the library locks for itself: its calls may come from any thread.
  @unsafe let raw: OpaquePointer
  private let logSink: LogSink

  init(
    _ conf: consuming ConfHandle, _ type: rd_kafka_type_t, log: @escaping KafkaLogHandler
  ) throws(KafkaError) {
    let sink = LogSink(log)
    conf.setLog(sink)
    unsafe raw = try conf.makeClient(type)
    logSink = sink
  }

  /// Blocks until the client's threads have ended: milliseconds, or as long as a name look-up.
  deinit {
    // A consumer leaves its group in `KafkaConsumer.close`, in bounded time; here it only dies.
    unsafe rd_kafka_destroy_flags(raw, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
    extendLifetime(logSink)
  }
}
