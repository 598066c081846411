import Base
import Glibc
import Pipeline
import Testing

@testable import downlinkd

/// Requests of taps, and their lines over a socket.
@Suite struct TapTests {
  @Test func `a request comes back as it was sent`() throws {
    var filter = TapFilter(.anomalies)
    filter.device = Glob("süd & *?")
    filter.severity = Glob("crit*")
    var request = TapRequest(filter)
    request.rate = 7
    #expect(
      request.path
        == "/tap?what=anomalies&device=s%c3%bcd%20%26%20%2a%3f&severity=crit%2a&rate=7")
    let query = [
      "what": "anomalies", "device": "süd & *?", "severity": "crit*", "rate": "7",
    ]
    #expect(try TapRequest(query) == request)
  }

  @Test(arguments: [
    (["what": "rows"], "what: expected one of readings, windows, anomalies"),
    (["rate": "0"], "rate: expected 1 to 100000 rows a second"),
    (["detector": "x"], "detector and severity: only anomalies have them"),
    (
      ["devise": "x"],
      "devise: there are only what, source, device, metric, detector, severity, rate"
    ),
  ])
  func `a request that cannot be is refused`(query: [String: String], sentence: String) {
    #expect(throws: TapRequest.Refusal(sentence: sentence)) { try TapRequest(query) }
  }

  @Test func `a fifth tap is refused, and one that is let go of makes room`() async throws {
    let hub = TapHub()
    var streams: [AsyncStream<[UInt8]>] = []
    for _ in 0..<TapHub.subscriptionCountMax { streams.append(try TapFeed.lines(of: hub, [:])) }
    #expect(throws: TapRequest.Refusal.self) { try TapFeed.lines(of: hub, [:]) }
    streams.removeLast()
    streams.append(try TapFeed.lines(of: hub, [:]))
    hub.end()
    for stream in streams {
      for await _ in stream { Issue.record("there are no lines") }
    }
    #expect(!hub.isWanted)
  }

  // MARK: - The reader

  /// Serves one connection with these pieces, whatever is asked, and closes; where there is
  /// somebody to say when, it sends the last piece until then.
  private func serve(
    _ pieces: [String], until isOver: Monitor<Bool>? = nil
  ) throws -> (path: String, server: WorkerThread) {
    let path = "/tmp/downlink-tap-\(RandomID.make()).sock"
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    let bound = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(bound == 0 && listen(listener, 1) == 0)
    let server = WorkerThread(name: "tap-server") {
      let connection = accept(listener, nil, nil)
      var request = [UInt8](repeating: 0, count: 4096)
      _ = unsafe recv(connection, &request, request.count, 0)
      func send(_ piece: String) {
        let bytes = Array(piece.utf8)
        _ = unsafe Glibc.send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        usleep(20_000)
      }
      for piece in pieces { send(piece) }
      while let isOver, !isOver.update({ $0 }) { send(pieces.last ?? "") }
      close(connection)
      close(listener)
      unsafe unlink(path)
    }
    return (path, server)
  }

  private func lines(_ pieces: [String]) throws -> [String] {
    let (path, server) = try serve(pieces)
    defer { server.join() }
    let connection = try TapConnection(socket: path, request: TapRequest(TapFilter(.readings)))
    var found: [String] = []
    while case .line(let line) = try connection.next(until: nil) {
      found.append(String(decoding: line, as: UTF8.self))
    }
    return found
  }

  @Test func `lines come whole, however the bytes come`() throws {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    let endless = "8\r\n{\"a\":1}\n\r\n1\r\n\n\r\n5\r\n{\"b\":\r\n3\r\n2}\n"
    let body = endless + "\r\n0\r\n\r\n"
    let expected = ["{\"a\":1}", "{\"b\":2}"]
    #expect(try lines([head + body]) == expected)
    #expect(try lines([head, body]) == expected)
    #expect(try lines((head + body).unicodeScalars.map { String($0) }) == expected)
    #expect(try lines([head, endless]) == expected)
  }

  @Test func `a refusal is its sentence, a stranger is told from an instance`() throws {
    #expect(throws: TapConnection.Fault.refused("4 taps are open")) {
      try lines(["HTTP/1.1 400 Bad Request\r\ncontent-length: 16\r\n\r\n", "4 taps are open\n"])
    }
    #expect(throws: TapConnection.Fault.self) { try lines(["220 mail.example.org\r\n"]) }
    #expect(throws: TapConnection.Fault.self) {
      let request = TapRequest(TapFilter(.windows))
      _ = try TapConnection(socket: "/tmp/downlink-nobody.sock", request: request)
    }
  }

  @Test func `a deadline ends the waiting`() throws {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    let isOver = Monitor(false)
    let (path, server) = try serve([head, "1\r\n\n\r\n"], until: isOver)
    defer {
      isOver.update { $0 = true }
      server.join()
    }
    let connection = try TapConnection(socket: path, request: TapRequest(TapFilter(.readings)))
    let next = try connection.next(until: MonotonicClock.nowNanos() + 50_000_000)
    #expect(next == .late)
  }

  @Test func `a row on a terminal is a line of text without anything that moves a cursor`() {
    let row: JSONValue = [
      "source": "snapshots", "device_id": "sat\u{1B}[2J",
      "event_time": "2026-06-09T10:00:00.000000Z", "battery_voltage_v": 3, "kafka_offset": 5,
    ]
    #expect(TapText.line(row) == "2026-06-09T10:00:00Z  snapshots  sat?[2J  battery_voltage_v=3")
  }
}
