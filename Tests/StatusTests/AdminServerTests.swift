import Base
import Glibc
import Logging
import Testing

@testable import Status

/// The same server behind a unix domain socket: who may speak to it, and what can be ordered.
@Suite struct AdminServerTests {
  private func answers() -> StatusAnswers { StatusAnswers { Example.busy() } }

  private static let accepted = ReloadAnswer(
    isAccepted: true, isInForce: true, detail: "changed: log.level: info → debug",
    changes: [.init(text: "log.level: info → debug", effect: "live")])
  private static let refused = ReloadAnswer(
    isAccepted: false, isInForce: false, detail: "a; b", reasons: ["a", "b"])

  private func exchange(
    _ method: String, _ uri: String, _ path: String
  ) async throws -> HTTPAnswer {
    try await onThread { try RawConnection.exchange(method, uri, socket: path) }
  }

  @Test func `it answers what the port answers`() async throws {
    try await withSocketServer(answers()) { _, path in
      for route in Route.pages {
        let answer = try await exchange("GET", route.rawValue, path)
        #expect(answer.code == 200, "\(route)")
        #expect(answer.headers["cache-control"] == "no-store")
      }
      let value = try await StatusClient.status(of: StatusTarget(socket: path))
      #expect(value["phase"] == "running")
      let nothing = try await exchange("GET", "/reload", path)
      #expect(nothing.code == 404, "what nobody answers is not there")
    }
  }

  // MARK: - Orders

  @Test func `an order is answered as the program says, and the wait is handed on`() async throws {
    var answers = answers()
    let waits = Monitor<[Duration]>([])
    answers.reload = { patience in
      waits.update { $0.append(patience) }
      return patience == .seconds(60) ? Self.refused : Self.accepted
    }
    try await withSocketServer(answers) { _, path in
      let target = StatusTarget(socket: path)
      #expect(try await StatusClient.reload(at: target, waitSeconds: 7) == Self.accepted)
      let refusal = try await exchange("POST", "/reload", path)
      #expect(refusal.code == 409)
      let document = try JSONValue(parsing: refusal.body)
      #expect(document["accepted"] == false && document["reasons"] == ["a", "b"])
      #expect(waits.update { $0 } == [.seconds(7), .seconds(60)])
      for wait in ["-1", "601", "x", ""] {
        #expect(try await exchange("POST", "/reload?wait=\(wait)", path).code == 400, "\(wait)")
      }
      for method in ["GET", "HEAD", "PUT", "DELETE"] {
        let answer = try await exchange(method, "/reload", path)
        #expect(answer.code == 405 && answer.headers["allow"] == "POST", "\(method)")
      }
      #expect(waits.update { $0.count } == 2, "nothing else was an order")
    }
  }

  @Test func `no order is taken over a port`() async throws {
    var answers = answers()
    let asked = Monitor(0)
    answers.reload = { _ in
      asked.update { $0 += 1 }
      return Self.accepted
    }
    answers.tap = { _ in .lines(AsyncStream { $0.finish() }) }
    let server = try await StatusServer.listen(
      .init(host: "127.0.0.1", port: 0), log: Logger(label: "test"), answers: answers)
    let port = server.port
    for (method, path) in [("POST", "/reload"), ("GET", "/reload"), ("GET", "/tap")] {
      let answer = try await onThread { try RawConnection.exchange(method, path, port: port) }
      #expect(answer.code == 404, "\(method) \(path)")
      #expect(!answer.body.contains("/reload") && !answer.body.contains("/tap"))
    }
    #expect(asked.update { $0 } == 0)
    await server.stop()
  }

  @Test func `one who does not decide in time is waited for no longer`() async throws {
    var answers = answers()
    answers.reload = { _ in
      while true { do { try await Task.sleep(for: .seconds(60)) } catch { return Self.refused } }
    }
    try await withSocketServer(answers) { _, path in
      let target = StatusTarget(socket: path)
      let answer = try await StatusClient.reload(at: target, waitSeconds: 1, graceSeconds: 0)
      #expect(answer == nil)
    }
  }

  // MARK: - Questions with a word, and without end

  @Test func `an anomaly is asked for by its id, on every surface`() async throws {
    var answers = answers()
    answers.anomaly = { id in id == "a1" ? ["id": .string(id)] : nil }
    try await withSocketServer(answers) { _, path in
      let found = try await exchange("GET", "/anomalies/a1", path)
      #expect(found.code == 200 && found.body == "{\"id\":\"a1\"}\n")
      #expect(found.headers["content-type"] == "application/json")
      #expect(try await exchange("GET", "/anomalies/a2", path).code == 404)
      #expect(try await exchange("POST", "/anomalies/a1", path).code == 405)
    }
  }

