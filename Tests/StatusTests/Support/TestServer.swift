import Base
import Logging
import Pipeline
import Status

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
