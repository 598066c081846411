import Base
import Kafka
import Ledger
import Logging
import Storage
import Telemetry

/// How a session ended.
enum SessionEnd {
  /// As asked. `isComplete`: everything up to the end offsets seen at start is committed.
  case stopped(isComplete: Bool)
  /// In order, so that the next one has another configuration.
  case reloaded
  /// Nothing was read: brokers, topics or root are not as the configuration says.
  case refused(String)
  case failed(SessionFailure)
}

/// One life of the consumer: from joining the group to leaving it.
///
///     control thread   polls Kafka, answers rebalances, watches the board        (run)
///     lane threads     records ─▶ readings, windows ─▶ cuts
///     commit thread    cuts ─▶ commits                                           (commitLoop)
///
/// What they share is the board (a Monitor), the committer (a Monitor: one commit at a time) and
/// the lanes' command queues. A fault anywhere lands on the board and ends the session; nothing is
/// mended in place.
final class Session: @unchecked Sendable {
  // @unchecked because `consumer` and `lanes` are set once before any thread starts.

  let options: PipelineOptions
  let storage: any Storage
  let log: Logger
  let board: Monitor<SessionBoard>
  let committer: Monitor<Committer>
  let pool: OutputPool
  let goal: InstanceGoal
  let status: StatusBoard
  /// What earlier sessions left; `prepare` completes it.
  private(set) var memory: SessionMemory
  private(set) var clusterID: String?
  /// By table, as `prepare` found or made them.
  private(set) var tableSchemas: [String: String] = [:]
  private(set) var consumer: (any GroupConsumer)?
  private(set) var laneCommands: [Monitor<[LaneCommand]>] = []
  private var laneThreads: [WorkerThread] = []
  /// Which lane has which partition; control thread only.
  private(set) var assignment: [TopicPartition: Int] = [:]
  private(set) var keys: [TopicPartition: PartitionKey] = [:]
  /// When to ask whether the topics are still there, since partitions have gone; nil: no doubt.
  var topicsDoubtedUntilNanos: Int64?
  /// Partitions that are not fetched because their source is flooded with dead letters.
  var heldPartitions: Set<TopicPartition> = []
  /// When to look again for partitions in which nobody speaks.
  var nextSilenceLookNanos: Int64 = 0
  /// Whom to ask about at such a look.
  var silenceInquiry = SilenceInquiry()
  /// Schemas that the registry denies, of which the log has been told.
  var deniedSchemas: Set<Int32> = []
  /// Whether the status says that a schema is waited for.
  var awaitsSchema = false
  /// Whether the group has told us our part, which may be none.
  var hasBeenAssigned = false
  /// Set when the last commits of the session are being made: they bring the state along.
  private(set) var isDraining = false
  private(set) var firesOpenWindows = false
  /// Partitions were taken away before the last commit of them.
  var hasLostWhileDraining = false

  /// How long the control side waits for lanes to answer; they answer between batches.
  static let laneAnswerMillis = 60_000
  static let pollMillis: Int32 = 50
  static let requestMillis: Int32 = 10_000
  /// `--until-caught-up` looks this often whether other instances have done their part.
  static let chainLookMillis: Int64 = 500
  /// An orderly stop ends within this, done or not: the service manager kills after it.
  static let leaveMillis = 4_000
  /// The same for a finite run, whose last commit may be large.
  static let finishMillis = 120_000

  init(
    options: PipelineOptions, storage: any Storage, committer: Monitor<Committer>,
    pool: OutputPool, goal: InstanceGoal, memory: SessionMemory, status: StatusBoard, log: Logger
  ) {
    self.options = options
    self.storage = storage
    self.committer = committer
    self.pool = pool
    self.goal = goal
    self.memory = memory
    self.status = status
    self.log = log
    board = Monitor(SessionBoard(laneCount: options.laneCount))
  }

  // MARK: - Before reading

