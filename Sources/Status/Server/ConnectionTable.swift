import Base
import Synchronization

/// Every connection there is, and the two rules by which none can hold up the others or grow:
///
/// 1. A connection on which no response was finished for `silenceMax` is closed. One rule for all
///    who are slow on purpose or gone: headers byte by byte, bodies without end, responses that
///    nobody reads, peers that vanished; and for honest ones that keep a connection unused.
/// 2. One connection more than `countMax`, and the one that has been silent longest is closed. A
///    newcomer is never turned away, and whoever occupies connections loses them first.
///
/// What a connection can make us keep is bounded by the limits of the HTTP decoder, by
/// `requestByteCountMax` of unanswered requests, and by one response, which is shared by all who
/// are sent the same.
final class ConnectionTable: Sendable {
  /// What is counted, for metrics.
  struct Counts: Equatable, Sendable {
    var open = 0
    var accepted: Int64 = 0
    /// Closed because a newcomer needed the place.
    var evicted: Int64 = 0
    /// Closed because of silence.
    var silenced: Int64 = 0
    /// Closed because of unanswered requests without end.
    var flooded: Int64 = 0
  }

  /// A key of the table.
  struct ID: Hashable, Sendable {
    fileprivate let number: Int64
  }

  private struct Connection {
    let cut: @Sendable () -> Void
    var progressNanos: Int64
  }

  private struct State {
    var connections: [ID: Connection] = [:]
    var counts = Counts()
  }

  let countMax: Int
  let silenceMax: Duration
  let requestByteCountMax: Int
  private let state = Mutex(State())

  init(countMax: Int, silenceMax: Duration, requestByteCountMax: Int) {
    precondition(countMax > 0, "a server without connections answers nobody")
    self.countMax = countMax
    self.silenceMax = silenceMax
    self.requestByteCountMax = requestByteCountMax
  }

  var counts: Counts {
    state.withLock { state in
      var counts = state.counts
      counts.open = state.connections.count
      return counts
    }
  }

  /// Takes up a connection; closes another one where there are too many.
  ///
  /// - Parameter cut: closes it at once; called from any thread.
  func open(cut: @escaping @Sendable () -> Void) -> ID {
    let (id, evicted) = state.withLock { state in
      var evicted: (@Sendable () -> Void)?
      if state.connections.count >= countMax {
        let silent = state.connections.min { $0.value.progressNanos < $1.value.progressNanos }
        if let silent {
          evicted = silent.value.cut
          state.connections[silent.key] = nil
          state.counts.evicted += 1
        }
      }
      state.counts.accepted += 1
      let id = ID(number: state.counts.accepted)
      state.connections[id] = Connection(
        cut: cut, progressNanos: MonotonicClock.nowNanos())
      return (id, evicted)
    }
    evicted?()
    return id
  }

  /// A response, or a part of one, has gone to the kernel whole.
  func noteProgress(_ id: ID) {
    state.withLock { $0.connections[id]?.progressNanos = MonotonicClock.nowNanos() }
  }

  /// How much longer the connection may be silent; nil when that is over, which is counted.
  func patience(_ id: ID) -> Duration? {
    state.withLock { state in
      guard let connection = state.connections[id] else { return nil }
      let silent = Duration.nanoseconds(MonotonicClock.nowNanos() - connection.progressNanos)
      if silent < silenceMax { return silenceMax - silent }
      state.counts.silenced += 1
      return nil
    }
  }

  func countFlood() { state.withLock { $0.counts.flooded += 1 } }

  func close(_ id: ID) { state.withLock { $0.connections[id] = nil } }

  func closeAll() {
    for cut in state.withLock({ $0.connections.values.map(\.cut) }) { cut() }
  }
}
