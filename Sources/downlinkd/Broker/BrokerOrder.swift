import Kafka

/// A line of `downlinkd broker --orders`: a fault to bring about, or to end.
///
///     topic <name:partitions>                         create a topic
///     error <request> <count> <code> [<code> …]       the next requests fail, codes in turn
///     clear <request>                                 no more of them
///     down <broker> [<duration>]                      refuse connections, a while or until `up`
///     up <broker>
///     delay <broker> <duration> [<duration>]          answer late, for a while or from now on
///     coordinator <group> <broker>                    move a group's coordinator
///     leader <topic> <partition> <broker|none>        move a partition's leader
///
/// A broker is a number from 1, or `all`; a code its number or one of `codes`, a request one of
/// `requests`.
enum BrokerOrder: Equatable, Sendable {
  case topic(TopicArgument)
  case error(MockCluster.Request, [KafkaErrorCode])
  case clear(MockCluster.Request)
  case down(broker: Int32?, millis: Int64?)
  case up(broker: Int32?)
  case delay(broker: Int32?, by: Int32, millis: Int64?)
  case coordinator(group: String, broker: Int32)
  case leader(topic: String, partition: Int32, broker: Int32?)

  static let requests: [(name: String, request: MockCluster.Request)] = [
    ("produce", .produce), ("fetch", .fetch), ("list_offsets", .listOffsets),
    ("metadata", .metadata), ("offset_commit", .offsetCommit), ("offset_fetch", .offsetFetch),
    ("find_coordinator", .findCoordinator), ("join_group", .joinGroup),
    ("heartbeat", .heartbeat), ("leave_group", .leaveGroup), ("sync_group", .syncGroup),
    ("init_producer_id", .initProducerID),
  ]

  /// Codes worth a name; `transport` breaks the connection instead of answering.
  static let codes: [(name: String, code: KafkaErrorCode)] = [
    ("transport", .transport), ("not_leader", .notLeader),
    ("leader_not_available", .leaderNotAvailable), ("request_timed_out", .requestTimedOut),
    ("coordinator_loading", .coordinatorLoading),
    ("coordinator_not_available", .coordinatorNotAvailable),
    ("not_coordinator", .notCoordinator), ("illegal_generation", .illegalGeneration),
    ("unknown_member", .unknownMember), ("rebalance_in_progress", .rebalanceInProgress),
    ("broker_storage", .brokerStorage), ("offset_not_available", .offsetNotAvailable),
    ("throttled", .throttled),
  ]

  /// More would only be a mistake in writing.
  static let errorCountMax = 10_000

  /// Reads a line; nil where it is not one of the above.
  init?(_ line: String) {
    let words = line.split(separator: " ").map(String.init)
    guard let verb = words.first else { return nil }
    let rest = Array(words.dropFirst())
    let order: BrokerOrder? =
      switch verb {
      case "topic": rest.count == 1 ? TopicArgument(argument: rest[0]).map { .topic($0) } : nil
      case "error": Self.error(rest)
      case "clear": rest.count == 1 ? Self.request(rest[0]).map { .clear($0) } : nil
      case "down": Self.down(rest)
      case "up": rest.count == 1 ? BrokerWord(rest[0]).map { .up(broker: $0.number) } : nil
      case "delay": Self.delay(rest)
      case "coordinator": Self.coordinator(rest)
      case "leader": Self.leader(rest)
      default: nil
      }
    guard let order else { return nil }
    self = order
  }

  private static func error(_ words: [String]) -> Self? {
    guard words.count >= 3, let request = request(words[0]), let count = Int(words[1]),
      (1...errorCountMax).contains(count)
    else { return nil }
    let codes = words[2...].compactMap(code)
    guard codes.count == words.count - 2 else { return nil }
    return .error(request, (0..<count).map { codes[$0 % codes.count] })
  }

  private static func down(_ words: [String]) -> Self? {
    guard (1...2).contains(words.count), let broker = BrokerWord(words[0]) else { return nil }
    guard words.count == 2 else { return .down(broker: broker.number, millis: nil) }
    return millis(words[1]).map { .down(broker: broker.number, millis: $0) }
  }

  private static func delay(_ words: [String]) -> Self? {
    guard (2...3).contains(words.count), let broker = BrokerWord(words[0]),
      let by = millis(words[1]).flatMap({ Int32(exactly: $0) })
    else { return nil }
    guard words.count == 3 else { return .delay(broker: broker.number, by: by, millis: nil) }
    return millis(words[2]).map { .delay(broker: broker.number, by: by, millis: $0) }
  }

  private static func coordinator(_ words: [String]) -> Self? {
    guard words.count == 2, let broker = BrokerWord(words[1])?.number else { return nil }
    return .coordinator(group: words[0], broker: broker)
  }

  private static func leader(_ words: [String]) -> Self? {
    guard words.count == 3, let partition = Int32(words[1]), partition >= 0 else { return nil }
    if words[2] == "none" { return .leader(topic: words[0], partition: partition, broker: nil) }
    guard let broker = BrokerWord(words[2])?.number else { return nil }
    return .leader(topic: words[0], partition: partition, broker: broker)
  }

  private static func request(_ word: String) -> MockCluster.Request? {
    requests.first { $0.name == word }?.request
  }

  private static func code(_ word: String) -> KafkaErrorCode? {
    codes.first { $0.name == word }?.code ?? Int32(word).map(KafkaErrorCode.init(rawValue:))
  }

  private static func millis(_ word: String) -> Int64? {
    DurationArgument(argument: word).map { $0.micros / 1000 }
  }
}

/// A broker's number, or every broker.
private struct BrokerWord {
  /// Nil for all of them.
  let number: Int32?

  init?(_ word: String) {
    if word == "all" {
      number = nil
      return
    }
    guard let number = Int32(word), number >= 1 else { return nil }
    self.number = number
  }
}
