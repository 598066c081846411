import ArgumentParser
import Base
import Config
import Kafka
import Logging
import Pipeline
import Storage
import Telemetry

/// `downlinkd offsets`: where a pipeline stands in its topics, and acting on it deliberately.
struct OffsetsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "offsets",
    abstract: "Show where a pipeline stands, or decide that offsets are given up.",
    discussion: """
      The chain of commits decides where a pipeline goes on; Kafka's group offsets are for lag \
      tools only, and changing them changes nothing. Both commands work while the pipeline runs.
      """,
    subcommands: [OffsetsShowCommand.self, OffsetsSkipCommand.self])
}

/// The ledger of a configuration and, where wanted, a client that joins no group.
struct OffsetsAccess {
  let positions: Positions
  private let kafka: KafkaConsumer.Options

  /// Ends the program with exit code 78 where the configuration, or its root, does not fit.
  ///
  /// - Parameters:
  ///   - brokers: asked instead of the configured ones.
  ///   - access: `.readOnly` for those who only look: then nothing is made or tried out.
  init(
    config: String, brokers: String?, access: POSIXStorage.Access = .readWrite
  ) throws {
    let (configuration, wiring) = try Checked.load(config)
    let storage: POSIXStorage
    do {
      storage = try POSIXStorage(root: configuration.storage.root, access: access)
    } catch {
      complain("\(config): storage.root: \(error)")
      throw ExitCode(Exit.configuration)
    }
    var log = Logger(label: "offsets") { StreamLogHandler.standardError(label: $0) }
    log.logLevel = .warning
    positions = Positions(options: wiring.pipeline, storage: storage, log: log)
    var kafka = wiring.kafka
    if let brokers { kafka.brokers = brokers }
    kafka.laneCount = 1
    kafka.statisticsIntervalMillis = 0
    self.kafka = kafka
  }

  /// A client for questions; the caller closes it.
  func connect() throws(KafkaError) -> KafkaConsumer {
    try KafkaConsumer(kafka, rebalance: NoAssignment())
  }

  /// Never asked: the client subscribes to nothing.
  private final class NoAssignment: RebalanceDelegate {
    func assigned(_ partitions: [TopicPartition]) -> [StartPosition]? { nil }
    func revoked(_ partitions: [TopicPartition]) {}
    func lost(_ partitions: [TopicPartition]) {}
  }
}
