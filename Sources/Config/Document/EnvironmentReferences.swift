/// Resolves `${NAME}` and `${NAME:-default}` in scalar values.
///
/// It works on the parsed tree, so whatever a variable holds stays one value: it can neither add
/// keys nor change the structure. Keys are never touched. `$${` stands for a literal `${`; a `$`
/// that no `{` follows is an ordinary character. As in a shell, `:-` also replaces a variable that
/// is set but empty.
struct EnvironmentReferences {
  let environment: [String: String]

  struct Unresolved: Error {
    let message: String
    let suggestion: String?
  }

  /// The text with every reference replaced, or nil where it has none.
  func resolve(_ text: String) throws(Unresolved) -> (text: String, isFromEnvironment: Bool)? {
    guard text.contains("${") else { return nil }
    var resolved = String.UnicodeScalarView()
    var isFromEnvironment = false
    var rest = Substring(text).unicodeScalars
    while let scalar = rest.popFirst() {
      guard scalar == "$" else {
        resolved.append(scalar)
        continue
      }
      if rest.starts(with: "${".unicodeScalars) {
        resolved.append(contentsOf: "${".unicodeScalars)
        rest.removeFirst(2)
      } else if rest.first == "{" {
        rest.removeFirst()
        guard let end = rest.firstIndex(of: "}") else {
          throw Unresolved(
            message: "`${` without a closing `}`", suggestion: "write $${ for a literal ${")
        }
        resolved.append(contentsOf: try value(of: String(rest[..<end])).unicodeScalars)
        isFromEnvironment = true
        rest = rest[rest.index(after: end)...]
      } else {
        resolved.append(scalar)
      }
    }
    return (String(resolved), isFromEnvironment)
  }

  /// The value of `NAME` or `NAME:-default`.
  private func value(of reference: String) throws(Unresolved) -> String {
    let colon = reference.firstIndex(of: ":")
    let name = String(reference[..<(colon ?? reference.endIndex)])
    let fallback = colon.map { reference[reference.index(after: $0)...] }
    guard Self.isName(name), fallback?.first ?? "-" == "-" else {
      throw Unresolved(
        message: "`${\(reference)}` is not a reference; expected ${NAME} or ${NAME:-default}",
        suggestion: "write $${ for a literal ${")
    }
    let value = environment[name]
    if let fallback {
      return value.flatMap { $0.isEmpty ? nil : $0 } ?? String(fallback.dropFirst())
    }
    guard let value else {
      let near = Suggestion.nearest(to: name, among: environment.keys.sorted())
      throw Unresolved(
        message: "the environment variable \(name) is not set",
        suggestion: near.map { "did you mean ${\($0)}?" }
          ?? "set it, or give a default: ${\(name):-value}")
    }
    return value
  }

  private static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return text.utf8.allSatisfy(NameRule.isWordByte)
  }
}
