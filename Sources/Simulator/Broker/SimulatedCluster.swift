import Base
import Kafka
import Pipeline
import Telemetry

/// Brokers, group coordinator and the libraries of all clients, in memory: what a simulation has
/// in Kafka's place.
///
///     scenario ─▶ topics, records, retention, faults ─▶ ┐
///     sessions ─▶ SimulatedConsumer ─▶ control steps  ─▶ ├ ClusterState (one Monitor)
///     lanes    ─▶ SimulatedLane     ─▶ records        ─▶ ┘
///
/// Everything random follows from the seed; time is `MonotonicClock`'s and waiting `Monitor`'s, so
/// it works under a simulated world and with real threads alike. All calls may come from any thread
/// unless their type says otherwise.
final class SimulatedCluster: Sendable {
  private let state: Monitor<ClusterState>
  private let tally: FaultTally
  private let clock: @Sendable () -> Int64

  /// Waiting threads look at least this often what time has brought.
  private static let sliceMillis = 100

  /// - Parameters:
  ///   - clock: nanoseconds, never going back; a test may turn its own.
  init(
    seed: UInt64, clusterID: String = "simulated", timing: BrokerTiming = BrokerTiming(),
    faults: BrokerFaults = BrokerFaults(), tally: FaultTally,
    clock: @escaping @Sendable () -> Int64 = { MonotonicClock.nowNanos() }
  ) {
    state = Monitor(
      ClusterState(
        seed: seed, clusterID: clusterID, timing: timing, faults: faults, nowNanos: clock()))
    self.tally = tally
    self.clock = clock
  }

  // MARK: - Access

  /// Runs `body` with the state as of now, and lets every waiting thread look again.
  func access<Result>(_ body: (inout ClusterState) -> Result) -> Result {
    let (result, notes) = state.update { state in
      state.advance(to: clock())
      let result = body(&state)
      return (result, state.takeNotes())
    }
    for note in notes { tally.note(note) }
    return result
  }

  /// As `access`, for what nobody waits for: it wakes nobody.
  func glance<Result>(_ body: (inout ClusterState) -> Result) -> Result {
    var answer: Result?
    _ = wait(timeoutMillis: 0) { state -> Bool in
      answer = body(&state)
      return true
    }
    guard let answer else { preconditionFailure("a state that is asked gives an answer") }
    return answer
  }

  /// Waits until `ready` gives a value, at most `timeoutMillis`; looks at least once.
  func wait<Result>(
    timeoutMillis: Int, _ ready: (inout ClusterState) -> Result?
  ) -> Result? {
    let deadlineNanos = MonotonicClock.nowNanos() + Int64(max(0, timeoutMillis)) * 1_000_000
    var notes: [FaultKind] = []
    defer { for note in notes { tally.note(note) } }
    while true {
      let leftNanos = max(0, deadlineNanos - MonotonicClock.nowNanos())
      let leftMillis = Int((leftNanos + 999_999) / 1_000_000)
      let slice = min(leftMillis, Self.sliceMillis)
      let result = state.wait(timeoutMillis: slice) { state in
        state.advance(to: clock())
        defer { notes += state.takeNotes() }
        return ready(&state)
      }
      if result != nil || leftMillis <= slice { return result }
    }
  }

  /// Lets time pass.
  func pause(millis: Int) {
    if millis > 0 { _ = Monitor(0).wait(timeoutMillis: millis) { _ -> Bool? in nil } }
  }

  // MARK: - Clients

  /// A consumer of one process, as `Instance.Connect` wants it.
  ///
  /// Throws where the process is killed, or by chance (`BrokerFaults.failedConnect`); brokers that
  /// are away are no reason, as with a real client: that one connects in the background.
  func connect(
    process: Int, laneCount: Int, delegate: any RebalanceDelegate
  ) throws(KafkaError) -> any GroupConsumer {
    let id = access { state -> Int? in
      if state.processes[process]?.isKilled == true { return nil }
      if state.random.happens(state.faults.failedConnect) { return nil }
      return state.addClient(process: process, laneCount: laneCount)
    }
    guard let id else {
      throw KafkaError(code: .failed, operation: "start a client", isRetriable: false)
    }
    return SimulatedConsumer(self, id: id, laneCount: laneCount, delegate: delegate)
  }

  // MARK: - What happens to processes and brokers

  /// The process is gone without a word: its calls have no effect from now on, return nothing or
  /// throw; its delegate is not called again. The group finds out by the session time-out.
  func kill(process: Int) {
    access { state in
      state.processes[process, default: ProcessState()].isKilled = true
      state.noteSilences()
    }
  }

  /// No heartbeat of the process arrives for a while, counted from now. Its threads are somebody
  /// else's to stop.
  func freeze(process: Int, millis: Int) {
    access { state in
      state.processes[process, default: ProcessState()].frozenUntilNanos =
        state.nowNanos + Int64(millis) * 1_000_000
      state.noteSilences()
    }
  }

  /// The process reaches no broker for a while; it goes on by itself.
  func cutOff(process: Int, millis: Int) {
    access { state in
      state.processes[process, default: ProcessState()].cutOffUntilNanos =
        state.nowNanos + Int64(millis) * 1_000_000
      state.noteSilences()
    }
  }

  /// No broker answers for a while: control calls wait and fail, fetches stall, heartbeats fail.
  func takeBrokersAway(millis: Int) {
    access { state in
      state.awayUntilNanos = max(
        state.awayUntilNanos, state.nowNanos + Int64(millis) * 1_000_000)
      state.noteSilences()
    }
  }

  /// The group drops the process's member, for no fault of its own: others get its partitions, and
  /// its client hears of it at the next heartbeat.
  func evict(process: Int) {
    access { state in
      for id in state.clients.indices where state.clients[id].process == process {
        state.drop(id)
      }
    }
  }

  /// A rebalance for no reason a member could see; partitions change hands at random.
  func rebalance() { access { $0.scheduleRebalance(churn: 0.5) } }

  /// Misbehaviour from now on.
  var faults: BrokerFaults {
    get { glance { $0.faults } }
    set { access { $0.faults = newValue } }
  }
}

extension ClusterState {
  /// Faults that had an effect since the last call.
  mutating func takeNotes() -> [FaultKind] {
    defer { if !notes.isEmpty { notes = [] } }
    return notes
  }
}
