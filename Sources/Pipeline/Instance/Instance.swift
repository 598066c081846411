import Base
import Decode
package import Kafka
package import Logging
package import Storage
import Telemetry

/// When an instance ends by itself.
package enum InstanceGoal: Equatable, Sendable {
  /// Never: only when told to stop.
  case run
  /// When the end offsets seen at start are committed; open windows may be fired then, once, as a
  /// recorded decision.
  case caughtUp(firesOpenWindows: Bool)
}

/// How an instance ended.
package enum InstanceResult: Equatable, Sendable {
  /// In order. `isComplete` is false when it was told to stop before its goal was reached.
  case stopped(isComplete: Bool)
  /// Nothing was started: the configuration does not fit the world. A person must change one.
  case refused(String)
  /// A fault a person must look at; what was committed is whole.
  case failed(String)
}

/// One running pipeline: opens sessions one after the other until it is stopped, reaches its goal
/// or meets something only a person can mend.
///
/// Every fault that recovery can answer has the same answer: close the consumer, read the chain,
/// begin again. `run` blocks its thread; `stop` may be called from any.
package final class Instance: Sendable {
  /// Makes a consumer with the given delegate; called once a session.
  package typealias Connect =
    @Sendable (any RebalanceDelegate) throws(KafkaError) -> any GroupConsumer

  private let storage: any Storage
  private let goal: InstanceGoal
  private let connect: Connect
  private let log: Logger
  private let current: Monitor<Current>
  private let board: StatusBoard

  private struct Current {
    /// For the next session; a reload changes them.
    var options: PipelineOptions
    var reloadCount = 0
    var stopRequested = false
    var session: Session?
    /// The schemas of the tables, as the last session that came so far found them.
    var tableSchemas: [String: String] = [:]
  }

  /// Waits between sessions begin with this and grow to the other, until one has run for a minute.
  private static let reopenMillisMin = 200
  private static let reopenMillisMax = 10_000
  private static let settledNanos: Int64 = 60_000_000_000

  package init(
    options: PipelineOptions, storage: any Storage, goal: InstanceGoal, log: Logger,
    connect: @escaping Connect
  ) {
    current = Monitor(Current(options: options))
    board = StatusBoard(options: options)
    self.storage = storage
    self.goal = goal
    self.log = log
    self.connect = connect
  }

  /// Asks for an orderly end: cut, commit, leave the group. Returns at once.
  package func stop() {
    let session = current.update { current in
      current.stopRequested = true
      return current.session
    }
    session?.board.update { $0.stopRequested = true }
  }

  /// Takes over other detectors: in the running session at its next cut, which is asked for at
  /// once, and in every later one; or everything else, in another session, which is asked for at
  /// once. Returns at once. What speaks against it has been asked for before: `obstacles(to:)`.
  ///
  /// - Returns: its number, for `hasTakenOver`.
  @discardableResult
  package func reload(_ reload: PipelineReload) -> Int {
    let (session, options, number) = current.update { current in
      current.options = current.options.applying(reload)
      current.reloadCount += 1
      return (current.session, current.options, current.reloadCount)
    }
    if reload.reopening != nil { board.adopt(options) }
    session?.board.update { board in
      if reload.reopening != nil {
        board.reopenRequested = true
      } else {
        board.reload = reload
        board.reloadNumber = number
        board.commitRequested = true
      }
    }
    return number
  }

  /// Whether what was reloaded under this number, or a later one, is in force: partitions are
  /// fetched, or waited for as a member of the group, under it.
  package func hasTakenOver(_ number: Int) -> Bool {
    let inForce = current.update { $0.session }?.board.update { $0.reloadNumberInForce }
    return (inForce ?? -1) >= number && board.isRunning
  }

  /// Why what is in the tables and in the state could not go on under these options: one sentence
  /// each; none if it could. Cost: the size of the schemas.
  package func obstacles(to options: PipelineOptions) -> [String] {
    let (old, tables) = current.update { ($0.options, $0.tableSchemas) }
    return SourceGrowth.obstacles(from: old.sources, to: options.sources, tables: tables)
  }

  /// Tries every source again that a flood of dead letters has paused. Returns at once.
  package func resumeFloods() { board.resumeFloods() }

  /// Writes down what became of a request to reload, for status and metrics.
  package func noteReload(isAccepted: Bool, detail: String, configFingerprint: String? = nil) {
    board.noteReload(
      isAccepted: isAccepted, detail: detail, configFingerprint: configFingerprint)
  }

  /// What the instance knows about itself now. Cost: a copy of the status, some microseconds a
  /// partition; callable from any thread, as often as anybody likes.
  package func status() -> PipelineStatus {
    let (session, options) = current.update { ($0.session, $0.options) }
    var status = board.status(
      progress: session?.board.update { $0.progress } ?? [], sources: options.sources)
    status.schemaRegistry = (options.schemas?.account).map { PipelineStatus.SchemaRegistry($0) }
    return status
  }

  /// Runs to the end. Blocks.
  package func run() -> InstanceResult {
    defer { board.enter(.stopped) }
    return runSessions()
  }

  private func runSessions() -> InstanceResult {
    var memory = SessionMemory()
    var waitMillis = Self.reopenMillisMin
    while true {
      let startNanos = MonotonicClock.nowNanos()
      let (options, reloadCount) = current.update { ($0.options, $0.reloadCount) }
      // A new incarnation a session: commit ids count from 1 in each, and must never repeat.
      let pool = OutputPool(byteCountMax: options.commit.byteCount)
      let committer = Committer(
        options: options, storage: storage, pool: pool, incarnation: RandomID.make(), log: log)
      board.beginSession()
      let end = runSession(
        committer, options, reloadCount: reloadCount, pool: pool, memory: &memory)
      noteTrouble(end)
      switch end {
      case .stopped(let isComplete): return .stopped(isComplete: isComplete || goal == .run)
      case .reloaded:
        log.notice("going on with the new configuration")
        continue
      case .refused(let reason) where memory.hasStarted: return .failed(reason)
      case .refused(let reason): return .refused(reason)
      case .failed(.stop(let reason)), .failed(.syncFailed(let reason)): return .failed(reason)
      case .failed(.reopen(let reason)): log.warning("recovering: \(reason)")
      case .failed(.damagedState(_, let reason)):
        log.error(
          "a state snapshot is damaged, recovering with the one before: \(reason)",
          metadata: ["damaged": "\(memory.damagedStates.sorted())"])
      }
      if MonotonicClock.nowNanos() - startNanos > Self.settledNanos {
        waitMillis = Self.reopenMillisMin
      }
      let stopped = current.wait(timeoutMillis: waitMillis) { $0.stopRequested ? true : nil }
      if stopped == true { return .stopped(isComplete: goal == .run) }
      waitMillis = min(waitMillis * 2, Self.reopenMillisMax)
    }
  }

  /// What `/status` says between two sessions.
  private func noteTrouble(_ end: SessionEnd) {
    switch end {
    case .failed(.reopen(let reason)), .failed(.damagedState(_, let reason)):
      board.sessionFailed(reason)
    case .reloaded: board.enter(.starting)
    case .stopped, .refused, .failed: break
    }
  }

  /// - Parameter reloadCount: when `options` were read: what was reloaded since has not reached
  ///   this session.
  private func runSession(
    _ committer: sending Committer, _ options: PipelineOptions, reloadCount: Int,
    pool: OutputPool, memory: inout SessionMemory
  ) -> SessionEnd {
    let session = Session(
      options: options, storage: storage, committer: Monitor(committer), pool: pool, goal: goal,
      memory: memory, status: board, log: log)
    let (mustStop, isOutdated) = current.update { current in
      current.session = session
      session.board.update { $0.reloadNumberInForce = reloadCount }
      return (current.stopRequested, current.reloadCount != reloadCount)
    }
    defer { current.update { $0.session = nil } }
    if mustStop { return .stopped(isComplete: false) }
    if isOutdated { return .reloaded }
    let consumer: any GroupConsumer
    do {
      consumer = try connect(session)
    } catch {
      return .refused("\(error)")
    }
    if let end = session.prepare(consumer) {
      consumer.close(timeoutMillis: 0)
      return end
    }
    current.update { $0.tableSchemas = session.tableSchemas }
    memory.hasStarted = true
    memory.targets = session.memory.targets
    let end = session.run(consumer)
    memory.damagedStates.formUnion(session.board.update { $0.damagedStates })
    return end
  }
}

/// What one session leaves to the next.
struct SessionMemory: Sendable {
  /// Snapshots that turned out damaged.
  var damagedStates: Set<String> = []
  /// End offsets at the first start; nil before, or when the goal needs none.
  var targets: [TopicPartition: Int64]?
  /// Whether a session has got as far as reading: from then on faults are not the configuration's.
  var hasStarted = false
}

extension PipelineStatus.SchemaRegistry {
  fileprivate init(_ account: SchemaAccount) {
    self.init(url: account.place)
    answeredCount = account.answeredCount
    notFoundCount = account.notFoundCount
    failedCount = account.failedCount
    knownIDCount = account.knownIDCount
    waitSeconds = Double(account.waitNanos) / 1e9
    trouble = account.trouble
  }
}
