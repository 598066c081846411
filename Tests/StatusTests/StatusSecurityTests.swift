import Base
import Logging
import Testing

@testable import Status

/// The real server with TLS and logins, asked by curl and by our own client.
@Suite struct StatusSecurityTests {
  /// Of "pw", at the lowest cost there is.
  private static let hash = PasswordHash.hash(
    Array("pw".utf8), setting: "$2b$04$CCCCCCCCCCCCCCCCCCCCC.")

  private func security(
    _ certificates: Certificates?, name: String = "one", clients: Bool = false,
    users: [String: String] = [:], token: String? = nil
  ) throws -> StatusSecurity {
    try StatusSecurity(
      files: certificates.map {
        .init(
          certificate: $0.certificate(name), key: $0.key(name),
          clientAuthority: clients ? $0.authority : nil)
      }, users: users, bearerToken: token)
  }

  private func url(_ server: StatusServer, _ path: String, secure: Bool = true) -> String {
    "\(secure ? "https" : "http")://127.0.0.1:\(server.port)\(path)"
  }

  @Test func `passwords and the token let in, and probes need neither`() async throws {
    let hash = try #require(Self.hash)
    let security = try security(nil, users: ["ann": hash], token: "t0ken")
    try await withServer(Example.busy(), configure: { $0.security = security }) { server, _ in
      let status = url(server, "/status", secure: false)
      #expect(try await curl(["--user", "ann:pw", status]).code == 200)
      #expect(try await curl(["--user", "ann:pw", status]).code == 200, "remembered")
      #expect(try await curl(["--header", "Authorization: Bearer t0ken", status]).code == 200)
      for login in ["ann:PW", "ann:", "eve:pw", ":pw"] {
        #expect(try await curl(["--user", login, status]).code == 401, "\(login)")
      }
      #expect(try await curl(["--header", "Authorization: Bearer t0ke", status]).code == 401)
      for path in ["/metrics", "/status", "/", "/nothing", "/anomalies/a", "/reload"] {
        let answer = try await curl(["--include", url(server, path, secure: false)])
        #expect(answer.code == 401, "\(path)")
        #expect(answer.output.lowercased().contains("www-authenticate: basic realm="))
        #expect(answer.output.lowercased().contains("www-authenticate: bearer realm="))
        #expect(!answer.output.contains("no such page"), "what is there is not told")
      }
      for path in ["/livez", "/readyz"] {
        #expect(try await curl([url(server, path, secure: false)]).code == 200, "\(path)")
      }
      var target = StatusTarget(host: "127.0.0.1", port: server.port)
      let error = await #expect(throws: StatusError.self) {
        _ = try await StatusClient.status(of: target)
      }
      #expect(error?.description.contains("it asks for a login") == true)
      target.logIn(user: "ann", password: "pw")
      #expect(try await StatusClient.status(of: target)["phase"] == "running")
      target.logIn(token: "t0ken")
      #expect(try await StatusClient.status(of: target)["phase"] == "running")
    }
  }

  @Test func `over TLS it answers those who trust its authority`() async throws {
    let folder = ScratchFolder()
    let certificates = try Certificates(in: folder)
    try certificates.make("one")
    let security = try security(certificates)
    try await withServer(Example.busy(), configure: { $0.security = security }) { server, _ in
      let trusted = ["--cacert", certificates.authority]
      for version in ["--tlsv1.2", "--tlsv1.3"] {
        let answer = try await curl(trusted + [version, url(server, "/readyz")])
        #expect(answer.code == 200, "\(answer.output)")
      }
      let old = ["--tls-max", "1.1", "--tlsv1.0"]
      #expect(try await curl(trusted + old + [url(server, "/livez")]).code < 0)
      #expect(try await curl([url(server, "/livez")]).code == -60, "an unknown authority")
      #expect(try await curl([url(server, "/livez", secure: false)]).code < 0, "in clear")
      for host in ["localhost", "127.0.0.1"] {
        var target = StatusTarget(host: host, port: server.port)
        target.usesTLS = true
        target.authorityFile = certificates.authority
        #expect(try await StatusClient.status(of: target)["phase"] == "running")
        target.authorityFile = nil
        let error = await #expect(throws: StatusError.self) {
          _ = try await StatusClient.status(of: target)
        }
        #expect(error?.description.contains("no TLS with it") == true, "\(host)")
      }
    }
  }

  @Test func `where clients need a certificate nobody else is let in`() async throws {
    let folder = ScratchFolder()
    let certificates = try Certificates(in: folder)
    for name in ["one", "client"] { try certificates.make(name) }
    let others = try Certificates(in: ScratchFolder())
    let security = try security(certificates, clients: true)
    try await withServer(Example.busy(), configure: { $0.security = security }) { server, _ in
      let trusted = ["--cacert", certificates.authority, url(server, "/livez")]
      let own = ["--cert", certificates.certificate("client"), "--key", certificates.key("client")]
      let welcome = try await curl(own + trusted)
      #expect(welcome.code == 200)
      #expect(try await curl(trusted).code < 0)
      let foreign = ["--cert", others.authority, "--key", others.key("ca")]
      #expect(try await curl(foreign + trusted).code < 0)
    }
  }

  @Test func `other certificates and users are taken over while it listens`() async throws {
    let folder = ScratchFolder()
    let certificates = try Certificates(in: folder)
    for name in ["one", "two"] { try certificates.make(name) }
    let first = try security(certificates)
    try await withServer(Example.busy(), configure: { $0.security = first }) { server, _ in
      let ask = ["--cacert", certificates.authority, "--verbose"]
      let livez = url(server, "/livez")
      let before = try await curl(ask + [livez])
      #expect(before.output.contains("CN=one"))
      #expect(!server.adopt(first))
      #expect(try server.adopt(security(certificates, name: "two", token: "t")))
      #expect(try await curl(ask + [livez]).output.contains("CN=two"))
      #expect(try await curl(ask + [url(server, "/status")]).code == 401)
      #expect(try !server.adopt(security(certificates, name: "two")), "TLS is the same")
      #expect(try await curl(ask + [url(server, "/status")]).code == 200)
      #expect(server.adopt(.none))
      #expect(try await curl([url(server, "/livez", secure: false)]).code == 200)
    }
  }

  @Test func `a connection that was made in clear does not outlive it`() async throws {
    let certificates = try Certificates(in: ScratchFolder())
    try certificates.make("one")
    try await withServer(Example.busy()) { server, _ in
      let port = server.port
      let connection = try await onThread {
        let connection = try RawConnection(port: port)
        connection.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        _ = connection.receive()
        return connection
      }
      #expect(try server.adopt(security(certificates)))
      #expect(try await onThread { connection.receiveAll() }.isEmpty)
    }
  }

  @Test(arguments: ["", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}", "GET / HTTP/1.1\r\n\r\n"])
  func `who does not finish a handshake is let go like anybody silent`(
    _ beginning: String
  ) async throws {
    let certificates = try Certificates(in: ScratchFolder())
    try certificates.make("one")
    let security = try security(certificates)
    func configure(_ options: inout StatusServer.Options) {
      options.security = security
      options.silenceMax = .seconds(2)
      options.connectionCountMax = 4
    }
    try await withServer(Example.busy(), configure: configure) { server, _ in
      let port = server.port
      let connections = try await onThread {
        try (0..<6).map { _ in
          let connection = try RawConnection(port: port)
          connection.send(beginning)
          return connection
        }
      }
      for connection in connections {
        // Comes to an end at all.
        _ = try await onThread { connection.receiveAll() }
      }
      let trusted = ["--cacert", certificates.authority, url(server, "/livez")]
      #expect(try await curl(trusted).code == 200)
      let counts = server.connections.counts
      #expect(counts.silenced + counts.evicted > 0 || beginning.hasPrefix("GET"), "\(counts)")
    }
  }

  // MARK: - Files

  @Test func `what is wrong with the files is said by the one it is wrong with`() throws {
    let folder = ScratchFolder()
    let certificates = try Certificates(in: folder)
    for name in ["one", "two"] { try certificates.make(name) }
    func fault(_ certificate: String, _ key: String, _ clients: String? = nil)
      -> StatusSecurity.Fault?
    {
      #expect(throws: StatusSecurity.Fault.self) {
        _ = try StatusSecurity(
          files: .init(certificate: certificate, key: key, clientAuthority: clients), users: [:],
          bearerToken: nil)
      }
    }
    let (one, key) = (certificates.certificate("one"), certificates.key("one"))
    let missing = fault(folder.path + "/none", key)
    #expect(missing?.part == .certificate)
    #expect(missing?.reason == "cannot read \(folder.path)/none: no such file or directory")
    #expect(fault(key, key)?.reason == "\(key) has no certificate in PEM form")
    let swapped = fault(one, one)
    #expect(swapped?.part == .key && swapped?.reason == "\(one) has no private key in PEM form")
    let foreign = fault(one, certificates.key("two"))
    #expect(foreign?.part == .key && foreign?.reason.contains("is not that of") == true)
    #expect(fault(one, key, key)?.part == .clientAuthority)
  }

  @Test func `it knows until when its certificate is valid, and what is left open`() throws {
    let certificates = try Certificates(in: ScratchFolder())
    try certificates.make("one")
    let days = try #require(try security(certificates).expirySeconds) / 86_400
    let today = WallClock.nowMicros() / 86_400_000_000
    #expect((29...30).contains(days - today))
    #expect(StatusSecurity.none.isOpen && StatusSecurity.none.expirySeconds == nil)
    #expect(try !security(certificates).isOpen)
    #expect(try !security(nil, token: "t").isOpen)
  }
}
