internal import Base

extension Configuration {
  /// Who is told of anomalies over HTTP.
  package struct Alerts: Hashable, Sendable {
    /// Where people find the page, without a slash at its end; nil where they do not.
    package let pageURL: String?
    package let webhooks: [Webhook]

    static let none = Alerts(pageURL: nil, webhooks: [])
  }

  /// One receiver of alerts.
  package struct Webhook: Hashable, Sendable, CustomReflectable {
    /// In status, metrics and file names.
    package let name: String
    package let format: Format
    /// Where requests go; may be a secret as a whole.
    package let url: SecretText
    package let minSeverity: Severity
    /// Detectors whose steps are sent.
    package let detectors: [String]
    package let bearerToken: SecretText?
    package let basicAuth: BasicAuth?
    /// A file of certificates (PEM) that vouch for the receiver; nil for the system's.
    package let authorityFile: String?
    package let timeoutMicros: Int64
    /// After how long what fires is sent again; nil for never.
    package let resendMicros: Int64?
    package let ageMaxMicros: Int64
    package let queueCountMax: Int

    /// What a body is.
    package enum Format: String, ConfigWord { case alertmanager, webhook }

    /// The least severe steps that are sent.
    package enum Severity: String, ConfigWord { case warning, critical }

    /// A name and a password.
    package struct BasicAuth: Hashable, Sendable {
      package let user: String
      package let password: SecretText
    }

    /// What Alertmanager's address leaves out.
    package static let alertmanagerPath = "/api/v2/alerts"

    /// Where requests go, path included.
    package var target: String {
      let url = url.value
      if format == .webhook || url.hasSuffix(Self.alertmanagerPath) { return url }
      return (url.hasSuffix("/") ? String(url.dropLast()) : url) + Self.alertmanagerPath
    }

    /// The receiver's scheme, host and port: what may be shown of it.
    package var shownTarget: String {
      let parts = url.value.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
      return parts.prefix(3).joined(separator: "/")
    }

    /// Whether a secret goes over a network as anybody on the way can read it.
    package var sendsSecretInClear: Bool {
      guard bearerToken != nil || basicAuth != nil else { return false }
      return HTTPAddress.isInClear(url.value)
    }

    package var customMirror: Mirror { Mirror(self, children: ["name": name]) }
  }
}
