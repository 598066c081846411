import Base
import Glibc
import Pipeline
import Testing

@testable import Status

@Suite struct StatusClientTests {
  @Test func `it reads the status of a running server`() async throws {
    try await withServer(Example.big()) { server, _ in
      let value = try await StatusClient.status(host: "127.0.0.1", port: server.port)
      #expect(value["pipeline"] == "fleet")
      #expect(value["partitions"]?.arrayValue?.count == 256)
      let byName = try await StatusClient.status(host: "localhost", port: server.port)
      #expect(byName["phase"] == "running")
    }
  }

  @Test func `nobody there`() async throws {
    var port = 0
    try await withServer(Example.fresh()) { server, _ in port = server.port }
    let error = await #expect(throws: StatusError.self) {
      _ = try await StatusClient.status(host: "127.0.0.1", port: port)
    }
    #expect(
      error == .unreachable(
        address: "127.0.0.1:\(port)",
        reason: "nothing listens there; is downlinkd running, is this its http.listen?"))
  }

  @Test func `no such host`() async {
    let error = await #expect(throws: StatusError.self) {
      // No name server is asked for a name with an empty label.
      _ = try await StatusClient.status(host: "no-such..host", port: 9479)
    }
    #expect(
      error?.description
        == "no answer from no-such..host:9479: the name no-such..host has no address")
  }

  /// A server that sends `answer` to whoever comes, and then holds the connection.
  private func withAnswer(_ answer: String, _ body: (Int) async throws -> Void) async throws {
    let listener = try Listener()
    _ = WorkerThread(name: "listener") { listener.serve(answer) }
    try await body(listener.port)
  }

  /// The time that is asked for passes when the silent one has the question.
  @Test func `somebody who says nothing is waited for no longer than asked`() async throws {
    let listener = try Listener()
    let asked = AsyncStream<Void>.makeStream()
    _ = WorkerThread(name: "listener") { listener.serve("") { asked.continuation.finish() } }
    let spans = Monitor<[Duration]>([])
    do {
      let error = await #expect(throws: StatusError.self) {
        _ = try await StatusClient.status(
          of: StatusTarget(host: "127.0.0.1", port: listener.port), timeout: .seconds(300)
        ) { span in
          spans.update { $0.append(span) }
          for await _ in asked.stream {}
        }
      }
      #expect(spans.update { $0 } == [.seconds(300)])
      guard case .unreachable(_, let reason) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(reason.hasPrefix("it did not answer within"))
    }
  }

  @Test(arguments: [
    ("SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"),
    ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "/status gives 404"),
    ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "is not JSON"),
    ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "has no phase"),
  ]) func `somebody else is recognised`(_ answer: String, _ reason: String) async throws {
    try await withAnswer(answer) { port in
      let error = await #expect(throws: StatusError.self) {
        _ = try await StatusClient.status(host: "127.0.0.1", port: port, timeout: .seconds(60))
      }
      let text = error?.description ?? ""
      #expect(text.hasPrefix("127.0.0.1:\(port) does not answer as downlinkd does: "))
      #expect(text.contains(reason), "\(text)")
    }
  }
}

/// A listening socket that takes one connection.
private final class Listener: Sendable {
  private let descriptor: Int32
  let port: Int

  init() throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        let bound = unsafe bind(descriptor, pointer, size) == 0 && listen(descriptor, 1) == 0
        return unsafe bound && getsockname(descriptor, pointer, &size) == 0
      }
    }
    guard result else { throw RawConnection.Failure(call: "bind", code: errno) }
    port = Int(UInt16(bigEndian: address.sin_port))
  }

  deinit { close(descriptor) }

  /// Answers one client and holds the connection until it goes.
  func serve(_ answer: String, onRequest: () -> Void = {}) {
    let client = accept(descriptor, nil, nil)
    guard client >= 0 else { return }
    var bytes = [UInt8](repeating: 0, count: 4096)
    _ = unsafe recv(client, &bytes, bytes.count, 0)
    onRequest()
    let text = Array(answer.utf8)
    _ = unsafe send(client, text, text.count, Int32(MSG_NOSIGNAL))
    if answer.hasPrefix("SSH") { shutdown(client, Int32(SHUT_WR)) }
    while unsafe recv(client, &bytes, bytes.count, 0) > 0 {}
    close(client)
  }
}
