/// What all sections of one load share: the faults so far, where every key path lies, the folder
/// that relative paths start from.
final class Reading {
  let file: String
  let folder: String
  let document: DocumentText
  private(set) var positions: [String: KeyPositions] = [:]
  private(set) var faults: [ConfigFault] = []
  private(set) var origins: [String: ValueOrigin] = [:]
  /// Lines whose text from a column on must not be shown.
  private(set) var redactions: [Int: Int] = [:]
  private let references: EnvironmentReferences
  /// The key paths of the items that were read from a list: faulty ones are left out, so a place
  /// among the values is not always the place in the file.
  private var itemPaths: [String: [String]] = [:]

  /// The variables that `${NAME}` may refer to.
  var environment: [String: String] { references.environment }

  init(file: String, document: DocumentText, environment: [String: String]) {
    self.file = file
    self.document = document
    folder = PathText.folder(of: file)
    references = EnvironmentReferences(environment: environment)
  }

  /// Reports a fault at the value, or the key, of `keyPath`.
  func report(
    _ keyPath: String, atKey: Bool = false, _ message: String, suggestion: String? = nil
  ) {
    let place = positions.nearest(to: keyPath)
    report(keyPath, at: atKey ? place.key : place.value, message, suggestion: suggestion)
  }

  func report(
    _ keyPath: String, at position: ConfigPosition, _ message: String, suggestion: String? = nil
  ) {
    faults.append(
      ConfigFault(
        path: file, position: position, keyPath: keyPath, message: message, suggestion: suggestion,
        excerpt: excerpt(ofLine: position.line)))
  }

  /// Where the value of a key lies, for a mention in another fault's message: `line 12`.
  func lineText(of keyPath: String) -> String { "line \(positions.nearest(to: keyPath).key.line)" }

  func isFaulty(_ keyPath: String) -> Bool { faults.contains { $0.keyPath == keyPath } }

  func noteItems(at paths: [String], of list: String) { itemPaths[list] = paths }

  /// The key path of the `index`th value that was read from a list.
  func itemPath(_ list: String, _ index: Int) -> String {
    itemPaths[list].flatMap { $0.indices.contains(index) ? $0[index] : nil } ?? list
  }

  // MARK: - Preparing the tree

  /// Resolves references in every value, and notes where every key path lies.
  func prepare(_ node: ConfigNode, path: String, key: ConfigPosition) -> ConfigNode {
    // Of a key given twice the first place counts; the second is reported as such.
    if positions[path] == nil { positions[path] = KeyPositions(key: key, value: node.position) }
    var node = node
    switch node.content {
    case .scalar(let scalar):
      node.content = resolve(scalar, path: path, at: node.position)
    case .list(let items):
      node.content = .list(
        items.enumerated().map { index, item in
          prepare(item, path: "\(path)[\(index)]", key: item.position)
        })
    case .mapping(let entries):
      var seen: Set<String> = []
      var kept: [ConfigEntry] = []
      for entry in entries {
        let entryPath = path.isEmpty ? entry.key : "\(path).\(entry.key)"
        guard seen.insert(entry.key).inserted else {
          report(
            entryPath, at: entry.keyPosition,
            "the key is given twice; the first is in \(lineText(of: entryPath))",
            suggestion: "remove one of the two")
          continue
        }
        if entry.key.contains("${") {
          report(
            entryPath, at: entry.keyPosition, "references to the environment work in values only")
        }
        var entry = entry
        entry.value = prepare(entry.value, path: entryPath, key: entry.keyPosition)
        kept.append(entry)
      }
      node.content = .mapping(kept)
    case .faulty: break
    }
    return node
  }

  private func resolve(
    _ scalar: ConfigScalar, path: String, at position: ConfigPosition
  ) -> ConfigNode.Content {
    origins[path] = .line(position.line)
    do {
      guard let resolved = try references.resolve(scalar.text) else { return .scalar(scalar) }
      var scalar = scalar
      scalar.text = resolved.text
      scalar.isFromEnvironment = resolved.isFromEnvironment
      if resolved.isFromEnvironment { origins[path] = .environment(line: position.line) }
      return .scalar(scalar)
    } catch {
      report(path, at: position, error.message, suggestion: error.suggestion)
      return .faulty
    }
  }

  // MARK: - Excerpts

  /// Never shows the values of a node: all lines from its place to its end, or to `lineMax`.
  func redact(from position: ConfigPosition, toLine lineMax: Int) {
    redactions[position.line] = min(redactions[position.line] ?? Int.max, position.column)
    guard lineMax > position.line else { return }
    for line in position.line + 1...lineMax { redactions[line] = 1 }
  }

  func excerpt(ofLine line: Int) -> String? {
    Excerpt.text(of: line, in: document, redactions: redactions)
  }
}

/// The two places of a key path; for an item of a list they are the same.
struct KeyPositions: Sendable {
  let key: ConfigPosition
  let value: ConfigPosition
}

extension [String: KeyPositions] {
  /// The places of a key path, or of the nearest part of it that the file has.
  func nearest(to keyPath: String) -> KeyPositions {
    var path = keyPath[...]
    while true {
      if let place = self[String(path)] { return place }
      guard let cut = path.lastIndex(where: { $0 == "." || $0 == "[" }) else { break }
      path = path[..<cut]
    }
    let start = ConfigPosition(line: 1, column: 1)
    return self[""] ?? KeyPositions(key: start, value: start)
  }
}

/// Lines of the file as faults show them.
enum Excerpt {
  static func text(
    of line: Int, in document: DocumentText, redactions: [Int: Int]
  ) -> String? {
    guard let text = document.line(line) else { return nil }
    guard let column = redactions[line] else { return text }
    return String(text.unicodeScalars.prefix(column - 1)) + "***"
  }

  /// The same before there is a tree to tell values by: what follows a dotted key, or a key that
  /// speaks of a secret, is cut off.
  static func guarded(line: Int, in document: DocumentText) -> String? {
    guard let text = document.line(line) else { return nil }
    var word = ""
    for index in text.indices {
      let character = text[index]
      if character == ":" {
        if word.contains(".") || Secret.isSecret(property: word) { return text[...index] + " ***" }
        word = ""
      } else if character.isLetter || character.isNumber || "._-".contains(character) {
        word.append(character)
      } else if character != "\"" && character != "'" {
        word = ""
      }
    }
    return text
  }
}
