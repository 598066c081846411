import Base
import Decode
import Detectors
import Kafka
import Ledger
import Metrics
import Telemetry

/// Where the threads of an instance write down what happens, and from where a `PipelineStatus` is
/// read. It outlives sessions: totals count from the start of the process.
///
/// Written once a batch of events, commit or statistics report, never per record.
final class StatusBoard: Sendable {
  private struct Content: Sendable {
    var status: PipelineStatus
    var rule: ProgressRule
    /// Of the current session, by partition.
    var partitions: [TopicPartition: PipelineStatus.Partition] = [:]
    var labelledTotals: [LabelKey: Int64] = [:]
    /// Rebalances counted by clients that are gone.
    var earlierRebalanceCount: Int64 = 0
    var sessionRebalanceCount: Int64 = 0
    var earlierReceivedByteCount: Int64 = 0
    var sessionReceivedByteCount: Int64 = 0
    /// All the times below are its.
    var clock: AwakeClock
    var phaseSince: Int64 = 0
    /// Since when each cause has been waited for; `status.wait` is the oldest of them.
    var waits: [PipelineStatus.ExternalWait.Cause: Wait] = [:]
    /// By lane, the schema that its next record waits for; `waits` has the oldest of them.
    var schemaWaits: [Int: (schema: AwaitedSchema, wait: Wait)] = [:]
    var controlSeen: Int64 = 0
    var outOfGroupSince: Int64?
    var lastCommit: Int64?
    var commitSince: Int64?
    var failedSessionCount: Int64 = 0
    var failure: String?
    /// Partitions whose leader does not answer: what waits there cannot be fetched.
    var outOfReach: Set<TopicPartition> = []
    var floods: FloodWatch
    var drift: DriftBook
    let monotonicNanos: @Sendable () -> Int64

    /// The awake clock, now.
    mutating func now() -> Int64 { clock.now(monotonicNanos: monotonicNanos()) }
  }

  private struct Wait: Sendable {
    var shown: PipelineStatus.ExternalWait
    var since: Int64
  }

  private struct LabelKey: Hashable, Sendable {
    var name: String
    var labels: [PipelineStatus.LabelledTotal.Label]
  }

  private let content: Monitor<Content>

  static let recentCommitCountMax = 60
  static let recentAnomalyCountMax = 200

  /// - Parameter monotonicNanos: the time that passes; tests let it pass as they like.
  init(
    options: PipelineOptions,
    monotonicNanos: @escaping @Sendable () -> Int64 = { MonotonicClock.nowNanos() }
  ) {
    let status = PipelineStatus(
      pipeline: options.pipeline, program: options.program,
      configFingerprint: options.configFingerprint, startedAtMicros: WallClock.nowMicros())
    let rule = ProgressRule(
      limits: options.progressLimits, commitIntervalMillis: options.commit.intervalMillis)
    content = Monitor(
      Content(
        status: status, rule: rule,
        clock: AwakeClock(monotonicNanos: monotonicNanos()),
        floods: FloodWatch(options.sources), drift: DriftBook(options.sources),
        monotonicNanos: monotonicNanos))
  }

  // MARK: - Phases and waits

  func enter(_ phase: PipelineStatus.Phase, trouble: String? = nil) {
    content.update { content in
      content.status.trouble = trouble
      guard content.status.phase != phase else { return }
      content.status.phase = phase
      content.status.phaseSinceMicros = WallClock.nowMicros()
      content.phaseSince = content.now()
    }
  }

  func beginSession() {
    content.update { content in
      content.status.sessionCount += 1
      content.earlierRebalanceCount += content.sessionRebalanceCount
      content.sessionRebalanceCount = 0
      content.earlierReceivedByteCount += content.sessionReceivedByteCount
      content.sessionReceivedByteCount = 0
      content.partitions = [:]
      content.outOfGroupSince = nil
      content.outOfReach = []
      content.floods.beginSession()
      content.drift.beginSession()
      content.controlSeen = content.now()
    }
  }

  /// Begins a wait, or goes on with the one there is of that cause.
  func wait(for cause: PipelineStatus.ExternalWait.Cause, _ detail: String) {
    content.update { content in
      let now = content.now()
      let wait = PipelineStatus.ExternalWait(
        cause: cause, sinceMicros: WallClock.nowMicros(), detail: detail)
      content.waits[cause, default: Wait(shown: wait, since: now)].shown.detail = detail
    }
  }

