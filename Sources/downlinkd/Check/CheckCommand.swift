import ArgumentParser
import Base
import Config
import Decode
import Detectors
import Duplicates
import Pipeline
import Telemetry
import Windows

/// `downlinkd check`: everything `run` checks before it starts, and what the configuration costs.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Check a configuration and show what it comes to.",
    discussion: """
      Reports every fault at once, with its place and a suggestion; exit code 78 then.

      With --connect it also tries what only the world can tell, each by itself: brokers, topics \
      and the right to read them, the group, the schema registry, a file in storage.root, free \
      space, the port of http.listen. It joins no group, commits nothing, and leaves nothing \
      behind. Every finding is a line, ok, warning or fault, with what to do.

      With --schema it prints the JSON Schema of the configuration, by which editors complete and \
      mark faults; no file is needed for that.

      Exit codes: 0 it fits (warnings do not count), 69 something outside does not answer or \
      denies, 78 it does not fit.
      """)

  @Option(name: .long, help: "The configuration file.")
  var config: String?

  @Flag(name: .long, help: "Also try brokers, topics, group, registry, root and port.")
  var connect = false

  @Flag(name: .long, help: "Print the findings as JSON.")
  var json = false

  @Flag(name: .long, help: "Print the JSON Schema (draft 2020-12) of the configuration.")
  var schema = false

  @Option(name: .long, help: "Devices of each source, for the sizes shown.")
  var devices = 1000

  @Option(name: .long, help: "Metrics of each device of a narrow source, for the sizes shown.")
  var metrics = 10

  func validate() throws {
    if config == nil, !schema { throw ValidationError("--config is missing: the file to check") }
    if schema, connect || json || config != nil {
      throw ValidationError("--schema stands alone: it needs no file")
    }
  }

  func run() throws {
    if schema { return print(Configuration.jsonSchema, terminator: "") }
    guard let config else { return }
    if connect || json { return try find(in: config) }
    let (configuration, wiring) = try Checked.load(config)
    print("\(config): no faults")
    if let registry = configuration.schemaRegistry, registry.sendsPasswordInClear {
      print("warning: \(registry.url) gets the password in clear; use https://")
    }
    for webhook in configuration.alerts.webhooks where webhook.sendsSecretInClear {
      print("warning: webhook \(webhook.name) gets its secret in clear; use https://")
    }
    if let warning = HTTPSecurity.warning(configuration) { print("warning: \(warning)") }
    show(configuration, wiring)
  }

  /// What is found, as lines behind what the configuration comes to, or as JSON.
  private func find(in config: String) throws {
    var findings: [CheckFinding] = []
    do throws(ConfigFaults) {
      let environment = Environment.variables
      let configuration = try Configuration.load(file: config, environment: environment)
      var check = ConnectionCheck(configuration, environment: environment)
      let found = connect ? check.run() : check.runOffline()
      findings = found.findings
      if !json, let (configuration, wiring) = found.checked {
        show(configuration, wiring)
        print("")
      }
    } catch {
      if !json {
        complain("\(error)")
        throw ExitCode(Exit.configuration)
      }
      findings = error.faults.map { CheckFinding($0) }
    }
    let report = CheckReport(file: config, findings: findings)
    print(json ? report.json.text + "\n" : report.text, terminator: "")
    if report.exitCode != 0 { throw ExitCode(report.exitCode) }
  }

  private func show(_ configuration: Configuration, _ wiring: Wiring) {
    print("pipeline \(configuration.pipeline), fingerprint \(configuration.fingerprint)")
    for (source, plan) in zip(wiring.pipeline.sources, wiring.windowPlans) {
      let schema = source.plan.schema
      print("")
      print("source \(schema.source): table readings_\(schema.source)")
      print("  topics      \(source.topics.joined(separator: ", "))")
      print("  attributes  \(schema.attributes.joined(separator: ", "))")
      if schema.isNarrow {
        print("  metrics     named by the rows, in the column metric")
      } else {
        print("  metrics     \(schema.metrics.map(\.name).joined(separator: ", "))")
      }
      show(duplicatesOf: source)
      show(plan.plan, metricsPerDevice: schema.isNarrow ? metrics : schema.metrics.count)
      show(detectorsOf: source)
    }
    print("")
    print(Self.text(of: configuration.http))
    for webhook in configuration.alerts.webhooks {
      print("alerts: \(webhook.name), \(webhook.format.rawValue) at \(webhook.shownTarget)")
    }
  }

  /// What leaving duplicates out may come to in each partition.
  private func show(duplicatesOf source: SourceOptions) {
    guard let rule = source.duplicates else { return print("  duplicates  count") }
    let key = rule.by == .sequence ? "device and sequence" : "key and payload"
    let mebibytes = (Double(rule.byteCountMax) / 1_048_576).rounded(.up)
    print("  duplicates  left out: the same \(key) within \(rule.withinMillis / 1000) s")
    print(
      "              at most \(Int(mebibytes)) MiB a partition, for \(rule.recordCountMax) records"
        + " of \(rule.bytesPerRecord) bytes: \(Self.rate(rule)) records a second")
  }

  private static func rate(_ rule: DuplicateRule) -> Int64 {
    Int64(rule.recordCountMax) * 1000 / rule.withinMillis
  }

  private func show(detectorsOf source: SourceOptions) {
    let summaries = source.detectors.map { definition in
      DetectorSummary(
        definition: definition, schema: source.plan.schema, deviceCount: devices,
        narrowMetricCount: metrics)
    }
    if summaries.isEmpty { return print("  detectors   none") }
    for (index, summary) in summaries.enumerated() {
      for (row, line) in summary.lines.enumerated() {
        let label = index == 0 && row == 0 ? "  detectors   " : "              "
        print(label + (row == 0 ? "" : "  ") + line)
      }
    }
    let plan = DetectorPlan(
      schema: source.plan.schema, definitions: source.detectors,
      outOfOrdernessMicros: source.eventTime.outOfOrdernessMicros)
    let seriesPerDevice = source.plan.schema.isNarrow ? metrics : max(1, plan.watchedMetricCount)
    let bytes = plan.bytesPerSeries(metricsPerDevice: seriesPerDevice)
    let perDevice = max(bytes * Double(seriesPerDevice), Double(plan.bytesPerDevice))
    let total = (perDevice * Double(devices) / 1_048_576).rounded(.up)
    print(
      "              state \(Int(bytes.rounded())) bytes a series, \(Int(total)) MiB for"
        + " \(devices) devices; \(plan.bytesPerAnomaly) more where something goes on")
    let budgets = summaries.compactMap(\.falseAlarmsPerDay)
    if budgets.count > 1 {
      print(
        "              in all \(Int(budgets.reduce(0, +).rounded())) false alarms a day by the"
          + " budgets, for \(devices) devices")
    }
  }

  private static func text(of http: Configuration.HTTP) -> String {
    guard let listen = http.listen else { return "http: none" }
    let reach =
      listen.isLoopback
      ? "this machine only"
      : "reachable from other machines"
    var guards: [String] = []
    if let tls = http.tls {
      guards.append(tls.clientAuthority == nil ? "TLS" : "TLS with certificates of clients")
    }
    if !http.users.isEmpty { guards.append("passwords") }
    if http.bearerToken != nil { guards.append("a token") }
    let guarded = guards.isEmpty ? "nobody is asked" : guards.joined(separator: ", ")
    return "http: \(listen) (\(reach); \(guarded))"
  }

  private func show(_ plan: WindowPlan, metricsPerDevice: Int) {
    let bytes = plan.bytesPerSeries(metricsPerDevice: metricsPerDevice)
    let total = bytes * Double(metricsPerDevice) * Double(devices) / 1_048_576
    let rows = plan.rowsPerDay(devices: devices, metricsPerDevice: metricsPerDevice)
    print("  state       \(Int(bytes.rounded())) bytes a series (\(plan.formula))")
    print(
      "              \(Int(total.rounded(.up))) MiB for \(devices) devices with "
        + "\(metricsPerDevice) metrics")
    print("  windows     \(Int(rows.rounded())) rows a day for \(devices) devices")
  }
}
