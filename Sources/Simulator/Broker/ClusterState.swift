import Base
import Kafka
import Telemetry

/// Everything the simulated brokers and their clients' libraries know: a state machine in time.
///
/// `advance` first, then anything else: nothing happens between two calls, and what should have
/// happened is found out by the next one.
struct ClusterState: Sendable {
  let timing: BrokerTiming
  var faults: BrokerFaults
  var random: SplitMix64
  /// As of the last `advance`.
  private(set) var nowNanos: Int64

  var clusterID: String
  /// No client has met the present cluster yet, and it is not the first.
  var isReplacementUnseen = false
  var topics: [String: SimulatedTopic] = [:]
  /// How often topics were replaced before everybody's eyes.
  var epoch = 0
  var group = GroupCoordinator()
  /// The group's committed offsets: never read back by a pipeline.
  var committed: [TopicPartition: Int64] = [:]
  var awayUntilNanos: Int64 = 0
  var processes: [Int: ProcessState] = [:]
  /// By client id.
  var clients: [ClientState] = []
  /// Clients that time still matters for.
  private var liveClients: [Int] = []
  /// Faults that had an effect and are not in the tally yet.
  var notes: [FaultKind] = []

  init(
    seed: UInt64, clusterID: String, timing: BrokerTiming, faults: BrokerFaults, nowNanos: Int64
  ) {
    random = SplitMix64(seed: seed)
    self.clusterID = clusterID
    self.timing = timing
    self.faults = faults
    self.nowNanos = nowNanos
  }

  // MARK: - Time

  /// Lets time pass: silences end, members are dropped, rebalances set their targets.
  mutating func advance(to nanos: Int64) {
    nowNanos = max(nowNanos, nanos)
    for id in liveClients { advanceClient(id) }
    liveClients = liveClients.filter { !isOver($0) }
    if let due = group.dueNanos, due <= nowNanos, awayUntilNanos <= nowNanos {
      if group.rebalance(allPartitions, random: &random) { notes.append(.rebalanced) }
    }
  }

  private mutating func advanceClient(_ id: Int) {
    if let since = clients[id].silentSinceNanos {
      let until = silentUntil(id)
      let limit = since + Int64(timing.sessionTimeoutMillis) * 1_000_000
      if min(nowNanos, until) > limit { drop(id) }
      if nowNanos >= until {
        clients[id].silentSinceNanos = nil
        // The first heartbeat after a silence: until then the client believes what it did.
        clients[id].heartbeatNanos = nowNanos + random.nanos(below: timing.heartbeatMillis)
      }
    }
    let sleepNanos = Int64(timing.pollIntervalMillis) * 1_000_000
    if clients[id].silentSinceNanos == nil, nowNanos - clients[id].polledNanos > sleepNanos,
      drop(id)
    {
      clients[id].hasOverslept = true
    }
  }

  /// Whether nothing will ever happen to a client again.
  private func isOver(_ id: Int) -> Bool {
    guard clients[id].isGone || isKilled(id) else { return false }
    return clients[id].member.map { !group.isMember($0) } ?? true
  }

  /// When heartbeats of a client arrive again.
  private func silentUntil(_ id: Int) -> Int64 {
    let process = processes[clients[id].process] ?? ProcessState()
    if process.isKilled || clients[id].isGone { return .max }
    return max(process.frozenUntilNanos, process.cutOffUntilNanos, awayUntilNanos)
  }

  /// Marks the clients whose heartbeats do not arrive from now on.
  mutating func noteSilences() {
    for id in liveClients where clients[id].silentSinceNanos == nil && silentUntil(id) > nowNanos {
      clients[id].silentSinceNanos = nowNanos
      notePrefetched(id)
    }
  }

  /// What a client has fetched ahead is delivered even when nothing can be fetched.
  private mutating func notePrefetched(_ id: Int) {
    for lane in clients[id].lanes.indices {
      for slot in clients[id].lanes[lane].slots.indices {
        let ahead = Int64.random(in: 0...Int64(faults.recordCountMax), using: &random)
        let position = clients[id].lanes[lane].slots[slot].position
        clients[id].lanes[lane].slots[slot].prefetchedUntil = position + ahead
      }
    }
  }

  // MARK: - Group

  /// Drops a client's member as the group sees it; the client hears of it later.
  @discardableResult
  mutating func drop(_ id: Int) -> Bool {
    guard let member = clients[id].member, group.remove(member) else { return false }
    scheduleRebalance()
    return true
  }

  /// - Parameter churn: chance for a partition to change hands without need.
  mutating func scheduleRebalance(churn: Double = 0.05) {
    group.schedule(
      atNanos: nowNanos + random.nanos(below: timing.rebalanceMillis), churn: churn)
  }

  /// Every partition there is, sorted.
  var allPartitions: [TopicPartition] {
    topics.keys.sorted().flatMap { name in
      (0..<Int32(topics[name]?.partitions.count ?? 0)).map {
        TopicPartition(topic: name, partition: $0)
      }
    }
  }

  // MARK: - Clients

  mutating func addClient(process: Int, laneCount: Int) -> Int {
    let id = clients.count
    clients.append(
      ClientState(
        process: process, lanes: (0..<laneCount).map { _ in LaneState(random: random.split()) },
        patienceNanos: random.nanos(below: timing.heartbeatMillis), polledNanos: nowNanos,
        statisticsNanos: nowNanos + Int64(timing.statisticsMillis) * 1_000_000))
    liveClients.append(id)
    noteSilences()
    return id
  }

  func isKilled(_ id: Int) -> Bool { processes[clients[id].process]?.isKilled == true }

  /// Whether brokers and client hear each other.
  func isReachable(_ id: Int) -> Bool { clients[id].silentSinceNanos == nil }

  // MARK: - Logs

  func log(of partition: TopicPartition) -> PartitionLog? {
    guard let topic = topics[partition.topic] else { return nil }
    let number = Int(partition.partition)
    return topic.partitions.indices.contains(number) ? topic.partitions[number] : nil
  }

  /// A client has met the topic as it is now.
  mutating func noteSeen(_ topic: String) {
    guard let fault = topics[topic]?.unseenFault else { return }
    topics[topic]?.unseenFault = nil
    notes.append(fault)
  }

  /// A client has met the cluster as it is now.
  mutating func noteClusterSeen() {
    if isReplacementUnseen { notes.append(.clusterReplaced) }
    isReplacementUnseen = false
  }
}
