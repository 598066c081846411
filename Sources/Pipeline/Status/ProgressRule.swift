/// Decides whether an instance progresses: what `/readyz` says and what feeds the watchdog.
///
/// Progress is what others can rely on, a **commit**; not that threads are alive. Three things
/// stand in for one: nothing is owed (every record there is, is committed), a partition's state is
/// being rebuilt and its position moves, or a named wait for something outside that has not passed
/// its own limit. Beyond a limit the instance counts as stuck even so: restarting it is the one
/// thing left that a service manager can try.
///
/// Pure: the clock is an argument. Asked at least every few seconds while anybody listens.
struct ProgressRule: Sendable {
  /// What the rule looks at.
  struct Facts: Sendable {
    var phase: PipelineStatus.Phase
    /// Nanoseconds of the monotonic clock, as all times here.
    var phaseSince: Int64
    var wait: PipelineStatus.ExternalWait.Cause?
    var waitSince: Int64
    /// When the control thread was seen last.
    var controlSeen: Int64
    var lastCommit: Int64?
    /// Records taken in or waiting in Kafka that no commit covers.
    var owedRecordCount: Int64
    /// The sum of positions of partitions that replay; nil when none does.
    var replayPosition: Int64?
  }

  /// Starting or recovering for longer than this is not progress.
  static let startingLimit: Int64 = 300 * second
  /// Leaving the group takes its commits' time.
  static let drainingLimit: Int64 = 300 * second
  /// The control thread asks brokers things, with time-outs of ten seconds each.
  static let controlLimit: Int64 = 120 * second
  /// A position that replays must move within this.
  static let replayLimit: Int64 = 120 * second
  /// A commit must follow within this, or within three intervals where that is longer.
  static let commitLimitMin: Int64 = 120 * second

  /// How long each wait is borne: brokers come back in minutes or a person is at work on them; a
  /// full disk may take that person an hour.
  static func limit(of cause: PipelineStatus.ExternalWait.Cause) -> Int64 {
    switch cause {
    case .brokersAway: return 1800 * second
    case .diskFull: return 3600 * second
    }
  }

  private static let second: Int64 = 1_000_000_000

  private let commitLimit: Int64
  /// Since when something has been owed without a commit.
  private var owedSince: Int64?
  private var replayPosition: Int64?
  private var replayMovedAt: Int64 = 0

  init(commitIntervalMillis: Int) {
    commitLimit = max(Self.commitLimitMin, 3 * Int64(commitIntervalMillis) * 1_000_000)
  }

  /// The sentence that says what does not move, or nil while the instance progresses.
  mutating func stall(_ facts: Facts, now: Int64) -> String? {
    noteOwed(facts, now: now)
    noteReplay(facts, now: now)
    if let wait = facts.wait {
      let waited = now - facts.waitSince
      if waited <= Self.limit(of: wait) { return nil }
      return "waiting for \(wait.text) for \(Self.text(waited))"
    }
    switch facts.phase {
    case .stopped: return nil
    case .starting, .joining:
      return Self.overdue(now - facts.phaseSince, Self.startingLimit) {
        "\(facts.phase.rawValue) for \($0)"
      }
    case .draining:
      return Self.overdue(now - facts.phaseSince, Self.drainingLimit) { "draining for \($0)" }
    case .running: return stallWhileRunning(facts, now: now)
    }
  }

  private func stallWhileRunning(_ facts: Facts, now: Int64) -> String? {
    let control = Self.overdue(now - facts.controlSeen, Self.controlLimit) {
      "the control thread has not been heard of for \($0)"
    }
    if let control { return control }
    if replayPosition != nil {
      return Self.overdue(now - replayMovedAt, Self.replayLimit) {
        "rebuilding state has not moved for \($0)"
      }
    }
    guard let owedSince else { return nil }
    let since = max(owedSince, facts.lastCommit ?? owedSince)
    return Self.overdue(now - since, commitLimit) {
      "no commit for \($0) while \(facts.owedRecordCount) records wait"
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

  private static func overdue(
    _ span: Int64, _ limit: Int64, _ sentence: (String) -> String
  ) -> String? {
    span > limit ? sentence(text(span)) : nil
  }

  private static func text(_ nanos: Int64) -> String { "\(nanos / second) s" }
}

extension PipelineStatus.ExternalWait.Cause {
  /// For sentences that begin with "waiting for".
  package var text: String {
    switch self {
    case .brokersAway: return "a broker that answers"
    case .diskFull: return "space on storage"
    }
  }
}
