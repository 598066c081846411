import ArgumentParser
import Base
import Config
import Glibc
import Kafka
import Logging
import Pipeline
import ServiceLifecycle
import Storage
import UnixSignals

/// `downlinkd run`: the daemon.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run the pipeline until stopped.",
    discussion: "SIGTERM and SIGINT end it in order: cut, commit, leave the group.")

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

  func validate() throws {
    if fireOpenWindows && !untilCaughtUp {
      throw ValidationError("--fire-open-windows needs --until-caught-up")
    }
  }

  func run() async throws {
    let (configuration, wiring) = try Checked.load(config)
    LogOutput.bootstrap(configuration.log)
    let log = Logger(label: "downlinkd")
    let storage: POSIXStorage
    do {
      storage = try POSIXStorage(root: configuration.storage.root)
    } catch {
      complain("\(config): storage.root: \(error)")
      throw ExitCode(Exit.configuration)
    }
    log.info(
      "starting",
      metadata: [
        "program": "\(Program.name)", "pipeline": "\(configuration.pipeline)",
        "root": "\(configuration.storage.root)", "brokers": "\(wiring.kafka.brokers)",
        "lanes": "\(wiring.pipeline.laneCount)", "config": "\(configuration.fingerprint)",
      ])
    let instance = Self.instance(
      wiring, storage: storage, log: log,
      goal: untilCaughtUp ? .caughtUp(firesOpenWindows: fireOpenWindows) : .run)
    let service = PipelineService(instance: instance)
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [
          .init(
            service: service, successTerminationBehavior: .gracefullyShutdownGroup,
            failureTerminationBehavior: .gracefullyShutdownGroup)
        ],
        gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "lifecycle")))
    try await group.run()
    try Self.exit(service.result, wiring, log)
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
  private let outcome = Monitor<InstanceResult?>(nil)

  init(instance: Instance) { self.instance = instance }

  /// How it ended; nil while it runs.
  var result: InstanceResult? { outcome.update { $0 } }

  func run() async throws {
    await withGracefulShutdownHandler {
      await withCheckedContinuation { continuation in
        _ = WorkerThread(name: "control") { [instance, outcome] in
          let result = instance.run()
          outcome.update { $0 = result }
          continuation.resume()
        }
      }
    } onGracefulShutdown: { [instance] in
      instance.stop()
    }
  }
}

/// A configuration that was read, checked and wired; the way `run` and `check` share.
enum Checked {
  /// Ends the program with exit code 78 and every fault on standard error if anything is wrong.
  static func load(_ file: String) throws -> (Configuration, Wiring) {
    do throws(ConfigFaults) {
      let configuration = try Configuration.load(file: file, environment: Environment.variables)
      return (configuration, try Wiring(configuration))
    } catch {
      complain("\(error)")
      throw ExitCode(Exit.configuration)
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
