import Config
import Testing

@Suite struct HTTPTests {
  private static let hash = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW"

  private func http(_ text: String) -> String { minimal + "http: {\(text)}\n" }

  @Test func `TLS, users and a token are read`() throws {
    let text = http(
      "tls: {certificate: a.pem, key: /k.pem, client_ca: ca.pem}, bearer_token: '${T}',"
        + " basic_auth: {users: {bob: \(Self.hash), ann: \(Self.hash)}}")
    let found = try read(text, environment: ["T": "t0ken"]).http
    #expect(found.tls?.certificate == "/etc/downlink/a.pem" && found.tls?.key == "/k.pem")
    #expect(found.tls?.clientAuthority == "/etc/downlink/ca.pem")
    #expect(found.users.map(\.name) == ["ann", "bob"])
    #expect(found.users.allSatisfy { $0.passwordHash == Self.hash })
    #expect(found.bearerToken?.value == "t0ken")
    let shown = try read(text, environment: ["T": "t0ken"]).effective
    #expect(!shown.contains(Self.hash) && !shown.contains("t0ken") && shown.contains("${T}"))
    var dumped = ""
    dump(found, to: &dumped)
    #expect(!dumped.contains(Self.hash) && !dumped.contains("t0ken"))
  }

  @Test(arguments: [
    ("tls: {key: k}", "`certificate` is missing"), ("tls: {certificate: c}", "`key` is missing"),
    ("basic_auth: {}", "`users` is missing"), ("basic_auth: {users: {}}", "found none"),
    ("basic_auth: {users: {'a:b': x}}", "has no colon"),
    ("basic_auth: {users: {a: hunter2}}", "is not a bcrypt hash"),
    ("basic_auth: {users: {a: $2b$17$\(String(repeating: "h", count: 53))}}", "costs 2^17 rounds"),
    ("basic_auth: {users: {a: $2b$12$hunter2}}", "is not a bcrypt hash"),
    ("bearer_token: hunter2", "a secret does not belong in this file"),
  ]) func `what is missing or wrong is said, and no secret shown`(
    _ text: String, _ expected: String
  ) {
    let found = faults(of: http(text))
    #expect(found.count == 1)
    #expect(found.first?.message.contains(expected) == true, "\(found)")
    #expect(!"\(found)".contains("hunter2") && !"\(found)".contains("hhhh"))
  }

  @Test func `logins and certificates change while it runs, and nothing of them is shown`() throws {
    let old = try read(http("basic_auth: {users: {ann: \(Self.hash)}}"))
    let other = String(Self.hash.dropLast()) + "a"
    let new = try read(
      http("basic_auth: {users: {ann: \(other)}}, tls: {certificate: /c, key: /k}"))
    let change = ConfigurationChange(from: old, to: new)
    #expect(change.isAccepted && change.changesTLS)
    #expect(
      change.live.map(\.description) == [
        "http.tls.certificate: added: /c", "http.tls.key: added: /k",
        "http.basic_auth.users.ann: ***, with another content",
      ])
    #expect(old.fingerprint == new.fingerprint)
  }

  @Test(arguments: [
    ("listen: 127.0.0.1:1", false, false), ("listen: none", false, false),
    ("listen: 0.0.0.0:1", true, false), ("listen: 0.0.0.0:1, bearer_token: '${T}'", false, true),
    ("listen: '[::1]:1', bearer_token: '${T}'", false, false),
    ("listen: 0.0.0.0:1, tls: {certificate: c, key: k}", false, false),
  ]) func `what is left open to other machines is known`(
    _ text: String, _ isUnguarded: Bool, _ isInClear: Bool
  ) throws {
    let found = try read(http(text), environment: ["T": "t"]).http
    #expect(found.isUnguarded == isUnguarded && found.takesSecretsInClear == isInClear)
  }
}
