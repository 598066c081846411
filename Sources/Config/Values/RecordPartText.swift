/// A part of the Kafka record beside its value, as a mapping names it in the place of a field path,
/// which never begins with `$`.
enum RecordPartText: Hashable {
  /// `$key`
  case key
  /// `$timestamp`
  case timestamp
  /// `$header.NAME`
  case header(String)

  init?(_ text: String) {
    switch text {
    case "$key": self = .key
    case "$timestamp": self = .timestamp
    default:
      let prefix = "$header."
      guard text.hasPrefix(prefix), text.utf8.count > prefix.utf8.count,
        !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
      else { return nil }
      self = .header(String(text.dropFirst(prefix.count)))
    }
  }
}

extension Format where Value == String {
  /// A field path, or one of the parts of the record, as written.
  static func fieldPath(or parts: [String], _ isAllowed: @escaping (RecordPartText) -> Bool)
    -> Format<String>
  {
    let path = Format<String>.fieldPath
    let expected = ([path.expected] + parts).joined(separator: ", or ")
    return Format(expected: expected) { (scalar) throws(ValueFault) in
      guard scalar.text.hasPrefix("$") else { return try path.read(scalar) }
      if let part = RecordPartText(scalar.text), isAllowed(part) { return scalar.text }
      let near = Suggestion.nearest(
        to: scalar.text, among: ["$key", "$timestamp"].filter { parts.contains($0) })
      throw ValueFault(
        "is not \(expected)", suggestion: near.map { "did you mean `\($0)`?" })
    }
  }

  /// What may be an attribute.
  static var attributeField: Format<String> {
    fieldPath(or: ["$key", "$header.NAME"]) { $0 != .timestamp }
  }

  /// What may be the event time.
  static var timeField: Format<String> {
    fieldPath(or: ["$timestamp", "$header.NAME"]) { $0 != .key }
  }
}

extension Format where Value == Configuration.Source.Device {
  /// What may be the device.
  static var device: Format<Value> {
    let text = Format<String>.fieldPath(or: ["$key", "$header.NAME"]) { $0 != .timestamp }
    return text.then { (text) throws(ValueFault) in
      switch RecordPartText(text) {
      case .key: .recordKey
      case .header(let name): .header(name)
      case .timestamp, nil: .field(text)
      }
    }
  }
}
