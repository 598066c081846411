import Base
import Config
import Kafka
import Telemetry

/// Tries what `run` will ask of Kafka: brokers, topics, reading, the group. It joins no group and
/// commits nothing, so that an instance at work is not disturbed.
struct KafkaTrial {
  let configuration: Configuration
  /// For each question.
  let timeoutMillis: Int32

  /// Clocks further apart than this make `max_future_skew` flag honest readings, or late ones of
  /// them.
  private static let skewMicrosMax: Int64 = 5_000_000

  func findings() -> [CheckFinding] {
    var options = Wiring.kafkaOptions(configuration, lanes: 1)
    options.clientID += "-check"
    options.statisticsIntervalMillis = 0
    let consumer: KafkaConsumer
    do throws(KafkaError) {
      consumer = try KafkaConsumer(options, rebalance: NoAssignment())
    } catch {
      return [
        .fault(
          "kafka.properties", .configuration, "\(error)", advice: "mend the property")
      ]
    }
    defer { consumer.close() }
    var findings: [CheckFinding] = []
    guard reach(consumer, &findings) else { return findings }
    var readable: [(place: String, partition: TopicPartition)] = []
    for (index, source) in configuration.sources.enumerated() {
      for topic in source.topics {
        let place = "sources[\(index)].topics"
        if let first = look(at: topic, place, consumer, &findings) {
          readable.append((place, first))
        }
      }
    }
    if let first = readable.first { group(consumer, first.partition, &findings) }
    return findings
  }

  // MARK: - Brokers

  /// Waits for the first broker that answers, and for refusals, which waiting does not mend.
  private func reach(_ consumer: KafkaConsumer, _ findings: inout [CheckFinding]) -> Bool {
    let brokers = configuration.kafka.brokers.joined(separator: ", ")
    let deadlineNanos = MonotonicClock.nowNanos() + Int64(timeoutMillis) * 1_000_000
    var reasons: [String] = []
    var isDenied = false
    repeat {
      if let id = consumer.clusterID(timeoutMillis: 250) {
        findings.append(.ok("kafka.brokers", "the cluster \(id) answers at \(brokers)"))
        findings += reasons.map {
          .warning("kafka.brokers", "on the way: \($0)", advice: "see whether that broker is up")
        }
        return true
      }
      for event in consumer.poll(timeoutMillis: 0) {
        guard case .error(let error) = event, error.code != .allBrokersDown else { continue }
        isDenied = isDenied || [.authentication, .saslAuthenticationFailed].contains(error.code)
        // librdkafka counts how often and after how long, which makes one reason many.
        let reason = error.detail.split(separator: " (after ").first.map(String.init) ?? ""
        if !reasons.contains(reason), reasons.count < 4 { reasons.append(reason) }
      }
    } while MonotonicClock.nowNanos() < deadlineNanos && !isDenied
    let what =
      isDenied
      ? "the brokers refuse to let us in"
      : "no broker answers at \(brokers) within \(timeoutMillis / 1000) s"
    let why = reasons.isEmpty ? "" : ": " + reasons.joined(separator: "; ")
    findings.append(
      .fault(
        "kafka.brokers", .outside, what + why,
        advice: isDenied
          ? "see kafka.properties: security.protocol, sasl.mechanism, sasl.username, and the secret"
          : "see whether host and port are right and reachable from here; a listener with TLS wants"
            + " security.protocol in kafka.properties"))
    return false
  }

  // MARK: - Topics

