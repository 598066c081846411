import Alerts
import Base
import Config
import HTTPClient
import Logging
import Pipeline
import Storage

/// The alerts of a running pipeline, as the configuration has them: a reload puts others in their
/// place. None where no webhook is configured.
final class AlertDesk: Sendable {
  private let pipeline: String
  private let root: String
  private let storage: any Storage
  private let log: Logger
  private let service: Monitor<AlertService?>

  /// How long a stop waits for receivers.
  private static let finishMillis = 5000

  init(_ configuration: Configuration, storage: any Storage, log: Logger) {
    pipeline = configuration.pipeline
    root = configuration.storage.root
    self.storage = storage
    self.log = log
    service = Monitor(nil)
    take(configuration)
  }

  /// A status with what is known of the alerts.
  func complete(_ status: PipelineStatus) -> PipelineStatus {
    var status = status
    let accounts = service.update { $0 }?.accounts ?? []
    status.webhooks = accounts.map { account in
      PipelineStatus.Webhook(
        name: account.name, format: account.format, isSending: account.isSending,
        sentCount: account.sentCount, refusedCount: account.refusedCount,
        leftOutCount: account.leftOutCount, missedCommitCount: account.missedCommitCount,
        failedCount: account.failedCount, queuedCount: account.queuedCount,
        oldestMicros: account.oldestMicros, firingCount: account.firingCount,
        trouble: account.trouble)
    }
    return status
  }

  /// Goes on with these webhooks, from where each of them stood. Blocks for some seconds where a
  /// receiver does not answer.
  func take(_ configuration: Configuration) {
    finish()
    if configuration.alerts.webhooks.isEmpty { return }
    for webhook in configuration.alerts.webhooks where webhook.sendsSecretInClear {
      log.warning(
        "a webhook gets its secret in clear; use https://",
        metadata: ["webhook": "\(webhook.name)"])
    }
    let options = configuration.alerts.webhooks.map {
      WebhookOptions($0, pageURL: configuration.alerts.pageURL)
    }
    let next = AlertService(options, pipeline: pipeline, root: root, storage: storage, log: log)
    service.update { $0 = next }
  }

  /// Tells what waits and ends. Called behind the pipeline's last commit, before the process exits.
  func finish() {
    let last = service.update { service in
      defer { service = nil }
      return service
    }
    last?.finish(withinMillis: Self.finishMillis)
  }
}

extension WebhookOptions {
  /// As the configuration has it.
  init(_ webhook: Configuration.Webhook, pageURL: String?) {
    var http = HTTPOptions(
      timeoutMillis: Int(webhook.timeoutMicros / 1000), answerByteCountMax: 4096)
    http.longAnswer = .cut
    http.headers = ["Content-Type: application/json", "Accept: application/json"]
    http.authorityFile = webhook.authorityFile
    if let token = webhook.bearerToken {
      http.credentials = .bearer(token.value)
    } else if let login = webhook.basicAuth {
      http.credentials = .basic(user: login.user, password: login.password.value)
    }
    self.init(
      name: webhook.name, format: webhook.format == .alertmanager ? .alertmanager : .webhook,
      url: webhook.target, http: http)
    isCriticalOnly = webhook.minSeverity == .critical
    detectors = webhook.detectors.map { Glob($0) }
    resendMillis = webhook.resendMicros.map { Int($0 / 1000) }
    ageMaxMicros = webhook.ageMaxMicros
    queueCountMax = webhook.queueCountMax
    self.pageURL = pageURL
  }
}
