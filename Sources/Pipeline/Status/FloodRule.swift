/// When dead letters are no accident any more: the wrong message type, a producer gone mad.
package struct FloodOptions: Equatable, Sendable {
  /// Share of dead records, above 0 to 1, that …
  package var share: Double
  /// … for so long makes a flood.
  package var forMillis: Int
  /// A paused source is tried again this often.
  package var retryMillis: Int

  package init(share: Double, forMillis: Int, retryMillis: Int) {
    precondition(share > 0 && share <= 1, "a share lies above 0 and is at most 1")
    precondition(forMillis > 0 && retryMillis > 0, "times are positive")
    self.share = share
    self.forMillis = forMillis
    self.retryMillis = retryMillis
  }
}

/// Records that a source has decoded, and those of them that were dead.
struct DeadShare: Equatable, Sendable {
  var recordCount: Int64 = 0
  var deadCount: Int64 = 0

  static func += (left: inout DeadShare, right: DeadShare) {
    left.recordCount += right.recordCount
    left.deadCount += right.deadCount
  }

  static func - (left: DeadShare, right: DeadShare) -> DeadShare {
    DeadShare(
      recordCount: left.recordCount - right.recordCount,
      deadCount: left.deadCount - right.deadCount)
  }

  func isAtLeast(_ share: Double) -> Bool {
    Double(deadCount) >= share * Double(recordCount)
  }
}

/// Judges one source by the wall clock: floods pause it, and after a while it is tried again.
///
///     flowing ── share high for `for`, in at least `countMin` records ──▶ paused
///        ▲                                                         ▲       │ after `retry`,
///        │ `countMin` records                                      │       │ or told to
///        │ with a lower share                share still high      │       ▼
///        └─────────────────────────────── probing ─────────────────┴───────┘
///
/// Time is looked at in steps; a step without records says nothing, so that three bad records in a
/// quiet night are no flood, however long the night. Pure: what pausing means is others' business.
/// It decides only when records are read, never what becomes of them (I9).
struct FloodRule: Sendable {
  /// Fewer dead records are no flood.
  static let countMin: Int64 = 100
  /// Steps in which the share is looked at: so many in `for`.
  private static let stepCount: Int64 = 20

  enum State: Equatable, Sendable {
    case flowing
    case paused
    /// Reading again; what comes first decides.
    case probing
  }

  /// What an observation led to.
  enum Change: Equatable, Sendable {
    /// The records of the flood so far.
    case paused(DeadShare)
    /// It is tried again.
    case probed
    /// It reads well again, after so many floods in a row.
    case recovered(pauseCount: Int)
  }

  let options: FloodOptions
  private(set) var state = State.flowing
  /// Since when it is paused, by the clock of the observations.
  private(set) var pausedSince: Int64 = 0
  /// Pauses since it last flowed.
  private(set) var pauseCount = 0
  /// Counted since the step, the streak or the probe began.
  private var step = DeadShare()
  private var stepSince: Int64?
  private var streak = DeadShare()
  private var streakSince: Int64?

  init(_ options: FloodOptions) { self.options = options }

  private var forNanos: Int64 { Int64(options.forMillis) * 1_000_000 }

  /// Takes what was decoded since the last call, and says what changes.
  mutating func observe(_ news: DeadShare, nowNanos: Int64) -> Change? {
    switch state {
    case .paused:
      guard nowNanos - pausedSince >= Int64(options.retryMillis) * 1_000_000 else { return nil }
      return probe()
    case .probing:
      streak += news
      guard streak.recordCount >= Self.countMin else { return nil }
      if streak.isAtLeast(options.share) { return pause(nowNanos) }
      let count = pauseCount
      flow()
      return .recovered(pauseCount: count)
    case .flowing: return watch(news, nowNanos)
    }
  }

  /// Somebody says that it shall be tried again; nil where it is not paused.
  mutating func resume() -> Change? { state == .paused ? probe() : nil }

  private mutating func watch(_ news: DeadShare, _ nowNanos: Int64) -> Change? {
    step += news
    let since = stepSince ?? nowNanos
    stepSince = since
    guard nowNanos - since >= forNanos / Self.stepCount else { return nil }
    defer {
      step = DeadShare()
      stepSince = nowNanos
    }
    if step.recordCount == 0 { return nil }
    guard step.isAtLeast(options.share) else {
      streak = DeadShare()
      streakSince = nil
      return nil
    }
    streak += step
    let streakStart = streakSince ?? since
    streakSince = streakStart
    guard nowNanos - streakStart >= forNanos, streak.deadCount >= Self.countMin else { return nil }
    return pause(nowNanos)
  }

  private mutating func pause(_ nowNanos: Int64) -> Change {
    let flood = streak
    clear()
    state = .paused
    pausedSince = nowNanos
    pauseCount += 1
    return .paused(flood)
  }

  private mutating func probe() -> Change {
    clear()
    state = .probing
    return .probed
  }

  private mutating func flow() {
    clear()
    state = .flowing
    pauseCount = 0
  }

  private mutating func clear() {
    step = DeadShare()
    stepSince = nil
    streak = DeadShare()
    streakSince = nil
  }
}
