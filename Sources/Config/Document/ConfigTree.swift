/// A YAML document as the readers of this module see it: scalars, lists and mappings with their
/// places, aliases followed, nothing else.
struct ConfigNode: Sendable {
  let position: ConfigPosition
  var content: Content

  indirect enum Content: Sendable {
    case scalar(ConfigScalar)
    case list([ConfigNode])
    case mapping([ConfigEntry])
    /// A value whose fault has been reported already; whoever reads it stays silent.
    case faulty
  }

  /// For messages: what the node is.
  var kindText: String {
    switch content {
    case .scalar(let scalar) where scalar.isNull: "nothing"
    case .scalar: "a single value"
    case .list: "a list"
    case .mapping: "a mapping"
    case .faulty: "a faulty value"
    }
  }
}

/// One `key: value` of a mapping. Duplicate keys stay in; `Section` reports them.
struct ConfigEntry: Sendable {
  let key: String
  let keyPosition: ConfigPosition
  var value: ConfigNode
}

/// A single value, still text: what it means is decided by the key that reads it, so that a device
/// called `no` stays `no` and a version `1.10` keeps its zero.
struct ConfigScalar: Sendable {
  /// The text with environment references resolved.
  var text: String
  /// The text as the file has it.
  let written: String
  let isQuoted: Bool
  /// Whether `text` came from the environment, at least in part.
  var isFromEnvironment = false

  /// `key:` without a value, `~` or `null`.
  var isNull: Bool {
    !isQuoted && !isFromEnvironment && ["", "~", "null", "Null", "NULL"].contains(text)
  }

  /// The text for messages: never the content of an environment variable, which may be a secret.
  var shown: String {
    let shown = isFromEnvironment ? written : text
    guard shown.unicodeScalars.count > 60 else { return "`\(shown.escapedControls)`" }
    return "`\(String(shown.unicodeScalars.prefix(57)).escapedControls)…`"
  }

  /// The same of a value that may be a secret: only a reference is quoted.
  var shownAsSecret: String {
    isFromEnvironment || SecretReference(text) != nil ? shown : "the value"
  }
}

extension String {
  /// The text with control characters as `\u{…}`, so that a message stays on its line.
  var escapedControls: String {
    guard unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else {
      return self
    }
    return unicodeScalars.map { scalar in
      scalar.value < 0x20 || scalar.value == 0x7F
        ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
    }.joined()
  }
}