  /// What a topic has and whether it may be read; its first partition where it may be asked for.
  private func look(
    at topic: String, _ place: String, _ consumer: KafkaConsumer, _ findings: inout [CheckFinding]
  ) -> TopicPartition? {
    do throws(KafkaError) {
      let counts = try consumer.partitionCounts([topic], timeoutMillis: timeoutMillis)
      let partitions = (0..<(counts[topic] ?? 0)).map {
        TopicPartition(topic: topic, partition: Int32($0))
      }
      guard let first = partitions.first else {
        findings.append(
          .fault(place, .outside, "the topic \(topic) has no partitions", advice: "ask again"))
        return nil
      }
      let ranges = try consumer.offsetRanges(partitions, timeoutMillis: timeoutMillis)
      let count = ranges.values.reduce(0) { $0 + ($1.end - $1.beginning) }
      let what =
        "the topic \(topic) has \(partitions.count) partitions and, by offsets, \(count) records"
      // The newest record of the fullest: what a broker has stamped last tells its clock.
      let fullest = ranges.max { left, right in
        (left.value.end - left.value.beginning, right.key)
          < (right.value.end - right.value.beginning, left.key)
      }
      let probe = fullest?.key ?? first
      let start = fullest.map { max($0.value.beginning, $0.value.end - 1) } ?? 0
      let read = try consumer.tryReading(at: [probe: start], timeoutMillis: timeoutMillis)
      judge(read[probe], of: probe, what, place, &findings)
      return first
    } catch {
      findings.append(Self.finding(error, topic, place))
      return nil
    }
  }

  private func judge(
    _ read: TrialRead?, of partition: TopicPartition, _ what: String, _ place: String,
    _ findings: inout [CheckFinding]
  ) {
    switch read {
    case .record(let micros, let hasAppendTime):
      findings.append(.ok(place, "\(what); it can be read"))
      if hasAppendTime, let micros {
        let ahead = micros - WallClock.nowMicros()
        if ahead > Self.skewMicrosMax {
          findings.append(
            .warning(
              place, "the broker's clock is \(ahead / 1_000_000) s ahead of this machine's",
              advice: "see chronyc tracking, or timedatectl, on both"))
        }
      }
    case .nothing: findings.append(.ok(place, "\(what); it may be read"))
    case .refused(let error): findings.append(Self.finding(error, partition.topic, place))
    case nil:
      findings.append(
        .fault(
          place, .outside, "\(what); \(partition) gives nothing within \(timeoutMillis / 1000) s",
          advice: "see whether the broker that leads it can be reached from here"))
    }
  }

  private static func finding(
    _ error: KafkaError, _ topic: String, _ place: String
  ) -> CheckFinding {
    switch error.code {
    case .unknownTopic, .unknownTopicOrPartition, .invalidTopic:
      .fault(
        place, .configuration, "there is no topic \(topic)",
        advice: "create it, or mend its name; without the right to describe it, it looks so too")
    case .topicAuthorizationFailed:
      .fault(
        place, .outside, "reading the topic \(topic) is denied: \(error.detail)",
        advice: "give the user of kafka.properties the rights Describe and Read on it")
    default: .fault(place, .outside, "\(error)", advice: "see the brokers' logs, and ask again")
    }
  }

  // MARK: - The group

  private func group(
    _ consumer: KafkaConsumer, _ partition: TopicPartition, _ findings: inout [CheckFinding]
  ) {
    let group = configuration.kafka.group
    do throws(KafkaError) {
      try consumer.tryGroup(partition, timeoutMillis: timeoutMillis)
      findings.append(.ok("kafka.group", "the coordinator of the group \(group) answers"))
    } catch {
      let isDenied = error.code == .groupAuthorizationFailed
      findings.append(
        .fault(
          "kafka.group", .outside,
          isDenied ? "the group \(group) is denied: \(error.detail)" : "\(error)",
          advice: isDenied
            ? "give the user of kafka.properties the right Read on the group, or name another one"
            : "see the brokers' logs, and ask again"))
    }
  }

  /// Never asked: the consumer subscribes to nothing.
  private final class NoAssignment: RebalanceDelegate {
    func assigned(_ partitions: [TopicPartition]) -> [StartPosition]? { nil }
    func revoked(_ partitions: [TopicPartition]) {}
    func lost(_ partitions: [TopicPartition]) {}
  }
}
