/// A secret that a configuration has, and what may be shown of it.
///
/// Nothing that prints a configuration prints `value`: neither `String(describing:)` nor `dump`.
package struct SecretText: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
  /// The secret itself: for whoever logs in with it, and for nothing else.
  package let value: String
  /// Where it is from, as `config show` writes it: `file:/etc/downlink/token`,
  /// `credential:token`, `${TOKEN}`.
  package let shown: String

  package var description: String { shown }
  package var customMirror: Mirror { Mirror(self, children: ["shown": shown]) }
}

/// A text that says where a secret is, in the place of the secret.
enum SecretReference: Hashable {
  /// `file:PATH`, a file with nothing but the secret in it; the path as it is written.
  case file(String)
  /// `credential:NAME`, a file that the service manager put into `$CREDENTIALS_DIRECTORY`
  /// (systemd.exec(5), `LoadCredential=`).
  case credential(String)

  static let folderVariable = "CREDENTIALS_DIRECTORY"
  /// For `expected …`, of a key that takes no secret as it is.
  static let expected = "file:PATH, credential:NAME or ${NAME}"

  /// nil for a text that is no reference.
  init?(_ text: String) {
    if text.hasPrefix("file:") {
      self = .file(String(text.dropFirst("file:".count)))
    } else if text.hasPrefix("credential:") {
      self = .credential(String(text.dropFirst("credential:".count)))
    } else {
      return nil
    }
  }
}

extension Reading {
  /// The secret that a reference names: the text of its file without the newline that editors put
  /// at its end.
  func secret(_ reference: SecretReference) throws(ValueFault) -> String {
    switch reference {
    case .file(let path): return try text(ofSecret: PathText.resolve(path, in: folder))
    case .credential(let name): return try text(ofSecret: try credential(name))
    }
  }

  /// What may be shown of a secret by reference: the reference is none, and tells where to look.
  func shown(_ reference: SecretReference, _ scalar: ConfigScalar) -> String {
    if scalar.isFromEnvironment { return scalar.written }
    switch reference {
    case .file(let path): return "file:" + PathText.resolve(path, in: folder)
    case .credential(let name): return "credential:" + name
    }
  }

  /// The file of a credential. Of names only what systemd takes for one: no folder is left by it.
  private func credential(_ name: String) throws(ValueFault) -> String {
    let isName =
      !name.isEmpty && name != "." && name != ".." && name.utf8.count <= 255
      && name.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "/") }
    guard isName else {
      throw ValueFault("is not credential: and a name such as credential:kafka-password")
    }
    let variable = SecretReference.folderVariable
    guard let folder = environment[variable], !folder.isEmpty else {
      throw ValueFault(
        "names the credential \(name), and \(variable) is not set, where credentials are",
        suggestion: "under systemd write LoadCredential=\(name):FILE into the unit; elsewhere set"
          + " \(variable) to a folder with the file \(name), or write file:FILE here")
    }
    let file = PathText.resolve(name, in: folder)
    guard FileBytes.exists(file) else {
      throw ValueFault(
        "names the credential \(name), which is not in \(folder)",
        suggestion: "the unit needs LoadCredential=\(name):FILE, and that file (docs/INSTALL.md);"
          + " then restart it")
    }
    return file
  }

  private func text(ofSecret file: String) throws(ValueFault) -> String {
    let bytes: [UInt8]
    do {
      bytes = try FileBytes.read(file, byteCountMax: Allowed.secretByteCountMax)
    } catch {
      throw ValueFault(sentence: error.message)
    }
    guard var text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
      throw ValueFault(sentence: "\(file) is not text")
    }
    // "\r\n" is a single character.
    if let last = text.last, last == "\n" || last == "\r\n" { text.removeLast() }
    guard !text.isEmpty else { throw ValueFault(sentence: "\(file) is empty; expected a value") }
    return text
  }
}

extension Format where Value == SecretText {
  /// A secret by reference: `file:PATH`, `credential:NAME`, or `${NAME}` (which may hold one of the
  /// two). One that stands in the configuration itself is refused, and not quoted.
  ///
  /// A key that is read by it has a name that `Secret.isSecret` knows, so that no excerpt shows
  /// its value either.
  static func secret(in reading: Reading) -> Format<SecretText> {
    Format(expected: SecretReference.expected, isSecret: true) { (scalar) throws(ValueFault) in
      if let reference = SecretReference(scalar.text) {
        return SecretText(
          value: try reading.secret(reference), shown: reading.shown(reference, scalar))
      }
      guard scalar.isFromEnvironment else {
        throw ValueFault(
          sentence: "a secret does not belong in this file; expected \(SecretReference.expected)",
          suggestion: "write it into a file of its own, and file: and its path here")
      }
      guard !scalar.text.isEmpty, !scalar.text.utf8.contains(0) else {
        throw ValueFault("is empty, or contains a NUL character")
      }
      return SecretText(value: scalar.text, shown: scalar.written)
    }
  }
}
