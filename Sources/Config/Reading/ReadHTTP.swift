enum HTTPKey: String, ConfigKey {
  case listen, tls
  case basicAuth = "basic_auth"
  case bearerToken = "bearer_token"
}

enum HTTPTLSKey: String, ConfigKey {
  case certificate, key
  case clientCA = "client_ca"
}

enum HTTPLoginKey: String, ConfigKey { case users }

extension Configuration.HTTP {
  init(_ section: Section<HTTPKey>) {
    listen = section.listen()
    tls = section.has(.tls) ? TLS(section.section(.tls, HTTPTLSKey.self)) : nil
    users =
      section.has(.basicAuth) ? section.section(.basicAuth, HTTPLoginKey.self).users() : []
    bearerToken = section.optional(.bearerToken, .secret(in: section.reading))
  }
}

extension Section<HTTPKey> {
  func listen() -> Endpoint? { value(.listen, default: Default.listen, .endpointOrNone) }
}

extension Configuration.HTTP.TLS {
  fileprivate init(_ section: Section<HTTPTLSKey>) {
    let path = Format<String>.path(in: section.reading.folder)
    certificate = section.required(.certificate, placeholder: "", path)
    key = section.required(.key, placeholder: "", path)
    clientAuthority = section.optional(.clientCA, path)
  }
}

extension Section<HTTPLoginKey> {
  /// Names and hashes, sorted by name.
  fileprivate func users() -> [Configuration.HTTP.User] {
    let path = path(of: .users)
    requirePresence(of: .users, expected: "a mapping of user names to bcrypt hashes")
    guard let node = node(.users) else { return [] }
    guard case .mapping(let entries) = node.content, !entries.isEmpty else {
      if case .faulty = node.content { return [] }
      reading.report(path, "expected a mapping of user names to bcrypt hashes; found none")
      return []
    }
    var users: [Configuration.HTTP.User] = []
    for entry in entries {
      let userPath = "\(path).\(entry.key)"
      // HTTP's basic authentication ends the name at the first colon (RFC 7617, section 2).
      guard !entry.key.isEmpty, !entry.key.contains(":") else {
        reading.report(userPath, at: entry.keyPosition, "a user name is not empty and has no colon")
        continue
      }
      guard let hash = read(entry.value, path: userPath, .bcryptHash) else { continue }
      users.append(.init(name: entry.key, passwordHash: hash))
    }
    return users.sorted { $0.name < $1.name }
  }
}

extension Format where Value == String {
  /// `$2b$12$` and 53 characters more, as crypt(5) has it.
  fileprivate static var bcryptHash: Format<String> {
    let expected = "a bcrypt hash such as downlinkd http-password makes"
    return Format(expected: expected, isSecret: true) { (scalar) throws(ValueFault) in
      let parts = scalar.text.split(separator: "$", omittingEmptySubsequences: false)
      guard parts.count == 4, parts[0].isEmpty, ["2a", "2b", "2y"].contains(parts[1]),
        parts[2].utf8.count == 2, let cost = Int(parts[2]), parts[3].utf8.count == 53,
        parts[3].utf8.allSatisfy({ NameRule.isWordByte($0) && $0 != UInt8(ascii: "_")
          || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/") })
      else { throw ValueFault("is not \(expected)") }
      guard Allowed.bcryptCost.contains(cost) else {
        throw ValueFault(
          "costs 2^\(cost) rounds; expected \(Allowed.bcryptCost.lowerBound) to"
            + " \(Allowed.bcryptCost.upperBound), so that a login takes less than some seconds")
      }
      return scalar.text
    }
  }
}
