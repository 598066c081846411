internal import Yams

/// Turns YAML text into a `ConfigNode`: the only place that knows Yams.
///
/// Yams stops at the first mapping with a key given twice. To report every fault at once, the
/// composer puts a tag in front of the key Yams named, which makes it unequal to the other, and
/// composes again; `insertions` moves the marks of that line back to where the file has them. The
/// tree then holds both entries, and `Section` reports the second like any other fault.
struct YAMLComposer {
  /// Nesting beyond this is refused; the deepest key of ours lies at 6.
  static let depthMax = 32
  /// Nodes after aliases are followed. 1 MiB of the densest YAML has about 500,000 nodes; a
  /// configuration of a thousand detectors has 20,000.
  static let nodeCountMax = 100_000
  /// Keys given twice that are looked past before the composer gives up.
  private static let duplicateCountMax = 32

  private let document: DocumentText
  private var insertions: [Insertion] = []
  private var nodeCount = 0

  /// Text put into a line to tell a key from its duplicate; the column is the file's own.
  private struct Insertion {
    let position: ConfigPosition
    let text: String
  }

  init(_ document: DocumentText) { self.document = document }

  /// The root of the document; nil where the file holds only comments.
  mutating func compose() throws(DocumentText.Refusal) -> ConfigNode? {
    while true {
      do {
        // Tags are resolved by nobody: a value means what its key says (`ConfigScalar`).
        let parser = try Parser(yaml: markedText(), resolver: .basic, encoding: .utf8)
        guard let root = try parser.singleRoot() else { return nil }
        nodeCount = 0
        return try convert(root, depth: 0)
      } catch let refusal as DocumentText.Refusal {
        throw refusal
      } catch let error as YamlError {
        guard case .duplicatedKeysInMapping(let keys, let context) = error else {
          throw refusal(for: error)
        }
        try lookPast(keys: keys, at: position(of: context.mark))
      } catch {
        throw DocumentText.Refusal(position: .wholeFile, message: "cannot parse YAML: \(error)")
      }
    }
  }

  // MARK: - Duplicate keys

  private mutating func lookPast(
    keys: [String], at position: ConfigPosition
  ) throws(DocumentText.Refusal) {
    let line = document.line(position.line)?.unicodeScalars.dropFirst(position.column - 1)
    let isTaggable = line?.first.map { !"!&*?".unicodeScalars.contains($0) } ?? false
    guard isTaggable, insertions.count < Self.duplicateCountMax,
      !insertions.contains(where: { $0.position == position })
    else {
      throw DocumentText.Refusal(
        position: position, message: "the key `\(keys.first ?? "")` is given more than once")
    }
    insertions.append(Insertion(position: position, text: "!d\(insertions.count) "))
    insertions.sort { $0.position < $1.position }
  }

  /// The document with the insertions in place.
  private func markedText() -> String {
    if insertions.isEmpty { return document.text }
    var lines = document.lines.map(String.init)
    for insertion in insertions.reversed() {
      let index = insertion.position.line - 1
      var scalars = lines[index].unicodeScalars
      let place = scalars.index(scalars.startIndex, offsetBy: insertion.position.column - 1)
      scalars.insert(contentsOf: insertion.text.unicodeScalars, at: place)
      lines[index] = String(scalars)
    }
    return lines.joined(separator: "\n")
  }

  /// Where the file has what Yams found at `mark` of the marked text.
  private func position(of mark: Mark?) -> ConfigPosition {
    guard let mark else { return ConfigPosition(line: 1, column: 1) }
    var column = mark.column
    for insertion in insertions where insertion.position.line == mark.line {
      if column > insertion.position.column {
        column = max(insertion.position.column, column - insertion.text.unicodeScalars.count)
      }
    }
    return ConfigPosition(line: mark.line, column: column)
  }

  // MARK: - Conversion

