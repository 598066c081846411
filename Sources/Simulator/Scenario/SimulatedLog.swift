import Base
import Logging

/// Log lines of simulated processes, with simulated time and the thread that wrote them.
struct SimulatedLog: LogHandler {
  let process: Int
  /// Nil: nobody listens.
  let say: (@Sendable (String) -> Void)?
  var logLevel = Logger.Level.info
  var metadata: Logger.Metadata = [:]

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    guard let say else { return }
    var line = "\(MonotonicClock.nowNanos() / 1_000_000) ms  \(process)  \(event.message)"
    for (key, value) in (event.metadata ?? [:]).sorted(by: { $0.key < $1.key }) {
      line += " \(key)=\(value)"
    }
    say(line)
  }

  static func logger(process: Int, say: (@Sendable (String) -> Void)?) -> Logger {
    Logger(label: "simulation") { _ in SimulatedLog(process: process, say: say) }
  }
}
