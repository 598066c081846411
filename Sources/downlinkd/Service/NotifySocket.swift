import CSystemd
import Glibc

/// The socket on which a service manager listens: sd_notify(3), and nothing where `NOTIFY_SOCKET`
/// is not set.
///
/// The environment is left as it is: this program starts no other that could speak in its name.
enum NotifySocket {
  /// Whether a service manager listens.
  static var isPresent: Bool { unsafe getenv("NOTIFY_SOCKET") != nil }

  /// How long the service manager waits for a sign of life, microseconds; nil if it does not.
  static var watchdogMicros: Int64? {
    var micros: UInt64 = 0
    guard unsafe sd_watchdog_enabled(0, &micros) > 0 else { return nil }
    return Int64(clamping: micros)
  }

  /// Sends one datagram. Blocks while the manager's queue is full.
  ///
  /// - Returns: what went wrong, or nil, also where nobody listens.
  static func send(_ messages: [ServiceNotifications.Message]) -> String? {
    if messages.isEmpty { return nil }
    let text = messages.map(\.text).joined(separator: "\n")
    let code = unsafe sd_notify(0, text)
    return code < 0 ? SystemFault.text(-code) : nil
  }
}
