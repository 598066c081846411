import Base
import Decode
import Kafka
import Ledger
import Logging
import Telemetry

/// Rebalances: all on the control thread, inside `poll` or `leaveGroup`.
extension Session: RebalanceDelegate {
  func assigned(_ partitions: [TopicPartition]) -> [StartPosition]? {
    guard let consumer else { return nil }
    hasBeenAssigned = true
    do {
      let ranges = try consumer.offsetRanges(partitions, timeoutMillis: Self.requestMillis)
      try openNewPartitions(of: partitions, consumer)
      let state = try committer.update { committer throws(CommitFailure) in
        try committer.refresh()
        return committer.state
      }
      try checkCluster(of: state)
      let positions = try partitions.map { partition throws(SessionFailure) in
        try start(partition, state: state, kafka: ranges[partition])
      }
      status.enter(.running)
      return positions
    } catch let error as SessionFailure {
      board.update { $0.fail(error) }
    } catch let error as KafkaError {
      board.update { $0.fail(.reopen("cannot take up \(partitions): \(error)")) }
    } catch let error as CommitFailure {
      report(error)
    } catch {
      board.update { $0.fail(.stop("cannot take up \(partitions): \(error)")) }
    }
    return nil
  }

  private func start(
    _ partition: TopicPartition, state: ChainState, kafka: OffsetRange?
  ) throws(SessionFailure) -> StartPosition {
    guard let key = state.openKey(topic: partition.topic, partition: partition.partition),
      let known = state.partitions[key], let kafka,
      let sourceIndex = options.sources.firstIndex(where: { $0.topics.contains(partition.topic) })
    else { throw .reopen("\(partition) is not open") }
    let resolver = PositionResolver(
      policy: options.onPositionLost, damagedStates: memory.damagedStates)
    let verdict = resolver.resolve(
      partition, key: key, sourceIndex: sourceIndex, chain: known, kafka: kafka)
    // Before the lane hears of it: a cut it answers meanwhile is a commit of ours.
    committer.update { $0.own(key) }
    let lane = nextLane()
    var start: PartitionStart
    switch verdict {
    case .stop(let reason): throw .stop(reason)
    case .start(let found):
      start = found
      start.idleOffsets += (options.decidedIdleOffsets[partition] ?? []).filter { $0 > start.to }
      hand(start, toLane: lane)
    case .skip(let found, let offset, let reason):
      start = found
      hand(start, toLane: lane)
      tell(partition, .skip(partition, to: offset, reason: reason))
      log.error(
        "offsets are lost and recorded in the table gaps",
        metadata: ["partition": "\(partition)", "from": "\(start.to)", "to": "\(offset)"])
    }
    log.info(
      "partition taken up",
      metadata: [
        "partition": "\(partition)", "offset": "\(start.to)", "fetch_from": "\(start.fetchFrom)",
        "lane": "\(lane)",
      ])
    CrashPoint.reached(.assigned)
    return StartPosition(partition: partition, offset: start.fetchFrom, lane: lane)
  }

  /// Partitions that a topic has gained since it was opened start at their beginning.
  private func openNewPartitions(
    of partitions: [TopicPartition], _ consumer: any GroupConsumer
  ) throws {
    let state = committer.update { $0.state }
    let grown = Set(
      partitions.filter { state.openKey(topic: $0.topic, partition: $0.partition) == nil }
        .map(\.topic))
    guard !grown.isEmpty else { return }
    let opener = TopicOpener(consumer: consumer, start: options.start)
    for topic in grown.sorted() {
      let opening = try opener.opening(of: topic, in: state)
      guard let opening else { continue }
      try committer.update { committer throws(CommitFailure) in
        try committer.open(opening, clusterID: clusterID)
      }
    }
  }

  func revoked(_ partitions: [TopicPartition]) {
    CrashPoint.reached(.revoking)
    log.info("partitions given back", metadata: ["partitions": "\(partitions)"])
    // What is read and not committed would be read again by the next owner: commit it first.
    if board.update({ $0.failure }) == nil { commit() }
    letGo(partitions)
    doubtTopics()
  }

  func lost(_ partitions: [TopicPartition]) {
    log.warning("partitions lost", metadata: ["partitions": "\(partitions)"])
    // Not ready until the group has told us our part again.
    if !isDraining { status.enter(.joining) }
    hasLostWhileDraining = hasLostWhileDraining || isDraining
    letGo(partitions)
    doubtTopics()
  }
}

/// What lanes report; called on their threads.
extension Session: LaneDelegate {
  func refetch(_ partition: TopicPartition, from offset: Int64) -> Bool {
    do {
      try consumer?.seek(partition, to: offset, timeoutMillis: 5000)
      return consumer != nil
    } catch {
      log.warning("\(error)")
      return false
    }
  }

  func positionLost(_ loss: PositionLoss) { board.update { $0.losses.append(loss) } }

  func laneFailed(_ failure: SessionFailure) { board.update { $0.fail(failure) } }

  func laneWarned(_ message: String) { log.warning("\(message)") }

  func laneMet(_ drift: DriftNews) {
    for line in status.note(drift) { log.warning("\(line)") }
  }

  func laneProgressed(_ lane: Int, _ progress: LaneProgress) {
    board.update { $0.progress[lane] = progress }
  }
}
