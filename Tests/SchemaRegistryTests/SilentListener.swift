import Glibc

/// A port on loopback that takes connections and never says a word.
final class SilentListener {
  struct Failed: Error {}

  let port: UInt16
  private let socket: CInt

  init() throws {
    socket = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = socket
    let isListening = unsafe withUnsafeMutablePointer(to: &address) { address in
      unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        var size = size
        return unsafe bind(descriptor, address, size) == 0 && listen(descriptor, 8) == 0
          && getsockname(descriptor, address, &size) == 0
      }
    }
    guard isListening else { throw Failed() }
    port = UInt16(bigEndian: address.sin_port)
  }

  deinit { close(socket) }

  /// Returns when somebody has connected; the connection stays open, unanswered.
  func waitForConnection() { _ = accept(socket, nil, nil) }
}
