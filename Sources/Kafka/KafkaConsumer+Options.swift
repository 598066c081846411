internal import CRdkafka

extension KafkaConsumer {
  /// What a consumer is started with.
  package struct Options: Sendable {
    /// `host:port`, comma-separated.
    package var brokers: String
    package var group: String
    /// Shown in the brokers' logs and quotas.
    package var clientID: String
    /// Further librdkafka properties, from the configuration; `KafkaProperties.faults` checks them.
    package var properties: [(String, String)] = []
    package var laneCount = 1
    /// Records prefetched for a lane before fetching stops. A record costs about 350 bytes beside
    /// its own, so this bounds the memory of small records: 5 MB a lane for 130-byte ones.
    package var queueMessageCountMax = 10_000
    /// Bytes of values prefetched for a lane before fetching stops, for large records. Either limit
    /// is exceeded by at most the answers under way, one a broker, each up to `fetch.max.bytes`
    /// (2 MiB here) before decompression.
    package var queueByteCountMax = 8 << 20
    /// Whether drained queues wake the fetchers (`FetchWaker`); off only to measure what it gains.
    package var wakesFetchers = true
    package var statisticsIntervalMillis = 2000
    /// Where the library's log lines go.
    package var log: KafkaLogHandler = { _, _, _ in }

    package init(brokers: String, group: String, clientID: String) {
      self.brokers = brokers
      self.group = group
      self.clientID = clientID
    }
  }

  /// Values that differ from the library's and may be overridden.
  static func defaults(besides properties: [(String, String)]) -> [(String, String)] {
    var defaults = [
      // One fetch a broker is under way at a time, and a waiting one keeps a drained partition's
      // records away: wait shorter than the library's 500 ms.
      ("fetch.wait.max.ms", "100"),
      ("socket.keepalive.enable", "true"),
      // An idle connection that a broker closes is no news.
      ("log.connection.close", "false"),
    ]
    // Bounds the answers under way, which the queues' limits do not: the library's 50 MiB would be
    // 400,000 small records. It must not be below `message.max.bytes`: whoever sets that one gets
    // the library's own relation between the two. A single larger record is delivered all the same.
    if !properties.contains(where: { $0.0 == "fetch.max.bytes" || $0.0 == "message.max.bytes" }) {
      defaults.append(("fetch.max.bytes", "2097152"))
    }
    return defaults
  }
}

extension KafkaConsumer.Options {
  /// The properties of `OwnedProperty`, with the values this program's guarantees rest on.
  private var owned: [(String, String)] {
    var owned = [
      ("bootstrap.servers", brokers),
      ("group.id", group),
      ("client.id", clientID),
      ("partition.assignment.strategy", "cooperative-sticky"),
      ("enable.auto.commit", "false"),
      ("enable.auto.offset.store", "false"),
      ("auto.offset.reset", "error"),
      ("isolation.level", "read_committed"),
      ("enable.partition.eof", "true"),
      ("statistics.interval.ms", "\(statisticsIntervalMillis)"),
      ("queued.min.messages", "\(max(1, queueMessageCountMax))"),
      ("queued.max.messages.kbytes", "\(max(1, queueByteCountMax / 1024))"),
    ]
    if LibraryVersion.hasFetchQueueBackoff { owned.append(("fetch.queue.backoff.ms", "5")) }
    return owned
  }

  func makeConf() throws(KafkaError) -> ConfHandle {
    let conf = ConfHandle()
    for (name, value) in KafkaConsumer.defaults(besides: properties) + properties + owned {
      if let message = conf.set(name, value) {
        throw KafkaError(
          code: .invalidArgument, operation: "set the Kafka property \(name)",
          detail: KafkaProperties.isSecret(name) ? "not accepted" : message)
      }
    }
    conf.enableEvents(
      RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS
        | RD_KAFKA_EVENT_OFFSET_COMMIT)
    return conf
  }
}
