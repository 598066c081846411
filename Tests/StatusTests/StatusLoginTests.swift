import Base
import Testing

@testable import Status

/// Who is let in, decided without a socket or a hash.
@Suite struct StatusLoginTests {
  private let login = StatusLogin(users: ["ann": "HASH-A", "bob": "HASH-B"], token: "s3cret")

  private func basic(_ text: String) -> String { "Basic " + Base64Text.text(Array(text.utf8)) }

  private func attempt(_ user: String, _ password: String, _ hash: String, _ isKnown: Bool)
    -> StatusLogin.Step
  {
    .check(.init(user: user, password: Array(password.utf8), hash: hash, isKnown: isKnown))
  }

  @Test(arguments: [nil, "", "Bearer", "Basic !!!", "Bearer x"])
  func `where nothing is asked for everybody is let in`(_ header: String?) {
    #expect(StatusLogin().judge(header) == .admit)
    #expect(!StatusLogin().isRequired && StatusLogin().challenges.isEmpty)
  }

  @Test(arguments: ["Bearer s3cret", "bearer s3cret", "BEARER   s3cret"])
  func `the token lets in`(_ header: String) { #expect(login.judge(header) == .admit) }

  @Test(arguments: [
    nil, "", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3crets", "Bearer S3CRET", "s3cret",
    "Token s3cret", "Digest x", "Basic", "Basic ", "Basic ====", "Basic s3cret!",
  ]) func `what is no login is refused at once`(_ header: String?) {
    #expect(login.judge(header) == .refuse)
  }

  @Test func `a password is checked against the hash of its user`() {
    #expect(login.judge(basic("ann:pw")) == attempt("ann", "pw", "HASH-A", true))
    #expect(login.judge(basic("bob:a:b:")) == attempt("bob", "a:b:", "HASH-B", true))
    #expect(login.judge(basic("ann:")) == attempt("ann", "", "HASH-A", true))
  }

  @Test func `who is nobody costs as much as who is somebody, and is never let in`() {
    #expect(login.judge(basic("eve:pw")) == attempt("eve", "pw", "HASH-A", false))
    #expect(login.judge(basic(":pw")) == attempt("", "pw", "HASH-A", false))
  }

  @Test func `nothing is hashed that is no login at all`() {
    #expect(login.judge(basic("ann")) == .refuse)
    #expect(login.judge(basic("ann:" + String(repeating: "x", count: 257))) == .refuse)
    #expect(login.judge("Basic " + Base64Text.text([0xFF, 0x3A, 0x61])) == .refuse)
    #expect(StatusLogin(token: "t").judge(basic("ann:pw")) == .refuse)
    #expect(StatusLogin(users: ["ann": "H"]).judge("Bearer ") == .refuse)
  }

  @Test func `the challenges are those of the ways there are`() {
    #expect(login.challenges.map { $0.prefix { $0 != " " } } == ["Basic", "Bearer"])
    #expect(StatusLogin(token: "t").challenges == [#"Bearer realm="downlinkd""#])
  }

  // MARK: - Hashes

  @Test func `texts are compared byte by byte, whatever their lengths`() {
    let texts = ["", "a", "b", "aa", "ab", "aba", "abab"].map { Array($0.utf8) }
    for one in texts {
      for other in texts { #expect(ConstantTime.isEqual(one, other) == (one == other)) }
    }
  }

  @Test func `a hash that was made is that of its password, and of no other`() throws {
    let hash = try #require(PasswordHash.bcrypt(Array("päss".utf8)))
    #expect(hash.hasPrefix("$2b$12$") && hash.utf8.count == 60)
    #expect(PasswordHash.matches(Array("päss".utf8), hash))
    #expect(!PasswordHash.matches(Array("pass".utf8), hash))
    #expect(!PasswordHash.matches([], hash))
    #expect(PasswordHash.bcrypt([0]) == nil)
  }

  /// From crypt_blowfish's own tests (public domain), and one of htpasswd's prefix.
  @Test(arguments: [
    ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("U*U*", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
    ("U*U", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
  ]) func `hashes of other programs are understood`(_ password: String, _ hash: String) {
    #expect(PasswordHash.matches(Array(password.utf8), hash))
    #expect(!PasswordHash.matches(Array((password + "x").utf8), hash))
  }

  @Test(arguments: ["", "*0", "$2b$12$", "$9$x", "plain"])
  func `what is no hash fits no password`(_ hash: String) {
    #expect(!PasswordHash.matches(Array("x".utf8), hash))
  }

  @Test func `many at once are checked in turn, and too many are sent away`() async throws {
    let checker = PasswordChecker()
    let hash = try #require(PasswordHash.bcrypt(Array("right".utf8)))
    func attempt(_ password: String, isKnown: Bool = true) -> StatusLogin.Attempt {
      .init(user: "ann", password: Array(password.utf8), hash: hash, isKnown: isKnown)
    }
    #expect(await checker.verify(attempt("right")) == .right)
    #expect(await checker.verify(attempt("wrong")) == .wrong)
    #expect(await checker.verify(attempt("right", isKnown: false)) == .wrong)
    let verdicts = await withTaskGroup(of: PasswordChecker.Verdict.self) { group in
      for number in 0..<24 { group.addTask { await checker.verify(attempt("wrong \(number)")) } }
      // Whoever was right before does not stand in their line.
      group.addTask { await checker.verify(attempt("right")) }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(verdicts.count { $0 == .right } == 1)
    #expect(verdicts.count { $0 == .wrong } >= 8)
    #expect(verdicts.count { $0 == .busy } > 0)
    checker.stop()
    #expect(await checker.verify(attempt("right")) != .right, "nobody is let in by a stopped one")
  }
}
