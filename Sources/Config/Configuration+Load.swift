extension Configuration {
  /// Reads and checks a configuration file.
  ///
  /// Reads the files it names too: secrets (`file:`, `credential:`) and descriptor sets. It
  /// connects to nothing and writes nothing.
  ///
  /// - Parameters:
  ///   - file: The path, as faults shall name it.
  ///   - environment: The variables that `${NAME}` may refer to, and `CREDENTIALS_DIRECTORY`.
  /// - Throws: Every fault there is, in the order of the file.
  package static func load(
    file: String, environment: [String: String]
  ) throws(ConfigFaults) -> Configuration {
    try finish(try open(file: file, environment: environment))
  }

  /// The same for bytes at hand; `file` names them, and its folder is where relative paths start.
  package static func parse(
    _ bytes: [UInt8], file: String, environment: [String: String]
  ) throws(ConfigFaults) -> Configuration {
    try finish(try open(bytes, file: file, environment: environment))
  }

  private static func finish(
    _ opened: (root: Section<RootKey>, reading: Reading)
  ) throws(ConfigFaults) -> Configuration {
    let configuration = Configuration(opened.root, reading: opened.reading)
    guard opened.reading.faults.isEmpty else { throw ConfigFaults(opened.reading.faults) }
    return configuration
  }

  /// The file as a tree of sections, nothing of it read yet but its keys.
  static func open(
    file: String, environment: [String: String]
  ) throws(ConfigFaults) -> (root: Section<RootKey>, reading: Reading) {
    try open(try Reading.bytes(of: file), file: file, environment: environment)
  }

  private static func open(
    _ bytes: [UInt8], file: String, environment: [String: String]
  ) throws(ConfigFaults) -> (root: Section<RootKey>, reading: Reading) {
    let (reading, prepared) = try Reading.open(
      bytes, file: file, environment: environment, beginning: "pipeline: NAME"
    ) { $0.redactSecrets(in: $1) }
    return (Section<RootKey>(prepared, path: "", in: reading), reading)
  }
}

extension Reading {
  /// A file's bytes, or the one fault that it cannot be read.
  static func bytes(of file: String) throws(ConfigFaults) -> [UInt8] {
    do {
      return try FileBytes.read(file, byteCountMax: DocumentText.byteCountMax)
    } catch {
      throw ConfigFaults([
        ConfigFault(path: file, position: .wholeFile, keyPath: "", message: error.message)
      ])
    }
  }

  /// The document in some bytes, with references resolved, and what its reading begins with.
  ///
  /// - Parameter redact: hides what faults must not show, before anything is read.
  static func open(
    _ bytes: [UInt8], file: String, environment: [String: String], beginning: String,
    redact: (Reading, ConfigNode) -> Void
  ) throws(ConfigFaults) -> (Reading, ConfigNode) {
    var document: DocumentText?
    let root: ConfigNode?
    do {
      let text = try DocumentText(bytes: bytes)
      document = text
      var composer = YAMLComposer(text)
      root = try composer.compose()
    } catch {
      throw ConfigFaults([fault(for: error, file: file, document: document)])
    }
    guard let document, let root else {
      throw ConfigFaults([
        ConfigFault(
          path: file, position: .wholeFile, keyPath: "", message: "the file is empty",
          suggestion: "begin with: \(beginning)")
      ])
    }
    let reading = Reading(file: file, document: document, environment: environment)
    redact(reading, root)
    let start = ConfigPosition(line: 1, column: 1)
    return (reading, reading.prepare(root, path: "", key: start))
  }

  private static func fault(
    for refusal: DocumentText.Refusal, file: String, document: DocumentText?
  ) -> ConfigFault {
    ConfigFault(
      path: file, position: refusal.position, keyPath: "", message: refusal.message,
      suggestion: refusal.suggestion,
      excerpt: document.flatMap { Excerpt.guarded(line: refusal.position.line, in: $0) })
  }
}

extension Reading {
  /// Hides the values of keys that speak of a secret, wherever they stand; all values of
  /// kafka.properties, as a misspelled `sasl.pasword` is still one; and those of schema_registry,
  /// where a password may stand in the URL too.
  func redactSecrets(in root: ConfigNode) {
    let keys = root.keyPositions.sorted()
    for value in root.secretValues { redact(value, keys) }
    let open = [SchemaRegistryKey.user, .ca, .timeout, .cache, .subject].map(\.rawValue)
    for registry in root.entries where registry.key == RootKey.schemaRegistry.rawValue {
      for entry in registry.value.entries where !open.contains(entry.key) {
        redact(entry.value, keys)
      }
    }
    for alerts in root.entries where alerts.key == RootKey.alerts.rawValue {
      for value in alerts.value.values(of: WebhookKey.url.rawValue) { redact(value, keys) }
    }
    for http in root.entries where http.key == RootKey.http.rawValue {
      for value in http.value.values(of: HTTPLoginKey.users.rawValue) {
        let hashes = value.entries.map(\.value)
        for hash in hashes.isEmpty ? [value] : hashes { redact(hash, keys) }
      }
    }
    for kafka in root.entries where kafka.key == RootKey.kafka.rawValue {
      for entry in kafka.value.entries where entry.key == KafkaKey.properties.rawValue {
        let values = entry.value.entries.map(\.value)
        for value in values.isEmpty ? [entry.value] : values { redact(value, keys) }
      }
    }
  }

  /// A value may go on for lines; YAML marks only its start. The next key ends it.
  private func redact(_ value: ConfigNode, _ keys: [ConfigPosition]) {
    let next = keys.first { $0 > value.position }
    redact(from: value.position, toLine: next.map { $0.line - 1 } ?? document.lines.count)
  }
}

extension ConfigNode {
  fileprivate var entries: [ConfigEntry] {
    if case .mapping(let entries) = content { entries } else { [] }
  }

  /// The values of a key at and below this node.
  fileprivate func values(of key: String) -> [ConfigNode] {
    switch content {
    case .mapping(let entries):
      entries.flatMap { $0.key == key ? [$0.value] : $0.value.values(of: key) }
    case .list(let items): items.flatMap { $0.values(of: key) }
    case .scalar, .faulty: []
    }
  }

  /// The values at and below this node whose keys speak of a secret.
  fileprivate var secretValues: [ConfigNode] {
    switch content {
    case .mapping(let entries):
      entries.flatMap { entry in
        Secret.isSecret(property: entry.key) ? [entry.value] : entry.value.secretValues
      }
    case .list(let items): items.flatMap(\.secretValues)
    case .scalar, .faulty: []
    }
  }

  /// The places of all keys at and below this node.
  fileprivate var keyPositions: [ConfigPosition] {
    switch content {
    case .mapping(let entries): entries.flatMap { [$0.keyPosition] + $0.value.keyPositions }
    case .list(let items): items.flatMap(\.keyPositions)
    case .scalar, .faulty: []
    }
  }
}
