import Base

/// What a request must show to be let in, and what follows from what it shows. Pure: the hash of a
/// password is for somebody else to take.
struct StatusLogin: Equatable, Sendable {
  /// bcrypt hashes by user name.
  var users: [String: String] = [:]
  var token: String?

  /// What is to be done with a request.
  enum Step: Equatable, Sendable {
    case admit
    case refuse
    /// Let in if this is the password of `hash`. Where nobody is called so the hash is another's,
    /// so that the time it takes does not tell, and the answer is no whatever it says.
    case check(Attempt)
  }

  struct Attempt: Hashable, Sendable {
    let user: String
    let password: [UInt8]
    let hash: String
    let isKnown: Bool
  }

  /// Whether anything has to be shown at all.
  var isRequired: Bool { !users.isEmpty || token != nil }

  /// - Parameter authorization: the header field of the request, as it came.
  func judge(_ authorization: String?) -> Step {
    guard isRequired else { return .admit }
    guard let authorization, let space = authorization.firstIndex(of: " ") else { return .refuse }
    let scheme = authorization[..<space].lowercased()
    let rest = authorization[space...].drop { $0 == " " }
    switch scheme {
    case "bearer":
      guard let token else { return .refuse }
      return ConstantTime.isEqual(Array(rest.utf8), Array(token.utf8)) ? .admit : .refuse
    case "basic": return judge(basic: String(rest))
    default: return .refuse
    }
  }

  /// RFC 7617: base64 of the name, a colon and the password.
  private func judge(basic text: String) -> Step {
    guard let decoy = users.values.min(), let bytes = Base64Text.bytes(text),
      let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
      let user = String(validating: bytes[..<colon], as: UTF8.self)
    else { return .refuse }
    let password = Array(bytes[(colon + 1)...])
    guard password.count <= Self.passwordByteCountMax else { return .refuse }
    let hash = users[user]
    return .check(
      Attempt(user: user, password: password, hash: hash ?? decoy, isKnown: hash != nil))
  }

  /// Far more than bcrypt looks at, and less than anybody's hash takes long over.
  private static let passwordByteCountMax = 256

  /// The values of `WWW-Authenticate` that say how to log in (RFC 9110, section 11.6.1).
  var challenges: [String] {
    var challenges: [String] = []
    if !users.isEmpty { challenges.append(#"Basic realm="downlinkd", charset="UTF-8""#) }
    if token != nil { challenges.append(#"Bearer realm="downlinkd""#) }
    return challenges
  }
}
