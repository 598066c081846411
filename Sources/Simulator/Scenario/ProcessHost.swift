import Base
import Kafka
import Maintenance
import Pipeline
import Storage

/// Starts and ends simulated `downlinkd` processes over one disk and one cluster.
///
/// Used by the environment's thread; processes report their end through a Monitor.
final class ProcessHost: Sendable {
  /// How a process ended.
  struct Ending: Sendable {
    let process: Int
    let result: InstanceResult
  }

  /// How a replay of dead letters ended.
  enum ReplayEnding: Sendable {
    case done(ReplayReport)
    case failed(String)
    case killed
  }

  private struct State {
    var nextProcess: Int
    var instances: [Int: Instance] = [:]
    /// Of instances that maintain the tables.
    var maintainers: [Int: Maintainer] = [:]
    var endings: [Ending] = []
    /// Instances that are not killed and have not ended.
    var living: Set<Int> = []
    /// The same of replays.
    var replaying: Set<Int> = []
    var replayEndings: [(process: Int, ending: ReplayEnding)] = []
  }

  let world: DeterministicWorld
  let disk: ObservedDisk
  let cluster: SimulatedCluster
  let say: (@Sendable (String) -> Void)?
  private let firstProcess: Int
  private let state: Monitor<State>

  /// What instances do for the tables; nil for nothing.
  private let maintenance: MaintenanceOptions?

  /// - Parameter firstProcess: number of its first process; the world's processes have one each.
  init(
    world: DeterministicWorld, disk: ObservedDisk, cluster: SimulatedCluster,
    maintenance: MaintenanceOptions? = nil, firstProcess: Int = 1,
    say: (@Sendable (String) -> Void)?
  ) {
    self.maintenance = maintenance
    self.firstProcess = firstProcess
    state = Monitor(State(nextProcess: firstProcess))
    self.world = world
    self.disk = disk
    self.cluster = cluster
    self.say = say
  }

  /// Starts a process and returns its number, which no other ever has.
  func start(_ options: PipelineOptions, goal: InstanceGoal) -> Int {
    let process = state.update { state -> Int in
      defer { state.nextProcess += 1 }
      state.living.insert(state.nextProcess)
      return state.nextProcess
    }
    world.startProcess(process, name: "control") { [self] in
      let result = run(process, options, goal)
      state.update { state in
        state.instances[process] = nil
        state.maintainers[process] = nil
        // The dead end by running out; nobody is told of it a second time.
        if state.living.remove(process) != nil {
          state.endings.append(Ending(process: process, result: result))
        }
      }
    }
    return process
  }

  private func run(
    _ process: Int, _ options: PipelineOptions, _ goal: InstanceGoal
  ) -> InstanceResult {
    let storage: POSIXStorage
    do {
      storage = try POSIXStorage(
        root: ObservedDisk.root, access: .readWrite, fileSystem: disk.mount(process: process))
    } catch {
      return .failed("\(error)")
    }
    let instance = Instance(
      options: options, storage: storage, goal: goal,
      log: SimulatedLog.logger(process: process, say: say)
    ) { [cluster] delegate throws(KafkaError) in
      try cluster.connect(
        process: process, laneCount: options.laneCount, delegate: delegate)
    }
    let isAlive = state.update { state in
      if state.living.contains(process) { state.instances[process] = instance }
      return state.living.contains(process)
    }
    if !isAlive { return .failed("killed") }
    let maintainer = startMaintenance(of: process, options)
    defer { maintainer?.finish() }
    return instance.run()
  }

  /// As `downlinkd run` does it, beside the pipeline: a failed sync ends the process.
  private func startMaintenance(of process: Int, _ options: PipelineOptions) -> Maintainer? {
    guard let maintenance,
      let storage = try? POSIXStorage(
        root: ObservedDisk.root, access: .readWrite, fileSystem: disk.mount(process: process))
    else { return nil }
    let maintainer = Maintainer(
      .init(
        storage: storage, pipeline: options.pipeline, engineInfo: options.program,
        parquet: options.parquet, lock: nil),
      options: maintenance, log: SimulatedLog.logger(process: process, say: say)
    ) { [self] _ in kill(process) }
    state.update { $0.maintainers[process] = maintainer }
    return maintainer
  }

  /// The instances that are at work on a table at this moment, and the step.
  var maintaining: [(process: Int, step: String)] {
    let maintainers = state.update { $0.maintainers.sorted { $0.key < $1.key } }
    return maintainers.compactMap { process, maintainer in
      maintainer.status.current.map { (process, $0.step) }
    }
  }

  /// The step that an instance is at; nil between two passes.
  func maintenanceStep(of process: Int) -> String? {
    state.update { $0.maintainers[process] }?.status.current?.step
  }

  /// Starts a process that brings dead letters back, as `downlinkd dead-letters replay` does.
  func startReplay(_ options: PipelineOptions, _ filter: DeadLetterFilter) -> Int {
    let process = state.update { state -> Int in
      defer { state.nextProcess += 1 }
      state.replaying.insert(state.nextProcess)
      return state.nextProcess
    }
    world.startProcess(process, name: "replay") { [self] in
      let ending = replay(process, options, filter)
      state.update { state in
        if state.replaying.remove(process) != nil { state.replayEndings.append((process, ending)) }
      }
    }
    return process
  }

  private func replay(
    _ process: Int, _ options: PipelineOptions, _ filter: DeadLetterFilter
  ) -> ReplayEnding {
    do {
      let storage = try POSIXStorage(
        root: ObservedDisk.root, access: .readWrite, fileSystem: disk.mount(process: process))
      let replay = DeadLetterReplay(
        options: options, storage: storage, log: SimulatedLog.logger(process: process, say: say))
      return .done(try replay.run(filter))
    } catch {
      return .failed("\(error)")
    }
  }

  /// Instances and replays that run, ascending.
  var alive: [Int] { state.update { $0.living.union($0.replaying).sorted() } }

  /// Replays that have ended since the last call.
  func takeReplayEndings() -> [(process: Int, ending: ReplayEnding)] {
    state.update { state in
      defer { state.replayEndings = [] }
      return state.replayEndings
    }
  }

  /// The instances that run, ascending.
  var living: [Int] { state.update { $0.living.sorted() } }

  var startedCount: Int { state.update { $0.nextProcess - firstProcess } }

  /// Processes that have ended by themselves since the last call.
  func takeEndings() -> [Ending] {
    state.update { state in
      defer { state.endings = [] }
      return state.endings
    }
  }

  /// SIGKILL: no call of the process has any effect from now on.
  func kill(_ process: Int) {
    disk.disk.kill(process: process)
    noteDeath(process)
  }

  /// A process has died at a system call, or with its machine.
  func noteDeath(_ process: Int) {
    cluster.kill(process: process)
    let instance = state.update { state in
      state.living.remove(process)
      if state.replaying.remove(process) != nil {
        state.replayEndings.append((process, .killed))
      }
      return state.instances[process]
    }
    instance?.stop()
  }

  /// SIGTERM.
  func stop(_ process: Int) { state.update { $0.instances[process] }?.stop() }

  func reload(_ process: Int, _ reload: PipelineReload) {
    state.update { $0.instances[process] }?.reload(reload)
  }
}
