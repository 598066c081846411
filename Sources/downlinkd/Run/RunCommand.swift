import ArgumentParser
import Base
import Config
import Glibc
import Kafka
import Logging
import Pipeline
import SchemaRegistry
import ServiceLifecycle
import Status
import Storage
import UnixSignals

/// `downlinkd run`: the daemon.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run the pipeline until stopped.",
    discussion: """
      SIGTERM and SIGINT end it in order: cut, commit, leave the group. SIGHUP reads the \
      configuration again and takes over what can change over live state: detectors at once, \
      descriptor sets, added metrics, limits and others with a commit and a new session; a file \
      with faults or with other changes is refused with every reason, and the one of before runs on.

      A service manager that sets NOTIFY_SOCKET is told when it is ready, what it does, that it \
      still progresses, and when it stops. With --until-caught-up nothing is served over HTTP.
      """)

  @Option(name: .long, help: "The configuration file.")
  var config: String

  @Flag(
    name: .long,
    help: "Stop when everything that was in the topics at the start is committed.")
  var untilCaughtUp = false

  @Flag(
    name: .long,
    help: "With --until-caught-up: fire every open window once at the end, as a recorded decision.")
  var fireOpenWindows = false

  private var goal: InstanceGoal {
    untilCaughtUp ? .caughtUp(firesOpenWindows: fireOpenWindows) : .run
  }

  func validate() throws {
    if fireOpenWindows && !untilCaughtUp {
      throw ValidationError("--fire-open-windows needs --until-caught-up")
    }
  }

  func run() async throws {
    // Before the file is read: a signal from here on means to read it once more.
    let hangUps = await UnixSignalsSequence(trapping: .sighup)
    let (configuration, checked) = try Checked.load(config)
    var wiring = try Self.withTestLimits(checked)
    LogOutput.bootstrap(configuration.log)
    let log = Logger(label: "downlinkd")
    let schemas = Self.schemas(configuration, log)
    // Before the process exits, and behind the pipeline, which asks it.
    defer { schemas?.stop() }
    wiring.pipeline.schemas = schemas
    let tap = TapHub()
    wiring.pipeline.tap = tap
    let storage = try Checked.storage(of: configuration, in: config, .readWrite)
    let instance = Self.instance(wiring, storage: storage, log: log, goal: goal)
    let alerts = AlertDesk(configuration, storage: storage, log: log)
    defer { alerts.finish() }
    let catalog = CatalogKeeper(storage: storage, log: log)
    catalog.start()
    defer { catalog.finish() }
    // A run that ends by itself leaves the tables as they are.
    let maintenance =
      goal == .run
      ? MaintenanceDesk(
        configuration, parquet: wiring.pipeline.parquet, storage: storage, log: log) : nil
    defer { maintenance?.finish() }
    let reloads = ReloadQueue()
    let tables = TableWatch(options: wiring.pipeline, storage: storage)
    var answers = StatusAnswers {
      let finality = catalog.finality
      return alerts.complete(instance.status()).with(
        tables.sizes, finality: finality.sources, finalityTrouble: finality.trouble)
    }
    answers.use(tables.history)
    if let maintenance { answers.maintenance = { maintenance.status } }
    answers.reload = { await reloads.order(patience: $0) }
    answers.tap = { TapFeed.answer(of: tap, $0) }
    let servers = try await servers(configuration, answers, log)
    if servers.http != nil || servers.admin != nil { tables.start() }
    defer { tables.stop() }
    log.info(
      "starting",
      metadata: [
        "program": "\(Program.name)", "pipeline": "\(configuration.pipeline)",
        "root": "\(configuration.storage.root)", "brokers": "\(wiring.kafka.brokers)",
        "lanes": "\(wiring.pipeline.laneCount)", "config": "\(configuration.fingerprint)",
        "http": "\(servers.http?.address ?? "none")",
        "admin": "\(servers.admin?.address ?? "none")",
      ])
    let notifier = ServiceNotifier.start(log: log) { instance.status() }
    let progress = ProgressGuard.start(log: log, instance: instance)
    let pipeline = PipelineService(instance: instance, tap: tap, notifier: notifier)
    let reload = ReloadService(
      file: config, hangUps: hangUps, queue: reloads, configuration: configuration,
      instance: instance, http: servers.http, alerts: alerts, maintenance: maintenance,
      notifier: notifier, log: log)
    let status = [servers.http, servers.admin].compactMap { $0.map { StatusService($0, log: log) } }
    try await Self.serve(status, pipeline, reload)
    let result = pipeline.result
    if let reason = progress.finish() {
      notifier?.finish("ended itself: \(reason)")
      throw ExitCode(Exit.stalled)
    }
    notifier?.finish(Self.sentence(result))
    try Self.exit(result, wiring, log)
  }

  /// For tests only: limits of progress that pass in seconds.
  private static func withTestLimits(_ wiring: Wiring) throws -> Wiring {
    guard let text = Environment.variables["DOWNLINK_PROGRESS_LIMITS"] else { return wiring }
    guard let limits = ProgressLimits(text: text) else {
      complain("DOWNLINK_PROGRESS_LIMITS: \"\(text)\" is not of the form name=seconds,…")
      throw ExitCode(Exit.usage)
    }
    var wiring = wiring
    wiring.pipeline.progressLimits = limits
    return wiring
  }

  /// What schema ids mean, where there are any and somebody who knows.
  static func schemas(_ configuration: Configuration, _ log: Logger) -> SchemaResolver? {
    guard let registry = configuration.schemaRegistry,
      configuration.sources.contains(where: { $0.envelope == .confluent })
    else { return nil }
    return SchemaResolver(RegistryOptions(registry)) { log.warning("\($0)") }
  }

  /// Has the addresses before anything is started. A wrong port starts nothing; a socket that
  /// cannot be had is said, for orders are worth less than the work.
  private func servers(
    _ configuration: Configuration, _ answers: StatusAnswers, _ log: Logger
  ) async throws -> (http: StatusServer?, admin: StatusServer?) {
    guard goal == .run else { return (nil, nil) }
    var http: StatusServer?
    if let listen = configuration.http.listen {
      var options = StatusServer.Options(host: listen.host, port: Int(listen.port))
      do { options.security = try HTTPSecurity.read(configuration) } catch {
        complain("\(error)")
        throw ExitCode(Exit.configuration)
      }
      if let warning = HTTPSecurity.warning(configuration) { log.warning("\(warning)") }
      do { http = try await StatusServer.listen(options, log: log, answers: answers) } catch {
        complain("\(config): http.listen: \(error)")
        throw ExitCode(Exit.configuration)
      }
    }
    guard let path = AdminPlace(Configuration.Whereabouts(configuration)).own else {
      if configuration.admin.socket == .auto {
        log.notice("no admin socket: the environment has no folder for it; set admin.socket")
      }
      return (http, nil)
    }
    do {
      let options = StatusServer.Options(socket: path, mode: configuration.admin.mode)
      return (http, try await StatusServer.listen(options, log: log, answers: answers))
    } catch {
      log.warning("no admin socket, orders come by signal only: \(error)")
      return (http, nil)
    }
  }

  /// Runs everything until a signal or the pipeline's own end. The group stops in reverse order:
  /// while the last commits are made, HTTP still says so.
  private static func serve(
    _ status: [StatusService], _ pipeline: PipelineService, _ reload: ReloadService
  ) async throws {
    var services: [ServiceGroupConfiguration.ServiceConfiguration] = status.map {
      .init(service: $0, successTerminationBehavior: .ignore)
    }
    services += [
      .init(
        service: pipeline, successTerminationBehavior: .gracefullyShutdownGroup,
        failureTerminationBehavior: .gracefullyShutdownGroup),
      .init(service: reload, successTerminationBehavior: .ignore),
    ]
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: services, gracefulShutdownSignals: [.sigterm, .sigint],
        logger: Logger(label: "lifecycle")))
    try await group.run()
  }

  private static func instance(
    _ wiring: Wiring, storage: POSIXStorage, log: Logger, goal: InstanceGoal
  ) -> Instance {
    var kafka = wiring.kafka
    let kafkaLog = Logger(label: "librdkafka")
    kafka.log = { level, facility, text in
      kafkaLog.log(
        level: Logger.Level(syslog: Int(level)), "\(text)", metadata: ["facility": "\(facility)"])
    }
    let options = kafka
    return Instance(
      options: wiring.pipeline, storage: storage, goal: goal, log: log
    ) { delegate throws(KafkaError) in
      try KafkaConsumer(options, rebalance: delegate)
    }
  }

  /// For the service manager, which shows it as long as the unit is dead.
  private static func sentence(_ result: InstanceResult?) -> String {
    switch result {
    case .stopped(isComplete: true): return "stopped"
    case .stopped(isComplete: false), nil: return "stopped before everything was caught up"
    case .refused(let reason): return "cannot start: \(reason)"
    case .failed(let reason): return "stopped by a fault: \(reason)"
    }
  }

  private static func exit(_ result: InstanceResult?, _ wiring: Wiring, _ log: Logger) throws {
    switch result {
    case .stopped(isComplete: true): log.info("stopped")
    case .stopped(isComplete: false), nil:
      log.warning("stopped before everything was caught up")
      throw ExitCode(Exit.incomplete)
    case .refused(let reason):
      log.critical(
        "cannot start, nothing was read: \(reason)",
        metadata: [
          "brokers": "\(wiring.kafka.brokers)",
          "topics": "\(wiring.pipeline.sources.flatMap(\.topics).joined(separator: ","))",
        ])
      throw ExitCode(Exit.configuration)
    case .failed(let reason):
      log.critical("stopped by a fault; what was committed is whole: \(reason)")
      throw ExitCode(Exit.unavailable)
    }
  }
}