  /// Asks brokers, topics, ledger and tables whether everything is as it must be, and opens what
  /// was never opened. Nothing is read yet.
  ///
  /// - Returns: why the session cannot run, or nil.
  func prepare(_ consumer: any GroupConsumer) -> SessionEnd? {
    self.consumer = consumer
    do {
      let topics = options.sources.flatMap(\.topics)
      let counts = try consumer.partitionCounts(topics, timeoutMillis: Self.requestMillis)
      let clusterID = consumer.clusterID(timeoutMillis: Self.requestMillis)
      self.clusterID = clusterID
      let opener = TopicOpener(consumer: consumer, start: options.start)
      try committer.update { committer in
        try committer.recover(clusterID: clusterID)
        tableSchemas = committer.state.tables.compactMapValues(\.schemaText)
        try checkTopics(counts, in: committer.state)
        for topic in topics {
          guard let opening = try opener.opening(of: topic, in: committer.state) else { continue }
          try committer.open(opening, clusterID: clusterID)
        }
      }
      if goal != .run && memory.targets == nil {
        memory.targets = try endOffsets(counts, consumer)
      }
      status.endWait(for: .diskFull)
      return nil
    } catch let error as KafkaError {
      guard error.isRetriable && hasLedger else {
        return .refused(sentence(ofUnknownTopic: error))
      }
      // Who waits for a finite run decides himself whether to try again.
      guard hasRunBefore else { return .failed(.stop("\(error)")) }
      status.wait(for: .brokersAway, "\(error)")
      return .failed(.reopen("\(error)"))
    } catch let error as CommitFailure {
      if case .noSpace(let reason) = error, hasRunBefore {
        status.wait(for: .diskFull, reason)
        return .failed(.reopen(reason))
      }
      return refusal(error)
    } catch let error as SessionFailure {
      return .failed(error)
    } catch {
      return .refused("\(error)")
    }
  }

  /// Whether brokers that do not answer, or a full disk, are an outage to wait out. Before a
  /// pipeline's very first start they are a fault of the configuration: nobody has seen these
  /// addresses work. A ledger is the proof that they once did, so that a machine may boot while
  /// Kafka is down.
  var hasRunBefore: Bool {
    memory.hasStarted || goal == .run && hasLedger
  }

  private var hasLedger: Bool { (try? storage.list(Ledger.folder))?.isEmpty == false }

  private func refusal(_ failure: CommitFailure) -> SessionEnd {
    switch failure {
    case .conflict(let reason), .mustRecover(let reason): return .failed(.reopen(reason))
    case .syncFailed(let reason): return .failed(.syncFailed(reason))
    case .noSpace(let reason), .fatal(let reason), .abandoned(let reason): return .refused(reason)
    }
  }

  private func endOffsets(
    _ counts: [String: Int], _ consumer: any GroupConsumer
  ) throws(KafkaError) -> [TopicPartition: Int64] {
    let partitions = counts.flatMap { topic, count in
      (0..<Int32(count)).map { TopicPartition(topic: topic, partition: $0) }
    }
    return try consumer.offsetRanges(partitions, timeoutMillis: Self.requestMillis)
      .mapValues(\.end)
  }

  // MARK: - Life

  /// Runs until a stop, the goal or a fault. `consumer` was made with this session as delegate.
  func run(_ consumer: any GroupConsumer) -> SessionEnd {
    startLanes(consumer)
    let commitThread = WorkerThread(name: "commit") { self.commitLoop() }
    var end: SessionEnd
    status.enter(.joining)
    do {
      try consumer.subscribe(options.sources.flatMap(\.topics))
      end = watch(consumer)
    } catch {
      end = .failed(.stop("\(error)"))
    }
    board.update { $0.committerShouldEnd = true }
    commitThread.join()
    end = drain(consumer, after: end)
    for commands in laneCommands { commands.update { $0.append(.stop) } }
    for thread in laneThreads { thread.join() }
    status.note(awaitedSchemas: [], trouble: nil)
    consumer.close(timeoutMillis: Self.leaveMillis)
    self.consumer = nil
    return end
  }

  private func startLanes(_ consumer: any GroupConsumer) {
    for index in 0..<options.laneCount {
      let commands = Monitor<[LaneCommand]>([])
      laneCommands.append(commands)
      let records = LaneRecords(consumer.records(ofLane: index))
      laneThreads.append(
        WorkerThread(name: "lane-\(index)") { [self] in
          Lane(
            index: index, records: records.source, options: options, storage: storage,
            pool: pool, commands: commands, delegate: self
          ).run()
        })
    }
  }

  // MARK: - Control thread

  /// Polls until something ends the session.
  private func watch(_ consumer: any GroupConsumer) -> SessionEnd {
    var lastLookNanos: Int64 = 0
    while true {
      for event in consumer.poll(timeoutMillis: Self.pollMillis) { handle(event) }
      status.seeControl()
      let now = board.update { board in
        defer { board.losses = [] }
        return (
          stop: board.stopRequested, reopen: board.reopenRequested, failure: board.failure,
          losses: board.losses
        )
      }
      if let failure = now.failure { return .failed(failure) }
      for loss in now.losses { handle(loss, consumer) }
      if now.stop { return .stopped(isComplete: false) }
      if now.reopen { return .reloaded }
      resolveTopicDoubt(consumer)
      tendFloods(consumer)
      tendSilences(consumer)
      tendSchemaWaits()
      guard goal != .run else { continue }
      let nowNanos = MonotonicClock.nowNanos()
      if nowNanos - lastLookNanos >= Self.chainLookMillis * 1_000_000 || ownPartIsRead() {
        lastLookNanos = nowNanos
        if isComplete() { return .stopped(isComplete: true) }
      }
    }
  }

