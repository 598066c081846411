import Base

/// How fast maintenance may go, and whether it is to end: what every step asks before it does
/// something that takes long.
///
/// Bytes are a debt that is paid with time: whoever reports bytes beyond the rate sleeps until they
/// are within it again. Unused time is not saved up beyond a quarter of a second, so that a pass
/// after a quiet hour is no burst.
///
/// **Threads:** any.
package final class MaintenancePace: Sendable {
  private struct State {
    var isEnding = false
    /// When everything that was reported so far is paid for, monotonic nanoseconds.
    var paidNanos: Int64 = 0
    var bytesPerSecond: Int64
  }

  private let state: Monitor<State>

  private static let savedNanosMax: Int64 = 250_000_000

  /// - Parameter bytesPerSecond: read and written together; nil for as fast as it goes.
  package init(bytesPerSecond: Int64?) {
    state = Monitor(State(bytesPerSecond: bytesPerSecond ?? .max))
  }

  /// Another rate from now on.
  package func setRate(bytesPerSecond: Int64?) {
    state.update { $0.bytesPerSecond = max(1, bytesPerSecond ?? .max) }
  }

  /// Lets everybody who asks end at once.
  package func end() { state.update { $0.isEnding = true } }

  /// Whether the end was asked for.
  package var isEnding: Bool { state.update { $0.isEnding } }

  /// Throws `.stopped` once the end was asked for. To be called between any two files.
  package func check() throws(MaintenanceFault) {
    if isEnding { throw .stopped }
  }

  /// Reports bytes that were read or written, and sleeps where that was too fast.
  package func took(byteCount: Int) throws(MaintenanceFault) {
    let untilNanos = state.update { state -> Int64 in
      let now = MonotonicClock.nowNanos()
      let cost = Double(byteCount) / Double(state.bytesPerSecond) * 1e9
      state.paidNanos = max(state.paidNanos, now - Self.savedNanosMax) + Int64(min(cost, 6e10))
      return state.paidNanos
    }
    while true {
      let leftMillis = (untilNanos - MonotonicClock.nowNanos()) / 1_000_000
      try rest(millis: max(0, leftMillis))
      if leftMillis <= 0 { return }
    }
  }

  /// Sleeps, unless the end is asked for: then it throws `.stopped`.
  package func rest(millis: Int64) throws(MaintenanceFault) {
    let isEnding =
      millis <= 0
      ? self.isEnding
      : state.wait(timeoutMillis: Int(min(millis, 3_600_000))) { $0.isEnding ? true : nil } == true
    if isEnding { throw .stopped }
  }
}
