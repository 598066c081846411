import Config
import Logging
import Pipeline
import ServiceLifecycle
import UnixSignals

/// Reads the configuration again at every SIGHUP: takes over what can change over live state, or
/// refuses the file with all reasons; the pipeline runs on either way.
///
/// A signal that comes while another is answered is answered after it: the file that counts is the
/// one there was at the last signal or later. Logs need no reopening, since no file of ours is one.
///
/// A class, because the framework logs the description of a service, which of a struct would be
/// the whole configuration.
final class ReloadService: Service {
  private let file: String
  private let hangUps: UnixSignalsSequence
  private let configuration: Configuration
  private let instance: Instance
  private let alerts: AlertDesk
  private let notifier: ServiceNotifier?
  private let log: Logger

  private static let detailByteCountMax = 4096

  /// - Parameters:
  ///   - hangUps: trapped since before the file was read, so that none is missed.
  ///   - configuration: what runs at first.
  init(
    file: String, hangUps: UnixSignalsSequence, configuration: Configuration, instance: Instance,
    alerts: AlertDesk, notifier: ServiceNotifier?, log: Logger
  ) {
    self.file = file
    self.hangUps = hangUps
    self.configuration = configuration
    self.instance = instance
    self.alerts = alerts
    self.notifier = notifier
    self.log = log
  }

  func run() async {
    var running = configuration
    let sources = running.sources.map(\.name)
    for await _ in hangUps.cancelOnGracefulShutdown() {
      notifier?.reloadBegan()
      let decision = ReloadDecision.about(
        file: file, running: running, sources: sources, environment: Environment.variables,
        obstacles: instance.obstacles)
      switch decision {
      case .refused(let reasons): refuse(reasons)
      case .accepted(let configuration, let change, let reload):
        running = configuration
        take(configuration, change, reload)
      }
      // Whoever sends the signal has looked: also a file that changes nothing, or is refused.
      instance.resumeFloods()
      notifier?.reloadEnded()
    }
  }

  private func take(
    _ configuration: Configuration, _ change: ConfigurationChange, _ reload: PipelineReload
  ) {
    if change.changesDetectors || change.reopens { instance.reload(reload) }
    if change.changesAlerts { alerts.take(configuration) }
    note(isAccepted: true, change.summary, configuration.fingerprint)
    // Said at the level of before, which is the one somebody reads now.
    log.notice(
      "configuration reloaded",
      metadata: ["changes": "\(change.summary)", "config": "\(configuration.fingerprint)"])
    LogOutput.level = Logger.Level(configuration.log.level)
  }

  private func refuse(_ reasons: [String]) {
    note(isAccepted: false, reasons.joined(separator: "; "), nil)
    for reason in reasons { log.error("configuration refused", metadata: ["reason": "\(reason)"]) }
    log.warning("the configuration of before runs on", metadata: ["faults": "\(reasons.count)"])
  }

  private func note(isAccepted: Bool, _ detail: String, _ fingerprint: String?) {
    instance.noteReload(
      isAccepted: isAccepted,
      detail: TextBound.cut(detail, byteCountMax: Self.detailByteCountMax),
      configFingerprint: fingerprint)
  }
}
