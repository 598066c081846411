import Config
import Glibc
import Testing

/// References to the environment and to files, and that secrets never come out.
@Suite struct SecretTests {
  private func withProperties(_ properties: String) -> String {
    minimal.replacing("[b:9092]", with: "[b:9092], properties: {\(properties)}")
  }

  @Test func `references are resolved after parsing and typed by what they hold`() throws {
    let text = minimal.replacing("fleet\n", with: "${A}-${B:-b}${EMPTY:-c}${EMPTY}$x$\n")
    #expect(faults(of: text, environment: ["A": "a", "EMPTY": ""]).count == 1)
    let named = minimal.replacing("fleet\n", with: "${A}-${B:-b}${EMPTY:-c}${EMPTY}\n")
    #expect(try read(named, environment: ["A": "a", "EMPTY": ""]).pipeline == "a-bc")

    let window = minimal + "windows: [{name: w, size: \"${SIZE}\"}]\nlanes: ${LANES}\n"
    let typed = try read(window, environment: ["SIZE": "90s", "LANES": "3"])
    #expect(typed.windows[0].sizeMicros == 90_000_000)
    #expect(typed.lanes == .count(3))
  }

  @Test func `a variable cannot change the structure of the file`() throws {
    let hostile = "x\nstorage: {root: /evil}\nlog: {level: debug}"
    let text = withProperties("client.id: \"${ID}\"")
    let configuration = try read(text, environment: ["ID": hostile])
    #expect(configuration.kafka.properties[0].value == hostile)
    #expect(configuration.storage.root == "/srv/downlink")
    #expect(configuration.log.level == .info)
  }

  @Test func `a doubled dollar sign is a literal one`() throws {
    let text = withProperties("a: 'x$${A}$y$$', b: '$${'")
    #expect(try read(text).kafka.properties.map(\.value) == ["x${A}$y$$", "${"])
  }

  @Test func `a default ends at the first brace and may hold colons`() throws {
    let text = minimal.replacing("[b:9092]", with: "\"${BROKERS:-h1:1,h2:2}\"")
    #expect(try read(text).kafka.brokers == ["h1:1", "h2:2"])
  }

