import Base
import Glibc
import Pipeline
import Testing

@testable import Status

/// Clients that are slow, broken or ill-disposed. None may hold up another, and each is let go.
@Suite struct HostileClientTests {
  private static let request = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"

  /// That an honest client is served meanwhile.
  private func expectServed(_ server: StatusServer) async throws {
    let port = server.port
    let answer = try await onThread { try RawConnection.exchange("GET", "/livez", port: port) }
    #expect(answer.code == 200)
  }

  @Test func `headers that come byte by byte do not keep a connection`() async throws {
    try await withServer(Example.busy(), configure: { $0.silenceMax = .seconds(2) }) {
      server, _ in
      let port = server.port
      try await onThread {
        let connection = try RawConnection(port: port)
        // Never ends by itself: every byte comes in time, the request never does.
        for byte in Self.request.utf8.dropLast(4) where !connection.send([byte]) { return }
        while connection.send("X") { usleep(20_000) }
      }
      try await expectServed(server)
      #expect(server.connections.counts.silenced == 1)
    }
  }

  @Test func `a body without end is not read for long`() async throws {
    try await withServer(Example.busy(), configure: { $0.silenceMax = .seconds(2) }) {
      server, _ in
      let port = server.port
      let answer = try await onThread {
        let connection = try RawConnection(port: port)
        connection.send(
          "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000000\r\n\r\nbody")
        let answer = connection.receive() ?? []
        while connection.send("more of it") { usleep(20_000) }
        return String(decoding: answer, as: UTF8.self)
      }
      #expect(answer.hasPrefix("HTTP/1.1 405 "))
      try await expectServed(server)
    }
  }

  @Test func `a flood of body bytes is cut off by its size`() async throws {
    try await withServer(Example.busy()) { server, _ in
      let port = server.port
      let sent = try await onThread {
        let connection = try RawConnection(port: port)
        connection.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000000\r\n\r\n")
        let block = [UInt8](repeating: 0x78, count: 65_536)
        var count = 0
        while count < 1 << 28, connection.send(block) { count += block.count }
        return count
      }
      #expect(sent < 1 << 26, "the connection was closed, not drained")
      try await expectServed(server)
      #expect(server.connections.counts.flooded == 1)
    }
  }

  @Test(arguments: [
    "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{FC}\u{3}\u{3}", "GET\r\n\r\n", "\0\0\0\0\r\n\r\n",
    "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    "GET / HTTP/1.1\r\nbad header\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
  ]) func `garbage is refused and let go`(_ garbage: String) async throws {
    try await withServer(Example.busy(), configure: { $0.silenceMax = .seconds(2) }) {
      server, _ in
      let port = server.port
      let answer = try await onThread {
        let connection = try RawConnection(port: port)
        connection.send(garbage)
        return connection.receiveAll()
      }
      // Whether the request before the garbage was fine or not, the connection ends.
      #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400 ") || answer.contains(" 200 OK"))
      try await expectServed(server)
    }
  }

  @Test(arguments: ["one header", "many headers", "the path"])
  func `huge heads are refused`(_ kind: String) async throws {
    try await withServer(Example.busy()) { server, _ in
      let port = server.port
      let answer = try await onThread {
        let connection = try RawConnection(port: port)
        let long = String(repeating: "x", count: 200_000)
        switch kind {
        case "one header": connection.send("GET / HTTP/1.1\r\nHost: x\r\nCookie: \(long)\r\n\r\n")
        case "the path": connection.send("GET /\(long) HTTP/1.1\r\nHost: x\r\n\r\n")
        default:
          let headers = (0..<5000).map { "X-\($0): y\r\n" }.joined()
          connection.send("GET / HTTP/1.1\r\nHost: x\r\n\(headers)\r\n")
        }
        return connection.receiveAll()
      }
      #expect(!answer.contains(" 200 OK"))
      try await expectServed(server)
    }
  }

  @Test func `who never reads is let go, and the pages of others do not wait`() async throws {
    let status = Example.big(partitionCount: 2000)
    func configure(_ options: inout StatusServer.Options) {
      options.silenceMax = .seconds(2)
      options.renderingAgeMax = .seconds(60)
    }
    try await withServer(status, configure: configure) { server, _ in
      let port = server.port
      let deaf = try await onThread {
        try (0..<8).map { _ in
          let connection = try RawConnection(port: port, receiveBufferByteCount: 4096)
          // Pipelined: more responses than any socket buffer takes.
          connection.send(String(repeating: Self.request, count: 50))
          return connection
        }
      }
      try await expectServed(server)
      while server.connections.counts.open > 0 {
        try await Task.sleep(for: .milliseconds(50))
      }
      #expect(server.connections.counts.open == 0)
      #expect(server.connections.counts.silenced == 8)
      withExtendedLifetime(deaf) {}
    }
  }

  @Test func `a client that has finished sending still gets its answer`() async throws {
    try await withServer(Example.busy()) { server, _ in
      let port = server.port
      let answer = try await onThread {
        let connection = try RawConnection(port: port)
        connection.send("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.finishSending()
        return try HTTPAnswer(connection.receiveAll())
      }
      #expect(answer.code == 200)
    }
  }

  @Test func `who occupies every connection loses the oldest to a newcomer`() async throws {
    try await withServer(Example.busy(), configure: { $0.connectionCountMax = 16 }) {
      server, _ in
      let port = server.port
      let squatters = try await onThread {
        try (0..<40).map { _ in try RawConnection(port: port) }
      }
      for _ in 0..<5 { try await expectServed(server) }
      let counts = server.connections.counts
      #expect(counts.open <= 16)
      // 45 came. The first newcomer after the squatters evicts one, and its leaving makes room.
      #expect((25...29).contains(counts.evicted), "\(counts)")
      withExtendedLifetime(squatters) {}
    }
  }

  @Test func `two hundred scrapes at once are all served whole`() async throws {
    // One rendering for all of them, however long it takes here.
    try await withServer(Example.big(), configure: { $0.renderingAgeMax = .seconds(60) }) {
      server, _ in
      let port = server.port
      let answers = try await withThrowingTaskGroup(of: HTTPAnswer.self) { group in
        for _ in 0..<200 {
          group.addTask {
            try await onThread { try RawConnection.exchange("GET", "/metrics", port: port) }
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(answers.count == 200)
      #expect(answers.allSatisfy { $0.code == 200 })
      #expect(answers.allSatisfy { $0.headers["content-length"] == "\($0.body.utf8.count)" })
      #expect(answers.allSatisfy { $0.body.contains("partition=\"255\"") })
    }
  }

  @Test func `fifty thousand hostile requests leave memory as it was`() async throws {
    try await withServer(Example.busy(), configure: { $0.renderingAgeMax = .seconds(1) }) {
      server, _ in
      let port = server.port
      func hammer() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
          for client in 0..<8 {
            group.addTask {
              try await onThread {
                for round in 0..<25 {
                  let connection = try RawConnection(port: port)
                  let path = (client + round) % 2 == 0 ? "/livez" : "/\(client)/\(round)"
                  let one = "GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n"
                  connection.send(String(repeating: one, count: 125))
                  connection.finishSending()
                  _ = connection.receiveAll()
                }
              }
            }
          }
          try await group.waitForAll()
        }
      }
      try await hammer()
      let before = try #require(ProcessUsage.current()).residentByteCount
      try await hammer()
      let after = try #require(ProcessUsage.current()).residentByteCount
      #expect(after - before < 32 << 20, "\(before) bytes before, \(after) after")
      try await expectServed(server)
    }
  }
}
