/// The time in which this process was awake, as far as it was asked: a process that was frozen
/// (SIGSTOP, a debugger, a machine that slept or starved it) has missed that time, and what did
/// not move in it was not stuck.
///
/// Pure: it is told the monotonic time. Steps between two questions count up to `stepMax`, so it
/// must be asked more often than that to keep up.
package struct AwakeClock: Sendable {
  /// What a busy machine may hold up a thread that looks once a second.
  package static let stepMaxNanos: Int64 = 5_000_000_000

  private var monotonicNanos: Int64
  private var awakeNanos: Int64 = 0

  /// - Parameter monotonicNanos: now; the clock begins at 0.
  package init(monotonicNanos: Int64) { self.monotonicNanos = monotonicNanos }

  /// Nanoseconds awake since the clock was made. Never goes back.
  package mutating func now(monotonicNanos: Int64) -> Int64 {
    let step = monotonicNanos - self.monotonicNanos
    if step > 0 {
      awakeNanos += min(step, Self.stepMaxNanos)
      self.monotonicNanos = monotonicNanos
    }
    return awakeNanos
  }
}
