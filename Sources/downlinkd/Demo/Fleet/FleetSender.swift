import Base
import Kafka

/// Sends the fleet's records to the broker on a thread of its own, at the pace of the plan.
///
/// The fleet's time goes with the clock but stands still while this process does: a demonstration
/// that was suspended does not send what it missed all at once.
final class FleetSender: Sendable {
  /// How far it is.
  struct Progress: Equatable, Sendable {
    /// Event time the fleet has reached.
    var eventMicros: Int64
    var sentCount = 0
    /// Of those sent, that nobody can read.
    var badCount = 0
    /// Of those sent, that took a while.
    var lateCount = 0
    var acknowledgedCount = 0
    /// Given up by the library; never so with a broker in the same process.
    var failedCount = 0
    /// Readings that satellites hold for their next pass.
    var storedCount = 0
    /// Nothing more is sent, and it is known what became of everything.
    var isDone = false
    /// Why sending ended early, where it did not work.
    var fault: String?
  }

  private struct State {
    var progress: Progress
    var stopRequested = false
  }

  private static let tickMillis = 20
  /// The most that the fleet's clock goes on in one tick.
  private static let tickNanosMax: Int64 = 500_000_000
  private static let flushMillisMax = 20_000

  private let plan: DemoPlan
  private let brokers: String
  private let state: Monitor<State>

  init(_ plan: DemoPlan, brokers: String) {
    self.plan = plan
    self.brokers = brokers
    state = Monitor(State(progress: Progress(eventMicros: plan.startMicros)))
  }

  var progress: Progress { state.update { $0.progress } }

  /// Begins to send.
  func start() {
    _ = WorkerThread(name: "fleet") { [self] in
      do throws(KafkaError) {
        try sendAll()
      } catch {
        state.update { $0.progress.fault = "\(error)" }
      }
      state.update { $0.progress.isDone = true }
    }
  }

  /// Asks it to end; `progress.isDone` says when it has.
  func stop() { state.update { $0.stopRequested = true } }

  /// Waits for its end.
  func join() { _ = state.wait { $0.progress.isDone ? true : nil } }

  private func sendAll() throws(KafkaError) {
    var options = KafkaProducer.Options(brokers: brokers, clientID: "downlinkd-demo")
    options.properties = [("compression.type", "lz4"), ("linger.ms", "20")]
    let producer = try KafkaProducer(options)
    defer { producer.close() }
    var fleet = DemoFleet(plan)
    var elapsedNanos: Int64 = 0
    var lastNanos = MonotonicClock.nowNanos()
    while elapsedNanos < plan.sendingNanos {
      let nowNanos = MonotonicClock.nowNanos()
      elapsedNanos += min(nowNanos - lastNanos, Self.tickNanosMax)
      lastNanos = nowNanos
      let untilMicros = plan.eventMicros(elapsedNanos: elapsedNanos)
      var badCount = 0
      while let record = fleet.next(untilMicros: untilMicros) {
        try send(record, producer)
        if record.isBad { badCount += 1 }
      }
      producer.poll(timeoutMillis: 0)
      note(producer) { progress in
        progress.eventMicros = untilMicros
        progress.badCount += badCount
        progress.lateCount = fleet.lateCount
        progress.storedCount = fleet.storedCount
      }
      let isStopped = state.wait(timeoutMillis: Self.tickMillis) { $0.stopRequested ? true : nil }
      if isStopped == true { break }
    }
    _ = producer.flush(timeoutMillis: Self.flushMillisMax)
    note(producer) { _ in }
  }

  private func send(_ record: DemoFleet.Record, _ producer: KafkaProducer) throws(KafkaError) {
    try producer.produce(
      topic: DemoPlan.topic, key: Array(DemoNames.device(record.device).utf8),
      value: record.payload, timestampMillis: record.sentMicros / 1000)
  }

  private func note(_ producer: KafkaProducer, _ change: (inout Progress) -> Void) {
    let sentCount = producer.producedCount
    let failedCount = producer.failedCount
    let acknowledgedCount = sentCount - failedCount - producer.outstandingCount
    state.update { state in
      state.progress.sentCount = sentCount
      state.progress.failedCount = failedCount
      state.progress.acknowledgedCount = acknowledgedCount
      change(&state.progress)
    }
  }
}
