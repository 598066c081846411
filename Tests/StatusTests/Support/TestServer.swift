import Base
import Logging
import Pipeline

@testable import Status

/// A server on a free port of the loopback, for as long as `body` runs.
func withServer(
  _ status: PipelineStatus, configure: (inout StatusServer.Options) -> Void = { _ in },
  _ body: (StatusServer, Monitor<PipelineStatus>) async throws -> Void
) async throws {
  var options = StatusServer.Options(host: "127.0.0.1", port: 0)
  options.renderingAgeMax = .zero
  configure(&options)
  let current = Monitor(status)
  let server = try await StatusServer.listen(options, log: Logger(label: "test")) {
    current.update { $0 }
  }
  do {
    try await body(server, current)
  } catch {
    await server.stop()
    throw error
  }
  await server.stop()
}

extension Route {
  /// What is there for everybody, and has no end that somebody else decides on.
  static let pages: [Route] = [.metrics, .alive, .ready, .status, .html]
}

/// The same server behind a socket in a folder of its own; `body` gets its path.
func withSocketServer(
  _ answers: StatusAnswers, mode: UInt32 = 0o660,
  _ body: (StatusServer, String) async throws -> Void
) async throws {
  let folder = ScratchFolder()
  let path = folder.path + "/run/fleet.sock"
  let options = StatusServer.Options(socket: path, mode: mode)
  let server = try await StatusServer.listen(options, log: Logger(label: "test"), answers: answers)
  do {
    try await body(server, path)
  } catch {
    await server.stop()
    throw error
  }
  await server.stop()
  withExtendedLifetime(folder) {}
}
