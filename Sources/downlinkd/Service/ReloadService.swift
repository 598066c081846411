import Config
import Logging
import Pipeline
import ServiceLifecycle
import Status
import UnixSignals

/// Reads the configuration again at every SIGHUP and every order: takes over what can change over
/// live state, or refuses the file with all reasons; the pipeline runs on either way.
///
/// What comes while another is answered is answered after it: the file that counts is the one
/// there was at the last request or later. Logs need no reopening, since no file of ours is one.
///
/// A class, because the framework logs the description of a service, which of a struct would be
/// the whole configuration.
final class ReloadService: Service {
  private let file: String
  private let hangUps: UnixSignalsSequence
  private let queue: ReloadQueue
  private let configuration: Configuration
  private let instance: Instance
  /// Nil where nothing listens on a port.
  private let http: StatusServer?
  private let alerts: AlertDesk
  /// Nil where there is none.
  private let maintenance: MaintenanceDesk?
  private let notifier: ServiceNotifier?
  private let log: Logger

  private static let detailByteCountMax = 4096

  /// - Parameters:
  ///   - hangUps: trapped since before the file was read, so that none is missed.
  ///   - queue: where orders come in; signals are put in here.
  ///   - configuration: what runs at first.
  init(
    file: String, hangUps: UnixSignalsSequence, queue: ReloadQueue, configuration: Configuration,
    instance: Instance, http: StatusServer?, alerts: AlertDesk, maintenance: MaintenanceDesk?,
    notifier: ServiceNotifier?, log: Logger
  ) {
    self.file = file
    self.hangUps = hangUps
    self.queue = queue
    self.configuration = configuration
    self.instance = instance
    self.http = http
    self.alerts = alerts
    self.maintenance = maintenance
    self.notifier = notifier
    self.log = log
  }

  func run() async {
    await withTaskGroup { group in
      group.addTask { [hangUps, queue] in
        for await _ in hangUps.cancelOnGracefulShutdown() { queue.post() }
        queue.finish()
      }
      await answerAll()
    }
  }

  private func answerAll() async {
    var running = configuration
    let sources = running.sources.map(\.name)
    for await request in queue.requests {
      notifier?.reloadBegan()
      let decision = ReloadDecision.about(
        file: file, running: running, sources: sources, environment: Environment.variables,
        obstacles: instance.obstacles)
      let outcome: ReloadQueue.Outcome
      switch decision {
      case .refused(let reasons): outcome = refuse(reasons)
      case .accepted(let configuration, let change, let reload):
        do throws(ConfigFaults) {
          let security = try HTTPSecurity.read(configuration)
          running = configuration
          outcome = take(configuration, change, reload, security)
        } catch {
          // Changed since they were looked at a moment ago.
          outcome = refuse(error.faults.map(\.line))
        }
      }
      // Whoever asks for it has looked: also a file that changes nothing, or is refused.
      instance.resumeFloods()
      notifier?.reloadEnded()
      request.reply?(outcome)
    }
  }

  private func take(
    _ configuration: Configuration, _ change: ConfigurationChange, _ reload: PipelineReload,
    _ security: StatusSecurity
  ) -> ReloadQueue.Outcome {
    let number =
      change.changesDetectors || change.reopens ? instance.reload(reload) : nil
    if change.changesAlerts { alerts.take(configuration) }
    if change.changesMaintenance { maintenance?.take(configuration) }
    let hasOtherTLS = http?.adopt(security) ?? false
    if hasOtherTLS { log.notice("certificates of http.tls taken over") }
    note(isAccepted: true, change.summary, configuration.fingerprint)
    // Said at the level of before, which is the one somebody reads now.
    log.notice(
      "configuration reloaded",
      metadata: ["changes": "\(change.summary)", "config": "\(configuration.fingerprint)"])
    LogOutput.level = Logger.Level(configuration.log.level)
    var answer = ReloadAnswer(
      isAccepted: true, isInForce: number == nil, detail: change.summary,
      changes: change.live.map {
        .init(text: $0.description, effect: $0.effect == .reopen ? "reopen" : "live")
      })
    if hasOtherTLS, !change.changesTLS {
      // The same paths, with another content.
      answer.changes.append(.init(text: "http.tls: other certificates", effect: "live"))
    }
    return ReloadQueue.Outcome(answer: answer) { [instance] in
      number.map(instance.hasTakenOver) ?? true
    }
  }

  private func refuse(_ reasons: [String]) -> ReloadQueue.Outcome {
    let detail = reasons.joined(separator: "; ")
    note(isAccepted: false, detail, nil)
    for reason in reasons { log.error("configuration refused", metadata: ["reason": "\(reason)"]) }
    log.warning("the configuration of before runs on", metadata: ["faults": "\(reasons.count)"])
    let answer = ReloadAnswer(
      isAccepted: false, isInForce: false, detail: detail, reasons: reasons)
    return ReloadQueue.Outcome(answer: answer) { false }
  }

  private func note(isAccepted: Bool, _ detail: String, _ fingerprint: String?) {
    instance.noteReload(
      isAccepted: isAccepted,
      detail: TextBound.cut(detail, byteCountMax: Self.detailByteCountMax),
      configFingerprint: fingerprint)
  }
}
