package import Kafka
package import Ledger
package import Telemetry

/// What can be wrong between the chain's position and what the brokers have: every way there is,
/// each with its sentence and the way out.
///
/// Pure: who holds chain and offsets asks `find`. Kafka does not tell everything apart. A topic
/// that was re-created and has grown past `to`, with a beginning past the witness, looks like the
/// one of before; and an end below `to` may be a truncated log as well as another topic.
package enum PositionFault: Equatable, Sendable {
  /// Retention deleted offsets that were never read. `isUntouched`: nothing of the partition ever
  /// was.
  case unreadLost(Range<Int64>, isUntouched: Bool)
  /// Retention deleted offsets whose rows are committed, but which the newest snapshot lacks.
  case stateLost(Range<Int64>)
  /// The log is shorter than what is committed.
  case endsBelow(end: Int64, committed: Int64)
  /// Another record lies where the last committed one did.
  case otherRecord(offset: Int64)
  /// The topic has fewer partitions than are open.
  case fewerPartitions(count: Int, open: Int)
  /// The brokers are of another cluster than the offsets.
  case otherCluster(found: String, expected: String)
  /// The brokers know no such topic or partition.
  case unknown

  /// What `chain` and the brokers say of a partition together; nil where it can be gone on with.
  ///
  /// - Parameters:
  ///   - neededFrom: the first offset that the state needs: the cut of the snapshot to begin with.
  ///   - kafka: nil where the brokers know no such partition.
  ///   - witness: what lies at the witness's offset, where somebody has looked.
  package static func find(
    _ chain: ChainState.Partition, neededFrom: Int64, kafka: OffsetRange?,
    witness: WitnessAnswer = .notAsked
  ) -> PositionFault? {
    guard let kafka else { return .unknown }
    if kafka.end < chain.to { return .endsBelow(end: kafka.end, committed: chain.to) }
    if case .other(let offset) = witness { return .otherRecord(offset: offset) }
    if kafka.beginning > chain.to {
      return .unreadLost(
        chain.to..<kafka.beginning, isUntouched: chain.witness == nil && chain.to == chain.start)
    }
    guard kafka.beginning > neededFrom,
      let lost = chain.gaps.uncovered(in: neededFrom..<kafka.beginning).first
    else { return nil }
    return .stateLost(lost.lowerBound..<kafka.beginning)
  }

  /// Whether `skip_and_record` covers it: Kafka has let go of records of the topic we know. What is
  /// another topic or cluster is never passed over by a setting.
  package var isRetention: Bool {
    switch self {
    case .unreadLost, .stateLost: return true
    case .endsBelow, .otherRecord, .fewerPartitions, .otherCluster, .unknown: return false
    }
  }

  /// Whether the name now stands for other records, as far as can be told.
  package var isRecreation: Bool {
    switch self {
    case .endsBelow, .otherRecord, .fewerPartitions: return true
    case .unreadLost, .stateLost, .otherCluster, .unknown: return false
    }
  }
}

/// What was found at the witness's offset.
package enum WitnessAnswer: Equatable, Sendable {
  /// Nobody has looked, or there is no witness.
  case notAsked
  /// The very record: it is the same topic.
  case same
  /// Another record: another topic.
  case other(offset: Int64)
  /// No record: compaction or retention took it. No proof, but no contradiction either.
  case absent
}

// MARK: - Sentences

extension PositionFault {
  /// One word for tables and JSON.
  package var word: String {
    switch self {
    case .unreadLost: return "retention"
    case .stateLost: return "state-lost"
    case .endsBelow: return "shorter"
    case .otherRecord, .fewerPartitions: return "re-created"
    case .otherCluster: return "other-cluster"
    case .unknown: return "unknown"
    }
  }

  /// What is the matter, without the partition's name.
  package var detail: String {
    switch self {
    case .unreadLost(let lost, let isUntouched):
      let more = isUntouched ? "; nothing of the partition was ever read" : ""
      return "offsets \(lost.lowerBound) to \(lost.upperBound) were deleted before they were read"
        + more
    case .stateLost(let lost):
      return "offsets \(lost.lowerBound) to \(lost.upperBound), needed to rebuild the windows, "
        + "were deleted (their rows are in the tables)"
    case .endsBelow(let end, let committed):
      return "it ends at offset \(end), but \(committed) is committed: the topic was re-created, "
        + "or its log was truncated (an unclean leader election, a restored broker), which "
        + "nothing in the log tells apart"
    case .otherRecord(let offset):
      return "offset \(offset) holds another record than the one that was committed: the topic "
        + "was re-created"
    case .fewerPartitions(let count, let open):
      return "it has \(count) partitions, but \(open) are open: partitions never become fewer, so "
        + "the topic was re-created"
    case .otherCluster(let found, let expected):
      return "the brokers are cluster \(found), but the ledger's offsets are of cluster \(expected)"
    case .unknown:
      return "the brokers know no such topic or partition: it was deleted, or may not be seen"
    }
  }

  /// What to run, or to do, to go on.
  package func wayOut(topic: String, partition: Int32? = nil) -> String {
    let skip = "downlinkd offsets skip --config FILE --topic \(topic)"
    let one = partition.map { "\(skip) --partition \($0)" } ?? skip
    switch self {
    case .unreadLost, .stateLost:
      return "to record the gap and go on: `\(one) --to-beginning`, or "
        + "kafka.on_position_lost: skip_and_record for every time"
    case .endsBelow:
      return "where it was re-created: `\(skip) --recreated`; where it was truncated: "
        + "`\(skip) --truncated`"
    case .otherRecord, .fewerPartitions:
      return "to read the new topic as its next incarnation: `\(skip) --recreated`"
    case .otherCluster:
      return "point kafka.brokers at that cluster, or read the new one from its beginning: "
        + "`downlinkd offsets skip --config FILE --other-cluster`"
    case .unknown:
      return "bring it back, or take it out of the configuration; where it comes back as another "
        + "one: `\(skip) --recreated`"
    }
  }

  /// The whole sentence: which partition, what, and the way out.
  package func sentence(_ topicPartition: TopicPartition) -> String {
    "\(topicPartition): \(detail); "
      + wayOut(topic: topicPartition.topic, partition: topicPartition.partition)
  }

  /// The same about a whole topic.
  package func sentence(topic: String) -> String { "\(topic): \(detail); \(wayOut(topic: topic))" }
}
