package import Base
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Asks a running `downlinkd`, over its port or its admin socket. One connection, one request.
package enum StatusClient {
  /// An answer larger than this is not ours.
  private static let bodyByteCountMax = 64 << 20
  /// What an answer may take on its way, on top of what was asked to be waited for.
  private static let graceSeconds: Int64 = 5

  /// The document of `/status`; docs/METRICS.md has its keys.
  ///
  /// Throws `unreachable` where nobody answers within `timeout` and `unexpectedAnswer` where
  /// somebody does who is not `downlinkd`; both say what to look at.
  package static func status(
    of target: StatusTarget, timeout: Duration = .seconds(5)
  ) async throws(StatusError) -> JSONValue {
    try await status(of: target, timeout: timeout, expiry: sleep)
  }

  /// The same over a port.
  package static func status(
    host: String, port: Int, timeout: Duration = .seconds(5)
  ) async throws(StatusError) -> JSONValue {
    try await status(of: StatusTarget(host: host, port: port), timeout: timeout)
  }

  /// - Parameter expiry: returns when so much time has passed since the connection was made.
  static func status(
    of target: StatusTarget, timeout: Duration, expiry: @escaping Expiry
  ) async throws(StatusError) -> JSONValue {
    let answer: Answer
    do {
      answer = try await ask(.GET, "/status", of: target, timeout: timeout, expiry: expiry)
    } catch {
      throw fault(error, target, timeout)
    }
    guard answer.code == 200 else { throw unexpected(answer, "/status", target) }
    let value = try document(answer, "/status", target)
    guard value["phase"]?.stringValue != nil else {
      throw .unexpectedAnswer(
        address: "\(target)", reason: "/status has no phase; is this its http.listen?")
    }
    return value
  }

  /// Orders an instance to read its configuration again, and waits until that is decided and in
  /// force, for so many seconds.
  ///
  /// - Returns: what became of it; nil where that is not decided in time.
  /// - Throws: as `status(of:timeout:)`.
  package static func reload(
    at target: StatusTarget, waitSeconds: Int
  ) async throws(StatusError) -> ReloadAnswer? {
    try await reload(at: target, waitSeconds: waitSeconds, graceSeconds: graceSeconds)
  }

  static func reload(
    at target: StatusTarget, waitSeconds: Int, graceSeconds: Int64
  ) async throws(StatusError) -> ReloadAnswer? {
    let timeout = Duration.seconds(Int64(waitSeconds) + graceSeconds)
    let answer: Answer
    do {
      answer = try await ask(
        .POST, "/reload?wait=\(waitSeconds)", of: target, timeout: timeout, expiry: sleep)
    } catch is Silence {
      return nil
    } catch {
      throw fault(error, target, timeout)
    }
    guard answer.code == 200 || answer.code == 409 else {
      throw unexpected(answer, "/reload", target)
    }
    guard let reload = ReloadAnswer(document: try document(answer, "/reload", target)) else {
      throw .unexpectedAnswer(
        address: "\(target)", reason: "/reload does not say what became of it")
    }
    return reload
  }

  // MARK: - Sentences

  private static func fault(
    _ error: any Error, _ target: StatusTarget, _ timeout: Duration
  ) -> StatusError {
    switch error {
    case let error as StatusError: error
    case is Silence:
      .unreachable(
        address: "\(target)", reason: "it did not answer within \(timeout); see its log")
    default:
      .unreachable(
        address: "\(target)", reason: SocketFault.connectReason(error, to: target.place))
    }
  }

  private static func unexpected(
    _ answer: Answer, _ path: String, _ target: StatusTarget
  ) -> StatusError {
    .unexpectedAnswer(
      address: "\(target)",
      reason: answer.code == 401
        ? "it asks for a login: give --bearer-token-file, or --user and --password-file"
        : "\(path) gives \(answer.code); is this its http.listen?")
  }

  private static func document(
    _ answer: Answer, _ path: String, _ target: StatusTarget
  ) throws(StatusError) -> JSONValue {
    do { return try JSONValue(parsing: answer.body) } catch {
      throw .unexpectedAnswer(address: "\(target)", reason: "\(path) is not JSON: \(error)")
    }
  }

  // MARK: - One exchange

  typealias Expiry = @Sendable (Duration) async throws -> Void

  /// The connection was made and no answer came in time.
  private struct Silence: Error {}

  private struct Answer {
    var code: UInt = 0
    var body: [UInt8] = []
  }

  private typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

  private static let sleep: Expiry = { try await Task.sleep(for: $0) }

  private static func ask(
    _ method: HTTPMethod, _ uri: String, of target: StatusTarget, timeout: Duration,
    expiry: @escaping Expiry
  ) async throws -> Answer {
    let channel = try await connect(to: target, timeout: timeout)
    // Whoever takes the connection and then says nothing, or too little, is cut off.
    let hasExpired = Monitor(false)
    let deadline = Task {
      try await expiry(timeout)
      hasExpired.update { $0 = true }
      channel.channel.close(promise: nil)
    }
    defer { deadline.cancel() }
    do {
      return try await exchange(method, uri, target, over: channel)
    } catch {
      // Wherever the end has met the exchange.
      throw hasExpired.update { $0 } ? Silence() : error
    }
  }

  private static func connect(
    to target: StatusTarget, timeout: Duration
  ) async throws -> Connection {
    let tls = target.usesTLS ? try context(target) : nil
    let serverName = target.serverName
    let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connectTimeout(TimeAmount(timeout))
    let setUp: @Sendable (any Channel) -> EventLoopFuture<Connection> = { channel in
      channel.eventLoop.makeCompletedFuture {
        let pipeline = channel.pipeline.syncOperations
        if let tls {
          try pipeline.addHandler(
            NIOSSLClientHandler(context: tls, serverHostname: serverName))
        }
        try pipeline.addHTTPClientHandlers()
        return try Connection(wrappingChannelSynchronously: channel)
      }
    }
    switch target.place {
    case .port(let host, let port):
      return try await bootstrap.connect(host: host, port: port, channelInitializer: setUp)
    case .socket(let path):
      return try await bootstrap.connect(unixDomainSocketPath: path, channelInitializer: setUp)
    }
  }

  private static func context(_ target: StatusTarget) throws -> NIOSSLContext {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    if let file = target.authorityFile {
      let certificates = (try? NIOSSLCertificate.fromPEMFile(file)) ?? []
      guard !certificates.isEmpty else {
        throw StatusError.unreachable(
          address: "\(target)", reason: "\(file) has no certificate in PEM form")
      }
      configuration.trustRoots = .certificates(certificates)
    }
    return try NIOSSLContext(configuration: configuration)
  }

  private static func exchange(
    _ method: HTTPMethod, _ uri: String, _ target: StatusTarget, over channel: Connection
  ) async throws -> Answer {
    try await channel.executeThenClose { inbound, outbound in
      var headers = HTTPHeaders([("Host", target.hostField), ("Connection", "close")])
      if method == .POST { headers.add(name: "Content-Length", value: "0") }
      if let authorization = target.authorization {
        headers.add(name: "Authorization", value: authorization)
      }
      let head = HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: headers)
      // Whoever closes at once has said why before, perhaps: that is read below.
      try? await outbound.write(.head(head))
      try? await outbound.write(.end(nil))
      var answer = Answer()
      do {
        for try await part in inbound {
          switch part {
          case .head(let head): answer.code = head.status.code
          case .body(let bytes):
            answer.body.append(contentsOf: bytes.readableBytesView)
            guard answer.body.count <= bodyByteCountMax else {
              throw StatusError.unexpectedAnswer(address: "\(target)", reason: "it never ends")
            }
          case .end: return answer
          }
        }
      } catch let error as HTTPParserError {
        throw StatusError.unexpectedAnswer(
          address: "\(target)", reason: "it does not speak HTTP (\(error))")
      }
      throw Silence()
    }
  }
}
