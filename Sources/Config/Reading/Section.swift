/// The keys one mapping knows. `allCases` is the whole set: anything else is an unknown key.
protocol ConfigKey: RawRepresentable<String>, CaseIterable, Hashable, Sendable {}

/// One mapping of the file being read into typed values.
///
/// Every operation reports what is wrong and goes on: a missing or faulty value comes back as its
/// default or placeholder, so that all faults are found in one pass. What is read from a faulty
/// file is thrown away in the end.
struct Section<Key: ConfigKey> {
  let path: String
  let reading: Reading
  private let entries: [ConfigEntry]
  /// Whether the file has a mapping here; missing keys are reported only then.
  private let isReadable: Bool
  /// Keys that an unknown key is most likely a slip of: they are not missing besides.
  private var misspelled: Set<String> = []

  /// Reads a mapping: unknown keys are reported here. A missing node, or a key without a value
  /// (all its children commented out), is an empty mapping.
  ///
  /// - Parameter isReadable: false below a section that is faulty itself.
  init(
    _ node: ConfigNode?, path: String, in reading: Reading, isReadable isParentReadable: Bool = true
  ) {
    self.path = path
    self.reading = reading
    switch node?.content {
    case .mapping(let entries):
      self.entries = entries
      isReadable = true
    case .none:
      entries = []
      isReadable = isParentReadable
    case .scalar(let scalar) where scalar.isNull:
      entries = []
      isReadable = true
    case .faulty:
      entries = []
      isReadable = false
    case .scalar, .list:
      let keys = Key.allCases.map(\.rawValue).joined(separator: ", ")
      reading.report(path, "expected a mapping with \(keys); found \(node?.kindText ?? "nothing")")
      entries = []
      isReadable = false
    }
    reportUnknownKeys()
  }

  private mutating func reportUnknownKeys() {
    let known = Key.allCases.map(\.rawValue)
    for entry in entries where Key(rawValue: entry.key) == nil && !entry.key.contains("${") {
      let near = Suggestion.nearest(to: entry.key, among: known)
      if let near { misspelled.insert(near) }
      reading.report(
        join(entry.key), at: entry.keyPosition,
        "unknown key; expected one of \(known.joined(separator: ", "))",
        suggestion: near.map { "did you mean `\($0)`?" })
    }
  }

  func path(of key: Key) -> String { join(key.rawValue) }

  private func join(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  func has(_ key: Key) -> Bool { node(key) != nil }

  func node(_ key: Key) -> ConfigNode? { entries.first { $0.key == key.rawValue }?.value }

  func report(_ key: Key, atKey: Bool = false, _ message: String, suggestion: String? = nil) {
    reading.report(path(of: key), atKey: atKey, message, suggestion: suggestion)
  }

  // MARK: - Single values

  /// The value of a key, or nil where it is absent or faulty.
  func optional<Value>(_ key: Key, _ format: Format<Value>) -> Value? {
    node(key).flatMap { read($0, path: path(of: key), format) }
  }

  func value<Value>(_ key: Key, default value: Value, _ format: Format<Value>) -> Value {
    optional(key, format) ?? value
  }

  /// The value of a key that must be there; `placeholder` where it is not, after reporting it.
  func required<Value>(_ key: Key, placeholder: Value, _ format: Format<Value>) -> Value {
    requirePresence(of: key, expected: format.expected)
    return optional(key, format) ?? placeholder
  }

  func requirePresence(of key: Key, expected: String) {
    guard isReadable, !has(key), !misspelled.contains(key.rawValue) else { return }
    let message = "`\(key.rawValue)` is missing; expected \(expected)"
    reading.report(path, at: reading.positions.nearest(to: path).value, message)
  }

  /// Reports a section that has none of the keys; call it only then.
  func requireOne(of keys: [Key]) {
    let names = keys.map(\.rawValue)
    guard isReadable, misspelled.isDisjoint(with: names) else { return }
    reading.report(path, "expected one of \(names.joined(separator: ", ")); found none of them")
  }

  /// Reads one node that must be a single value.
  func read<Value>(_ node: ConfigNode, path: String, _ format: Format<Value>) -> Value? {
    switch node.content {
    case .faulty: break
    case .scalar(let scalar) where scalar.isNull:
      reading.report(path, "has no value; expected \(format.expected)")
    case .scalar(let scalar):
      do {
        return try format.read(scalar)
      } catch {
        // A suggestion made from the text would show what the environment holds.
        let suggestion = scalar.isFromEnvironment ? nil : error.suggestion
        reading.report(
          path, error.sentence(about: format.isSecret ? scalar.shownAsSecret : scalar.shown),
          suggestion: format.isSecret ? error.suggestion : suggestion)
      }
    case .list, .mapping:
      reading.report(path, "expected \(format.expected); found \(node.kindText)")
    }
    return nil
  }

  private func shown(_ node: ConfigNode) -> String {
    if case .scalar(let scalar) = node.content { scalar.shown } else { node.kindText }
  }

  // MARK: - Lists and mappings

  /// The items of a list with their paths, or nil where the key is absent or no list.
  func items(
    _ key: Key, of expected: String, mayBeEmpty: Bool = false
  ) -> [(node: ConfigNode, path: String)]? {
    guard let node = node(key) else { return nil }
    let path = path(of: key)
    switch node.content {
    case .faulty: break
    case .list(let items):
      if items.isEmpty, !mayBeEmpty {
        reading.report(path, "the list is empty; expected at least one: \(expected)")
      }
      return items.enumerated().map { ($0.element, "\(path)[\($0.offset)]") }
    case .scalar(let scalar) where scalar.isNull && mayBeEmpty: return []
    case .scalar(let scalar):
      reading.report(
        path, "expected a list of: \(expected); found \(node.kindText)",
        suggestion: scalar.isNull ? nil : "write it as a list: [\(scalar.written.escapedControls)]")
    case .mapping:
      reading.report(
        path, "expected a list of: \(expected); found a mapping",
        suggestion: "begin each item with `- `")
    }
    return nil
  }

  /// A list of single values, none twice; nil where the key is absent or no list.
  func list<Value: Hashable>(
    _ key: Key, of format: Format<Value>, mayBeEmpty: Bool = false
  ) -> [Value]? {
    guard let items = items(key, of: format.expected, mayBeEmpty: mayBeEmpty) else { return nil }
    var seen: [Value: String] = [:]
    var values: [Value] = []
    var paths: [String] = []
    for item in items {
      guard let value = read(item.node, path: item.path, format) else { continue }
      if let first = seen[value] {
        reading.report(
          item.path, "\(shown(item.node)) is in the list twice; the first is \(first)",
          suggestion: "remove one of the two")
      } else {
        seen[value] = item.path
        values.append(value)
        paths.append(item.path)
      }
    }
    reading.noteItems(at: paths, of: path(of: key))
    return values
  }

  /// The section below a key; empty where the key is absent.
  func section<Child: ConfigKey>(_ key: Key, _ type: Child.Type) -> Section<Child> {
    Section<Child>(node(key), path: path(of: key), in: reading, isReadable: isReadable)
  }

  /// A list of mappings; nil where the key is absent or no list.
  func sections<Child: ConfigKey>(
    _ key: Key, _ type: Child.Type, of expected: String, mayBeEmpty: Bool = false
  ) -> [Section<Child>]? {
    items(key, of: expected, mayBeEmpty: mayBeEmpty)?.map { item in
      Section<Child>(item.node, path: item.path, in: reading)
    }
  }
}
