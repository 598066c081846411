import Base
import Kafka
import Pipeline
import Telemetry

/// A client of the simulated cluster; follows `KafkaConsumer`'s contract, call by call.
///
/// **Threads:** `subscribe`, `poll`, `leaveGroup` and `close` belong to one control thread, where
/// alone the delegate is called; everything else may be called from any thread before `close`.
final class SimulatedConsumer: GroupConsumer, @unchecked Sendable {
  // @unchecked because the thread rule above is the caller's; all else is behind the cluster's
  // Monitor.
  private let cluster: SimulatedCluster
  private let id: Int
  private let lanes: [SimulatedLane]
  /// Nil after the group was left.
  private var delegate: (any RebalanceDelegate)?
  private var hasLeftCleanly = false
  private var isClosed = false

  /// Bounds the work of one poll, as with the real client.
  private static let stepCountMax = 64

  init(
    _ cluster: SimulatedCluster, id: Int, laneCount: Int, delegate: any RebalanceDelegate
  ) {
    precondition(laneCount > 0, "a consumer needs at least one lane")
    self.cluster = cluster
    self.id = id
    self.delegate = delegate
    lanes = (0..<laneCount).map { SimulatedLane(cluster, client: id, lane: $0) }
  }

  func records(ofLane index: Int) -> any RecordSource { lanes[index] }

  // MARK: - Control thread

  func subscribe(_ topics: [String]) throws(KafkaError) {
    checkOpen()
    let id = self.id
    let error = cluster.glance { state -> KafkaError? in
      if state.isKilled(id) { return ClusterState.killedError("subscribe") }
      state.clients[id].subscription = topics
      return nil
    }
    if let error { throw error }
  }

  func poll(timeoutMillis: Int32) -> [ConsumerEvent] {
    checkOpen()
    let id = self.id
    cluster.glance { $0.beginPoll(id) }
    var events: [ConsumerEvent] = []
    var timeout = Int(timeoutMillis)
    for _ in 0..<Self.stepCountMax {
      guard let step = cluster.wait(timeoutMillis: timeout, { $0.controlStep(id) }) else { break }
      carryOut(step, &events)
      timeout = 0
      if case .fatal = events.last { break }
    }
    return events
  }

  private func carryOut(_ step: ControlStep, _ events: inout [ConsumerEvent]) {
    let id = self.id
    switch step {
    case .tell(let told): events += told
    case .assign(let partitions): assign(partitions, &events)
    case .revoke(let partitions, let all):
      if !partitions.isEmpty { delegate?.revoked(partitions) }
      cluster.access { $0.release(partitions, acknowledging: all, id) }
    case .lose(let partitions):
      delegate?.lost(partitions)
      cluster.access { $0.release(partitions, acknowledging: [], id) }
    }
  }

  private func assign(_ partitions: [TopicPartition], _ events: inout [ConsumerEvent]) {
    let id = self.id
    let starts = delegate?.assigned(partitions) ?? []
    for start in starts {
      precondition(
        partitions.contains(start.partition), "a start for a partition that is not ours")
      precondition(
        start.offset >= 0, "a partition starts at an offset, not at a logical one")
      precondition(lanes.indices.contains(start.lane), "a start in a lane that is not there")
    }
    cluster.access { $0.take(starts, id) }
    let taken = Set(starts.map(\.partition))
    let declined = partitions.filter { !taken.contains($0) }
    if !declined.isEmpty { events.append(.declined(declined)) }
  }

  func pause(_ partitions: [TopicPartition]) throws(KafkaError) {
    checkOpen()
    let id = self.id
    if let error = cluster.access({ $0.pause(partitions, id) }) { throw error }
  }

  func resume(_ partitions: [TopicPartition]) throws(KafkaError) {
    checkOpen()
    let id = self.id
    if let error = cluster.access({ $0.resume(partitions, id) }) { throw error }
  }

  @discardableResult
  func leaveGroup(timeoutMillis: Int) -> (events: [ConsumerEvent], isClean: Bool) {
    checkOpen()
    guard let delegate else { return ([], hasLeftCleanly) }
    let id = self.id
    var isAnswered = true
    switch cluster.glance({ $0.beginLeave(id) }) {
    case .dead: isAnswered = false
    case .revoke(let partitions):
      if !partitions.isEmpty { delegate.revoked(partitions) }
    case .lose(let partitions): delegate.lost(partitions)
    case .unanswered(let partitions):
      cluster.pause(millis: timeoutMillis)
      isAnswered = false
      if !partitions.isEmpty && !cluster.glance({ $0.isKilled(id) }) {
        delegate.lost(partitions)
      }
    }
    self.delegate = nil
    hasLeftCleanly = cluster.access { $0.finishLeave(id, isAnswered: isAnswered) }
    let events = cluster.glance { state -> [ConsumerEvent] in
      defer { state.clients[id].events = [] }
      return state.clients[id].events
    }
    return (events, hasLeftCleanly)
  }