  func endWait(for cause: PipelineStatus.ExternalWait.Cause) {
    content.update { $0.waits[cause] = nil }
  }

  /// Which lanes wait for a schema now: those before are over where it is another schema.
  /// - Parameters:
  ///   - awaitedSchemas: by lane.
  ///   - trouble: why the registry does not answer.
  func note(awaitedSchemas: [AwaitedSchema?], trouble: String?) {
    content.update { content in
      let now = content.now()
      var waits: [Int: (schema: AwaitedSchema, wait: Wait)] = [:]
      for (lane, schema) in awaitedSchemas.enumerated() {
        guard let schema else { continue }
        let known = content.schemaWaits[lane].flatMap { $0.schema.id == schema.id ? $0.wait : nil }
        var wait = known ?? Wait(
          shown: .init(
            cause: .schemaRegistry, sinceMicros: WallClock.nowMicros(), detail: ""), since: now)
        wait.shown.detail = schema.sentence + (trouble.map { ": \($0)" } ?? "")
        waits[lane] = (schema, wait)
      }
      content.schemaWaits = waits
      content.waits[.schemaRegistry] = waits.values
        .min { ($0.wait.since, $0.schema.id) < ($1.wait.since, $1.schema.id) }?.wait
    }
  }

  /// A session ended with a fault that recovery shall answer.
  func sessionFailed(_ reason: String) {
    enter(.starting, trouble: reason)
    content.update { content in
      content.failedSessionCount += 1
      content.failure = reason
    }
  }

  /// The control thread is alive.
  func seeControl() {
    content.update { $0.controlSeen = $0.now() }
  }

  // MARK: - Partitions and brokers

  func take(_ start: PartitionStart, lane: Int) {
    content.update { content in
      var partition = PipelineStatus.Partition(
        topicPartition: start.topicPartition, incarnation: start.key.incarnation, lane: lane)
      partition.committedOffset = start.to
      content.partitions[start.topicPartition] = partition
    }
  }

  func letGo(_ partitions: [TopicPartition]) {
    content.update { content in
      for partition in partitions { content.partitions[partition] = nil }
    }
  }

  func note(_ statistics: ConsumerStatistics) {
    content.update { content in
      content.status.brokers = statistics.brokers.map {
        PipelineStatus.Broker(
          name: $0.name, state: $0.state, roundTripMicros: $0.averageRoundTripMicros)
      }
      content.status.groupState = statistics.groupState
      content.status.joinState = statistics.joinState
      content.outOfGroupSince =
        statistics.isSettled ? nil : content.outOfGroupSince ?? content.now()
      content.outOfReach = Set(
        statistics.partitions.filter { !$0.isWithinReach }.map(\.partition))
      content.sessionRebalanceCount = statistics.rebalanceCount
      content.sessionReceivedByteCount = statistics.receivedByteCount
      for known in statistics.partitions {
        guard content.partitions[known.partition] != nil else { continue }
        if let end = known.endOffset { content.partitions[known.partition]?.endOffset = end }
        if let beginning = known.beginningOffset {
          content.partitions[known.partition]?.beginningOffset = beginning
        }
      }
    }
    noteReach(statistics)
  }

  /// A broker that is frozen keeps its connections, and stays `UP` in the client's eyes: that the
  /// group's coordinator does not answer is what gives it away.
  private func noteReach(_ statistics: ConsumerStatistics) {
    // A client that has met nobody has no brokers at all.
    if statistics.brokers.isEmpty { return }
    if !statistics.brokers.contains(where: { $0.state == "UP" }) {
      let states = statistics.brokers.map { "\($0.name) \($0.state)" }
      wait(for: .brokersAway, states.joined(separator: ", "))
    } else if !statistics.groupState.isEmpty, statistics.groupState != "up" {
      wait(
        for: .brokersAway, "the group's coordinator does not answer (\(statistics.groupState))")
    } else {
      endWait(for: .brokersAway)
    }
  }

  // MARK: - Floods and drift

  /// Takes what the lanes have decoded.
  /// - Returns: the topics that are not to be read now, and what has changed.
  func watchFloods(
    _ progress: [LaneProgress]
  ) -> (pausedTopics: Set<String>, changes: [FloodChange]) {
    content.update { content in
      let changes = content.floods.observe(progress, nowNanos: content.now())
      return (content.floods.pausedTopics, changes)
    }
  }

