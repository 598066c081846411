import Config

/// `check --connect`: everything that `run` will need of the world, each tried whatever became of
/// the others.
struct ConnectionCheck {
  /// Read without faults; what is missing of it a registry has.
  private var configuration: Configuration
  private let environment: [String: String]
  private let timeoutMillis: Int32

  /// For one question to Kafka.
  static let timeoutMillis: Int32 = 10_000

  init(
    _ configuration: Configuration, environment: [String: String],
    timeoutMillis: Int32 = ConnectionCheck.timeoutMillis
  ) {
    self.configuration = configuration
    self.environment = environment
    self.timeoutMillis = timeoutMillis
  }

  /// The findings, and what the configuration comes to where that can be said.
  typealias Result = (findings: [CheckFinding], checked: (Configuration, Wiring)?)

  mutating func run() -> Result {
    var (findings, checked) = Result(
      RegistryTrial(configuration: configuration).findings(), nil)
    if findings.contains(where: { $0.level == .fault }) {
      findings.append(
        .warning(
          "sources", "what the sources come to cannot be said without the registry's types"))
    } else {
      let offline = runOffline()
      findings += offline.findings
      checked = offline.checked
    }
    findings += KafkaTrial(configuration: configuration, timeoutMillis: timeoutMillis).findings()
    findings += StorageTrial(
      root: configuration.storage.root, pipeline: configuration.pipeline
    ).findings()
    findings += configuration.alerts.webhooks.filter(\.sendsSecretInClear).map { webhook in
      .warning(
        "alerts.webhooks", "the webhook \(webhook.name) gets its secret in clear",
        advice: "use https://")
    }
    if let warning = HTTPSecurity.warning(configuration) {
      findings.append(.warning("http", warning))
    }
    findings += PortTrial(listen: configuration.http.listen).findings()
    return (findings, checked)
  }

  /// Only what `check` looks at without `--connect`: message types and fields, and what they give.
  mutating func runOffline() -> Result {
    do throws(RegistrySchemas.Failure) {
      let checked = try wired()
      let names = configuration.sources.map(\.name).joined(separator: ", ")
      return ([.ok("sources", "the message types have what is mapped: \(names)")], checked)
    } catch {
      switch error {
      case .configuration(let faults): return (faults.faults.map { CheckFinding($0) }, nil)
      case .unavailable(let reason):
        let finding = CheckFinding.fault(
          "schema_registry", .outside, reason, advice: "see whether it is up")
        return ([finding], nil)
      }
    }
  }

  private mutating func wired() throws(RegistrySchemas.Failure) -> (Configuration, Wiring) {
    try RegistrySchemas.adopt(into: &configuration, environment: environment)
    do throws(ConfigFaults) {
      return (configuration, try Wiring(configuration))
    } catch {
      throw .configuration(error)
    }
  }
}
