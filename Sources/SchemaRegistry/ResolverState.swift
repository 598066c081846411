internal import Decode

/// What a resolver knows, asks next, and waits for. Pure: times are arguments, nanoseconds of one
/// clock that never jumps.
///
///     unknown ── asked for ──▶ queued ──▶ answer           for good
///                                │  ▲
///                                │  └── failed: all wait, longer from time to time
///                                └── not found ──▶ doubted ── not found again ──▶ not found
///                                                                  for a minute, then unknown
///
/// "Not found" is believed only when it was said twice: where registries copy each other, a new
/// schema takes a moment to be known to all, and the records that need it are there at once.
///
/// **Invariants:** an id is in `queue` exactly if it is in `queued` and has no answer.
struct ResolverState: Sendable {
  /// What the thread does next.
  enum Step: Equatable {
    case ask(Int32)
    /// Nothing before this time, unless something is asked for.
    case wait(untilNanos: Int64?)
  }

  private struct Known: Sendable {
    var answer: SchemaAnswer
    /// Until when "not found" is believed; nil for answers that stay.
    var untilNanos: Int64?
  }

  private(set) var account: SchemaAccount
  private var known: [Int32: Known] = [:]
  private var queue: [Int32] = []
  private var queued: Set<Int32> = []
  /// Ids that were not found once, and when to ask again.
  private var doubted: [Int32: Int64] = [:]
  private var backoffNanos: Int64 = 0
  private var pausedUntilNanos: Int64 = .min
  /// Since when something is asked for without an answer; nil while nothing is.
  private var waitingSinceNanos: Int64?
  private var notFoundCount = 0

  static let doubtNanos: Int64 = 1_000_000_000
  static let notFoundNanos: Int64 = 60_000_000_000
  static let backoffNanosMin: Int64 = 100_000_000
  static let backoffNanosMax: Int64 = 10_000_000_000
  /// Ids that were not found are anybody's numbers: beyond so many all of them are forgotten.
  static let notFoundCountMax = 100_000

  init(place: String) { account = SchemaAccount(place: place) }

  /// The answer for an id; where there is none the id is queued.
  mutating func answer(for id: Int32, nowNanos: Int64) -> SchemaAnswer? {
    if let entry = known[id] {
      guard let until = entry.untilNanos, until <= nowNanos else { return entry.answer }
      known[id] = nil
      notFoundCount -= 1
    }
    if queued.insert(id).inserted {
      queue.append(id)
      waitingSinceNanos = waitingSinceNanos ?? nowNanos
    }
    return nil
  }

  func next(nowNanos: Int64) -> Step {
    if queue.isEmpty { return .wait(untilNanos: nil) }
    if pausedUntilNanos > nowNanos { return .wait(untilNanos: pausedUntilNanos) }
    if let id = queue.first(where: { doubted[$0].map { $0 <= nowNanos } ?? true }) {
      return .ask(id)
    }
    return .wait(untilNanos: doubted.values.min())
  }

  mutating func take(_ answer: SchemaAnswer, for id: Int32, nowNanos: Int64) {
    account.answeredCount += 1
    account.knownIDCount += 1
    recover()
    settle(id, Known(answer: answer), nowNanos)
  }

  mutating func takeNotFound(_ id: Int32, nowNanos: Int64) {
    account.notFoundCount += 1
    recover()
    guard doubted[id] != nil else {
      doubted[id] = nowNanos + Self.doubtNanos
      return
    }
    if notFoundCount >= Self.notFoundCountMax {
      known = known.filter { $0.value.untilNanos == nil }
      notFoundCount = 0
    }
    notFoundCount += 1
    settle(id, Known(answer: .notFound, untilNanos: nowNanos + Self.notFoundNanos), nowNanos)
  }

  /// A request failed: the next one waits, twice as long as the last time, and a little more or
  /// less so that many instances do not come back in step.
  ///
  /// - Parameter jitter: 0 to 1.
  mutating func takeFailure(_ trouble: String, jitter: Double, nowNanos: Int64) {
    account.failedCount += 1
    account.trouble = trouble
    backoffNanos = min(max(2 * backoffNanos, Self.backoffNanosMin), Self.backoffNanosMax)
    pausedUntilNanos = nowNanos + Int64(Double(backoffNanos) * (0.75 + 0.5 * jitter))
  }

  /// The account with the wait that is going on.
  func account(nowNanos: Int64) -> SchemaAccount {
    var account = account
    if let since = waitingSinceNanos { account.waitNanos += nowNanos - since }
    return account
  }

  private mutating func recover() {
    account.trouble = nil
    backoffNanos = 0
    pausedUntilNanos = .min
  }

  private mutating func settle(_ id: Int32, _ entry: Known, _ nowNanos: Int64) {
    known[id] = entry
    doubted[id] = nil
    if queued.remove(id) != nil { queue.removeAll { $0 == id } }
    guard queue.isEmpty, let since = waitingSinceNanos else { return }
    account.waitNanos += nowNanos - since
    waitingSinceNanos = nil
  }
}
