import Config
import Glibc

/// Whether `http.listen` can be listened on. The port is held for a moment and let go.
struct PortTrial {
  let listen: Endpoint?

  func findings() -> [CheckFinding] {
    let place = "http.listen"
    guard let listen else { return [.ok(place, "no port is opened")] }
    guard listen.port != 0 else { return [.ok(place, "\(listen): a free port is taken")] }
    let code = Self.bindCode(listen)
    var findings: [CheckFinding] = []
    switch code {
    case 0: findings.append(.ok(place, "\(listen) is free"))
    case EADDRINUSE:
      findings.append(
        .warning(
          place, "\(listen) is in use: by the instance that runs, or by something else",
          advice: "downlinkd status tells which; another program wants another port here"))
    default:
      let reason = unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
      findings.append(
        .fault(
          place, .configuration, "\(listen) cannot be listened on: \(reason)",
          advice: "name an address of this machine, and a port from 1024 on"))
    }
    return findings
  }

  /// errno of binding to the first address that the host stands for; 0 where it can be done.
  private static func bindCode(_ listen: Endpoint) -> Int32 {
    var hints = unsafe addrinfo()
    unsafe hints.ai_family = AF_UNSPEC
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    unsafe hints.ai_flags = AI_PASSIVE
    var found: UnsafeMutablePointer<addrinfo>?
    let isKnown = unsafe getaddrinfo(listen.host, "\(listen.port)", &hints, &found) == 0
    guard isKnown, let address = unsafe found
    else { return EADDRNOTAVAIL }
    defer { unsafe freeaddrinfo(address) }
    let descriptor = unsafe socket(
      address.pointee.ai_family, address.pointee.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return errno }
    defer { close(descriptor) }
    // As the server does: connections of one that has just ended are no hindrance.
    var yes: Int32 = 1
    _ = unsafe setsockopt(
      descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    guard unsafe bind(descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 else {
      return errno
    }
    // Two sockets that reuse an address may both be bound; only one may listen.
    return Glibc.listen(descriptor, 1) == 0 ? 0 : errno
  }
}
