enum SchemaRegistryKey: String, ConfigKey {
  case url, user, password, ca, timeout, cache, subject
}

extension Configuration.SchemaRegistry {
  init(_ section: Section<SchemaRegistryKey>) {
    url = section.url()
    user = section.optional(.user, .userName)
    let secret = section.optional(.password, .secret(in: section.reading))
    password = secret?.value
    shownPassword = secret?.shown
    authorityFile = section.optional(.ca, .path(in: section.reading.folder))
    timeoutMicros = section.value(
      .timeout, default: Default.registryTimeout, .duration(in: Allowed.registryTimeout))
    cacheFolder = section.optional(.cache, .path(in: section.reading.folder))
    subjectPattern = section.value(
      .subject, default: Default.registrySubject, .subjectPattern)
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
  static var userName: Format<String> {
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
