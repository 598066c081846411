/// From a stall to the end of the process: what makes a stuck instance end itself, so that a
/// service manager starts a fresh one, with a watchdog or without.
///
///     progressing ── stall for `patience` ──▶ leaving ── `leaveNanos` ──▶ exit
///          ▲  │                              (orderly end asked for)    (ends at once)
///          └──┘ the stall passes
///
/// The decision to leave is final: whoever has been told it must not find the service half alive.
/// Pure: it is told the monotonic time, and counts only what the process was awake (`AwakeClock`).
package struct StallRule: Sendable {
  /// What is to be done now.
  package enum Step: Equatable, Sendable {
    case none
    /// Say why, and ask for an orderly end. Once.
    case leave(String)
    /// The orderly end did not come: end the process with nothing but a system call. Once.
    case exit(String)
  }

  private enum State {
    case progressing
    case stalled(since: Int64)
    case leaving(since: Int64, reason: String)
    case gone
  }

  /// A stall must last for this long before it is believed. With half of the unit's
  /// `WatchdogSec=60s` before it, this and `leaveNanos` end the process before the watchdog would.
  package static let patienceNanos: Int64 = 15_000_000_000
  /// What an orderly end may take: leaving the group, one commit.
  package static let leaveNanos: Int64 = 10_000_000_000
  /// The instance's status must be readable within this: it is put together without any I/O.
  package static let lookLimitNanos: Int64 = 60_000_000_000

  private var clock: AwakeClock
  private var state = State.progressing
  private var lookedAt: Int64 = 0

  package init(monotonicNanos: Int64) { clock = AwakeClock(monotonicNanos: monotonicNanos) }

  /// To be called about once a second.
  /// - Parameters:
  ///   - hasLooked: whether the status could be read since the last call.
  ///   - stall: the stall in it, or in the last that could be read.
  package mutating func observe(
    hasLooked: Bool, stall: String?, monotonicNanos: Int64
  ) -> Step {
    let now = clock.now(monotonicNanos: monotonicNanos)
    if hasLooked { lookedAt = now }
    var stall = stall
    if now - lookedAt > Self.lookLimitNanos {
      stall = "its status could not be read for \((now - lookedAt) / 1_000_000_000) s"
    }
    switch state {
    case .progressing:
      if stall != nil { state = .stalled(since: now) }
    case .stalled(let since):
      guard let stall else {
        state = .progressing
        break
      }
      if now - since >= Self.patienceNanos {
        state = .leaving(since: now, reason: stall)
        return .leave(stall)
      }
    case .leaving(let since, let reason):
      if now - since >= Self.leaveNanos {
        state = .gone
        return .exit(reason)
      }
    case .gone: break
    }
    return .none
  }
}