  private mutating func convert(
    _ node: Node, depth: Int
  ) throws(DocumentText.Refusal) -> ConfigNode {
    let position = position(of: node.mark)
    nodeCount += 1
    guard nodeCount <= Self.nodeCountMax else {
      throw DocumentText.Refusal(
        position: position,
        message: "more than \(Self.nodeCountMax) values after following aliases")
    }
    guard depth <= Self.depthMax else {
      throw DocumentText.Refusal(
        position: position, message: "nested more than \(Self.depthMax) levels deep")
    }
    switch node {
    case .scalar(let scalar):
      try refuseTag(scalar.tag, at: position)
      let isQuoted = scalar.style != .plain || scalar.tag.rawValue == Tag.Name.str.rawValue
      return ConfigNode(
        position: position,
        content: .scalar(
          ConfigScalar(text: scalar.string, written: scalar.string, isQuoted: isQuoted)))
    case .sequence(let sequence):
      try refuseTag(sequence.tag, at: position)
      var items: [ConfigNode] = []
      for item in sequence { items.append(try convert(item, depth: depth + 1)) }
      return ConfigNode(position: position, content: .list(items))
    case .mapping(let mapping):
      try refuseTag(mapping.tag, at: position)
      var entries: [ConfigEntry] = []
      for (key, value) in mapping { entries.append(try entry(key, value, depth: depth + 1)) }
      return ConfigNode(position: position, content: .mapping(entries))
    case .alias:
      throw DocumentText.Refusal(position: position, message: "this alias cannot be followed")
    }
  }

  private mutating func entry(
    _ key: Node, _ value: Node, depth: Int
  ) throws(DocumentText.Refusal) -> ConfigEntry {
    let position = position(of: key.mark)
    guard case .scalar(let scalar) = key else {
      throw DocumentText.Refusal(position: position, message: "a key must be a plain word")
    }
    guard scalar.string != "<<" else {
      throw DocumentText.Refusal(
        position: position, message: "merge keys (`<<`) are not supported",
        suggestion: "write the keys out, or alias a whole value: `event_time: *slow`")
    }
    return ConfigEntry(
      key: scalar.string, keyPosition: position, value: try convert(value, depth: depth))
  }

  /// Does not quote the tag: it may be a password that begins with `!`.
  private func refuseTag(_ tag: Tag, at position: ConfigPosition) throws(DocumentText.Refusal) {
    let known: [Tag.Name] = [.implicit, .nonSpecific, .str, .seq, .map]
    guard known.contains(where: { $0.rawValue == tag.rawValue }) else {
      throw DocumentText.Refusal(
        position: position, message: "YAML tags are not supported",
        suggestion: "put a value that starts with `!` in quotes")
    }
  }

  // MARK: - Syntax errors

  private func refusal(for error: YamlError) -> DocumentText.Refusal {
    switch error {
    case .scanner(let context, let problem, let mark, _),
      .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      let place = position(of: mark)
      var message = "YAML syntax: " + problem
      if let context {
        let start = position(of: context.mark)
        message += " (\(context.text), line \(start.line), column \(start.column))"
      }
      return DocumentText.Refusal(
        position: place, message: message, suggestion: hint(problem, context?.text, at: place))
    default:
      return DocumentText.Refusal(position: .wholeFile, message: "YAML syntax: \(error)")
    }
  }

  /// What people most often did where libYAML says `problem`.
  private func hint(_ problem: String, _ context: String?, at place: ConfigPosition) -> String? {
    let rest = document.line(place.line)?.unicodeScalars.dropFirst(place.column - 1)
    if problem.contains("undefined alias") || context == "while scanning an alias" {
      return "a glob that starts with `*` goes in quotes: \"*_temperature_c\""
    }
    if context?.contains("flow") == true, document.line(place.line)?.contains("${") == true {
      return "inside { } and [ ] a reference goes in quotes: \"${NAME}\""
    }
    if problem.contains("another document") {
      return "a configuration is one document; remove the `---` line"
    }
    if problem.contains("cannot start any token") {
      return rest?.first == "\t"
        ? "indent with spaces; YAML forbids tabs"
        : "put a value that starts with this character in quotes"
    }
    if problem.contains("mapping values are not allowed") {
      return "put a value that contains `: ` in quotes, or check the indentation of this line"
    }
    if problem.contains("did not find expected key") || problem.contains("block collection") {
      return "check the indentation of this line and of the one before it"
    }
    if problem.contains("unexpected end of stream") { return "close the quote that was opened" }
    return nil
  }
}