  @Test func `secrets are read from files without their last newline`() throws {
    let folder = try temporaryFolder()
    defer {
      unsafe unlink(folder + "/secret")
      unsafe rmdir(folder)
    }
    for (content, value) in [("hunter2\n", "hunter2"), ("a\n\n", "a\n"), ("b\r\n", "b"), ("c", "c")]
    {
      try write(content, to: folder + "/secret")
      let text = withProperties("sasl.password: 'file:secret'")
      let configuration = try read(text, file: folder + "/x.yaml")
      #expect(configuration.kafka.properties[0].value == value)
      #expect(configuration.kafka.properties[0].shown == "file:\(folder)/secret")
      let absolute = withProperties("sasl.password: 'file:${DIR}/secret'")
      let other = try read(absolute, environment: ["DIR": folder])
      #expect(other.kafka.properties[0].value == value)
    }
    try write("", to: folder + "/secret")
    #expect(
      faults(of: withProperties("sasl.password: 'file:\(folder)/secret'")).map(\.message)
        == ["\(folder)/secret is empty; expected a value"])
  }

  @Test func `credentials are read from the folder of the service manager`() throws {
    let folder = try temporaryFolder()
    defer {
      unsafe unlink(folder + "/kafka")
      unsafe rmdir(folder)
    }
    try write("hunter2\n", to: folder + "/kafka")
    let environment = ["CREDENTIALS_DIRECTORY": folder, "PW": "credential:kafka"]
    for (text, shown) in [
      ("'credential:kafka'", "credential:kafka"), ("'${PW}'", "${PW}"),
    ] {
      let kafka = try read(withProperties("sasl.password: \(text)"), environment: environment).kafka
      #expect(kafka.properties[0].value == "hunter2")
      #expect(kafka.properties[0].shown == shown)
      let registry = try read(withRegistry(text), environment: environment)
      #expect(registry.schemaRegistry?.password == "hunter2")
      #expect(registry.effective.contains("password: \"\(shown)\""))
      let again = try read(registry.effective, environment: environment)
      #expect(again.schemaRegistry?.password == "hunter2")
    }
  }

  @Test(arguments: [
    (
      "credential:kafka", [:],
      "`credential:kafka` names the credential kafka, and CREDENTIALS_DIRECTORY is not set, where"
        + " credentials are = under systemd write LoadCredential=kafka:FILE into the unit;"
        + " elsewhere set CREDENTIALS_DIRECTORY to a folder with the file kafka, or write"
        + " file:FILE here"
    ),
    (
      "credential:kafka", ["CREDENTIALS_DIRECTORY": "/nowhere"],
      "`credential:kafka` names the credential kafka, which is not in /nowhere = the"
        + " unit needs LoadCredential=kafka:FILE, and that file (docs/INSTALL.md); then restart it"
    ),
    (
      "credential:../passwd", ["CREDENTIALS_DIRECTORY": "/etc/ssl"],
      "`credential:../passwd` is not credential: and a name such as credential:kafka-password"
    ),
    (
      "credential:..", ["CREDENTIALS_DIRECTORY": "/etc/ssl"],
      "`credential:..` is not credential: and a name such as credential:kafka-password"
    ),
    (
      "credential:", ["CREDENTIALS_DIRECTORY": "/etc"],
      "`credential:` is not credential: and a name such as credential:kafka-password"
    ),
  ] as [(String, [String: String], String)])
  func `a credential that is not there is said so`(
    text: String, environment: [String: String], expected: String
  ) {
    for configuration in [withProperties("sasl.password: '\(text)'"), withRegistry("'\(text)'")] {
      let found = faults(of: configuration, environment: environment).map {
        $0.message + ($0.suggestion.map { " = \($0)" } ?? "")
      }
      #expect(found == [expected])
    }
  }

  private func withRegistry(_ password: String) -> String {
    minimal + "schema_registry: {url: 'https://a', user: u, password: \(password)}\n"
  }

  @Test(arguments: [
    "sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem",
    "sasl.oauthbearer.client.secret", "sasl.oauthbearer.config", "SASL.PASSWORD",
  ])
  func `secret properties are masked wherever they are shown`(key: String) throws {
    let configuration = try read(withProperties("\(key): hunter2, client.id: me"))
    #expect(configuration.kafka.properties[0].value == "hunter2")
    #expect(configuration.effective.contains("\"\(key)\": \"***\""))
    #expect(configuration.effective.contains("\"client.id\": \"me\""))
    var dumped = ""
    dump(configuration, to: &dumped)
    let fault = configuration.fault(at: "kafka.properties.\(key)", "unknown property").rendered
    let property = String(describing: configuration.kafka.properties[0])
    let reflected = String(reflecting: configuration)
    for text in [configuration.effective, configuration.canonicalText, dumped, fault, property,
      reflected]
    {
      #expect(!text.contains("hunter2"))
    }
  }

  /// A misspelled secret is not known to be one: no value of a property is ever quoted.
  @Test(arguments: [
    "kafka: {brokers: [b], properties: {sasl.pasword: [hunter2], x: hunter2}}",
    "kafka:\n  brokers: [b]\n  properties:\n    sasl.pasword: hunter2\n    sasl.pasword: hunter2",
    "kafka:\n  brokers: [b]\n  properties:\n    x.y: |\n      a\n      hunter2\n    z: [hunter2]",
    "kafka:\n  properties: hunter2",
    "kafka:\n  properties:\n    sasl.password: \"hunter2",
    "kafka:\n  properties:\n    sasl.password: !hunter2",
    "kafka:\n  properties:\n    sasl.password: *hunter2",
    "kafka:\n  properties:\n    sasl.password: a: hunter2",
    "kafka:\n  properties:\n    'sasl.password': @hunter2",
    "kafka: {properties: {sasl.password: x, client.id: %hunter2}}",
    "pipeline: ${PASSWORD}",
    "http:\n  listen: 127.0.0.1:1\n  bearer_tokn: x\n  token: hunter2\n  password: [hunter2]",
    "alerts: [{secret: hunter2}]",
    "windows: [{size: \"${PASSWORD}\", aggregates: [\"${PASSWORD}\"]}]",
  ])
  func `no fault shows a secret`(text: String) {
    let found = ConfigFaults(faults(of: text, environment: ["PASSWORD": "hunter2 !"]))
    #expect(!found.description.contains("hunter2"), "\(found.description)")
  }

  private func temporaryFolder() throws -> String {
    var template = Array("/tmp/downlink-config-XXXXXX".utf8CString)
    try #require(unsafe mkdtemp(&template) != nil)
    return template.dropLast().map { String(UnicodeScalar(UInt8(bitPattern: $0))) }.joined()
  }

  private func write(_ text: String, to path: String) throws {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    #expect(unsafe Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
  }
}
