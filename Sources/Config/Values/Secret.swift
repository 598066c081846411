/// Which librdkafka properties hold secrets, and where a value came from.
enum Secret {
  /// What stands in the place of a secret.
  static let mask = "***"

  /// Whether the value of a property is never shown: `sasl.password`, `ssl.key.password`,
  /// `ssl.key.pem`, `sasl.oauthbearer.client.secret`, `sasl.oauthbearer.config` and their like,
  /// misspelled ones included as far as a word tells.
  static func isSecret(property: String) -> Bool {
    let name = property.lowercased()
    let words = ["password", "passwd", "passphrase", "secret", "token", "credential"]
    return words.contains { name.contains($0) } || secretProperties.contains(name)
  }

  private static let secretProperties: Set<String> = [
    "ssl.key.pem", "ssl_key", "sasl.oauthbearer.config", "sasl.jaas.config",
  ]
}