  @Test func `lines come as they are made, and who is gone ends them`() async throws {
    var answers = answers()
    let queries = Monitor<[[String: String]]>([])
    let (hasEnded, end) = AsyncStream<Void>.makeStream()
    answers.tap = { query in
      queries.update { $0.append(query) }
      if query["device"] == nil { return .refused("device: expected") }
      let (lines, source) = AsyncStream<[UInt8]>.makeStream(bufferingPolicy: .bufferingNewest(8))
      source.onTermination = { _ in end.finish() }
      Task {
        while case .enqueued = source.yield(Array("{}\n".utf8)) {
          do { try await Task.sleep(for: .milliseconds(5)) } catch { return }
        }
      }
      return .lines(lines)
    }
    try await withSocketServer(answers) { _, path in
      let refusal = try await exchange("GET", "/tap?x=1", path)
      #expect(refusal.code == 400 && refusal.body == "device: expected\n")
      let seen = try await onThread {
        let connection = try RawConnection(socket: path)
        connection.send("GET /tap?device=a%2Fb&device=c HTTP/1.1\r\nHost: x\r\n\r\n")
        var text = ""
        while text.count(of: "{}\n") < 3, let more = connection.receive() {
          text += String(decoding: more, as: UTF8.self)
        }
        return text
      }
      #expect(seen.hasPrefix("HTTP/1.1 200 OK\r\n"))
      #expect(seen.lowercased().contains("\r\ntransfer-encoding: chunked\r\n"))
      #expect(queries.update { $0 } == [["x": "1"], ["device": "a/b"]])
      // Comes to an end at all: the connection is closed by now.
      for await _ in hasEnded {}
    }
  }

  // MARK: - The file

  @Test(arguments: [UInt32(0o600), 0o660, 0o666])
  func `the socket has its mode, in a folder that is made`(_ mode: UInt32) async throws {
    let folder = ScratchFolder()
    let path = folder.path + "/a/b/fleet.sock"
    let server = try await StatusServer.listen(
      .init(socket: path, mode: mode), log: Logger(label: "test"), answers: answers())
    #expect(server.address == path)
    #expect(folder.mode(of: "a/b/fleet.sock") == UInt32(S_IFSOCK) | mode)
    #expect(folder.names(in: "a/b") == ["fleet.sock"], "nothing else is left there")
    await server.stop()
    #expect(folder.names(in: "a/b") == [])
  }

  @Test func `a live one is left alone, a dead one's file is replaced`() async throws {
    let folder = ScratchFolder()
    let path = folder.path + "/fleet.sock"
    let options = StatusServer.Options(socket: path, mode: 0o660)
    let log = Logger(label: "test")
    let first = try await StatusServer.listen(options, log: log, answers: answers())
    let error = await #expect(throws: StatusError.self) {
      _ = try await StatusServer.listen(options, log: log, answers: answers())
    }
    #expect(error?.description.contains("another program listens there; set admin.socket") == true)
    #expect(try await exchange("GET", "/livez", path).code == 200)
    // The name goes with the socket behind it; a dead process leaves it.
    #expect(unsafe link(path, path + ".dead") == 0)
    await first.stop()
    #expect(unsafe rename(path + ".dead", path) == 0)
    let second = try await StatusServer.listen(options, log: log, answers: answers())
    #expect(try await exchange("GET", "/livez", path).code == 200)
    await second.stop()
  }

  @Test func `of many that start at once one has the socket`() async throws {
    let folder = ScratchFolder()
    let options = StatusServer.Options(socket: folder.path + "/fleet.sock", mode: 0o660)
    let servers = try await withThrowingTaskGroup(of: StatusServer?.self) { group in
      for _ in 0..<8 {
        group.addTask {
          try? await StatusServer.listen(
            options, log: Logger(label: "test"), answers: StatusAnswers { Example.busy() })
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(servers.compactMap(\.self).count == 1)
    for server in servers { await server?.stop() }
    #expect(folder.names(in: "") == [])
  }

  @Test func `what is no socket is never removed`() async throws {
    let folder = ScratchFolder()
    let path = folder.path + "/fleet.sock"
    let descriptor = unsafe open(path, O_CREAT | O_WRONLY, 0o600)
    close(descriptor)
    let error = await #expect(throws: StatusError.self) {
      _ = try await StatusServer.listen(
        .init(socket: path, mode: 0o660), log: Logger(label: "test"), answers: answers())
    }
    #expect(error?.description.contains("a file that is no socket lies there") == true)
    #expect(folder.mode(of: "fleet.sock") == UInt32(S_IFREG) | 0o600)
  }

  @Test func `a folder that cannot be had is said`() async throws {
    let error = await #expect(throws: StatusError.self) {
      _ = try await StatusServer.listen(
        .init(socket: "/dev/null/x/fleet.sock", mode: 0o660), log: Logger(label: "test"),
        answers: answers())
    }
    #expect(error?.description.contains("the folder /dev/null/x cannot be made") == true)
  }

  @Test func `the end removes the file of this one only`() async throws {
    let folder = ScratchFolder()
    let path = folder.path + "/fleet.sock"
    let options = StatusServer.Options(socket: path, mode: 0o660)
    let log = Logger(label: "test")
    let first = try await StatusServer.listen(options, log: log, answers: answers())
    // As if somebody had put another in its place.
    #expect(unsafe unlink(path) == 0)
    let second = try await StatusServer.listen(options, log: log, answers: answers())
    await first.stop()
    #expect(try await exchange("GET", "/livez", path).code == 200)
    await second.stop()
    #expect(folder.names(in: "") == [])
  }
}
