import Base
import Logging
import Pipeline

/// Looks at the pipeline every quarter of a second and tells the service manager what
/// `ServiceNotifications` says is due.
///
/// A thread of its own: it must neither wait for the cooperative pool nor be waited for by it.
/// Sending blocks while the manager's queue is full, and a hang of the pipeline's own locks must
/// silence the watchdog rather than the program.
final class ServiceNotifier: Sendable {
  private enum Event: Sendable {
    case reloadBegan(nanos: Int64)
    case reloadEnded
    case stop
    case ended(String)
  }

  private let events = Monitor<[Event]>([])
  private let hasFinished = Monitor(false)

  /// A manager that does not read must not hold up the end of the program.
  private static let farewellMillis = 2000

  /// Nil where no service manager listens. `look` is asked on the notifier's thread.
  static func start(
    log: Logger, look: @escaping @Sendable () -> PipelineStatus
  ) -> ServiceNotifier? {
    NotifySocket.isPresent ? ServiceNotifier(log: log, look: look) : nil
  }

  private init(log: Logger, look: @escaping @Sendable () -> PipelineStatus) {
    _ = WorkerThread(name: "notify") { [events, hasFinished] in
      Self.run(events, log, look)
      hasFinished.update { $0 = true }
    }
  }

  // MARK: - From any thread, without waiting

  func reloadBegan() { post(.reloadBegan(nanos: MonotonicClock.nowNanos())) }
  func reloadEnded() { post(.reloadEnded) }
  func stop() { post(.stop) }

  /// Says how the pipeline ended, and waits a moment until it is said.
  func finish(_ sentence: String) {
    post(.ended(sentence))
    _ = hasFinished.wait(timeoutMillis: Self.farewellMillis) { $0 ? true : nil }
  }

  private func post(_ event: Event) { events.update { $0.append(event) } }

  // MARK: - Its thread

  private static func run(
    _ events: Monitor<[Event]>, _ log: Logger, _ look: () -> PipelineStatus
  ) {
    var notifications = ServiceNotifications(watchdogMicros: NotifySocket.watchdogMicros)
    let lookMillis = max(1, Int(notifications.lookNanos / 1_000_000))
    var fault: String?
    var hasEnded = false
    var event: Event?
    while true {
      let messages: [ServiceNotifications.Message]
      switch event {
      case .reloadBegan(let nanos): messages = notifications.reloadBegan(nowNanos: nanos)
      case .reloadEnded: messages = notifications.reloadEnded()
      case .stop: messages = notifications.stop()
      case .ended(let sentence):
        messages = notifications.ended(sentence)
        hasEnded = true
      case nil: messages = notifications.observe(look(), nowNanos: MonotonicClock.nowNanos())
      }
      let newFault = NotifySocket.send(messages)
      if let newFault, newFault != fault {
        log.warning("the service manager cannot be told anything: \(newFault)")
      }
      if !messages.isEmpty { fault = newFault }
      if hasEnded { return }
      event = events.wait(timeoutMillis: lookMillis) { $0.isEmpty ? nil : $0.removeFirst() }
    }
  }
}
