import Base
import Glibc
import Logging
import Pipeline

/// Ends the process when the pipeline has not progressed for longer than its limits allow, with a
/// watchdog or without: `StallRule` decides, this class looks and acts.
///
/// Two threads: one reads the status, which takes the pipeline's locks and might never come back;
/// the other judges, waits for nobody and ends the process by `_exit`. Neither can be held up by a
/// thread that a dead disk keeps in a system call, by a log nobody reads, or by each other.
final class ProgressGuard: Sendable {
  private struct Seen: Sendable {
    /// Looks since the judge looked here.
    var lookCount = 0
    var stall: String?
    /// Why the process is to end; nil while it need not.
    var reason: String?
    var isFinished = false
  }

  private let seen = Monitor(Seen())

  private static let lookMillis = 1000
  /// A log whose reader is gone must not hold up the end.
  private static let lastWordMillis = 1000

  static func start(log: Logger, instance: Instance) -> ProgressGuard {
    let progress = ProgressGuard()
    progress.startThreads(log, look: { instance.status().stall }, leave: { instance.stop() })
    return progress
  }

  private init() {}

  /// To be called when the pipeline has ended. From here on nothing is judged, unless the process
  /// is ending for want of progress: then that end still has its limit.
  /// - Returns: why the pipeline was made to end, or nil when it ended by itself.
  func finish() -> String? {
    seen.update { seen in
      seen.isFinished = seen.reason == nil
      return seen.reason
    }
  }

  // MARK: - Its threads

  private func startThreads(
    _ log: Logger, look: @escaping @Sendable () -> String?, leave: @escaping @Sendable () -> Void
  ) {
    _ = WorkerThread(name: "progress-look") { [seen] in
      while seen.wait(timeoutMillis: Self.lookMillis, for: { $0.isFinished ? true : nil }) == nil {
        let stall = look()
        seen.update { seen in
          seen.lookCount += 1
          seen.stall = stall
        }
      }
    }
    _ = WorkerThread(name: "progress-judge") { [seen] in Self.judge(seen, log, leave) }
  }

  private static func judge(
    _ seen: Monitor<Seen>, _ log: Logger, _ leave: @escaping @Sendable () -> Void
  ) {
    var rule = StallRule(monotonicNanos: MonotonicClock.nowNanos())
    while seen.wait(timeoutMillis: lookMillis, for: { $0.isFinished ? true : nil }) == nil {
      let (hasLooked, stall) = seen.update { seen in
        defer { seen.lookCount = 0 }
        return (seen.lookCount > 0, seen.stall)
      }
      let step = rule.observe(
        hasLooked: hasLooked, stall: stall, monotonicNanos: MonotonicClock.nowNanos())
      switch step {
      case .none: break
      case .leave(let reason):
        // Unless the pipeline has just ended by itself.
        let isDecided = seen.update { seen in
          if !seen.isFinished { seen.reason = reason }
          return !seen.isFinished
        }
        if !isDecided { return }
        say(log, "not progressing, ending so that a fresh start may mend it: \(reason)")
        _ = WorkerThread(name: "progress-leave", body: leave)
      case .exit(let reason):
        say(log, "the orderly end did not come in time, ending at once: \(reason)")
        _exit(Exit.stalled)
      }
    }
  }

  /// Writes a line, or gives up when nobody takes it.
  private static func say(_ log: Logger, _ sentence: String) {
    let isSaid = Monitor(false)
    _ = WorkerThread(name: "progress-log") {
      log.critical("\(sentence)", metadata: ["exit_code": "\(Exit.stalled)"])
      isSaid.update { $0 = true }
    }
    _ = isSaid.wait(timeoutMillis: lastWordMillis) { $0 ? true : nil }
  }
}
