package import Base
import NIOCore
import NIOHTTP1
import NIOPosix

/// Asks the status endpoint of a running `downlinkd`.
package enum StatusClient {
  /// An answer larger than this is not ours.
  private static let bodyByteCountMax = 64 << 20

  /// The document of `/status`; docs/METRICS.md has its keys. One connection, one request.
  ///
  /// Throws `unreachable` where nobody answers within `timeout` and `unexpectedAnswer` where
  /// somebody does who is not `downlinkd`; both say what to look at.
  package static func status(
    host: String, port: Int, timeout: Duration = .seconds(5)
  ) async throws(StatusError) -> JSONValue {
    try await status(host: host, port: port, timeout: timeout) { span in
      try await Task.sleep(for: span)
    }
  }

  /// - Parameter expiry: returns when so much time has passed since the connection was made.
  static func status(
    host: String, port: Int, timeout: Duration,
    expiry: @escaping @Sendable (Duration) async throws -> Void
  ) async throws(StatusError) -> JSONValue {
    let address = addressText(host, port)
    let answer: Answer
    do {
      answer = try await get(
        "/status", host: host, port: port, timeout: timeout, expiry: expiry)
    } catch let error as StatusError {
      throw error
    } catch {
      throw .unreachable(address: address, reason: SocketFault.connectReason(error))
    }
    guard answer.code == 200 else {
      throw .unexpectedAnswer(
        address: address, reason: "/status gives \(answer.code); is this its http.listen?")
    }
    do {
      let value = try JSONValue(parsing: answer.body)
      guard value["phase"]?.stringValue != nil else {
        throw StatusError.unexpectedAnswer(
          address: address, reason: "/status has no phase; is this its http.listen?")
      }
      return value
    } catch let error as StatusError {
      throw error
    } catch {
      throw .unexpectedAnswer(address: address, reason: "/status is not JSON: \(error)")
    }
  }

  private struct Answer {
    var code: UInt = 0
    var body: [UInt8] = []
  }

  private typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

  private static func get(
    _ path: String, host: String, port: Int, timeout: Duration,
    expiry: @escaping @Sendable (Duration) async throws -> Void
  ) async throws -> Answer {
    let address = addressText(host, port)
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connectTimeout(TimeAmount(timeout))
      .connect(host: host, port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHTTPClientHandlers()
          return try Connection(wrappingChannelSynchronously: channel)
        }
      }
    // Whoever takes the connection and then says nothing, or too little, is cut off.
    let hasExpired = Monitor(false)
    let deadline = Task {
      try await expiry(timeout)
      hasExpired.update { $0 = true }
      channel.channel.close(promise: nil)
    }
    defer { deadline.cancel() }
    do {
      return try await exchange(path, address, over: channel, timeout)
    } catch {
      // Wherever the end has met the exchange.
      throw hasExpired.update { $0 } ? silence(address, timeout) : error
    }
  }

  private static func silence(_ address: String, _ timeout: Duration) -> StatusError {
    .unreachable(address: address, reason: "it did not answer within \(timeout); see its log")
  }

  private static func exchange(
    _ path: String, _ address: String, over channel: Connection, _ timeout: Duration
  ) async throws -> Answer {
    try await channel.executeThenClose { inbound, outbound in
      let headers = HTTPHeaders([("Host", address), ("Connection", "close")])
      let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path, headers: headers)
      try await outbound.write(.head(head))
      try await outbound.write(.end(nil))
      var answer = Answer()
      do {
        for try await part in inbound {
          switch part {
          case .head(let head): answer.code = head.status.code
          case .body(let bytes):
            answer.body.append(contentsOf: bytes.readableBytesView)
            guard answer.body.count <= bodyByteCountMax else {
              throw StatusError.unexpectedAnswer(address: address, reason: "it never ends")
            }
          case .end: return answer
          }
        }
      } catch let error as HTTPParserError {
        throw StatusError.unexpectedAnswer(
          address: address, reason: "it does not speak HTTP (\(error))")
      }
      throw silence(address, timeout)
    }
  }
}
