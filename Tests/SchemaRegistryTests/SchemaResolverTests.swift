import Base
import Decode
import Testing

@testable import SchemaRegistry

@Suite(.serialized) struct SchemaResolverTests {
  /// The registry is a program that starts another: it has time, but for what it does too slowly.
  private func options(_ registry: FakeRegistry, _ fault: String = "") -> RegistryOptions {
    var options = RegistryOptions(
      url: "http://localhost:\(registry.port)" + (fault.isEmpty ? "" : "/\(fault)"),
      timeoutMillis: fault == "slow" ? 1000 : 20_000)
    options.answerByteCountMax = 1 << 20
    return options
  }

  /// What a resolver knows of an id within so many seconds, or once it has said what is wrong.
  private func answer(
    _ id: Int32, _ options: RegistryOptions, seconds: Double = 20, untilTrouble: Bool = false
  ) -> (answer: SchemaAnswer?, account: SchemaAccount, warnings: [String]) {
    let warnings = Monitor<[String]>([])
    let resolver = SchemaResolver(options) { sentence in warnings.update { $0.append(sentence) } }
    defer { resolver.stop() }
    let deadline = MonotonicClock.nowNanos() + Int64(seconds * 1e9)
    var answer = resolver.answer(for: id)
    while answer == nil, MonotonicClock.nowNanos() < deadline {
      if untilTrouble, resolver.account.trouble != nil, !warnings.update({ $0.isEmpty }) { break }
      _ = warnings.wait(timeoutMillis: 10) { _ -> Bool? in nil }
      answer = resolver.answer(for: id)
    }
    return (answer, resolver.account, warnings.update { $0 })
  }

  private func names(_ answer: SchemaAnswer?) -> [String] {
    guard case .protobuf(let outline) = answer else { return [] }
    return outline.names(at: [1])
  }

  @Test(arguments: ["", "text", "late"])
  func `a schema is fetched, serialized or as text`(fault: String) throws {
    let registry = try FakeRegistry()
    defer { registry.stop() }
    let found = answer(1, options(registry, fault))
    #expect(names(found.answer) == ["acme.Orbit"])
    #expect(found.account.answeredCount == 1)
    #expect(found.account.notFoundCount == (fault == "late" ? 1 : 0))
    #expect(found.warnings == [])
  }

  @Test func `Avro's schemas are told apart, and ids that are not there`() throws {
    let registry = try FakeRegistry()
    defer { registry.stop() }
    #expect(answer(3, options(registry)).answer == .otherKind("AVRO"))
    #expect(answer(99, options(registry)).answer == .notFound)
  }

  @Test func `a registry that fails now and then is asked until it answers`() throws {
    let registry = try FakeRegistry()
    defer { registry.stop() }
    let found = answer(1, options(registry, "flaky"))
    #expect(names(found.answer) == ["acme.Orbit"])
    #expect(found.account.failedCount == 2)
    #expect(found.account.trouble == nil)
    #expect(found.warnings.count == 1, "one sentence, however often it fails")
  }

  @Test(arguments: [
    ("500", "Error in the backend data store"), ("html", "404 without an error_code"),
    ("garbled", "no JSON"), ("other", "no member `schema`"), ("closed", "no answer"),
    ("cut", "no answer"), ("huge", "more than 1048576 bytes"), ("redirect", "status 302"),
    ("slow", "no answer"), ("auth", "another user or password"),
  ])
  func `whatever else comes is waited out and said`(fault: String, said: String) throws {
    let registry = try FakeRegistry()
    defer { registry.stop() }
    let found = answer(1, options(registry, fault), untilTrouble: true)
    #expect(found.answer == nil)
    #expect(found.account.failedCount > 0)
    let trouble = try #require(found.account.trouble)
    #expect(trouble.contains(said), "\(trouble)")
    #expect(found.warnings.first?.contains(said) == true)
    #expect(found.account.waitNanos > 0)
  }

  @Test func `nobody listens`() throws {
    let registry = try FakeRegistry()
    registry.stop()
    let found = answer(1, options(registry), untilTrouble: true)
    #expect(found.answer == nil)
    #expect(found.account.trouble?.contains("no answer") == true)
  }

  @Test func `user and password open a registry, and nobody prints them`() throws {
    let registry = try FakeRegistry()
    defer { registry.stop() }
    var options = options(registry, "auth")
    options.user = "downlink"
    options.password = "pass:word"
    #expect(names(answer(1, options).answer) == ["acme.Orbit"])
    var shown = ""
    dump(options, to: &shown)
    #expect(!shown.contains("pass:word") && !"\(options)".contains("pass:word"))
    options.password = "wrong"
    let refused = answer(1, options, untilTrouble: true)
    #expect(refused.answer == nil)
    #expect(refused.warnings.allSatisfy { !$0.contains("wrong") })
  }

  @Test func `TLS needs somebody who vouches for the registry`() throws {
    let registry = try FakeRegistry(tls: true)
    defer { registry.stop() }
    var options = options(registry)
    options.url = "https://localhost:\(registry.port)"
    let refused = answer(1, options, untilTrouble: true)
    #expect(refused.answer == nil)
    #expect(refused.account.trouble?.contains("certificate") == true)
    options.authorityFile = registry.certificate
    #expect(names(answer(1, options).answer) == ["acme.Orbit"])
    // Its name is checked too: the certificate is for localhost.
    options.url = "https://127.0.0.1:\(registry.port)"
    #expect(answer(1, options, untilTrouble: true).answer == nil)
  }

  @Test func `a cache answers without the registry, but not for another one`() throws {
    let registry = try FakeRegistry()
    defer { registry.stop() }
    var options = options(registry)
    options.cacheFolder = registry.cacheFolder
    #expect(names(answer(1, options).answer) == ["acme.Orbit"])
    _ = answer(99, options)
    registry.stop()
    #expect(names(answer(1, options).answer) == ["acme.Orbit"])
    #expect(answer(99, options, seconds: 0.3).answer == nil)
    options.url += "/other"
    #expect(answer(1, options, seconds: 0.3).answer == nil)
  }

  @Test(.timeLimit(.minutes(2)))
  func `stopping gives up a request that nobody answers`() throws {
    // Takes connections and says nothing; the request may take ten minutes.
    let listener = try SilentListener()
    let options = RegistryOptions(
      url: "http://127.0.0.1:\(listener.port)", timeoutMillis: 600_000)
    let warnings = Monitor<[String]>([])
    let resolver = SchemaResolver(options) { sentence in warnings.update { $0.append(sentence) } }
    #expect(resolver.answer(for: 1) == nil)
    listener.waitForConnection()
    resolver.stop()
    #expect(warnings.update { $0 } == [], "what is given up is no failure")
  }
}
