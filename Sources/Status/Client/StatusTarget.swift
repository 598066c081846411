/// Where an instance is asked.
package struct StatusTarget: Equatable, Sendable, CustomStringConvertible {
  /// A host and its port, or a socket of this machine.
  package enum Place: Equatable, Sendable {
    case port(host: String, port: Int)
    case socket(path: String)
  }

  package var place: Place

  package init(host: String, port: Int) { place = .port(host: host, port: port) }

  package init(socket path: String) { place = .socket(path: path) }

  /// `127.0.0.1:9479`, or the path.
  package var description: String {
    switch place {
    case .port(let host, let port): addressText(host, port)
    case .socket(let path): path
    }
  }

  /// What the request says whom it is for.
  var hostField: String {
    switch place {
    case .port: description
    case .socket: "localhost"
    }
  }
}
