enum KafkaKey: String, ConfigKey {
  case brokers, group, start
  case onPositionLost = "on_position_lost"
  case properties
}

extension Configuration.Kafka {
  init(_ section: Section<KafkaKey>, pipeline: String) {
    section.requirePresence(of: .brokers, expected: "a list of host:port")
    brokers = section.brokers()
    group = section.value(.group, default: "downlink-\(pipeline)", .name(.topic))
    start = section.value(.start, default: .earliest, .word)
    onPositionLost = section.value(.onPositionLost, default: .stop, .word)
    properties = section.properties()
  }

  /// Properties the program sets itself, and why setting them by hand would break a promise.
  static let reservedProperties: [String: String] = [
    "bootstrap.servers": "write kafka.brokers instead",
    "metadata.broker.list": "write kafka.brokers instead",
    "group.id": "write kafka.group instead",
    "auto.offset.reset": "write kafka.start or kafka.on_position_lost instead",
    "enable.auto.commit": "remove it; positions are kept in the ledger",
    "enable.auto.offset.store": "remove it; positions are kept in the ledger",
    "enable.partition.eof": "remove it; downlink needs the end of a partition to be told",
  ]
}

extension Section<KafkaKey> {
  /// A list, or one text with commas; none twice, none empty.
  fileprivate func brokers() -> [String] {
    guard let node = node(.brokers), case .scalar(let scalar) = node.content, !scalar.isNull else {
      return list(.brokers, of: .broker) ?? []
    }
    var brokers: [String] = []
    for part in scalar.text.split(separator: ",", omittingEmptySubsequences: false) {
      var item = scalar
      item.text = String(part.drop(while: \.isWhitespace))
      while item.text.last?.isWhitespace == true { item.text.removeLast() }
      let itemNode = ConfigNode(position: node.position, content: .scalar(item))
      if let broker = read(itemNode, path: path(of: .brokers), .broker) { brokers.append(broker) }
    }
    return brokers
  }

  fileprivate func properties() -> [Configuration.Property] {
    guard let node = node(.properties) else { return [] }
    let path = path(of: .properties)
    switch node.content {
    case .mapping(let entries):
      return entries.compactMap { property($0, path: "\(path).\($0.key)") }
    case .scalar(let scalar) where scalar.isNull: return []
    case .faulty: return []
    case .scalar, .list:
      reading.report(
        path, "expected a mapping of librdkafka properties; found \(node.kindText)",
        suggestion: "write them as `security.protocol: sasl_ssl`")
      return []
    }
  }

  private func property(_ entry: ConfigEntry, path: String) -> Configuration.Property? {
    if let reason = Configuration.Kafka.reservedProperties[entry.key] {
      reading.report(
        path, at: entry.keyPosition, "this property is set by downlink itself", suggestion: reason)
      return nil
    }
    switch entry.value.content {
    case .faulty: return nil
    case .scalar(let scalar) where scalar.isNull:
      reading.report(
        path, "has no value; expected a text", suggestion: "write \"\" for an empty one")
      return nil
    case .scalar(let scalar): return property(entry.key, scalar, path: path)
    case .mapping(let entries):
      let dotted = entries.first.map { "\(entry.key).\($0.key): …" }
      reading.report(
        path, "expected a single value; found a mapping",
        suggestion: dotted.map { "write the whole name of a property as one key: `\($0)`" })
    case .list:
      reading.report(
        path, "expected a single value; found a list", suggestion: "write one text with commas")
    }
    return nil
  }

  /// Never quotes the value: which properties are secret is not certain before librdkafka has seen
  /// the name.
  private func property(
    _ key: String, _ scalar: ConfigScalar, path: String
  ) -> Configuration.Property? {
    let isSecret = Secret.isSecret(property: key)
    guard !scalar.text.utf8.contains(0) else {
      reading.report(path, "the value contains a NUL character")
      return nil
    }
    guard let reference = SecretReference(scalar.text) else {
      let shown = isSecret ? Secret.mask : scalar.isFromEnvironment ? scalar.written : scalar.text
      return Configuration.Property(key: key, value: scalar.text, shown: shown)
    }
    do {
      return Configuration.Property(
        key: key, value: try reading.secret(reference), shown: reading.shown(reference, scalar))
    } catch {
      reading.report(
        path, error.sentence(about: scalar.shownAsSecret), suggestion: error.suggestion)
      return nil
    }
  }
}
