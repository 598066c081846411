import Base
import NIOCore
import Pipeline

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
  private let connections: ConnectionTable
  private let status: @Sendable () -> PipelineStatus
  private var made: [Route: (rendering: Rendering, atNanos: Int64)] = [:]

  init(
    ageMax: Duration, connections: ConnectionTable,
    status: @escaping @Sendable () -> PipelineStatus
  ) {
    ageMaxNanos = Int64(ageMax / .nanoseconds(1))
    self.connections = connections
    self.status = status
  }

  func readiness() -> Readiness { status().readiness }

  func rendering(of route: Route) -> Rendering {
    let now = MonotonicClock.nowNanos()
    if let last = made[route], now - last.atNanos < ageMaxNanos { return last.rendering }
    let rendering = make(route, StatusView(status(), .current(), connections.counts))
    made[route] = (rendering, now)
    return rendering
  }

  private func make(_ route: Route, _ view: StatusView) -> Rendering {
    switch route {
    case .metrics:
      Rendering(type: MetricList.contentType, body: ByteBuffer(bytes: MetricList.text(view)))
    case .status:
      Rendering(
        type: "application/json",
        body: ByteBuffer(bytes: StatusDocument.value(view).bytes + [UInt8(ascii: "\n")]))
    case .html:
      Rendering(type: "text/html; charset=utf-8", body: ByteBuffer(string: HTMLDocument.text(view)))
    case .alive, .ready:
      preconditionFailure("\(route) is answered by the responder")
    }
  }
}

/// What a rendering is made from: one snapshot of everything.
struct StatusView: Sendable {
  let status: PipelineStatus
  /// Nil where the system does not say.
  let process: ProcessUsage?
  let connections: ConnectionTable.Counts

  init(
    _ status: PipelineStatus, _ process: ProcessUsage? = nil,
    _ connections: ConnectionTable.Counts = .init()
  ) {
    self.status = status
    self.process = process
    self.connections = connections
  }
}
