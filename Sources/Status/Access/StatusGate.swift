import NIOSSL
import Synchronization

/// Lets requests in, or not, by the rules of the moment; a reload changes them.
final class StatusGate: Sendable {
  enum Admission: Equatable, Sendable {
    case admitted
    /// With what `WWW-Authenticate` is to say.
    case refused(challenges: [String])
    case busy
  }

  private let security: Mutex<StatusSecurity>
  /// Made when there are users for the first time: two threads.
  private let checker = Mutex<PasswordChecker?>(nil)

  init(_ security: StatusSecurity) { self.security = Mutex(security) }

  deinit { checker.withLock { $0?.stop() } }

  /// The TLS of a connection that comes now; nil for none.
  var tls: NIOSSLContext? { security.withLock { $0.tls } }

  /// - Returns: whether connections that were made before are of another kind.
  func adopt(_ new: StatusSecurity) -> Bool {
    security.withLock { security in
      defer { security = new }
      return new.hasOtherTLS(than: security)
    }
  }

  func admit(_ authorization: String?) async -> Admission {
    let login = security.withLock { $0.login }
    switch login.judge(authorization) {
    case .admit: return .admitted
    case .refuse: return .refused(challenges: login.challenges)
    case .check(let attempt):
      let checker = checker.withLock { checker in
        if let checker { return checker }
        let made = PasswordChecker()
        checker = made
        return made
      }
      switch await checker.verify(attempt) {
      case .right: return .admitted
      case .wrong: return .refused(challenges: login.challenges)
      case .busy: return .busy
      }
    }
  }
}
