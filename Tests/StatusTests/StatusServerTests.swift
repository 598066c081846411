import Base
import Logging
import Pipeline
import ServiceLifecycle
import Testing

@testable import Status

@Suite struct StatusServerTests {
  private func get(_ path: String, _ server: StatusServer) async throws -> HTTPAnswer {
    let port = server.port
    return try await onThread { try RawConnection.exchange("GET", path, port: port) }
  }

  @Test func `every page answers over a real socket`() async throws {
    try await withServer(Example.busy()) { server, _ in
      let metrics = try await get("/metrics", server)
      #expect(metrics.code == 200)
      #expect(metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
      #expect(metrics.body.contains("\ndownlink_partition_lag_records{topic=\"telemetry\","))
      #expect(metrics.body.contains("\ndownlink_http_connections 1\n"))
      let port = server.port
      let open = try await onThread {
        try RawConnection.exchange(
          "GET", "/metrics", port: port,
          headers: "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n")
      }
      #expect(
        open.headers["content-type"]
          == "application/openmetrics-text; version=1.0.0; charset=utf-8")
      #expect(open.body.hasSuffix("\n# EOF\n"))
      let again = try await get("/metrics", server)
      #expect(!again.body.contains("# EOF"), "each format is kept by itself")
      let alive = try await get("/livez", server)
      #expect(alive.code == 200 && alive.body == "ok\n")
      let ready = try await get("/readyz", server)
      #expect(ready.code == 200 && ready.body == "ready: 2 partitions, 340 records behind\n")
      let status = try await get("/status?pretty", server)
      #expect(status.code == 200 && status.headers["content-type"] == "application/json")
      #expect(try JSONValue(parsing: status.body)["phase"] == "running")
      let page = try await get("/", server)
      #expect(page.code == 200 && page.headers["content-type"] == "text/html; charset=utf-8")
      #expect(page.body.hasPrefix("<!doctype html>"))
    }
  }

  @Test(arguments: Route.pages) func `HEAD gives the head of GET`(_ route: Route) async throws {
    try await withServer(Example.busy()) { server, _ in
      let port = server.port
      let path = route.rawValue
      let get = try await onThread { try RawConnection.exchange("GET", path, port: port) }
      let head = try await onThread { try RawConnection.exchange("HEAD", path, port: port) }
      #expect(head.body.isEmpty)
      #expect(head.code == get.code)
      #expect(head.headers["content-type"] == get.headers["content-type"])
      #expect(get.headers["content-length"] == "\(get.body.utf8.count)")
      #expect(head.headers["content-length"] != nil)
    }
  }

  @Test(arguments: Route.pages.map(\.rawValue) + ["/nothing"])
  func `every answer forbids to be kept, guessed at, framed or to load anything`(
    _ path: String
  ) async throws {
    try await withServer(Example.busy()) { server, _ in
      let headers = try await get(path, server).headers
      #expect(headers["cache-control"] == "no-store")
      #expect(headers["x-content-type-options"] == "nosniff")
      #expect(headers["content-security-policy"]?.hasPrefix("default-src 'none'; ") == true)
      #expect(headers["referrer-policy"] == "no-referrer")
    }
  }

  @Test(arguments: ["/nothing", "/metrics/", "/../etc/passwd", "//", "/Metrics", "/%6detrics"])
  func `other paths are 404`(_ path: String) async throws {
    try await withServer(Example.busy()) { server, _ in
      let answer = try await get(path, server)
      #expect(answer.code == 404)
      #expect(answer.body.contains("/metrics /livez /readyz /status"))
    }
  }

  @Test(arguments: ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
  func `other methods are 405`(_ method: String) async throws {
    try await withServer(Example.busy()) { server, _ in
      let port = server.port
      let answer = try await onThread {
        try RawConnection.exchange(method, "/status", port: port, headers: "Content-Length: 0\r\n")
      }
      #expect(answer.code == 405)
      #expect(answer.headers["allow"] == "GET, HEAD")
    }
  }

  @Test func `readiness follows the phase at once, life does not`() async throws {
    try await withServer(Example.busy(), configure: { $0.renderingAgeMax = .seconds(60) }) {
      for phase in PipelineStatus.Phase.allCases {
        $1.update { $0.phase = phase }
        let ready = try await get("/readyz", $0)
        #expect(ready.code == (phase == .running ? 200 : 503), "\(phase)")
        #expect(try await get("/livez", $0).code == 200)
      }
    }
  }

  @Test func `a connection is kept and requests in a row are answered in order`() async throws {
    try await withServer(Example.busy()) { server, _ in
      let port = server.port
      let text = try await onThread {
        let connection = try RawConnection(port: port)
        let request = "HTTP/1.1\r\nHost: x\r\n"
        connection.send("GET /livez \(request)\r\nGET /readyz \(request)\r\n")
        connection.send("GET /nothing \(request)Connection: close\r\n\r\n")
        return connection.receiveAll()
      }
      let places = ["\r\n\r\nok\n", "\r\n\r\nready: ", "\r\n\r\nno such page"]
        .map { text.firstRange(of: $0)?.lowerBound }
      #expect(places.allSatisfy { $0 != nil })
      #expect(places.compactMap(\.self) == places.compactMap(\.self).sorted())
    }
  }

  @Test func `a page is handed out again while it is young`() async throws {
    let asked = Monitor(0)
    var options = StatusServer.Options(host: "127.0.0.1", port: 0)
    options.renderingAgeMax = .seconds(60)
    let server = try await StatusServer.listen(options, log: Logger(label: "test")) {
      asked.update { $0 += 1 }
      return Example.busy()
    }
    // The history's first point; the next one comes five seconds later.
    while asked.update({ $0 }) == 0 { await Task.yield() }
    let first = try await get("/metrics", server).body
    let second = try await get("/metrics", server).body
    #expect(first == second)
    #expect(asked.update { $0 } == 2)
    _ = try await get("/status", server)
    #expect(asked.update { $0 } == 3, "each page from a snapshot of its own")
    await server.stop()
  }

  // MARK: - Addresses

  @Test func `a port in use is said before anything starts`() async throws {
    try await withServer(Example.fresh()) { server, _ in
      let options = StatusServer.Options(host: "127.0.0.1", port: server.port)
      let error = await #expect(throws: StatusError.self) {
        _ = try await StatusServer.listen(options, log: Logger(label: "test")) { Example.fresh() }
      }
      #expect(
        error?.description == "cannot listen on 127.0.0.1:\(server.port): "
          + "address already in use; another downlinkd? set http.listen")
    }
  }

  @Test(arguments: [
    ("192.0.2.1", "not an address of this machine"), ("no-such-host.invalid", "has no address"),
  ]) func `an address that cannot be had says why`(_ host: String, _ reason: String) async throws {
    let options = StatusServer.Options(host: host, port: 0)
    let error = await #expect(throws: StatusError.self) {
      _ = try await StatusServer.listen(options, log: Logger(label: "test")) { Example.fresh() }
    }
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    #expect(error?.description.contains("set http.listen") == true)
  }

  @Test func `it listens on the loopback of IPv6 as well`() async throws {
    let options = StatusServer.Options(host: "::1", port: 0)
    let server = try await StatusServer.listen(options, log: Logger(label: "test")) {
      Example.busy()
    }
    #expect(server.address == "[::1]:\(server.port)")
    let value = try await StatusClient.status(host: "::1", port: server.port)
    #expect(value["phase"] == "running")
    await server.stop()
  }

  // MARK: - The end

  @Test func `after stop nobody answers, and stop may be called again`() async throws {
    let options = StatusServer.Options(host: "127.0.0.1", port: 0)
    let server = try await StatusServer.listen(options, log: Logger(label: "test")) {
      Example.busy()
    }
    let port = server.port
    async let run: Void = server.run()
    #expect(try await get("/livez", server).code == 200)
    await server.stop()
    try await run
    await server.stop()
    await #expect(throws: RawConnection.Failure.self) {
      try await onThread { _ = try RawConnection(port: port) }
    }
    let again = try await StatusServer.listen(
      StatusServer.Options(host: "127.0.0.1", port: port), log: Logger(label: "test")
    ) { Example.busy() }
    await again.stop()
  }

  @Test func `stop waits for nobody who keeps a connection open`() async throws {
    try await withServer(Example.busy(), configure: { $0.stopPatience = .milliseconds(200) }) {
      server, _ in
      let port = server.port
      let idle = try await onThread { try RawConnection(port: port) }
      let begun = try await onThread {
        let connection = try RawConnection(port: port)
        connection.send("GET /metr")
        return connection
      }
      let posting = try await onThread {
        let connection = try RawConnection(port: port)
        connection.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        _ = connection.receive()
        return connection
      }
      // That it comes back at all: none of them will ever end by itself.
      await server.stop()
      for connection in [idle, begun, posting] {
        #expect(try await onThread { connection.receiveAll() }.contains("200") == false)
      }
    }
  }

  /// Services stop in reverse order: what stands behind the server has its answer to the end.
  private struct Draining: Service {
    let port: Int
    let status: Monitor<PipelineStatus>
    let seen: Monitor<[Int]>

    func run() async throws {
      try await gracefulShutdown()
      status.update { $0.phase = .draining }
      for path in ["/readyz", "/metrics", "/livez"] {
        let port = port
        let answer = try await onThread { try RawConnection.exchange("GET", path, port: port) }
        seen.update { $0.append(answer.code) }
      }
    }
  }

  @Test func `it answers while the pipeline behind it drains`() async throws {
    try await withServer(Example.busy()) { server, status in
      let seen = Monitor<[Int]>([])
      let pipeline = Draining(port: server.port, status: status, seen: seen)
      let group = ServiceGroup(services: [server, pipeline], logger: Logger(label: "test"))
      async let run: Void = group.run()
      while try await get("/readyz", server).code != 200 {}
      await group.triggerGracefulShutdown()
      try await run
      #expect(seen.update { $0 } == [503, 200, 200])
    }
  }
}