  func resumeFloods() { content.update { $0.floods.resumeAll() } }

  /// Takes what a lane has met that the schema does not have.
  /// - Returns: lines for the log, about what nobody has met before.
  func note(_ news: DriftNews) -> [String] { content.update { $0.drift.note(news) } }

  // MARK: - Commits

  /// A commit is under way until `commitEnded`.
  func commitBegan() { content.update { $0.commitSince = $0.now() } }

  func commitEnded() { content.update { $0.commitSince = nil } }

  func note(_ report: CommitReport, durationNanos: Int64) {
    let entry = report.entry
    func value(_ name: String) -> Int64 { entry.counters.first { $0.name == name }?.value ?? 0 }
    let commit = PipelineStatus.Commit(
      version: entry.version, atMicros: WallClock.nowMicros(),
      durationMicros: durationNanos / 1000, recordCount: value("records_read"),
      readingCount: value("readings"), firingCount: value("firings"), fileCount: value("files"),
      byteCount: value("file_bytes"))
    content.update { content in
      content.lastCommit = content.now()
      content.status.commitCount += 1
      content.status.lastCommit = commit
      content.status.recentCommits.append(commit)
      if content.status.recentCommits.count > Self.recentCommitCountMax {
        content.status.recentCommits.removeFirst()
      }
      content.status.commitSeconds.observe(Double(durationNanos) / 1e9)
      content.status.endToEndSeconds += report.endToEndSeconds
      for counter in entry.counters {
        content.status.totals[counter.name, default: 0] += counter.value
      }
      for total in report.labelledTotals {
        let key = LabelKey(name: total.name, labels: total.labels)
        content.labelledTotals[key, default: 0] += total.value
      }
      for move in entry.partitions {
        let partition = TopicPartition(topic: move.key.topic, partition: move.key.partition)
        content.partitions[partition]?.committedOffset = move.to
      }
      content.status.recentAnomalies += report.anomalies.suffix(Self.recentAnomalyCountMax)
      let surplus = content.status.recentAnomalies.count - Self.recentAnomalyCountMax
      if surplus > 0 { content.status.recentAnomalies.removeFirst(surplus) }
    }
  }

  var isRunning: Bool { content.update { $0.status.phase == .running } }

  func countConflict() { content.update { $0.status.conflictCount += 1 } }

  // MARK: - Reload

  /// Sessions begin with these options from now on; their sources are those of before.
  func adopt(_ options: PipelineOptions) {
    content.update { content in
      content.floods = FloodWatch(options.sources)
      content.drift.adoptSchemas()
      content.rule = ProgressRule(
        limits: options.progressLimits, commitIntervalMillis: options.commit.intervalMillis)
    }
  }

  func noteReload(isAccepted: Bool, detail: String, configFingerprint: String?) {
    content.update { content in
      content.status.lastReload = PipelineStatus.Reload(
        atMicros: WallClock.nowMicros(), isAccepted: isAccepted, detail: detail)
      if isAccepted {
        content.status.reloadCount += 1
      } else {
        content.status.reloadRefusedCount += 1
      }
      if let configFingerprint { content.status.configFingerprint = configFingerprint }
    }
  }

  // MARK: - Reading

  /// Everything, with what the lanes said last.
  func status(progress: [LaneProgress], sources: [SourceOptions]) -> PipelineStatus {
    var status = content.update { content in
      var status = content.status
      status.nowMicros = WallClock.nowMicros()
      status.rebalanceCount = content.earlierRebalanceCount + content.sessionRebalanceCount
      status.receivedByteCount =
        content.earlierReceivedByteCount + content.sessionReceivedByteCount
      status.labelledTotals = content.labelledTotals
        .map { .init(name: $0.key.name, labels: $0.key.labels, value: $0.value) }
        .sorted { $0.name == $1.name ? $0.labels.precede($1.labels) : $0.name < $1.name }
      let oldest = content.waits.values.min { $0.since < $1.since }
      status.wait = oldest?.shown
      status.floods = content.floods.floods
      status.drift = content.drift.sources
      Self.merge(progress, sources, content.partitions, into: &status)
      let facts = Self.facts(status, content)
      status.stall = content.rule.stall(facts, now: content.now())
      return status
    }
    // Not under the lock, which lanes ask for: with many partitions that takes a while.
    let known = Set(status.partitions.map(\.topicPartition))
    status.openDetails = PipelineStatus.OpenAnomaly.worst(
      of: progress.flatMap { lane in
        lane.partitions.filter { known.contains($0.key) }.map(\.value.openDetails)
      })
    return status
  }

