import Base

/// Where an instance is asked.
package struct StatusTarget: Equatable, Sendable, CustomStringConvertible {
  /// A host and its port, or a socket of this machine.
  package enum Place: Equatable, Sendable {
    case port(host: String, port: Int)
    case socket(path: String)
  }

  package var place: Place
  /// Whether it is asked over TLS.
  package var usesTLS = false
  /// A PEM file of certificates that vouch for it; nil for the system's.
  package var authorityFile: String?
  /// The value of `Authorization`; nil for none.
  package var authorization: String?

  package init(host: String, port: Int) { place = .port(host: host, port: port) }

  package init(socket path: String) { place = .socket(path: path) }

  /// Logs in with a token.
  package mutating func logIn(token: String) { authorization = "Bearer \(token)" }

  /// Logs in by name and password.
  package mutating func logIn(user: String, password: String) {
    authorization = "Basic \(Base64Text.text(Array("\(user):\(password)".utf8)))"
  }

  /// `127.0.0.1:9479`, or the path.
  package var description: String {
    switch place {
    case .port(let host, let port): addressText(host, port)
    case .socket(let path): path
    }
  }

  /// What the certificate is to be for; nil where that is an address, which TLS does not send.
  var serverName: String? {
    guard case .port(let host, _) = place else { return nil }
    let isAddress = host.contains(":") || host.split(separator: ".").allSatisfy { UInt8($0) != nil }
    return isAddress ? nil : host
  }

  /// What the request says whom it is for.
  var hostField: String {
    switch place {
    case .port: description
    case .socket: "localhost"
    }
  }
}
