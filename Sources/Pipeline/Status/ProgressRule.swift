/// Decides whether an instance progresses: what `/readyz` says, what feeds the watchdog, and after
/// which a stuck instance ends itself (`StallRule`).
///
/// Progress is what others can rely on, a **commit**; not that threads are alive. Three things
/// stand in for one: nothing is owed (every record within reach is committed), a partition's state
/// is being rebuilt and its position moves, or a named wait for something outside that has not
/// passed its own limit. Beyond a limit the instance counts as stuck even so: restarting it is the
/// one thing left to try. Brokers and space are waited for by everybody; a schema by some lanes, so
/// that all other rules hold for what is not theirs meanwhile.
///
/// Pure: the clock is an argument, and counts only time in which the process was awake
/// (`AwakeClock`): a machine that slept has not been stuck. Asked about once a second.
struct ProgressRule: Sendable {
  /// What the rule looks at.
  struct Facts: Sendable {
    var phase: PipelineStatus.Phase
    /// Nanoseconds of the awake clock, as all times here.
    var phaseSince: Int64
    /// What everything waits for.
    var wait: PipelineStatus.ExternalWait.Cause?
    var waitSince: Int64
    /// Since when a lane has waited for the same schema; nil where none does. Commits of others are
    /// no progress of that lane.
    var schemaWaitSince: Int64?
    /// When the control thread was seen last.
    var controlSeen: Int64
    /// Since when the client has not been a settled member of its group; nil while it is one, and
    /// where nobody knows.
    var outOfGroupSince: Int64?
    var lastCommit: Int64?
    /// Since when a commit has been under way; nil while none is.
    var commitSince: Int64?
    /// Records taken in, or waiting in Kafka where they can be fetched, that no commit covers;
    /// those of lanes that wait for a schema left out.
    var owedRecordCount: Int64
    /// The sum of positions of partitions that replay; nil when none does. Without those lanes'.
    var replayPosition: Int64?
    /// Sessions that ended with a fault since the start of the process.
    var failedSessionCount: Int64 = 0
    /// Why the last of them did.
    var failure: String?
  }

  private let limits: ProgressLimits
  private let commitLimit: Int64
  /// Since when something has been owed without a commit.
  private var owedSince: Int64?
  private var replayPosition: Int64?
  private var replayMovedAt: Int64 = 0
  /// The last moment of a wait: what did not move during it has all its time afterwards.
  private var waitSeenAt: Int64 = .min
  /// The wait there is, or was until shortly: brokers that come and go every few seconds are away.
  private var outage: (cause: PipelineStatus.ExternalWait.Cause, since: Int64, seenAt: Int64)?
  /// Since when sessions have failed without progress between them, and how many had failed then.
  private var failing: (since: Int64, countBefore: Int64)?
  private var failedSessionCount: Int64 = 0

  init(limits: ProgressLimits = ProgressLimits(), commitIntervalMillis: Int) {
    self.limits = limits
    commitLimit = max(limits.commit, 3 * Int64(commitIntervalMillis) * 1_000_000)
  }

  /// The sentence that says what does not move, or nil while the instance progresses.
  mutating func stall(_ facts: Facts, now: Int64) -> String? {
    noteWait(facts, now: now)
    noteFailures(facts, now: now)
    noteOwed(facts, now: now)
    noteReplay(facts, now: now)
    if facts.phase == .stopped { return nil }
    if let wait = facts.wait {
      return overdue(since: outage?.since ?? facts.waitSince, limits.limit(of: wait), now) {
        "waiting for \(wait.text) for \($0)"
      }
    }
    return stallOfCommit(facts, now) ?? stallOfSessions(facts, now) ?? stallOfPhase(facts, now)
      ?? stallOfSchema(facts, now)
  }

  // MARK: - What may be stuck

  private func stallOfCommit(_ facts: Facts, _ now: Int64) -> String? {
    guard let since = facts.commitSince else { return nil }
    return overdue(since: max(since, waitSeenAt), commitLimit, now) {
      "a commit has been under way for \($0)"
    }
  }

