import Audit
import Base
import Decode
import Ledger
import Maintenance
import Pipeline
import Storage
import Telemetry

/// One seed from beginning to end: trouble, calm, and the questions afterwards.
///
///     trouble        processes come and go, records are sent, everything fails by chance
///     calm           faults end, processes stop in order
///     completion     one process reads to the end and fires what is open
///     reference      another one over a copy of the topics, undisturbed
///     check          chain, files, offsets, rows
package enum Simulation {
  /// Runs a seed. Must be called on a thread that nothing else of ours runs beside; the process
  /// ends with a sentence if the simulation gets stuck.
  ///
  /// - Parameters:
  ///   - say: hears what happens, line by line; nil for silence.
  ///   - keep: is given every file that the simulation leaves behind, by its path below the
  ///     pipeline's root.
  package static func run(
    seed: UInt64, say: (@Sendable (String) -> Void)?, keep: ((String, [UInt8]) -> Void)? = nil
  ) -> SimulationReport {
    let world = DeterministicWorld(seed: seed, stepCountMax: 20_000_000) { picture in
      preconditionFailure("seed \(seed) is stuck: \(picture)")
    }
    World.install(world)
    defer { World.install(nil) }
    let course = SimulationCourse(ScenarioPlan(seed: seed), world: world, say: say)
    let report = course.run()
    world.joinAll()
    if let keep { course.keepFiles(keep) }
    return report
  }
}

/// The course of one simulation. Environment's thread.
final class SimulationCourse {
  private let plan: ScenarioPlan
  private let world: DeterministicWorld
  private let say: (@Sendable (String) -> Void)?
  private let tally = FaultTally()
  private let list = ViolationList()
  private let disk: ObservedDisk
  private let host: ProcessHost
  private let observer: ChainObserver
  private let fleet: Fleet
  private var random: SplitMix64
  private var silences: SilenceTrouble?

  init(
    _ plan: ScenarioPlan, world: DeterministicWorld, say: (@Sendable (String) -> Void)?
  ) {
    self.plan = plan
    self.world = world
    self.say = say
    random = SplitMix64(seed: plan.seed ^ 0x5EED)
    silences = plan.partitionIdleMillis == nil ? nil : SilenceTrouble(seed: plan.seed)
    disk = ObservedDisk(SimulatedDisk(seed: random.next(), tally: tally), in: world)
    observer = ChainObserver(disk: disk, list: list, tally: tally)
    let maintenance = MaintenancePlan(plan, startMillis: world.wallMicros / 1000)?.options
    let tableObserver = TableObserver(
      disk: disk, list: list, tally: tally, keepMillis: maintenance?.keepMillis ?? [:])
    disk.setObservers(observer, tableObserver)
    let cluster = SimulatedCluster(seed: random.next(), tally: tally)
    fleet = Fleet(plan, cluster: cluster)
    host = ProcessHost(
      world: world, disk: disk, cluster: cluster, maintenance: maintenance, say: say)
  }

  func run() -> SimulationReport {
    let configurations: Configurations
    do {
      configurations = try makeConfigurations()
    } catch {
      preconditionFailure("the simulated configuration is valid: \(error)")
    }
    var trouble = makeTrouble(configurations)
    trouble.end()
    stopAll()
    let result = complete(trouble.hasReloaded ? configurations.changed : configurations.first)
    let hasReplayedAll = replayTheRest(behind: result, host, configurations)
    let checker = FinalCheck(
      plan: plan, fleet: fleet, disk: disk, observer: observer, list: list, tally: tally,
      hasReloaded: trouble.hasReloaded, hasReplayedAll: hasReplayedAll,
      endsAtReplacement: trouble.endsAtReplacement)
    if checker.accepts(result) {
      checker.check(result, reference: { self.runReference(configurations, gaps: $0) })
    }
    audit()
    return report
  }

  /// The configuration as it is edited while it runs.
  private struct Configurations {
    var first: PipelineOptions
    var changed: PipelineOptions
    var mended: PipelineOptions
  }

