import ArgumentParser
import Config
import Logging
import Pipeline
import SchemaRegistry
import Storage

/// `downlinkd dead-letters`: what could not be read, and how it comes back.
struct DeadLettersCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dead-letters",
    abstract: "List, show and replay the records that could not be read.",
    discussion: """
      A record that cannot be read lies in the table dead_letters with its bytes and the reason. \
      Once the configuration reads it, `replay` brings it back. All of it works while the pipeline \
      runs.
      """,
    subcommands: [
      DeadLettersListCommand.self, DeadLettersShowCommand.self, DeadLettersReplayCommand.self,
    ])
}

/// Which letters are meant: the options that the commands share.
struct DeadLetterChoice: ParsableArguments {
  @Option(name: .long, help: "The configuration file.")
  var config: String

  @Option(name: .long, help: "Only letters with this reason, such as malformed.")
  var reason: String?

  @Option(name: .long, help: "Only letters of this source.")
  var source: String?

  @Option(name: .long, help: "Only letters of this topic.")
  var topic: String?

  @Option(name: .long, help: "Only letters of this partition of their topic.")
  var partition: Int32?

  @Option(
    name: .long,
    help: .init(
      "Only letters whose Kafka timestamp is not before this, in UTC.", valueName: "time"))
  var since: DayOrTime?

  @Option(
    name: .long,
    help: .init("Only letters whose Kafka timestamp is before this, in UTC.", valueName: "time"))
  var until: DayOrTime?

  var filter: DeadLetterFilter {
    DeadLetterFilter(
      reason: reason, source: source, topic: topic, partition: partition,
      sinceMicros: since?.micros, untilMicros: until?.micros)
  }

  /// The root of the configuration for looking only. Ends the program with exit code 78 where the
  /// configuration, or its root, does not fit.
  func store() throws -> DeadLetterStore {
    let configuration = try Checked.configuration(config)
    return DeadLetterStore(
      storage: try Checked.storage(of: configuration, in: config, .readOnly),
      pipeline: configuration.pipeline)
  }

  /// As `store`, for bringing letters back: `body` may use the replay until it returns.
  func withReplay<Result>(
    isDry: Bool, _ body: (DeadLetterReplay) throws -> Result
  ) throws -> Result {
    let (configuration, checked) = try Checked.load(config)
    var log = Logger(label: "dead-letters") { StreamLogHandler.standardError(label: $0) }
    log.logLevel = .warning
    var wiring = checked
    let schemas = RunCommand.schemas(configuration, log)
    defer { schemas?.stop() }
    wiring.pipeline.schemas = schemas
    return try body(
      DeadLetterReplay(
        options: wiring.pipeline,
        storage: try Checked.storage(of: configuration, in: config, isDry ? .readOnly : .readWrite),
        log: log))
  }

  /// Runs `body`; what it cannot do is said, with exit code 69.
  func attempt<Result>(_ name: String, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let code as ExitCode {
      throw code
    } catch {
      complain("dead-letters \(name): \(error)")
      throw ExitCode(Exit.unavailable)
    }
  }
}

/// `2026-11-21`, its first moment, or a time as RFC 3339 has it; without an offset it is UTC.
struct DayOrTime: ExpressibleByArgument, Equatable, Sendable {
  let micros: Int64

  init?(argument: String) {
    let reader = TimeText(unit: nil, assumesUTC: true)
    let midnight = argument.utf8.count == 10 ? "T00:00:00" : ""
    guard let micros = reader.micros(Array((argument + midnight).utf8)[...]) else { return nil }
    self.micros = micros
  }
}