  func close(timeoutMillis: Int) {
    if isClosed { return }
    leaveGroup(timeoutMillis: timeoutMillis)
    isClosed = true
  }

  private func checkOpen() {
    precondition(!isClosed, "a consumer must not be used after close")
  }

  // MARK: - Any thread

  func partitionCounts(
    _ topics: [String], timeoutMillis: Int32
  ) throws(KafkaError) -> [String: Int] {
    var counts: [String: Int] = [:]
    for topic in topics {
      let operation = "read the metadata of topic \(topic)"
      let count = try request(operation, timeoutMillis) { state -> Int? in
        guard let known = state.topics[topic] else { return nil }
        state.noteSeen(topic)
        return known.partitions.count
      }
      guard let count else {
        throw KafkaError(code: .unknownTopicOrPartition, operation: operation)
      }
      counts[topic] = count
    }
    return counts
  }

  func offsetRanges(
    _ partitions: [TopicPartition], timeoutMillis: Int32
  ) throws(KafkaError) -> [TopicPartition: OffsetRange] {
    guard let first = partitions.first else { return [:] }
    let operation = "ask for the offsets of \(partitions.count) partitions, \(first) the first"
    let ranges = try request(operation, timeoutMillis) { state in
      var ranges: [TopicPartition: OffsetRange] = [:]
      for partition in partitions {
        guard let log = state.log(of: partition) else { continue }
        state.noteSeen(partition.topic)
        ranges[partition] = OffsetRange(beginning: log.beginning, end: log.end)
      }
      return ranges
    }
    if ranges.count < Set(partitions).count {
      throw KafkaError(code: .unknownTopicOrPartition, operation: "ask for offsets")
    }
    return ranges
  }

  func endOffsets(
    _ partitions: [TopicPartition], timeoutMillis: Int32
  ) throws(KafkaError) -> [TopicPartition: Int64] {
    try offsetRanges(partitions, timeoutMillis: timeoutMillis).mapValues(\.end)
  }

  func clusterID(timeoutMillis: Int32) -> String? {
    do {
      return try request("ask for the cluster's id", timeoutMillis) { $0.clusterID }
    } catch {
      return nil
    }
  }

  func commitGroupOffsets(
    _ positions: [(partition: TopicPartition, nextOffset: Int64)]
  ) throws(KafkaError) {
    checkOpen()
    let id = self.id
    if let error = cluster.glance({ $0.commit(positions, id) }) { throw error }
  }

  func seek(
    _ partition: TopicPartition, to offset: Int64, timeoutMillis: Int32
  ) throws(KafkaError) {
    checkOpen()
    let id = self.id
    let error = cluster.access { $0.seek(partition, to: offset, id) }
    guard let error else { return }
    if error.code == .timedOut { cluster.pause(millis: Int(timeoutMillis)) }
    throw error
  }

  /// One round trip to a broker: it may be slow, fail, or wait for one in vain.
  private func request<Answer>(
    _ operation: String, _ timeoutMillis: Int32, _ ask: (inout ClusterState) -> Answer
  ) throws(KafkaError) -> Answer {
    checkOpen()
    let id = self.id
    let fate = cluster.glance { $0.fate(ofRequest: operation, id) }
    if let error = fate.error { throw error }
    cluster.pause(millis: min(fate.delayMillis, Int(timeoutMillis)))
    let leftMillis = Int(timeoutMillis) - fate.delayMillis
    guard leftMillis >= 0 else { throw KafkaError(code: .timedOut, operation: operation) }
    var isKilled = false
    let answer = cluster.wait(timeoutMillis: leftMillis) { state -> Answer? in
      isKilled = state.isKilled(id)
      guard !isKilled, state.isReachable(id) else { return nil }
      state.noteClusterSeen()
      return ask(&state)
    }
    if let answer { return answer }
    if isKilled { throw ClusterState.killedError(operation) }
    cluster.glance { $0.notes.append(.slowBroker) }
    throw KafkaError(code: .timedOut, operation: operation)
  }
}

extension ClusterState {
  /// What a request is to suffer, besides brokers that are away.
  mutating func fate(
    ofRequest operation: String, _ id: Int
  ) -> (error: KafkaError?, delayMillis: Int) {
    if isKilled(id) { return (Self.killedError(operation), 0) }
    if random.happens(faults.failedRequest) {
      let codes: [KafkaErrorCode] = [.transport, .timedOut, .leaderNotAvailable, .notCoordinator]
      let code = codes.randomElement(using: &random) ?? .transport
      notes.append(.slowBroker)
      return (KafkaError(code: code, operation: operation), 0)
    }
    guard random.happens(faults.slowAnswer) else { return (nil, 0) }
    notes.append(.slowBroker)
    return (nil, Int.random(in: 1...max(1, faults.slowMillisMax), using: &random))
  }
}