  private func handle(_ event: ConsumerEvent) {
    switch event {
    case .statistics(let statistics):
      status.note(statistics)
      logLag(statistics)
    case .declined(let partitions):
      log.error("partitions were not taken up", metadata: ["partitions": "\(partitions)"])
      board.update { $0.fail(.reopen("partitions \(partitions) could not be taken up")) }
    case .groupOffsetsNotCommitted(let error):
      log.warning("group offsets are behind; only lag tools see it: \(error)")
    case .error(let error):
      if error.code == .allBrokersDown { status.wait(for: .brokersAway, "\(error)") }
      log.warning("Kafka: \(error)")
      if error.isUnknownTopic { handleUnknownTopic(error) }
    case .fatal(let error): board.update { $0.fail(.reopen("Kafka: \(error)")) }
    }
  }

  private func logLag(_ statistics: ConsumerStatistics) {
    let lags = statistics.partitions.compactMap(\.lag)
    log.debug(
      "lag",
      metadata: [
        "records": "\(lags.reduce(0, +))", "partitions": "\(lags.count)",
        "largest": "\(lags.max() ?? 0)", "group": "\(statistics.groupState)",
      ])
  }

  // MARK: - End

  /// Leaves the group in order: cut, commit, give the partitions back.
  private func drain(_ consumer: any GroupConsumer, after end: SessionEnd) -> SessionEnd {
    var isComplete = false
    switch end {
    case .stopped(let isGoalReached): isComplete = isGoalReached
    case .reloaded: break
    case .refused, .failed:
      consumer.leaveGroup(timeoutMillis: Self.leaveMillis)
      return end
    }
    CrashPoint.reached(.draining)
    isDraining = true
    status.enter(.draining)
    firesOpenWindows = isComplete && goal == .caughtUp(firesOpenWindows: true)
    // A service manager waits about ten seconds for a daemon; nobody waits for a finite run.
    consumer.leaveGroup(timeoutMillis: goal == .run ? Self.leaveMillis : Self.finishMillis)
    if firesOpenWindows && hasLostWhileDraining {
      return .failed(.stop("partitions were lost before their open windows could be fired"))
    }
    if let failure = board.update({ $0.failure }) { return .failed(failure) }
    return end
  }

  // MARK: - Rebalance bookkeeping

  /// The lane with the fewest partitions, the lowest of equals.
  func nextLane() -> Int {
    var counts = Array(repeating: 0, count: options.laneCount)
    for lane in assignment.values { counts[lane] += 1 }
    return counts.indices.min { (counts[$0], $0) < (counts[$1], $1) } ?? 0
  }

  func hand(_ start: PartitionStart, toLane lane: Int) {
    assignment[start.topicPartition] = lane
    status.take(start, lane: lane)
    keys[start.topicPartition] = start.key
    laneCommands[lane].update { $0.append(.start(start)) }
  }

  func tell(_ partition: TopicPartition, _ command: LaneCommand) {
    guard let lane = assignment[partition] else { return }
    laneCommands[lane].update { $0.append(command) }
  }

  /// Makes the lanes let go of partitions, and waits until they have.
  func letGo(_ partitions: [TopicPartition]) {
    forgetHeld(partitions)
    let done = Monitor(0)
    for commands in laneCommands {
      commands.update { $0.append(.forget(partitions, done: done)) }
    }
    let answered = done.wait(timeoutMillis: Self.laneAnswerMillis) {
      $0 == options.laneCount ? true : nil
    }
    if answered == nil { board.update { $0.fail(.stop("a lane did not answer within a minute")) } }
    committer.update { committer in
      for partition in partitions {
        if let key = keys[partition] { committer.disown(key) }
      }
    }
    // What a lane said of them is of the past, also if they come back.
    board.update { board in
      for index in board.progress.indices {
        for partition in partitions { board.progress[index].partitions[partition] = nil }
      }
    }
    for partition in partitions {
      assignment[partition] = nil
      keys[partition] = nil
    }
    status.letGo(partitions)
  }
}

/// Carries a lane's source to its thread.
private struct LaneRecords: @unchecked Sendable {
  // @unchecked because the source is used by the lane's thread only.
  let source: any RecordSource

  init(_ source: any RecordSource) { self.source = source }
}