/// The pipeline as a service: its blocking run on a thread of its own, its stop on shutdown.
final class PipelineService: Service {
  private let instance: Instance
  private let tap: TapHub
  private let notifier: ServiceNotifier?
  private let outcome = Monitor<InstanceResult?>(nil)

  init(instance: Instance, tap: TapHub, notifier: ServiceNotifier?) {
    self.instance = instance
    self.tap = tap
    self.notifier = notifier
  }

  /// How it ended; nil while it runs.
  var result: InstanceResult? { outcome.update { $0 } }

  func run() async throws {
    await withGracefulShutdownHandler {
      await withCheckedContinuation { continuation in
        _ = WorkerThread(name: "control") { [instance, tap, outcome] in
          let result = instance.run()
          // So that no server waits for those who look on.
          tap.end()
          outcome.update { $0 = result }
          continuation.resume()
        }
      }
    } onGracefulShutdown: { [instance, notifier] in
      notifier?.stop()
      instance.stop()
    }
  }
}

/// The HTTP side as a service. Sight is worth less than the work: where it ends by itself the
/// pipeline runs on, and the log says so.
final class StatusService: Service {
  private let server: StatusServer
  private let log: Logger

  init(_ server: StatusServer, log: Logger) {
    self.server = server
    self.log = log
  }

