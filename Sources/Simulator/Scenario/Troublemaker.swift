import Base
import Kafka
import Ledger
import Pipeline
import Storage
import Telemetry

/// What goes wrong in a simulation, step by step: draws kinds by their weights and carries them
/// out. Environment's thread.
struct Troublemaker {
  private let plan: ScenarioPlan
  private let host: ProcessHost
  private let fleet: Fleet
  private let observer: ChainObserver
  private let tally: FaultTally
  private let other: OtherEngine
  private var random: SplitMix64
  /// Conditions that last: until when.
  private var lasting: [TroubleKind: Int64] = [:]
  private var damagedStates: Set<String> = []
  private var damagedSummary: String?
  /// What the check must know afterwards.
  private(set) var hasReloaded = false
  private(set) var endsAtReplacement: [PartitionKey: Int64] = [:]
  private var hasEnded = false

  init(
    _ plan: ScenarioPlan, host: ProcessHost, fleet: Fleet, observer: ChainObserver,
    tally: FaultTally, random: SplitMix64
  ) {
    self.plan = plan
    self.host = host
    self.fleet = fleet
    self.observer = observer
    self.tally = tally
    self.random = random
    other = OtherEngine(host.disk)
  }

  private var nowNanos: Int64 { host.world.monotonicNanos }

  /// One step: at most one new trouble, and the end of what has lasted long enough.
  mutating func step() {
    lasting = lasting.filter { $0.value > nowNanos }
    applyLasting()
    let kinds = TroubleKind.allCases.filter { (plan.weights[$0] ?? 0) > 0 }
    let total = kinds.reduce(0) { $0 + (plan.weights[$1] ?? 0) }
    guard total > 0, !hasEnded else { return }
    var draw = Int.random(in: 0..<total, using: &random)
    for kind in kinds {
      draw -= plan.weights[kind] ?? 0
      if draw < 0 { return make(kind) }
    }
  }

  /// Everything is well from here on.
  mutating func end() {
    lasting = [:]
    applyLasting()
    host.cluster.calmDown()
    for process in host.alive {
      host.disk.disk.disarm(process: process)
      host.world.freeze(process, forNanos: 0)
    }
  }

  private mutating func make(_ kind: TroubleKind) {
    switch kind {
    case .killProcess: armKill()
    case .crashMachine: crashMachine()
    case .freezeProcess: freeze()
    case .stopProcess:
      guard let process = drawProcess() else { return }
      host.stop(process)
      tally.note(.instanceStopped)
    case .moveClock: moveClock()
    case .fillDisk, .failCalls, .slowDisk, .unclearPuts, .failSyncs, .misdeliver:
      lasting[kind] = nowNanos + millis(100...4_000)
      applyLasting()
      // What a client delivers in error, it delivers around a change of hands.
      if kind == .misdeliver { host.cluster.rebalance() }
    case .rebalance: host.cluster.rebalance()
    case .evict: evict()
    case .brokersAway: host.cluster.takeBrokersAway(millis: Int(millis(100...9_000) / 1_000_000))
    case .deleteRecords: deleteRecords()
    case .appendMarkers: appendMarkers()
    case .addPartition:
      if fleet.partitions.count < 6 { fleet.addPartition() }
    case .damageState: damageState()
    case .damageSummary: damageSummary()
    case .foreignCommit:
      if other.rewriteOneFile(random: &random) { tally.note(.foreignCommit) }
    case .reload: reload()
    case .recreateTopic, .replaceCluster: replace(kind)
    }
  }

  /// The topics are other ones from here on; nothing else happens in this simulation.
  private mutating func replace(_ kind: TroubleKind) {
    endsAtReplacement = observer.endsWithWitness
    if kind == .recreateTopic {
      fleet.recreateTopics(random: &random)
    } else {
      fleet.replaceCluster(random: &random)
    }
    hasEnded = true
  }

  private mutating func millis(_ range: ClosedRange<Int64>) -> Int64 {
    Int64.random(in: range, using: &random) * 1_000_000
  }

  private mutating func drawProcess() -> Int? { host.living.randomElement(using: &random) }

  // MARK: - Processes

  /// Most deaths come at a system call soon to be made, the others at once.
  private mutating func armKill() {
    guard let process = drawProcess() else { return }
    if random.oneIn(4) {
      host.kill(process)
      tally.note(.processKilled)
    } else {
      let host = host
      host.disk.disk.arm(
        process: process, afterCalls: Int.random(in: 1...60, using: &random)
      ) { host.noteDeath($0) }
    }
  }

