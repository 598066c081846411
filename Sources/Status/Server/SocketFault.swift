import Base
import Glibc
import NIOCore
import NIOPosix
import NIOSSL

/// Sentences for what the system says about sockets, each with what to do about it.
enum SocketFault {
  /// Why an address cannot be listened on.
  static func listenReason(_ error: any Error) -> String {
    switch error {
    case let error as IOError:
      switch error.errnoCode {
      case EADDRINUSE: "address already in use; another downlinkd? set http.listen"
      case EACCES: "permission denied; set http.listen to a port above 1023"
      case EADDRNOTAVAIL:
        "not an address of this machine; set http.listen, 127.0.0.1 and [::1] always work"
      default: "\(text(error.errnoCode)); set http.listen"
      }
    case let error as SocketAddressError.UnknownHost:
      "the name \(error.host) has no address; set http.listen"
    default: "\(error); set http.listen"
    }
  }

  /// Why a socket's file cannot be had.
  static func claimReason(_ refusal: SocketFile.Refusal) -> String {
    refusal.reason + "; set admin.socket"
  }

  /// Why nobody can be asked at an address.
  static func connectReason(_ error: any Error, to place: StatusTarget.Place) -> String {
    switch error {
    case let error as IOError: connectReason(error.errnoCode, place)
    case let error as SocketAddressError.UnknownHost: "the name \(error.host) has no address"
    case let error as NIOConnectionError:
      if let single = error.connectionErrors.first {
        connectReason(single.error, to: place)
      } else {
        "the name \(error.host) has no address"
      }
    case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError:
      "no TLS with it: \(error); is --ca right, and is it https?"
    case is ChannelError: "it takes no connection in time; is a firewall in between?"
    default: "\(error)"
    }
  }

  private static func connectReason(_ code: CInt, _ place: StatusTarget.Place) -> String {
    switch (place, code) {
    case (.port, ECONNREFUSED):
      "nothing listens there; is downlinkd running, is this its http.listen?"
    case (.socket, ECONNREFUSED), (.socket, ENOENT):
      "nothing listens there; is downlinkd running, is this its admin.socket?"
    case (.socket, EACCES):
      "permission denied; ask as its user, or as a member of the socket's group"
    default: text(code)
    }
  }

  private static func text(_ code: CInt) -> String {
    guard let text = unsafe strerror(code) else { return "error \(code)" }
    return unsafe String(cString: text).lowercased()
  }
}
