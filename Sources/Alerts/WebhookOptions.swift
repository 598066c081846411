package import Base
package import HTTPClient

/// One receiver of alerts, and what it gets.
package struct WebhookOptions: Sendable, CustomReflectable {
  /// What a request's body is.
  package enum Format: String, Sendable {
    /// What Alertmanager takes: `POST /api/v2/alerts`, an array of alerts.
    case alertmanager
    /// What Alertmanager sends: the payload of its webhook receivers, version 4.
    case webhook
  }

  /// In status, metrics and the names of its files; unique.
  package var name: String
  package var format: Format
  /// Where requests go, path included.
  package var url: String
  package var http: HTTPOptions
  /// The least severe steps that are sent.
  package var isCriticalOnly = false
  /// Detectors whose steps are sent.
  package var detectors: [Glob] = [.all]
  /// After how long an alert that still fires is sent again; nil for never.
  package var resendMillis: Int?
  /// How old a step may be before its anomaly, if it is over, is left out.
  package var ageMaxMicros: Int64 = 24 * 3_600_000_000
  /// Steps that wait before those of anomalies that are over are left out.
  package var queueCountMax = 10_000
  /// Where `generatorURL` leads to, without a slash at its end; nil for nowhere.
  package var pageURL: String?

  package init(name: String, format: Format, url: String, http: HTTPOptions) {
    self.name = name
    self.format = format
    self.url = url
    self.http = http
  }

  /// Nobody prints an address that may be a secret by accident.
  package var customMirror: Mirror { Mirror(self, children: ["name": name]) }
}