  func run() async {
    do { try await server.run() } catch {
      log.error("HTTP has ended, the pipeline runs on: \(error)")
    }
  }
}

/// A configuration that was read, checked and wired; the way `run` and `check` share.
enum Checked {
  /// Ends the program with exit code 78 and every fault on standard error if anything is wrong,
  /// with 69 if a schema registry that has a source's definition does not answer.
  static func load(_ file: String) throws -> (Configuration, Wiring) {
    do throws(RegistrySchemas.Failure) {
      return try read(file)
    } catch {
      switch error {
      case .configuration(let faults):
        complain("\(faults)")
        throw ExitCode(Exit.configuration)
      case .unavailable(let reason):
        complain("\(file): schema_registry: \(reason)")
        throw ExitCode(Exit.unavailable)
      }
    }
  }

  /// As `load`, where what the sources mean does not matter: neither descriptor sets nor registries
  /// are asked.
  static func configuration(_ file: String) throws -> Configuration {
    do {
      return try Configuration.load(file: file, environment: Environment.variables)
    } catch {
      complain("\(error)")
      throw ExitCode(Exit.configuration)
    }
  }

  /// The configuration's root. Ends the program with exit code 78 where it cannot be one.
  static func storage(
    of configuration: Configuration, in file: String, _ access: POSIXStorage.Access
  ) throws -> POSIXStorage {
    do {
      return try POSIXStorage(root: configuration.storage.root, access: access)
    } catch {
      complain("\(file): storage.root: \(error)")
      throw ExitCode(Exit.configuration)
    }
  }

  /// The same root, which is not made where it is not there.
  static func rootThatIs(
    _ configuration: Configuration, in file: String, _ access: POSIXStorage.Access
  ) throws -> POSIXStorage {
    let found = try storage(of: configuration, in: file, .readOnly)
    return access == .readOnly ? found : try storage(of: configuration, in: file, access)
  }

  private static func read(
    _ file: String
  ) throws(RegistrySchemas.Failure) -> (Configuration, Wiring) {
    let environment = Environment.variables
    var configuration: Configuration
    do throws(ConfigFaults) {
      configuration = try Configuration.load(file: file, environment: environment)
    } catch {
      throw .configuration(error)
    }
    try RegistrySchemas.adopt(into: &configuration, environment: environment)
    do throws(ConfigFaults) {
      return (configuration, try Wiring(configuration))
    } catch {
      throw .configuration(error)
    }
  }
}

/// The environment variables, without Foundation.
enum Environment {
  static var variables: [String: String] {
    var variables: [String: String] = [:]
    var entry = unsafe environ
    while let text = unsafe entry.pointee {
      let parts = unsafe String(cString: text).split(
        separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
      unsafe entry += 1
    }
    return variables
  }
}
