import Config
import Foundation
import Testing

/// `schema_registry`, envelopes, and parts of the record in the place of fields.
@Suite struct SchemaRegistryTests {
  private func complaints(_ text: String, environment: [String: String] = [:]) -> [String] {
    faults(of: text, environment: environment).map { fault in
      "\(fault.keyPath): \(fault.message)" + (fault.suggestion.map { " = \($0)" } ?? "")
    }
  }

  private func registry(_ text: String) -> String { minimal + "schema_registry: {\(text)}\n" }

  private func source(_ replace: String, _ with: String) -> String {
    minimal.replacing(replace, with: with)
  }

  // MARK: - The registry

  @Test func `a registry needs its URL and nothing else`() throws {
    let found = try #require(try read(registry("url: 'https://schemas:8081/'")).schemaRegistry)
    #expect(found.url == "https://schemas:8081")
    #expect(found.user == nil && found.password == nil && found.authorityFile == nil)
    #expect(found.timeoutMicros == 5_000_000)
    #expect(found.cacheFolder == nil)
    #expect(try read(minimal).schemaRegistry == nil)
  }

  @Test func `every key of it is read`() throws {
    let text = registry(
      "url: 'http://a/ccompat/v7', user: u, password: '${PW}', ca: ca.pem, timeout: 250ms,"
        + " cache: schemas, subject: '{topic}-{message}'")
    let configuration = try read(text, environment: ["PW": "s3cret"])
    let found = try #require(configuration.schemaRegistry)
    #expect(found.password == "s3cret")
    #expect(found.authorityFile == "/etc/downlink/ca.pem")
    #expect(found.cacheFolder == "/etc/downlink/schemas")
    #expect(found.timeoutMicros == 250_000)
    #expect(
      found.subject(of: configuration.sources[0])
        == "telemetry-fleet.telemetry.v1.DeviceTelemetry")
    #expect(!configuration.effective.contains("s3cret"))
    var shown = ""
    dump(configuration, to: &shown)
    #expect(!shown.contains("s3cret"))
    // It reads back as what it was.
    let again = try read(configuration.effective, environment: ["PW": "s3cret"])
    #expect(again.effective == configuration.effective)
    #expect(again.fingerprint == configuration.fingerprint)
  }

  @Test(arguments: [
    ("user: u", "schema_registry: `url` is missing; expected a URL such as"),
    ("url: schemas:8081", "schema_registry.url: `schemas:8081` is not a URL such as"),
    ("url: 'ftp://a'", "schema_registry.url: `ftp://a` is not a URL"),
    ("url: 'http://'", "schema_registry.url: `http://` is not a URL"),
    ("url: 'http://a?b=c'", "schema_registry.url: `http://a?b=c` has a query"),
    ("url: 'http://a b'", "schema_registry.url: `http://a b` is not a URL"),
    ("url: 'http://a', user: 'a:b'", "schema_registry.user: `a:b` contains a colon"),
    ("url: 'http://a', timeout: 1ms", "schema_registry.timeout: `1ms` is out of range"),
    ("url: 'http://a', subject: fixed", "schema_registry.subject: `fixed` is not a subject"),
    ("url: 'http://a', subject: '{topc}'", "schema_registry.subject: `{topc}` is not a subject"),
    ("url: 'http://a', password: '${PW}'", "schema_registry.password: a password without `user`"),
    (
      "url: 'http://a', user: u, password: 'file:none'",
      "schema_registry.password: cannot read /etc/downlink/none"
    ),
    ("url: 'http://a', pasword: x", "schema_registry.pasword: unknown key"),
  ])
  func `each fault of it is said`(text: String, expected: String) {
    let found = complaints(registry(text), environment: ["PW": "x"])
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix(expected) == true, "\(found)")
  }

  @Test(arguments: [
    "url: 'http://u:hunter2@a'", "url: 'http://a', user: u, password: hunter2",
    "url: 'http://a', user: u, pasword: hunter2", "url: 'http//u:hunter2@a'",
    "url: 'http://a', user: u, password: [hunter2]",
  ])
  func `no fault shows a password`(text: String) {
    let found = faults(of: registry(text))
    #expect(!found.isEmpty)
    for fault in found { #expect(!"\(fault)".contains("hunter2"), "\(fault)") }
  }

  @Test func `a password comes from a file, without its last newline`() throws {
    let folder = FileManager.default.temporaryDirectory.path
    let file = "\(folder)/downlink-\(UUID().uuidString)"
    try "pass word\n".write(toFile: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: file) }
    let text = registry("url: 'http://a', user: u, password: 'file:\(file)'")
    #expect(try read(text).schemaRegistry?.password == "pass word")
    #expect(try read(text).effective.contains("password: \"file:\(file)\""))
  }

  @Test func `a registry takes a restart to change, and counts where there are envelopes`() throws {
    let old = try read(
      registry("url: 'http://a', user: u, password: '${PW}'"), environment: ["PW": "1"])
    let new = try read(
      registry("url: 'http://b', user: u, password: '${PW}'"), environment: ["PW": "2"])
    #expect(old.fingerprint == new.fingerprint)
    #expect(old.fingerprint == (try read(minimal).fingerprint))
    func enveloped(_ registry: String) throws -> String {
      let text = source("device: device_id", "device: device_id\n    envelope: confluent")
      return try read(text + registry, environment: ["PW": "1"]).fingerprint
    }
    // What ids mean, and whether they are asked for; not who asks.
    let found = try enveloped("schema_registry: {url: 'http://a'}\n")
    #expect(try found == enveloped("schema_registry: {url: 'http://a/', timeout: 1s}\n"))
    #expect(
      try found == enveloped("schema_registry: {url: 'http://a', user: u, password: '${PW}'}\n"))
    #expect(try found != enveloped("schema_registry: {url: 'http://b'}\n"))
    #expect(try found != enveloped(""))
    let change = ConfigurationChange(from: old, to: new)
    #expect(!change.isAccepted)
    #expect(
      change.refused.map(\.keyPath) == ["schema_registry.url", "schema_registry.password"])
    let shown = try #require(change.refused.last).description
    #expect(!shown.contains("1") && !shown.contains("2"), "\(shown)")
  }

  // MARK: - Sources

  @Test func `an envelope counts in the fingerprint, and its absence does not`() throws {
    let plain = try read(minimal)
    #expect(plain.sources[0].envelope == .none)
    let none = try read(source("device: device_id", "device: device_id\n    envelope: none"))
    #expect(none.fingerprint == plain.fingerprint)
    let enveloped = try read(
      source("device: device_id", "device: device_id\n    envelope: confluent"))
    #expect(enveloped.sources[0].envelope == .confluent)
    #expect(enveloped.fingerprint != plain.fingerprint)
    #expect(try read(enveloped.effective).fingerprint == enveloped.fingerprint)
    #expect(
      ConfigurationChange(from: plain, to: enveloped).refused.map(\.description)
        == ["sources[snapshots].envelope: none → confluent (needs a restart)"]
        || !ConfigurationChange(from: plain, to: enveloped).isAccepted)
  }

  @Test func `what the registry defines is part of the fingerprint`() throws {
    let text =
      source("device: device_id", "device: device_id\n    envelope: confluent")
      + "schema_registry: {url: 'http://a'}\n"
    var one = try read(text)
    var two = try read(text)
    #expect(one.sources[0].needsSchema)
    one.adopt([1, 2, 3], ofSource: 0, name: "subject a, version 1")
    two.adopt([1, 2, 4], ofSource: 0, name: "subject a, version 2")
    #expect(!one.sources[0].needsSchema)
    #expect(one.fingerprint != two.fingerprint)
    #expect(ConfigurationChange(from: one, to: two).reopens)
    // The file has no such key.
    #expect(!one.effective.contains("descriptor_set"))
  }

  @Test func `parts of the record stand in the place of fields`() throws {
    let text = source("device: device_id", "device: $header.device-id")
      .replacing(
        "{field: time_unix_ms, unit: ms}",
        with: "{field: $timestamp}\n"
          + "    attributes: [region, $key, $header.x-region.1,"
          + " {field: $header.fw, name: firmware}]")
    let found = try read(text).sources[0]
    #expect(found.device == .header("device-id"))
    #expect(found.time.field == "$timestamp" && found.time.unit == nil)
    #expect(found.attributes.map(\.field) == ["region", "$key", "$header.x-region.1", "$header.fw"])
    #expect(found.attributes.map(\.name) == ["region", "record_key", "x_region_1", "firmware"])
    let configuration = try read(text)
    #expect(try read(configuration.effective).fingerprint == configuration.fingerprint)
  }

  @Test func `attributes of fields alone keep their fingerprint`() throws {
    func fingerprint(_ attributes: String) throws -> String {
      let text = source("device: device_id", "device: device_id\n    attributes: \(attributes)")
      return try read(text).fingerprint
    }
    let short = try fingerprint("[region, a.b]")
    #expect(try fingerprint("[{field: region}, {field: a.b, name: a_b}]") == short)
    #expect(try fingerprint("[region, {field: a.b, name: c}]") != short)
  }

  /// One is a header whose name looks like a renamed one.
  @Test func `two lists of attributes never have one text`() throws {
    func configuration(_ attributes: String) throws -> Configuration {
      try read(source("device: device_id", "device: device_id\n    attributes: \(attributes)"))
    }
    let lists = try [
      "['$header.x as y']", "[{field: '$header.x', name: y}]", "['$header.x']",
      "[{field: '$header.x as y', name: y}]", "['$header.x\" as y']",
    ].map(configuration)
    #expect(Set(lists.map(\.fingerprint)).count == lists.count)
    for other in lists.dropFirst() {
      #expect(!ConfigurationChange(from: lists[0], to: other).live.isEmpty)
    }
  }

  @Test(arguments: [
    ("device: device_id", "device: $timestamp", "sources[0].device: `$timestamp` is not"),
    ("device: device_id", "device: $kye", "sources[0].device: `$kye` is not"),
    ("device: device_id", "device: $header.", "sources[0].device: `$header.` is not"),
    ("field: time_unix_ms", "field: $key", "sources[0].time.field: `$key` is not"),
    ("field: time_unix_ms", "field: $timestamp", "sources[0].time.unit: $timestamp has its own"),
    (
      "{field: time_unix_ms, unit: ms}", "{field: $header.t}",
      "sources[0].time: `unit` is missing; expected s, ms, us or ns"
    ),
    (
      "device: device_id", "device: d\n    attributes: [$timestamp]",
      "sources[0].attributes[0]: `$timestamp` is not"
    ),
    (
      "device: device_id", "device: d\n    attributes: [region, {field: region, name: other}]",
      "sources[0].attributes[1]: `region` is in the list twice"
    ),
    (
      "device: device_id", "device: d\n    attributes: [$header.x-region, x_region]",
      "sources[0].attributes[1]: the column `x_region` is taken"
    ),
    (
      "device: device_id", "device: d\n    envelope: avro",
      "sources[0].envelope: `avro` is not known here; expected one of none, confluent"
    ),
  ])
  func `each fault of them is said`(replace: String, with: String, expected: String) {
    let found = complaints(source(replace, with))
    #expect(found.count == 1, "\(found)")
    #expect(found.first?.hasPrefix(expected) == true, "\(found)")
  }

  @Test(arguments: [
    ("http://schemas:8081", true), ("http://10.0.0.1", true), ("http://127.evil.net:80/x", true),
    ("http://[2001:db8::1]:8081", true), ("http://localhost.evil.net", true),
    ("https://schemas:8081", false), ("http://localhost:8081/a:b", false),
    ("http://127.0.0.1", false), ("http://[::1]:8081", false),
  ])
  func `a password in clear is told from one that stays on the machine`(
    _ row: (url: String, isClear: Bool)
  ) throws {
    let text = "url: '\(row.url)', user: u"
    let open = try read(registry(text + ", password: '${PW}'"), environment: ["PW": "s3cret"])
    #expect(open.schemaRegistry?.sendsPasswordInClear == row.isClear)
    #expect(try read(registry(text)).schemaRegistry?.sendsPasswordInClear == false)
  }
}
