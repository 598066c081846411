internal import Base
internal import CRdkafka

/// Sends records: dead letters back to a topic, demonstrations, tests.
///
/// Idempotent, acknowledged by all in-sync replicas. Without an explicit partition the record's
/// key decides by the same hash as the Java client's (`murmur2_random`), so that a device's records
/// stay in one partition whoever produces them.
///
/// **Threads:** one at a time. **Invariants:** `close` is called before the last reference goes.
@safe
package final class KafkaProducer {
  /// What a producer is started with.
  package struct Options: Sendable {
    /// `host:port`, comma-separated.
    package var brokers: String
    package var clientID: String
    /// Further librdkafka properties; `KafkaProperties.faults` checks them.
    package var properties: [(String, String)] = []
    /// Where the library's log lines go.
    package var log: KafkaLogHandler = { _, _, _ in }

    package init(brokers: String, clientID: String) {
      self.brokers = brokers
      self.clientID = clientID
    }
  }

  /// Records handed over since the start.
  package private(set) var producedCount = 0
  /// Of these, records that were given up: each was reported by the library.
  package private(set) var failedCount = 0
  /// Why the first of them failed.
  package private(set) var firstFailure: KafkaError?
  /// Faults that concern no single record, oldest first, at most 64 between calls of `takeErrors`.
  private var pendingErrors: [KafkaError] = []

  private var client: SharedClient?
  private var queue: QueueHandle?
  /// Topics by name. Raw, because a dictionary cannot hold owners; destroyed in `close`.
  private var topics: [String: SharedTopic] = [:]

  package init(_ options: Options) throws(KafkaError) {
    let handle = try ClientHandle(options.makeConf(), RD_KAFKA_PRODUCER, log: options.log)
    let client = SharedClient(handle, waker: nil)
    self.client = client
    queue = unsafe QueueHandle(adopting: rd_kafka_queue_get_main(client.raw))
  }

  deinit {
    precondition(client == nil, "a KafkaProducer must be closed before it is let go")
  }

  /// Number of records handed over and neither delivered nor given up yet.
  package var outstandingCount: Int { Int(unsafe rd_kafka_outq_len(openClient.raw)) }

  /// Hands a record over; it is copied. A nil value is a tombstone.
  ///
  /// Where the producer's queue is full it waits for room, at most `timeoutMillis`, and then throws
  /// `.queueFull`. Delivery is reported later: see `failedCount` and `flush`.
  package func produce(
    topic: String, partition: Int32? = nil, key: [UInt8]? = nil, value: [UInt8]?,
    timestampMillis: Int64? = nil, headers: [(String, [UInt8]?)] = [], timeoutMillis: Int = 60_000
  ) throws(KafkaError) {
    let target = try shared(topic)
    let record = unsafe ProducedRecord(
      topic: target.handle.raw, partition: partition, key: key, value: value,
      timestampMillis: timestampMillis, headers: headers)
    var deadlineNanos: Int64?
    while true {
      guard let error = unsafe record.send(openClient.raw, topicName: topic) else { break }
      let now = MonotonicClock.nowNanos()
      let deadline = deadlineNanos ?? now + Int64(timeoutMillis) * 1_000_000
      deadlineNanos = deadline
      guard error.code == .queueFull, now < deadline else { throw error }
      poll(timeoutMillis: 20)
    }
    producedCount += 1
    // Failure reports pile up in the queue otherwise; once in a while is enough.
    if producedCount % 1024 == 0 { poll(timeoutMillis: 0) }
  }

  /// Takes in what is known about deliveries, waiting up to `timeoutMillis` for something.
  package func poll(timeoutMillis: Int32) {
    _ = openClient
    var timeout = timeoutMillis
    while let event = queue?.poll(timeoutMillis: timeout) {
      handle(event)
      timeout = 0
    }
  }

  /// Waits until every record is delivered or given up, at most `timeoutMillis`; true if so. Look
  /// at `failedCount` afterwards.
  package func flush(timeoutMillis: Int) -> Bool {
    let deadlineNanos = MonotonicClock.nowNanos() + Int64(timeoutMillis) * 1_000_000
    while outstandingCount > 0 {
      if MonotonicClock.nowNanos() >= deadlineNanos { return false }
      poll(timeoutMillis: 5)
    }
    return true
  }

  /// Faults that concern no single record, such as brokers out of reach, since the last call.
  package func takeErrors() -> [KafkaError] {
    let taken = pendingErrors
    pendingErrors.removeAll()
    return taken
  }

  /// Ends the client. Records not delivered yet are dropped: `flush` first.
  package func close() {
    topics.removeAll()
    if let client {
      let everything = RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT
      _ = unsafe rd_kafka_purge(client.raw, everything)
    }
    queue = nil
    client = nil
  }

  // MARK: Parts

  private var openClient: SharedClient {
    guard let client else { preconditionFailure("a KafkaProducer must not be used after close") }
    return client
  }

  private func shared(_ topic: String) throws(KafkaError) -> SharedTopic {
    if let known = topics[topic] { return known }
    guard let handle = TopicHandle(openClient.handle, topic) else {
      throw KafkaError(
        code: KafkaErrorCode(rd_kafka_last_error()), operation: "produce to topic \(topic)")
    }
    let added = SharedTopic(handle)
    topics[topic] = added
    return added
  }

  private func handle(_ event: borrowing EventHandle) {
    switch event.kind {
    case RD_KAFKA_EVENT_DR:
      while let message = unsafe rd_kafka_event_message_next(event.raw) {
        let code = KafkaErrorCode(unsafe message.pointee.err)
        if code == .none { continue }
        failedCount += 1
        if firstFailure == nil {
          let topic = unsafe String(cString: rd_kafka_topic_name(message.pointee.rkt))
          firstFailure = KafkaError(code: code, operation: "deliver a record to \(topic)")
        }
      }
    case RD_KAFKA_EVENT_ERROR:
      if pendingErrors.count < 64 { pendingErrors.append(event.error("produce")) }
    default:
      return
    }
  }
}

extension KafkaProducer.Options {
  fileprivate func makeConf() throws(KafkaError) -> ConfHandle {
    let conf = ConfHandle()
    let defaults = [
      ("acks", "all"), ("enable.idempotence", "true"), ("partitioner", "murmur2_random"),
      ("log.connection.close", "false"),
    ]
    let owned = [
      ("bootstrap.servers", brokers), ("client.id", clientID),
      // Deliveries that worked need no word: what is not outstanding and did not fail is delivered.
      ("delivery.report.only.error", "true"),
    ]
    for (name, value) in defaults + properties + owned {
      if let message = conf.set(name, value) {
        throw KafkaError(
          code: .invalidArgument, operation: "set the Kafka property \(name)",
          detail: KafkaProperties.isSecret(name) ? "not accepted" : message)
      }
    }
    conf.enableEvents(RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR)
    return conf
  }
}

/// A topic handle behind a reference, so that a dictionary can hold it.
private final class SharedTopic {
  let handle: TopicHandle

  init(_ handle: consuming TopicHandle) { self.handle = handle }
}
