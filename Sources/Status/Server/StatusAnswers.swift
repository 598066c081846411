package import Base
package import Maintenance
package import Pipeline
import Synchronization
package import TableReading

/// Whom the server asks: the program behind its routes. A route nobody answers is not there.
///
/// Copies share one count of connections, so that servers on several addresses tell the same.
package struct StatusAnswers: Sendable {
  /// What the instance knows of itself. Asked by one thread at a time of each server.
  package var status: @Sendable () -> PipelineStatus
  /// What is known of the maintenance of the tables; nil where there is none.
  package var maintenance: (@Sendable () -> MaintenanceStatus)?
  /// `GET /anomalies/<id>`: an anomaly with what is around it, or nil where there is none.
  package var anomaly: (@Sendable (_ id: String) async -> JSONValue?)?
  /// `GET /tap?…`, on the admin surface: lines as they come, until the stream ends or the client
  /// goes, which ends the stream. Whoever is gone is noticed at the next line only, so a stream
  /// without news sends an empty one now and then.
  package var tap: (@Sendable (_ query: [String: String]) async -> StreamAnswer)?
  /// `POST /reload?wait=<seconds>`, on the admin surface. The answer comes when it is decided and,
  /// within `patience`, in force.
  package var reload: (@Sendable (_ patience: Duration) async -> ReloadAnswer)?

  /// The windows that the page draws around anomalies; nil where there is no table.
  package private(set) var windows: WindowHistory?

  let connections = ConnectionTotals()

  package init(status: @escaping @Sendable () -> PipelineStatus) { self.status = status }

  /// Answers `/anomalies/<id>`, and draws on the page, from the table of windows.
  package mutating func use(_ windows: WindowHistory) {
    self.windows = windows
    anomaly = { [status] id in
      guard let anomaly = status().openDetails.first(where: { $0.id == id }) else { return nil }
      return AnomalyDocument.value(anomaly, await Plots(windows).answer(to: anomaly))
    }
  }

  /// Whether somebody answers.
  func has(_ route: Route) -> Bool {
    switch route {
    case .metrics, .alive, .ready, .status, .html: true
    case .anomaly: anomaly != nil
    case .tap: tap != nil
    case .reload: reload != nil
    }
  }
}

/// What becomes of a question whose answer has no end.
package enum StreamAnswer: Sendable {
  /// JSON lines, each with its line break; several may be one element.
  case lines(AsyncStream<[UInt8]>)
  /// Why there are none: 400 with this sentence.
  case refused(String)
}

/// The connections of several servers, added up.
final class ConnectionTotals: Sendable {
  private let tables = Mutex<[ConnectionTable]>([])

  func include(_ table: ConnectionTable) { tables.withLock { $0.append(table) } }

  var counts: ConnectionTable.Counts {
    tables.withLock { $0 }.reduce(into: ConnectionTable.Counts()) { sum, table in
      let counts = table.counts
      sum.open += counts.open
      sum.accepted += counts.accepted
      sum.evicted += counts.evicted
      sum.silenced += counts.silenced
      sum.flooded += counts.flooded
    }
  }
}