  private func makeConfigurations() throws -> Configurations {
    let registry = SimulatedRegistry(
      seed: plan.seed, schema: try ScenarioSources.schema(isOwn: plan.hasOwnSchema), tally: tally)
    func options(_ edition: ConfigurationEdition) throws -> PipelineOptions {
      var options = try plan.options(edition)
      if plan.hasEnvelopes { options.schemas = registry }
      return options
    }
    return Configurations(
      first: try options(.first), changed: try options(.changed), mended: try options(.mended))
  }

  /// `downlinkd verify` has nothing to say about what any simulation leaves behind, but for what
  /// was damaged on purpose: written apart from the pipeline, it would find what both it and the
  /// checks above take for granted.
  private func audit() {
    let outcome: String?
    do {
      let storage = try POSIXStorage(
        root: ObservedDisk.root, access: .readOnly, fileSystem: disk.mount(process: 0))
      let report = try RootAudit.run(storage, .init(pipeline: "fleet"))
      let damaged = [FaultKind.stateDamaged, .summaryDamaged].contains { tally.taken[$0] != nil }
      let errors = report.findings.filter { $0.severity == .error }
      outcome = errors.isEmpty || damaged ? nil : "verify: \(errors[0])"
    } catch {
      outcome = "verify cannot look: \(error)"
    }
    list.check(.everyFileIsThere, outcome)
  }

  // MARK: - Trouble

  private func makeTrouble(_ configurations: Configurations) -> Troublemaker {
    var trouble = Troublemaker(
      plan, host: host, fleet: fleet, observer: observer, tally: tally, random: random.split())
    var supervisor = Supervisor(
      host, options: configurations.first, slotCount: plan.slotCount, tally: tally,
      random: random.split())
    var letters = LetterTrouble(
      plan, host: host, fleet: fleet, tally: tally,
      editions: [configurations.first, configurations.mended])
    var maintenance = MaintenanceTrouble(plan, host: host, tally: tally)
    let endNanos = world.monotonicNanos + plan.troubleNanos
    var troubleNanos = world.monotonicNanos + 2_000_000_000
    while world.monotonicNanos < endNanos {
      supervisor.step(nowNanos: world.monotonicNanos)
      letters.step(nowNanos: world.monotonicNanos)
      maintenance.step()
      silences?.step(fleet.partitions, nowNanos: world.monotonicNanos)
      sendSome()
      if world.monotonicNanos >= troubleNanos {
        trouble.step()
        troubleNanos =
          world.monotonicNanos + Int64.random(in: 0...plan.pauseNanosMax, using: &random)
      }
      world.sleep(nanos: Int64.random(in: 1_000_000...150_000_000, using: &random))
    }
    letters.end()
    if plan.hasFloods, tally.taken[.sourceFlooded] != nil {
      trouble.end()
      waitForPausedSources(&supervisor)
    }
    for reason in supervisor.reasons { say?("ended: \(reason)") }
    return trouble
  }

  private func sendSome() {
    guard let partition = fleet.partitions.randomElement(using: &random),
      silences?.isSilent(partition, nowNanos: world.monotonicNanos) != true
    else { return }
    fleet.send(Int.random(in: 0...12, using: &random), to: partition)
  }

  // MARK: - Calm

  /// A flood is over: whoever paused for it reads on, by itself, to the end.
  private func waitForPausedSources(_ supervisor: inout Supervisor) {
    if fleet.isReplaced { return }
    let endedCount = supervisor.reasons.count
    let deadlineNanos = world.monotonicNanos + 180_000_000_000
    while !hasReadAll, world.monotonicNanos < deadlineNanos {
      supervisor.step(nowNanos: world.monotonicNanos)
      world.sleep(nanos: 200_000_000)
    }
    // What makes a process end, others judge.
    if !hasReadAll, supervisor.reasons.count > endedCount { return }
    list.check(
      .nothingStopsForGood,
      hasReadAll
        ? nil
        : "three minutes behind a flood not all is read; paused: "
          + "\(host.cluster.pausedPartitions)")
  }

  private var hasReadAll: Bool {
    let ends = observer.ends
    return fleet.partitions.allSatisfy { partition in
      let key = PartitionKey(
        topic: partition.topic, incarnation: 0, partition: partition.partition)
      return (ends[key] ?? 0) >= fleet.contents[partition]?.count ?? 0
    }
  }

