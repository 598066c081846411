import Kafka
import Telemetry

/// The control thread's side of a client: what it hears of the group, and what it answers.
extension ClusterState {
  // MARK: - Polling

  /// A poll begins: misfortunes of this poll are drawn, once.
  mutating func beginPoll(_ id: Int) {
    clients[id].polledNanos = nowNanos
    if isKilled(id) || clients[id].subscription == nil { return }
    if random.happens(faults.spuriousError) { tellNonsense(id) }
    if random.happens(faults.eviction), isReachable(id) { drop(id) }
  }

  private mutating func tellNonsense(_ id: Int) {
    let codes: [KafkaErrorCode] = [.transport, .allBrokersDown, .timedOut, .unresolved]
    let code = codes.randomElement(using: &random) ?? .transport
    let error = KafkaError(code: code, operation: "consume")
    let lane = clients[id].lanes.indices.randomElement(using: &random) ?? 0
    if Bool.random(using: &random) {
      clients[id].events.append(.error(error))
    } else {
      clients[id].lanes[lane].faults.append(error.description)
    }
  }

  /// The next thing for a client's control thread, or nil while there is none.
  mutating func controlStep(_ id: Int) -> ControlStep? {
    if isKilled(id) {
      return .tell([.fatal(Self.killedError("poll"))])
    }
    clients[id].polledNanos = nowNanos
    guard let subscription = clients[id].subscription, !clients[id].isGone else { return nil }
    noteStatistics(id)
    if !clients[id].events.isEmpty {
      defer { clients[id].events = [] }
      return .tell(clients[id].events)
    }
    guard let member = clients[id].member else {
      if isReachable(id) { join(id, subscription) }
      return nil
    }
    if knowsOfLoss(id) {
      if clients[id].hasOverslept {
        clients[id].events.append(
          .error(KafkaError(code: .pollIntervalExceeded, operation: "consume")))
      }
      clients[id].hasOverslept = false
      clients[id].member = nil
      if clients[id].held.isEmpty { return nil }
      notes.append(.partitionsLost)
      return .lose(clients[id].held.sorted())
    }
    guard isReachable(id), nowNanos >= clients[id].heartbeatNanos else { return nil }
    clients[id].heartbeatNanos = nowNanos + random.nanos(below: timing.heartbeatMillis)
    return rebalanceStep(id, member)
  }

  private mutating func rebalanceStep(_ id: Int, _ member: Int) -> ControlStep? {
    let revoked = group.revocations(of: member)
    if !revoked.isEmpty {
      // Answered at once: the next look follows the answer.
      clients[id].heartbeatNanos = nowNanos
      let ours = revoked.filter { clients[id].held.contains($0) }
      if !ours.isEmpty { notes.append(.partitionsRevoked) }
      return .revoke(ours, all: revoked)
    }
    let claimed = group.claim(for: member)
    clients[id].claimEpoch = epoch
    return claimed.isEmpty ? nil : .assign(claimed)
  }

  private mutating func join(_ id: Int, _ topics: [String]) {
    noteClusterSeen()
    let known = topics.filter { self.topics[$0] != nil }
    for topic in topics where self.topics[topic] == nil {
      clients[id].events.append(
        .error(KafkaError(code: .unknownTopicOrPartition, operation: "subscribe to \(topic)")))
    }
    clients[id].member = group.join(known)
    clients[id].heartbeatNanos = nowNanos + random.nanos(below: timing.rebalanceMillis)
    scheduleRebalance()
  }

  /// Whether the client has found out that it is no member any more: a heartbeat was refused, or
  /// none was answered for a session.
  private func knowsOfLoss(_ id: Int) -> Bool {
    let client = clients[id]
    guard let member = client.member else { return true }
    if let since = client.silentSinceNanos {
      let session = Int64(timing.sessionTimeoutMillis) * 1_000_000
      return nowNanos > since + session + client.patienceNanos
    }
    return !group.isMember(member) && (client.hasOverslept || nowNanos >= client.heartbeatNanos)
  }

  static func killedError(_ operation: String) -> KafkaError {
    KafkaError(code: .destroyed, operation: operation, isRetriable: false, isFatal: true)
  }

  // MARK: - Answers

  /// The delegate has taken partitions up.
  mutating func take(_ starts: [StartPosition], _ id: Int) {
    if isKilled(id) { return }
    for start in starts {
      clients[id].held.insert(start.partition)
      var jump: Int64 = 0
      if random.happens(faults.forwardJump) {
        jump = Int64.random(in: 1...Int64(faults.recordCountMax), using: &random)
      }
      let slot = place(of: start.partition, inLane: start.lane, id)
      clients[id].lanes[start.lane].slots[slot].start(at: start.offset, jump: jump)
      // The topic is gone that was asked about: this assignment is about to be taken back.
      if clients[id].claimEpoch != epoch {
        clients[id].lanes[start.lane].slots[slot].isStopped = true
      }
      if !isReachable(id) {
        clients[id].lanes[start.lane].slots[slot].prefetchedUntil = start.offset
      }
    }
  }

