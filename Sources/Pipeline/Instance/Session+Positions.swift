import Base
import Kafka
import Ledger
import Logging
import Telemetry

/// Positions that Kafka does not have, or not any more: what the session does about each.
extension Session {
  /// Topics that cannot be the ones the chain knows, seen before anything is opened or read.
  func checkTopics(_ counts: [String: Int], in state: ChainState) throws(SessionFailure) {
    for (topic, count) in counts.sorted(by: { $0.key < $1.key }) {
      guard let open = state.topics[topic], count < Int(open.partitionCount) else { continue }
      let fault = PositionFault.fewerPartitions(count: count, open: Int(open.partitionCount))
      throw .stop(fault.sentence(topic: topic))
    }
  }

  /// The chain may have been moved to another cluster since the session began: what these brokers
  /// have is then not what its offsets mean.
  func checkCluster(of state: ChainState) throws(SessionFailure) {
    guard let expected = state.clusterID, let found = clusterID, found != expected else { return }
    throw .reopen(PositionFault.otherCluster(found: found, expected: expected).detail)
  }

  /// A position was lost while reading: go on as at every assignment, or stop with what it is.
  ///
  /// What was read before is committed first, as long as the topic is the one we know: retention
  /// that has passed us has passed the chain's position too, so that nobody could read it again.
  func handle(_ loss: PositionLoss, _ consumer: any GroupConsumer) {
    let topicPartition = loss.topicPartition
    if loss.isOtherTopic {
      let wayOut = PositionFault.otherRecord(offset: loss.offset)
        .wayOut(topic: topicPartition.topic)
      board.update { $0.fail(.stop("\(topicPartition): \(loss.reason); \(wayOut)")) }
      return
    }
    if board.update({ $0.failure }) == nil { commit() }
    log.warning(
      "position lost: \(loss.reason)",
      metadata: ["partition": "\(topicPartition)", "offset": "\(loss.offset)"])
    let fault = fault(behind: loss, consumer)
    if let fault, !fault.isRetention || options.onPositionLost == .stop {
      board.update { $0.fail(.stop(fault.sentence(topicPartition))) }
    } else {
      // Reopening resolves the position against what Kafka has then, as at every assignment.
      board.update { $0.fail(.reopen("position lost: \(topicPartition): \(loss.reason)")) }
    }
  }

  /// What the brokers say of a lost position now; nil where they say nothing, or that it is there.
  private func fault(behind loss: PositionLoss, _ consumer: any GroupConsumer) -> PositionFault? {
    let partition = loss.topicPartition
    let state = committer.update { $0.state }
    guard let chain = state.partitions[loss.key],
      let range = try? consumer.offsetRanges([partition], timeoutMillis: Self.requestMillis)
    else { return nil }
    // The lane holds the state: nothing has to be rebuilt unless the session ends.
    return PositionFault.find(chain, neededFrom: chain.to, kafka: range[partition])
  }

  /// Partitions have gone. Of a topic that was deleted the library says no more than that: it takes
  /// the partitions away, and a pipeline would wait for them for ever.
  func doubtTopics() {
    topicsDoubtedUntilNanos = MonotonicClock.nowNanos() + Self.doubtNanos
  }

  private static let doubtNanos: Int64 = 1_000_000_000
  /// Brokers that do not answer are asked again after this.
  private static let doubtAgainNanos: Int64 = 5_000_000_000
  private static let doubtRequestMillis: Int32 = 2_000

  /// Asks, once after every loss of partitions, whether all topics are still there.
  func resolveTopicDoubt(_ consumer: any GroupConsumer) {
    guard let due = topicsDoubtedUntilNanos, MonotonicClock.nowNanos() >= due else { return }
    let topics = options.sources.flatMap(\.topics)
    let state = committer.update { $0.state }
    do {
      let counts = try consumer.partitionCounts(topics, timeoutMillis: Self.doubtRequestMillis)
      try checkTopics(counts, in: state)
      topicsDoubtedUntilNanos = nil
    } catch let error as SessionFailure {
      board.update { $0.fail(error) }
    } catch let error as KafkaError where error.isUnknownTopic {
      handleUnknownTopic(error)
    } catch {
      topicsDoubtedUntilNanos = MonotonicClock.nowNanos() + Self.doubtAgainNanos
    }
  }

  /// A topic that was there is gone: nothing of it can be read, and nobody would notice.
  func handleUnknownTopic(_ error: KafkaError) {
    board.update { $0.fail(.reopen("a topic or partition is gone: \(error)")) }
  }

  /// What to say of a topic that the brokers do not know: more, where it was read before.
  func sentence(ofUnknownTopic error: KafkaError) -> String {
    guard error.isUnknownTopic, hasRunBefore else { return "\(error)" }
    return "\(error): \(PositionFault.unknown.detail); bring it back, or take it out of the "
      + "configuration; what came back as another topic: `downlinkd offsets show --config FILE`"
  }
}

extension KafkaError {
  /// Whether the brokers know no such topic or partition.
  var isUnknownTopic: Bool {
    switch code {
    case .unknownTopic, .unknownPartition, .unknownTopicOrPartition: return true
    default: return false
    }
  }
}
