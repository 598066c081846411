import Base
import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import NIOPosix
package import Pipeline
import ServiceLifecycle

/// Serves `/metrics`, `/livez`, `/readyz`, `/status` and a page for people on a port; on a unix
/// domain socket the same, and orders.
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
  /// Where it listens.
  package enum Address: Equatable, Sendable, CustomStringConvertible {
    /// Port 0 asks the system for a free one.
    case port(host: String, port: Int)
    /// A unix domain socket for commands and orders, whose file gets these permission bits. Its
    /// folder is made where it is missing; the file of a dead process is replaced, that of a live
    /// one is not.
    case socket(path: String, mode: UInt32)

    /// `127.0.0.1:9479`, or the path.
    package var description: String {
      switch self {
      case .port(let host, let port): addressText(host, port)
      case .socket(let path, _): path
      }
    }

    var surface: Surface {
      switch self {
      case .port: .open
      case .socket: .admin
      }
    }
  }

  /// Where it listens, and what it bears.
  package struct Options: Sendable {
    package var address: Address
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

    /// TLS, and who is let in; of a port only. Probes (/livez, /readyz) need no login.
    package var security = StatusSecurity.none

    package init(host: String, port: Int) { address = .port(host: host, port: port) }

    /// For commands of this machine: few, and of some patience, for what they order takes a while.
    package init(socket path: String, mode: UInt32) {
      address = .socket(path: path, mode: mode)
      connectionCountMax = 32
      silenceMax = .seconds(660)
    }
  }

  /// The port it got; 0 of a socket.
  package let port: Int
  /// `127.0.0.1:9479`, or the socket's path.
  package let address: String
  private let file: SocketFile?
  private let stopPatience: Duration
  let connections: ConnectionTable
  private let gate: StatusGate
  private let group: ServiceGroup
  private let ended: Task<StatusError?, Never>

  private init(_ options: Options, _ bound: Bound, file: SocketFile?) {
    port = bound.port
    self.file = file
    switch options.address {
    case .port(let host, _): address = addressText(host, bound.port)
    case .socket(let path, _): address = path
    }
    stopPatience = options.stopPatience
    connections = bound.connections
    gate = bound.gate
    group = bound.group
    ended = bound.ended
  }

  /// Has the address and answers, or throws `cannotListen`. The status is asked for by one thread
  /// at a time: once for each `/readyz`, and at most once in `renderingAgeMax` for each other page.
  package static func listen(
    _ options: Options, log: Logger, answers: StatusAnswers
  ) async throws(StatusError) -> StatusServer {
    switch options.address {
    case .port(let host, let port):
      let bound = try await bind(
        options, to: .hostname(host, port: port), log: log, answers: answers)
      return StatusServer(options, bound, file: nil)
    case .socket(let path, let mode):
      let claim: SocketClaim
      do throws(SocketFile.Refusal) { claim = try SocketClaim.take(path) } catch {
        throw .cannotListen(address: path, reason: SocketFault.claimReason(error))
      }
      let bound = try await bind(
        options, to: .unixDomainSocket(path: claim.temporaryPath), log: log, answers: answers)
      do throws(SocketFile.Refusal) {
        return StatusServer(options, bound, file: try claim.publish(mode: mode))
      } catch {
        await bound.group.triggerGracefulShutdown()
        _ = await bound.ended.value
        throw .cannotListen(address: path, reason: SocketFault.claimReason(error))
      }
    }
  }

  /// The same for one who answers nothing but what the status says.
  package static func listen(
    _ options: Options, log: Logger, status: @escaping @Sendable () -> PipelineStatus
  ) async throws(StatusError) -> StatusServer {
    try await listen(options, log: log, answers: StatusAnswers(status: status))
  }

  /// What listens.
  private struct Bound {
    let port: Int
    let connections: ConnectionTable
    let gate: StatusGate
    let group: ServiceGroup
    let ended: Task<StatusError?, Never>
  }

  /// One loop for each surface, so that a flood of the port does not hold up orders. Loops live as
  /// long as the process: a channel's last word may come after its server has ended, and on a loop
  /// that is shut down SwiftNIO complains, and announces to crash one day.
  private static func loops(of surface: Surface) -> MultiThreadedEventLoopGroup {
    switch surface {
    case .open: openLoops
    case .admin: adminLoops
    }
  }

  private static let openLoops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  private static let adminLoops = MultiThreadedEventLoopGroup(numberOfThreads: 1)

  private static func bind(
    _ options: Options, to address: BindAddress, log: Logger, answers: StatusAnswers
  ) async throws(StatusError) -> Bound {
    let connections = ConnectionTable(
      countMax: options.connectionCountMax, silenceMax: options.silenceMax,
      requestByteCountMax: options.requestByteCountMax)
    answers.connections.include(connections)
    let gate = StatusGate(options.security)
    let renderings = Renderings(ageMax: options.renderingAgeMax, answers: answers)
    // What the framework says of its own life is said better by its owner.
    var quiet = log
    quiet.logLevel = max(log.logLevel, .warning)
    let (bound, announce) = AsyncThrowingStream.makeStream(of: Int.self)
    let application = Application(
      responder: StatusResponder(
        surface: options.address.surface, gate: gate, answers: answers,
        renderings: renderings),
      server: HTTPServerBuilder { responder in
        GuardedChannel(http: HTTP1Channel.limited(responder), connections: connections, gate: gate)
      },
      configuration: ApplicationConfiguration(address: address, backlog: 256),
      onServerRunning: { announce.yield($0.localAddress?.port ?? 0) },
      eventLoopGroupProvider: .shared(loops(of: options.address.surface)), logger: quiet)
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [.init(service: application)], logger: quiet))
    // Detached: the graceful shutdown of the process must not reach it before its turn.
    let ended = Task<StatusError?, Never>.detached {
      let history = Task { await renderings.keepHistory() }
      defer { history.cancel() }
      var failure: (any Error)?
      do { try await group.run() } catch is CancellationError {} catch { failure = error }
      announce.finish(throwing: failure)
      return failure.map {
        .ended(address: "\(options.address)", reason: SocketFault.listenReason($0))
      }
    }
    do {
      for try await port in bound {
        return Bound(
          port: port, connections: connections, gate: gate, group: group, ended: ended)
      }
      throw CancellationError()
    } catch {
      throw .cannotListen(
        address: "\(options.address)", reason: SocketFault.listenReason(error))
    }
  }

  /// Takes over other certificates, users and tokens, without a moment in which it does not listen:
  /// logins with the next request, TLS with the next connection, which connections made under
  /// another TLS are closed for.
  ///
  /// - Returns: whether TLS is another.
  package func adopt(_ security: StatusSecurity) -> Bool {
    guard gate.adopt(security) else { return false }
    connections.closeAll()
    return true
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
    // Before it is closed: whoever finds the file shall find somebody behind it.
    file?.remove()
    await group.triggerGracefulShutdown()
    let closer = Task {
      do { try await Task.sleep(for: stopPatience) } catch { return }
      connections.closeAll()
      // And answers under way that wait for something else: an order, the next record.
      ended.cancel()
    }
    _ = await ended.value
    closer.cancel()
  }
}
