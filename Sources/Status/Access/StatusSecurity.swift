import Glibc
import NIOSSL

/// How a port is guarded: with TLS or in clear, and who is let in.
package struct StatusSecurity: Sendable {
  /// Files of certificates and keys (PEM).
  package struct TLSFiles: Equatable, Sendable {
    package var certificate: String
    package var key: String
    /// Certificates that vouch for clients; nil lets every client in.
    package var clientAuthority: String?

    package init(certificate: String, key: String, clientAuthority: String?) {
      self.certificate = certificate
      self.key = key
      self.clientAuthority = clientAuthority
    }
  }

  /// What is wrong with a file.
  package struct Fault: Error, Equatable, Sendable {
    /// Of which file.
    package enum Part: Sendable { case certificate, key, clientAuthority }

    package let part: Part
    /// A sentence.
    package let reason: String
  }

  let login: StatusLogin
  /// Nil for none.
  let tls: NIOSSLContext?
  /// What the context was made of: by this two are told apart.
  private let material: [[UInt8]]
  /// Until when the certificate is valid, Unix time; nil without one.
  package let expirySeconds: Int64?

  /// In clear, and for everybody.
  package static let none = StatusSecurity()

  private init() {
    login = StatusLogin()
    tls = nil
    material = []
    expirySeconds = nil
  }

  /// Reads the files.
  ///
  /// - Parameters:
  ///   - files: nil for no TLS.
  ///   - users: bcrypt hashes by user name.
  ///   - bearerToken: another way to log in.
  package init(
    files: TLSFiles?, users: [String: String], bearerToken: String?
  ) throws(Fault) {
    login = StatusLogin(users: users, token: bearerToken)
    guard let files else {
      tls = nil
      material = []
      expirySeconds = nil
      return
    }
    let certificates = try Self.certificates(in: files.certificate, .certificate)
    let key: NIOSSLPrivateKey
    do { key = try NIOSSLPrivateKey(file: files.key, format: .pem) } catch {
      throw Fault(part: .key, reason: Self.unreadable(files.key, "private key"))
    }
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(key))
    configuration.minimumTLSVersion = .tlsv12
    configuration.applicationProtocols = ["http/1.1"]
    var authorities: [NIOSSLCertificate] = []
    if let file = files.clientAuthority {
      authorities = try Self.certificates(in: file, .clientAuthority)
      configuration.trustRoots = .certificates(authorities)
      configuration.certificateVerification = .noHostnameVerification
    }
    do { tls = try NIOSSLContext(configuration: configuration) } catch {
      throw Fault(
        part: .key, reason: "the key in \(files.key) is not that of \(files.certificate)")
    }
    do {
      material =
        try (certificates + authorities).map { try $0.toDERBytes() }
        + [Array("\(certificates.count)".utf8), try key.derBytes]
    } catch {
      throw Fault(part: .certificate, reason: Self.unreadable(files.certificate, "certificate"))
    }
    expirySeconds = certificates.first.map { Int64($0.notValidAfter) }
  }

  /// Whether connections are made in another way under the other: they are to be made anew.
  package func hasOtherTLS(than other: StatusSecurity) -> Bool { material != other.material }

  /// Whether whoever reaches the port reads everything.
  package var isOpen: Bool { tls == nil && !login.isRequired }

  private static func certificates(
    in file: String, _ part: Fault.Part
  ) throws(Fault) -> [NIOSSLCertificate] {
    let certificates = (try? NIOSSLCertificate.fromPEMFile(file)) ?? []
    guard !certificates.isEmpty else {
      throw Fault(part: part, reason: unreadable(file, "certificate"))
    }
    return certificates
  }

  private static func unreadable(_ file: String, _ what: String) -> String {
    let descriptor = unsafe open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      let text = unsafe strerror(errno).map { unsafe String(cString: $0).lowercased() }
      return "cannot read \(file): \(text ?? "error")"
    }
    close(descriptor)
    return "\(file) has no \(what) in PEM form"
  }
}