  private func stallOfSessions(_ facts: Facts, _ now: Int64) -> String? {
    guard let failing else { return nil }
    let count = facts.failedSessionCount - failing.countBefore
    return overdue(since: failing.since, limits.failing, now) { span in
      "\(count) sessions failed without progress in \(span), the last because "
        + (facts.failure ?? "of an unknown fault")
    }
  }

  private func stallOfSchema(_ facts: Facts, _ now: Int64) -> String? {
    guard let since = facts.schemaWaitSince else { return nil }
    return overdue(since: max(since, waitSeenAt), limits.schemaRegistry, now) { span in
      "waiting for \(PipelineStatus.ExternalWait.Cause.schemaRegistry.text) for \(span)"
    }
  }

  private func stallOfPhase(_ facts: Facts, _ now: Int64) -> String? {
    let since = max(facts.phaseSince, waitSeenAt)
    switch facts.phase {
    case .stopped: return nil
    case .starting: return overdue(since: since, limits.starting, now) { "starting for \($0)" }
    case .draining: return overdue(since: since, limits.draining, now) { "draining for \($0)" }
    case .joining:
      return stallOfControl(facts, now)
        ?? overdue(since: since, limits.joining, now) { "joining the group for \($0)" }
    case .running: return stallOfControl(facts, now) ?? stallWhileRunning(facts, now)
    }
  }

  private func stallOfControl(_ facts: Facts, _ now: Int64) -> String? {
    overdue(since: max(facts.controlSeen, waitSeenAt), limits.control, now) {
      "the control thread has not been heard of for \($0)"
    }
  }

  private func stallWhileRunning(_ facts: Facts, _ now: Int64) -> String? {
    if let since = facts.outOfGroupSince {
      let stall = overdue(since: max(since, waitSeenAt), limits.joining, now) {
        "out of the group for \($0)"
      }
      if let stall { return stall }
    }
    if replayPosition != nil {
      return overdue(since: replayMovedAt, limits.replay, now) {
        "rebuilding state has not moved for \($0)"
      }
    }
    guard let owedSince else { return nil }
    return overdue(since: max(owedSince, facts.lastCommit ?? owedSince), commitLimit, now) {
      "no commit for \($0) while \(facts.owedRecordCount) records wait"
    }
  }

  // MARK: - What is remembered from look to look

  private mutating func noteWait(_ facts: Facts, now: Int64) {
    if let cause = facts.wait {
      waitSeenAt = now
      let known = outage?.cause == cause ? outage?.since : nil
      // A commit meanwhile is progress.
      outage = (cause, max(known ?? facts.waitSince, facts.lastCommit ?? .min), now)
    } else if let seenAt = outage?.seenAt, now - seenAt >= limits.settled {
      outage = nil
    }
  }

  private mutating func noteFailures(_ facts: Facts, now: Int64) {
    if facts.failedSessionCount > failedSessionCount, failing == nil {
      failing = (now, failedSessionCount)
    }
    failedSessionCount = facts.failedSessionCount
    guard let known = failing else { return }
    let hasCommitted = (facts.lastCommit ?? .min) > known.since
    let hasSettled = facts.phase == .running && now - facts.phaseSince >= limits.settled
    if hasCommitted || hasSettled {
      failing = nil
    } else if facts.wait != nil {
      failing?.since = now
    }
  }

  private mutating func noteOwed(_ facts: Facts, now: Int64) {
    guard facts.phase == .running, facts.owedRecordCount > 0, facts.wait == nil else {
      owedSince = nil
      return
    }
    owedSince = owedSince ?? now
  }

  private mutating func noteReplay(_ facts: Facts, now: Int64) {
    if facts.replayPosition != replayPosition || facts.wait != nil { replayMovedAt = now }
    replayPosition = facts.replayPosition
  }

  private func overdue(
    since: Int64, _ limit: Int64, _ now: Int64, _ sentence: (String) -> String
  ) -> String? {
    let span = now - since
    return span > limit ? sentence("\(span / 1_000_000_000) s") : nil
  }
}

extension PipelineStatus.ExternalWait.Cause {
  /// For sentences that begin with "waiting for".
  package var text: String {
    switch self {
    case .brokersAway: return "a broker that answers"
    case .diskFull: return "space on storage"
    case .schemaRegistry: return "the schema registry"
    }
  }
}
