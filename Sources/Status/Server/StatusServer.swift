import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import NIOPosix
package import Pipeline
import ServiceLifecycle

/// Serves `/metrics`, `/livez`, `/readyz`, `/status` and a page for people.
///
/// `listen` has the address, or says why not, before anything else is started; from then on the
/// server answers. `run` makes it a service whose life is its owner's decision: it goes on
/// answering while a process that was told to stop makes its last commits (`/readyz` says
/// draining), until `stop`, or until its turn in the group's graceful shutdown. A `ServiceGroup`
/// shuts its services down in reverse order, so the server stands before the pipeline in the list.
///
///     let server = try await StatusServer.listen(options, log: log) { instance.status() }
///     let group = ServiceGroup(services: [server, pipeline], …)   // the pipeline stops first
///
/// Threads: one event loop of its own for sockets; answers are made on the cooperative pool, one at
/// a time. No client can hold up another or make it grow: see `ConnectionTable`.
package final class StatusServer: Service, Sendable {
  /// Where it listens, and what it bears.
  package struct Options: Sendable {
    package var host: String
    /// 0 asks the system for a free one.
    package var port: Int
    /// More connections than this, and the one that has been silent longest is closed.
    package var connectionCountMax = 256
    /// A connection on which no response was finished for so long is closed.
    package var silenceMax = Duration.seconds(20)
    /// Bytes of requests that a connection may send before one of them is answered.
    package var requestByteCountMax = 65_536
    /// How old a rendering may be that is handed out again: many scrapers at once cost one.
    package var renderingAgeMax = Duration.milliseconds(250)
    /// How long `stop` waits for responses under way.
    package var stopPatience = Duration.seconds(2)

    package init(host: String, port: Int) {
      self.host = host
      self.port = port
    }
  }

  /// The port it got.
  package let port: Int
  /// `127.0.0.1:9479`.
  package let address: String
  private let stopPatience: Duration
  let connections: ConnectionTable
  private let group: ServiceGroup
  private let ended: Task<StatusError?, Never>

  private init(
    _ options: Options, port: Int, connections: ConnectionTable, group: ServiceGroup,
    ended: Task<StatusError?, Never>
  ) {
    self.port = port
    address = addressText(options.host, port)
    stopPatience = options.stopPatience
    self.connections = connections
    self.group = group
    self.ended = ended
  }

  /// Has the address and answers, or throws `cannotListen`. `status` is asked by one thread at a
  /// time: once for each `/readyz`, and at most once in `renderingAgeMax` for each other route.
  package static func listen(
    _ options: Options, log: Logger, status: @escaping @Sendable () -> PipelineStatus
  ) async throws(StatusError) -> StatusServer {
    let connections = ConnectionTable(
      countMax: options.connectionCountMax, silenceMax: options.silenceMax,
      requestByteCountMax: options.requestByteCountMax)
    let renderings = Renderings(
      ageMax: options.renderingAgeMax, connections: connections, status: status)
    let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    // What the framework says of its own life is said better by its owner.
    var quiet = log
    quiet.logLevel = max(log.logLevel, .warning)
    let (bound, announce) = AsyncThrowingStream.makeStream(of: Int.self)
    let application = Application(
      responder: StatusResponder(renderings: renderings),
      server: HTTPServerBuilder { responder in
        GuardedChannel(http: HTTP1Channel.limited(responder), connections: connections)
      },
      configuration: ApplicationConfiguration(
        address: .hostname(options.host, port: options.port), backlog: 256),
      onServerRunning: { announce.yield($0.localAddress?.port ?? options.port) },
      eventLoopGroupProvider: .shared(loops), logger: quiet)
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [.init(service: application)], logger: quiet))
    // Detached: the graceful shutdown of the process must not reach it before its turn.
    let ended = Task<StatusError?, Never>.detached {
      let history = Task { await renderings.keepHistory() }
      defer { history.cancel() }
      var failure: (any Error)?
      do { try await group.run() } catch { failure = error }
      try? await loops.shutdownGracefully()
      announce.finish(throwing: failure)
      let address = addressText(options.host, options.port)
      return failure.map { .ended(address: address, reason: SocketFault.listenReason($0)) }
    }
    do {
      for try await port in bound {
        return StatusServer(
          options, port: port, connections: connections, group: group, ended: ended)
      }
      throw CancellationError()
    } catch {
      throw .cannotListen(
        address: addressText(options.host, options.port), reason: SocketFault.listenReason(error))
    }
  }

  /// Returns when the server has stopped: after `stop`, after the graceful shutdown of the group it
  /// is in, after cancellation. Throws where it ended by itself.
  package func run() async throws {
    let failure = await withTaskCancellationOrGracefulShutdownHandler {
      await ended.value
    } onCancelOrGracefulShutdown: {
      Task { await self.stop() }
    }
    if let failure { throw failure }
  }

  /// Stops listening, lets responses under way finish, closes every connection; returns when all
  /// is done. May be called more than once.
  package func stop() async {
    await group.triggerGracefulShutdown()
    let closer = Task {
      do { try await Task.sleep(for: stopPatience) } catch { return }
      connections.closeAll()
    }
    _ = await ended.value
    closer.cancel()
  }
}