  /// All processes die with the machine they share.
  private mutating func crashMachine() {
    let alive = host.alive
    host.disk.disk.crashMachine()
    for process in alive { host.noteDeath(process) }
    host.world.atOneMoment {
      observer.lookAfterCrash()
      host.disk.lookAfterCrash()
    }
  }

  private mutating func freeze() {
    guard let process = drawProcess() else { return }
    let nanos = millis(500...15_000)
    host.world.freeze(process, forNanos: nanos)
    host.cluster.freeze(process: process, millis: Int(nanos / 1_000_000))
    tally.note(.processFrozen)
  }

  /// The group drops a member that is alive: at once, or because nothing of it arrives.
  private mutating func evict() {
    guard let process = drawProcess() else { return }
    if random.oneIn(2) {
      host.cluster.evict(process: process)
    } else {
      host.cluster.cutOff(process: process, millis: Int.random(in: 500...15_000, using: &random))
    }
  }

  private mutating func moveClock() {
    guard let process = drawProcess() else { return }
    host.world.moveWallClock(
      of: process, byMicros: Int64.random(in: -86_400...86_400, using: &random) * 1_000_000)
    tally.note(.clockJumped)
  }

  private mutating func reload() {
    guard !hasReloaded, let process = drawProcess(),
      let changed = try? plan.options(.changed)
    else { return }
    host.reload(
      process,
      PipelineReload(detectors: changed.sources.map(\.detectors), configFingerprint: "changed"))
    tally.note(.configurationReloaded)
    hasReloaded = true
  }

  // MARK: - Lasting conditions

  private func applyLasting() {
    var disk = DiskFaults()
    if lasting[.fillDisk] != nil { disk.capacityByteCount = 0 }
    if lasting[.failCalls] != nil { disk.inputOutputErrorOneIn = 60 }
    if lasting[.slowDisk] != nil { disk.slowOneIn = 10 }
    if lasting[.unclearPuts] != nil { disk.linkReportFailureOneIn = 4 }
    if lasting[.failSyncs] != nil { disk.syncFailureOneIn = 20 }
    host.disk.disk.faults = disk
    var broker = BrokerFaults()
    if lasting[.misdeliver] != nil {
      broker.staleDelivery = 1
      broker.staleBelowSeek = 0.3
      broker.duplicateDelivery = 0.2
      broker.forwardJump = 0.7
      broker.eviction = 0.002
      broker.delayedBatch = 0.2
      broker.spuriousError = 0.02
      broker.failedRequest = 0.05
      broker.slowAnswer = 0.05
      broker.failedSeek = 0.1
      broker.failedGroupCommit = 0.1
      broker.unansweredLeave = 0.2
    }
    host.cluster.faults = broker
  }

  // MARK: - Kafka

  private mutating func appendMarkers() {
    guard let partition = fleet.partitions.randomElement(using: &random) else { return }
    for _ in 0..<Int.random(in: 1...3, using: &random) { fleet.sendMarker(to: partition) }
  }

  /// Retention: up to somewhere, now and then beyond what was read.
  private mutating func deleteRecords() {
    guard let partition = fleet.partitions.randomElement(using: &random),
      let count = fleet.contents[partition]?.count, count > 0
    else { return }
    let key = PartitionKey(
      topic: partition.topic, incarnation: 0, partition: partition.partition)
    let read = observer.ends[key] ?? 0
    let end = random.oneIn(3) ? Int64(count) : min(read, Int64(count))
    host.cluster.deleteRecords(
      of: partition, before: Int64.random(in: 0...max(0, end), using: &random))
  }

  // MARK: - Damage

  /// One of two snapshots at a time: with both gone only a person can help.
  private mutating func damageState() {
    guard let key = observer.ends.keys.sorted().randomElement(using: &random) else { return }
    let states = observer.states(of: key)
    guard states.count == 2, states.allSatisfy({ !damagedStates.contains($0) }) else { return }
    if host.disk.disk.damage("\(ObservedDisk.root)/\(states[1])") {
      damagedStates.insert(states[1])
      tally.note(.stateDamaged)
    }
  }

  private mutating func damageSummary() {
    let paths = host.disk.disk.paths.filter { $0.contains("_ledger/summary-") }
    if let damagedSummary, paths.contains(damagedSummary) { return }
    guard paths.count >= 2, let newest = paths.last else { return }
    if host.disk.disk.damage(newest) {
      damagedSummary = newest
      tally.note(.summaryDamaged)
    }
  }
}