  private static func merge(
    _ progress: [LaneProgress], _ sources: [SourceOptions],
    _ partitions: [TopicPartition: PipelineStatus.Partition], into status: inout PipelineStatus
  ) {
    var open = Self.noneOpen(sources)
    var known = partitions
    for lane in progress {
      for (topicPartition, report) in lane.partitions {
        guard known[topicPartition] != nil else { continue }
        known[topicPartition]?.take(report, isPaused: lane.isPaused)
        let source = sources.first { $0.topics.contains(topicPartition.topic) }
        for count in report.openAnomalies {
          let key = OpenKey(
            source: source?.plan.schema.source ?? "", detector: count.detector,
            severity: count.severity.text)
          open[key, default: 0] += count.count
        }
      }
    }
    status.partitions = known.values.sorted { $0.topicPartition < $1.topicPartition }
    status.openAnomalies = open
      .map { .init(source: $0.source, detector: $0.detector, severity: $0.severity, count: $1) }
      .sorted { ($0.source, $0.detector, $0.severity) < ($1.source, $1.detector, $1.severity) }
  }

  /// Zero for everything that could be open, so that a gauge is there before its first anomaly.
  private static func noneOpen(_ sources: [SourceOptions]) -> [OpenKey: Int] {
    var open: [OpenKey: Int] = [:]
    for source in sources {
      for detector in source.detectors {
        for severity in [AnomalyEvent.Severity.warning, .critical] {
          open[
            OpenKey(
              source: source.plan.schema.source, detector: detector.name,
              severity: severity.text)] = 0
        }
      }
    }
    return open
  }

  private struct OpenKey: Hashable {
    var source: String
    var detector: String
    var severity: String
  }

  private static func facts(
    _ status: PipelineStatus, _ content: Content
  ) -> ProgressRule.Facts {
    let outage = content.waits.filter { $0.key != .schemaRegistry }
      .min { $0.value.since < $1.value.since }
    var owed: Int64 = 0
    var replayPosition: Int64?
    let pausedTopics = content.floods.pausedTopics
    // What is paused on purpose owes nothing, and what waits for a schema has a limit of its own.
    for partition in status.partitions
    where !pausedTopics.contains(partition.topicPartition.topic)
      && content.schemaWaits[partition.lane] == nil
    {
      if partition.isReplaying {
        replayPosition = (replayPosition ?? 0) + (partition.nextOffset ?? 0)
      }
      let isWithinReach = !content.outOfReach.contains(partition.topicPartition)
      let end = isWithinReach ? partition.endOffset ?? 0 : 0
      let known = max(end, partition.nextOffset ?? 0)
      owed += max(0, known - (partition.committedOffset ?? known))
    }
    return ProgressRule.Facts(
      phase: status.phase, phaseSince: content.phaseSince, wait: outage?.key,
      waitSince: outage?.value.since ?? 0,
      schemaWaitSince: content.waits[.schemaRegistry]?.since, controlSeen: content.controlSeen,
      outOfGroupSince: content.outOfGroupSince, lastCommit: content.lastCommit,
      commitSince: content.commitSince, owedRecordCount: owed, replayPosition: replayPosition,
      failedSessionCount: content.failedSessionCount, failure: content.failure)
  }
}

extension PipelineStatus.Partition {
  fileprivate mutating func take(_ report: PartitionProgress, isPaused: Bool) {
    nextOffset = report.position
    isReplaying = report.isReplaying
    idleSinceMicros = report.idleSinceMicros
    bufferedByteCount = report.bufferedByteCount
    clockMicros = report.clockMicros
    newestEventTimeMicros = report.newestEventTimeMicros
    watermarkMicros = report.watermarkMicros
    deviceCount = report.deviceCount
    duplicates = report.duplicates
    stateByteCount = report.stateByteCount
    self.isPaused = isPaused
  }
}

extension [PipelineStatus.LabelledTotal.Label] {
  fileprivate func precede(_ other: Self) -> Bool {
    map(\.value).lexicographicallyPrecedes(other.map(\.value))
  }
}
