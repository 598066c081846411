import Base
import Maintenance
import Metrics
import NIOCore
import Pipeline
import TableReading

/// A body and what it is.
struct Rendering: Sendable {
  let type: String
  let body: ByteBuffer
}

/// Makes the renderings, one at a time, each from one snapshot of the status.
///
/// Two hundred scrapers at once cost one: who comes while it is made waits for it,
/// and who comes within `ageMax` gets the same bytes. Readiness is never handed out twice.
actor Renderings {
  private let ageMaxNanos: Int64
  private let answers: StatusAnswers
  private var made: [Kind: (rendering: Rendering, atNanos: Int64)] = [:]
  private var history = StatusHistory()
  private var plots: Plots

  init(ageMax: Duration, answers: StatusAnswers) {
    plots = Plots(answers.windows)
    ageMaxNanos = Int64(ageMax / .nanoseconds(1))
    self.answers = answers
  }

  func readiness() -> Readiness { answers.status().readiness }

  /// What is asked for, and where it can be had in several forms, in which.
  private struct Kind: Hashable {
    var route: Route
    var format: Exposition.Format
  }

  /// - Parameter accept: what the client takes, as its header says; counts for `/metrics` only.
  func rendering(of route: Route, accept: [String] = []) async -> Rendering {
    let now = MonotonicClock.nowNanos()
    let format = route == .metrics ? Exposition.Format(accept: accept) : .prometheus
    let kind = Kind(route: route, format: format)
    if let last = made[kind], now - last.atNanos < ageMaxNanos { return last.rendering }
    let status = answers.status()
    if route == .html { await readPlots(status) }
    let view = StatusView(
      status, .current(), answers.connections.counts, history: history.points,
      plots: plots.points, maintenance: answers.maintenance?())
    let rendering = make(kind, view)
    made[kind] = (rendering, now)
    return rendering
  }

  /// Brings the page's plots up to date. Who comes while that is done gets those of before.
  private func readPlots(_ status: PipelineStatus) async {
    guard plots.beginReading(nowNanos: MonotonicClock.nowNanos()) else { return }
    plots.finishReading(await plots.read(status.openDetails))
  }

  /// Adds a point to the history every five seconds, until it is cancelled.
  func keepHistory() async {
    while !Task.isCancelled {
      history.note(answers.status(), nowNanos: MonotonicClock.nowNanos())
      try? await Task.sleep(for: .nanoseconds(StatusHistory.intervalNanos))
    }
  }

  private func make(_ kind: Kind, _ view: StatusView) -> Rendering {
    switch kind.route {
    case .metrics:
      Rendering(
        type: kind.format.contentType, body: ByteBuffer(bytes: MetricList.text(view, kind.format)))
    case .status:
      Rendering(
        type: "application/json",
        body: ByteBuffer(bytes: StatusDocument.value(view).bytes + [UInt8(ascii: "\n")]))
    case .html:
      Rendering(type: "text/html; charset=utf-8", body: ByteBuffer(string: Page.text(view)))
    case .alive, .ready, .anomaly, .tap, .reload:
      preconditionFailure("\(kind.route) is answered by the responder")
    }
  }
}

/// What a rendering is made from: one snapshot of everything.
struct StatusView: Sendable {
  let status: PipelineStatus
  /// Nil where the system does not say.
  let process: ProcessUsage?
  let connections: ConnectionTable.Counts
  /// Oldest first.
  let history: [StatusHistory.Point]
  /// Windows around openings, by the anomaly's id, as far as they have been read.
  let plots: [String: [PlotPoint]]
  let tables: [TableSize]
  /// Nil where the instance has none of it.
  let maintenance: MaintenanceStatus?

  init(
    _ status: PipelineStatus, _ process: ProcessUsage? = nil,
    _ connections: ConnectionTable.Counts = .init(), history: [StatusHistory.Point] = [],
    plots: [String: [PlotPoint]] = [:], tables: [TableSize]? = nil,
    maintenance: MaintenanceStatus? = nil
  ) {
    self.status = status
    self.process = process
    self.connections = connections
    self.history = history
    self.plots = plots
    self.maintenance = maintenance
    self.tables = tables ?? status.tables.map(TableSize.init)
  }
}
