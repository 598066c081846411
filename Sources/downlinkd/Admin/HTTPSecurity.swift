import Config
import Glibc
import Logging
import Status

/// The configuration's `http` as the server is told it.
enum HTTPSecurity {
  /// Reads certificates and keys; a fault names the key of the configuration.
  static func read(_ configuration: Configuration) throws(ConfigFaults) -> StatusSecurity {
    let http = configuration.http
    do {
      return try StatusSecurity(
        files: http.tls.map {
          .init(certificate: $0.certificate, key: $0.key, clientAuthority: $0.clientAuthority)
        },
        users: Dictionary(http.users.map { ($0.name, $0.passwordHash) }) { first, _ in first },
        bearerToken: http.bearerToken?.value)
    } catch {
      let key =
        switch error.part {
        case .certificate: "certificate"
        case .key: "key"
        case .clientAuthority: "client_ca"
        }
      throw ConfigFaults([configuration.fault(at: "http.tls.\(key)", error.reason)])
    }
  }

  /// What somebody should know who did not want it so; nil where there is nothing.
  static func warning(_ configuration: Configuration, nowSeconds: Int64 = Int64(time(nil)))
    -> String?
  {
    let http = configuration.http
    let listen = http.listen.map { "\($0)" } ?? ""
    if http.isUnguarded {
      return "http.listen \(listen) is reachable from other machines, and nothing asks who they"
        + " are: set http.tls and a login, or put a proxy or a firewall before it"
    }
    if http.takesSecretsInClear {
      return "http.listen \(listen) takes passwords and tokens in clear; set http.tls"
    }
    guard let security = try? read(configuration), let expiry = security.expirySeconds else {
      return nil
    }
    let days = (expiry - nowSeconds) / 86_400
    if expiry <= nowSeconds { return "the certificate of http.tls has expired" }
    return days < expiryDaysMin ? "the certificate of http.tls expires in \(days) days" : nil
  }

  private static let expiryDaysMin: Int64 = 14
}