  private mutating func place(
    of partition: TopicPartition, inLane lane: Int, _ id: Int
  ) -> Int {
    if let slot = clients[id].lanes[lane].slot(of: partition) { return slot }
    clients[id].lanes[lane].slots.append(FetchSlot(partition))
    return clients[id].lanes[lane].slots.count - 1
  }

  /// The delegate has let go of partitions.
  ///
  /// - Parameter all: what the group hears of, with what was declined before.
  mutating func release(
    _ partitions: [TopicPartition], acknowledging all: [TopicPartition], _ id: Int
  ) {
    if isKilled(id) { return }
    for partition in partitions {
      clients[id].held.remove(partition)
      guard let lane = clients[id].lane(holding: partition),
        let slot = clients[id].lanes[lane].slot(of: partition)
      else { continue }
      clients[id].lanes[lane].slots[slot].release()
      if random.happens(faults.staleDelivery) { stray(id, lane, slot) }
    }
    guard let member = clients[id].member, isReachable(id) else { return }
    if group.acknowledge(all, by: member) { scheduleRebalance() }
  }

  /// Some records around the position were on their way.
  private mutating func stray(_ id: Int, _ lane: Int, _ slot: Int) {
    let place = clients[id].lanes[lane].slots[slot]
    guard let log = log(of: place.partition) else { return }
    let count = Int64(faults.recordCountMax)
    let from = place.position - Int64.random(in: 0...count, using: &random)
    let to = place.position + Int64.random(in: 1...count, using: &random)
    let due = nowNanos + random.nanos(below: faults.delayMillisMax)
    clients[id].lanes[lane].slots[slot].stray(max(0, from)..<max(0, to), of: log, dueNanos: due)
  }

  // MARK: - Leaving

  /// How a client leaves: what its delegate hears.
  enum Leave: Sendable {
    case revoke([TopicPartition])
    case lose([TopicPartition])
    /// Nothing is answered in time, then as above.
    case unanswered([TopicPartition])
    case dead
  }

  mutating func beginLeave(_ id: Int) -> Leave {
    if isKilled(id) { return .dead }
    let held = clients[id].held.sorted()
    if clients[id].subscription == nil { return .revoke([]) }
    if knowsOfLoss(id) && !held.isEmpty { return .lose(held) }
    return random.happens(faults.unansweredLeave) ? .unanswered(held) : .revoke(held)
  }

  /// The delegate has let go of everything. True where the group knows.
  mutating func finishLeave(_ id: Int, isAnswered: Bool) -> Bool {
    if isKilled(id) { return false }
    for partition in clients[id].held.sorted() {
      guard let lane = clients[id].lane(holding: partition),
        let slot = clients[id].lanes[lane].slot(of: partition)
      else { continue }
      clients[id].lanes[lane].slots[slot].release()
    }
    clients[id].held = []
    clients[id].isGone = true
    guard let member = clients[id].member, group.isMember(member) else {
      clients[id].member = nil
      return isAnswered
    }
    if isAnswered && isReachable(id) {
      drop(id)
      clients[id].member = nil
      return true
    }
    // The group finds out by itself: no heartbeat comes any more.
    if clients[id].silentSinceNanos == nil { clients[id].silentSinceNanos = nowNanos }
    return false
  }

  // MARK: - Statistics

  private mutating func noteStatistics(_ id: Int) {
    guard nowNanos >= clients[id].statisticsNanos else { return }
    clients[id].statisticsNanos = nowNanos + Int64(timing.statisticsMillis) * 1_000_000
    let isReachable = isReachable(id)
    let slots = clients[id].lanes.flatMap(\.slots).filter(\.isHeld)
    let partitions = slots.map { slot in
      let log = log(of: slot.partition)
      var partition = ConsumerStatistics.Partition(
        partition: slot.partition, lag: log.map { max(0, $0.end - slot.position) },
        beginningOffset: log?.beginning, endOffset: log?.end, nextOffset: slot.position,
        queuedCount: 0, queuedByteCount: 0)
      partition.isWithinReach = isReachable
      return partition
    }
    clients[id].events.append(
      .statistics(
        ConsumerStatistics(
          partitions: partitions.sorted { $0.partition < $1.partition },
          brokers: [
            ConsumerStatistics.Broker(
              name: "simulated:9092/1", state: isReachable ? "UP" : "DOWN",
              averageRoundTripMicros: 500)
          ],
          groupState: isReachable ? "up" : "query-coord",
          joinState: clients[id].member != nil ? "steady" : "wait-join",
          assignedPartitionCount: Int64(slots.count))))
  }
}
