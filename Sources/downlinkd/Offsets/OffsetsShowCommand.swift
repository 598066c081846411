import ArgumentParser
import Base
import Kafka
import Pipeline

/// `downlinkd offsets show`: the chain's positions beside Kafka's, and what is wrong between them.
struct OffsetsShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show where a pipeline stands in its topics.",
    discussion: """
      Exit codes: 0 nothing is wrong, 69 something is (the lines below the table say what, and \
      what to run), 75 the brokers did not answer, so that only the ledger's side is shown, 78 the \
      configuration or the ledger cannot be read. Nothing is changed, and no group is joined.
      """)

  @Option(name: .long, help: "The configuration file.")
  var config: String

  @Option(name: .long, help: .init("Ask these brokers instead.", valueName: "host:port,…"))
  var brokers: String?

  @Flag(name: .long, help: "Show the ledger's side only and ask no broker.")
  var offline = false

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func run() throws {
    let access = try OffsetsAccess(config: config, brokers: brokers)
    let (report, silence) = try look(access)
    let document = OffsetsDocument(report)
    print(json ? document.json.text + "\n" : document.text, terminator: "")
    if let silence {
      complain("the brokers did not answer: \(silence)")
      throw ExitCode(Exit.incomplete)
    }
    if !report.isFine { throw ExitCode(Exit.unavailable) }
  }

  /// What was found, and why the brokers' side is missing where it is.
  private func look(_ access: OffsetsAccess) throws -> (PositionReport, KafkaError?) {
    do {
      if offline { return (try access.positions.look(nil), nil) }
      do {
        let consumer = try access.connect()
        defer { consumer.close() }
        return (try access.positions.look(consumer), nil)
      } catch let error as KafkaError {
        return (try access.positions.look(nil), error)
      }
    } catch {
      complain("\(config): \(error)")
      throw ExitCode(Exit.configuration)
    }
  }
}