  /// Everybody ends in order; who does not within a minute is killed.
  private func stopAll() {
    let deadlineNanos = world.monotonicNanos + 60_000_000_000
    for process in host.alive { host.stop(process) }
    while !host.alive.isEmpty, world.monotonicNanos < deadlineNanos {
      world.sleep(nanos: 50_000_000)
      for process in host.alive { host.stop(process) }
    }
    for process in host.alive { host.kill(process) }
    _ = host.takeEndings()
    // The group forgets who died only now: a finite run fires the windows of what it is given.
    world.sleep(nanos: 10_000_000_000)
  }

  /// One process reads everything that is there.
  private func complete(_ options: PipelineOptions) -> InstanceResult {
    let process = host.start(options, goal: .caughtUp(firesOpenWindows: true))
    let deadlineNanos = world.monotonicNanos + 600_000_000_000
    while world.monotonicNanos < deadlineNanos {
      if let ending = host.takeEndings().first(where: { $0.process == process }) {
        return ending.result
      }
      world.sleep(nanos: 50_000_000)
    }
    host.kill(process)
    return .failed("it was not done within ten minutes of calm")
  }

  /// Under the mended mapping everything that can be read comes back, wherever the replays before
  /// have got to. False where that was not to be: a pipeline that is stopped has not read it all.
  private func replayTheRest(
    behind result: InstanceResult, _ host: ProcessHost, _ configurations: Configurations
  ) -> Bool {
    guard plan.replaysLetters, case .stopped(isComplete: true) = result else { return false }
    _ = host.takeReplayEndings()
    let process = host.startReplay(configurations.mended, DeadLetterFilter())
    let deadlineNanos = world.monotonicNanos + 600_000_000_000
    while world.monotonicNanos < deadlineNanos {
      switch host.takeReplayEndings().first(where: { $0.process == process })?.ending {
      case .done: return true
      case .failed(let reason):
        list.check(.nothingStopsForGood, "the last replay ended with: \(reason)")
        return false
      case .killed, nil: world.sleep(nanos: 50_000_000)
      }
    }
    host.kill(process)
    list.check(.nothingStopsForGood, "the last replay was not done within ten minutes of calm")
    return false
  }

  /// The same topics, read by one process that nothing happens to.
  private func runReference(
    _ configurations: Configurations, gaps: [RecordedGap]
  ) -> (disk: ObservedDisk, result: InstanceResult) {
    let quiet = FaultTally()
    let otherDisk = ObservedDisk(SimulatedDisk(seed: 1, tally: quiet), in: world)
    let cluster = SimulatedCluster(seed: 1, tally: quiet)
    fleet.copy(to: cluster) { partition, offset in
      gaps.contains { $0.loses(offset, of: partition) }
    }
    let other = ProcessHost(
      world: world, disk: otherDisk, cluster: cluster, firstProcess: 1_000_000, say: nil)
    var undisturbed = configurations.first
    undisturbed.commit.intervalMillis = 60_000
    undisturbed.commit.byteCount = 1 << 26
    undisturbed.laneCount = 1
    undisturbed.decidedIdleOffsets = observer.idleOffsets
    let process = other.start(undisturbed, goal: .caughtUp(firesOpenWindows: true))
    let deadlineNanos = world.monotonicNanos + 600_000_000_000
    while world.monotonicNanos < deadlineNanos {
      if let ending = other.takeEndings().first {
        _ = replayTheRest(behind: ending.result, other, configurations)
        return (otherDisk, ending.result)
      }
      world.sleep(nanos: 50_000_000)
    }
    other.kill(process)
    return (otherDisk, .failed("the undisturbed run was not done within ten minutes"))
  }

  func keepFiles(_ keep: (String, [UInt8]) -> Void) {
    let prefix = ObservedDisk.root + "/"
    for path in disk.disk.paths where path.hasPrefix(prefix) {
      keep(String(path.dropFirst(prefix.count)), disk.disk.read(path) ?? [])
    }
  }

  private var report: SimulationReport {
    var report = SimulationReport(seed: plan.seed)
    report.faults = tally.taken
    report.checkCounts = list.checkCounts
    report.violations = list.violations.map(\.description)
    report.commitCount = observer.commitCount
    report.recordCount = fleet.recordCount
    report.processCount = host.startedCount
    report.stepCount = world.steps
    report.simulatedMillis = world.monotonicNanos / 1_000_000
    return report
  }
}
