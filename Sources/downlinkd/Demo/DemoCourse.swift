/// The order of things in a demonstration: send, catch up, end; and what to do when the pipeline
/// ends meanwhile, or somebody wants to stop.
///
/// A state machine without clock, processes or output: it is shown what is the case and answers
/// with what is to be done.
struct DemoCourse: Equatable, Sendable {
  enum Stage: Equatable, Sendable {
    /// The fleet sends.
    case sending
    /// The fleet is done; the pipeline reads what is left.
    case catchingUp
    /// The pipeline was told to end.
    case ending
    case over
  }

  /// What is the case now.
  struct View: Equatable, Sendable {
    /// On the monotonic clock.
    var nowNanos: Int64
    /// How often somebody asked to stop.
    var stopCount = 0
    /// Of what the fleet is to send, 0 to 1.
    var sentShare = 0.0
    /// Nothing more comes from the fleet.
    var isSenderDone = false
    /// Everything that was acknowledged is in the tables.
    var isCaughtUp = false
    /// Whether the pipeline's process, since it was started, has committed something.
    var hasCommitted = false
    /// Nil while the pipeline's process runs.
    var ending: ProcessEnding?
  }

  enum Order: Equatable, Sendable {
    case stopSending
    /// SIGKILL, for everybody to see.
    case killPipeline
    case startPipeline
    /// SIGTERM.
    case stopPipeline
    /// SIGKILL, because it does not end otherwise.
    case endPipelineByForce
    case finish(Conclusion)
  }

  enum Conclusion: Equatable, Sendable {
    /// The pipeline has taken everything that was sent.
    case complete
    /// It was stopped before.
    case incomplete
    /// It cannot run: why.
    case failed(String)
  }

  private static let second: Int64 = 1_000_000_000
  /// To read what is left, when nobody is in a hurry.
  private static let catchUpNanosMax = 90 * second
  /// The same, when somebody asked to stop: a moment for what is on its way, and for a rebalance.
  private static let hurryNanosMax = 15 * second
  private static let endNanosMax = 30 * second
  /// Ends of the process in a row without one commit between them.
  private static let fruitlessCountMax = 5
  /// EX_CONFIG: starting again cannot help.
  private static let configurationCode: Int32 = 78

  private let kills: Bool
  private(set) var stage = Stage.sending
  private(set) var killCount = 0
  /// Starts after the first.
  private(set) var restartCount = 0
  /// Whether the fleet was stopped before its time.
  private(set) var isStoppedEarly = false
  private var fruitlessCount = 0
  private var deadlineNanos: Int64 = 0
  private var conclusion = Conclusion.complete

  /// With `kills` it kills the pipeline once, when half is sent and something committed.
  init(kills: Bool) { self.kills = kills }

  /// Looks at what is the case and says what is to be done, in this order.
  mutating func advance(_ view: View) -> [Order] {
    if stage == .over { return [] }
    if let ending = view.ending { return pipelineEnded(ending, view) }
    switch stage {
    case .sending: return whileSending(view)
    case .catchingUp:
      if view.isSenderDone, view.isCaughtUp { return stopPipeline(.complete, view) }
      if view.stopCount > 1 || view.nowNanos >= deadlineNanos {
        return stopPipeline(.incomplete, view)
      }
      if view.stopCount > 0 { hurry(view) }
      return []
    case .ending:
      guard view.nowNanos >= deadlineNanos else { return [] }
      conclusion = .failed("the pipeline did not end within 30 s of SIGTERM")
      deadlineNanos = Int64.max
      return [.endPipelineByForce]
    case .over: return []
    }
  }

  private mutating func whileSending(_ view: View) -> [Order] {
    if view.stopCount > 0 {
      stage = .catchingUp
      isStoppedEarly = !view.isSenderDone
      deadlineNanos = view.nowNanos + Self.hurryNanosMax
      return [.stopSending]
    }
    if view.isSenderDone {
      stage = .catchingUp
      deadlineNanos = view.nowNanos + Self.catchUpNanosMax
      return []
    }
    if kills, killCount == 0, view.sentShare >= 0.5, view.hasCommitted {
      killCount += 1
      return [.killPipeline]
    }
    return []
  }

  private mutating func hurry(_ view: View) {
    deadlineNanos = min(deadlineNanos, view.nowNanos + Self.hurryNanosMax)
  }

  private mutating func stopPipeline(_ conclusion: Conclusion, _ view: View) -> [Order] {
    self.conclusion = conclusion
    stage = .ending
    deadlineNanos = view.nowNanos + Self.endNanosMax
    return [.stopPipeline]
  }

  private mutating func pipelineEnded(_ ending: ProcessEnding, _ view: View) -> [Order] {
    if stage == .ending, ending == .exit(code: 0) || view.stopCount > 1 || deadlineNanos == .max {
      return finish(conclusion)
    }
    if ending == .exit(code: Self.configurationCode) {
      return finish(.failed("the pipeline refused its configuration"))
    }
    fruitlessCount = view.hasCommitted ? 0 : fruitlessCount + 1
    if fruitlessCount >= Self.fruitlessCountMax {
      return finish(.failed("the pipeline ends again and again: it \(ending)"))
    }
    // Killed on its way out it may owe the tables something: the next one settles it.
    if stage == .ending { stage = .catchingUp }
    if view.stopCount > 1 { return finish(.incomplete) }
    if stage == .catchingUp {
      deadlineNanos =
        view.nowNanos + (view.stopCount > 0 ? Self.hurryNanosMax : Self.catchUpNanosMax)
    }
    restartCount += 1
    return [.startPipeline]
  }

  private mutating func finish(_ conclusion: Conclusion) -> [Order] {
    stage = .over
    return [.stopSending, .finish(conclusion)]
  }
}
