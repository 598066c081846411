enum SchemaRegistryKey: String, ConfigKey {
  case url, user, password, ca, timeout, cache, subject
}

extension Configuration.SchemaRegistry {
  init(_ section: Section<SchemaRegistryKey>) {
    url = section.url()
    user = section.optional(.user, .userName)
    let secret = section.password()
    password = secret?.value
    shownPassword = secret?.shown
    authorityFile = section.optional(.ca, .path(in: section.reading.folder))
    timeoutMicros = section.value(
      .timeout, default: Default.registryTimeout, .duration(in: Allowed.registryTimeout))
    cacheFolder = section.optional(.cache, .path(in: section.reading.folder))
    subjectPattern = section.value(.subject, default: "{topic}-value", .subjectPattern)
    if section.has(.password), !section.has(.user) {
      section.report(.password, atKey: true, "a password without `user`")
    }
  }
}

extension Section<SchemaRegistryKey> {
  fileprivate func url() -> String {
    // Never quoted: what is wrong about it may be the password in it.
    if case .scalar(let scalar) = node(.url)?.content, scalar.text.contains("@") {
      report(
        .url, "the URL holds a user name or password",
        suggestion: "write them as `user` and `password`")
      return ""
    }
    return required(.url, placeholder: "", .registryURL)
  }

  /// From a file, or from the environment; a password in the configuration itself is refused.
  fileprivate func password() -> (value: String, shown: String)? {
    guard let node = node(.password) else { return nil }
    guard case .scalar(let scalar) = node.content, !scalar.isNull else {
      report(.password, "expected file: and the path of a file with the password in it")
      return nil
    }
    let path = path(of: .password)
    if scalar.text.hasPrefix("file:") {
      let file = PathText.resolve(String(scalar.text.dropFirst(5)), in: reading.folder)
      guard let value = secret(inFile: file, path: path) else { return nil }
      // The reference is no secret, and tells where to look.
      return (value, scalar.isFromEnvironment ? scalar.written : "file:" + file)
    }
    guard scalar.isFromEnvironment else {
      report(
        .password, "a password does not belong in this file",
        suggestion: "write it into a file of its own, and file: and its path here")
      return nil
    }
    guard !scalar.text.isEmpty, !scalar.text.utf8.contains(0) else {
      report(.password, "the password is empty, or contains a NUL character")
      return nil
    }
    return (scalar.text, scalar.written)
  }
}

extension Format where Value == String {
  /// `http://host:port/path`, without a slash at its end.
  fileprivate static var registryURL: Format<String> {
    let expected = "a URL such as https://schemas.example.net:8081"
    return Format(expected: expected) { (scalar) throws(ValueFault) in
      var text = scalar.text
      while text.hasSuffix("/") { text.removeLast() }
      let parts = text.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, ["http", "https"].contains(parts[0]), !parts[1].isEmpty,
        text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") })
      else {
        throw ValueFault(
          "is not \(expected)", suggestion: parts.count < 2 ? "begin it with https://" : nil)
      }
      guard !text.contains("?"), !text.contains("#") else {
        throw ValueFault("has a query or fragment; expected \(expected)")
      }
      return text
    }
  }

  /// HTTP's basic authentication ends the user's name at the first colon (RFC 7617, section 2).
  fileprivate static var userName: Format<String> {
    text.then { (user) throws(ValueFault) in
      guard !user.contains(":") else {
        throw ValueFault("contains a colon, which a user name cannot have")
      }
      return user
    }
  }

  /// A text with `{topic}` or `{message}` in it.
  fileprivate static var subjectPattern: Format<String> {
    let expected = "a subject with {topic} or {message} in it, such as {topic}-value"
    return Format(expected: expected) { (scalar) throws(ValueFault) in
      let rest = scalar.text.replacing("{topic}", with: "").replacing("{message}", with: "")
      guard !scalar.text.isEmpty, rest != scalar.text, !rest.contains("{"), !rest.contains("}"),
        !rest.utf8.contains(0)
      else { throw ValueFault("is not \(expected)") }
      return scalar.text
    }
  }
}

extension Section {
  /// The text of a secret's file without the newline that editors put at its end.
  func secret(inFile file: String, path: String) -> String? {
    let bytes: [UInt8]
    do {
      bytes = try FileBytes.read(file, byteCountMax: Allowed.secretByteCountMax)
    } catch {
      reading.report(path, error.message)
      return nil
    }
    guard var text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
      reading.report(path, "\(file) is not text")
      return nil
    }
    // "\r\n" is a single character.
    if let last = text.last, last == "\n" || last == "\r\n" { text.removeLast() }
    guard !text.isEmpty else {
      reading.report(path, "\(file) is empty; expected a value")
      return nil
    }
    return text
  }
}
