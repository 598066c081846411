/// Faults of the world around the status endpoint, as sentences that say what to do.
package enum StatusError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The address to listen on cannot be had; nothing has been started.
  case cannotListen(address: String, reason: String)
  /// The server ended although nobody stopped it.
  case ended(address: String, reason: String)
  /// Nobody answers at the address.
  case unreachable(address: String, reason: String)
  /// Somebody answers, but not as `downlinkd` does.
  case unexpectedAnswer(address: String, reason: String)

  package var description: String {
    switch self {
    case .cannotListen(let address, let reason): "cannot listen on \(address): \(reason)"
    case .ended(let address, let reason): "no longer listening on \(address): \(reason)"
    case .unreachable(let address, let reason): "no answer from \(address): \(reason)"
    case .unexpectedAnswer(let address, let reason):
      "\(address) does not answer as downlinkd does: \(reason)"
    }
  }
}

/// `host:port`, an IPv6 address in brackets.
func addressText(_ host: String, _ port: Int) -> String {
  (host.contains(":") ? "[\(host)]" : host) + ":\(port)"
}
