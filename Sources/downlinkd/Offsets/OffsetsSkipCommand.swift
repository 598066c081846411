import ArgumentParser
import Glibc
import Kafka
import Pipeline

/// `downlinkd offsets skip`: gives offsets up, by a person's decision that the ledger records.
struct OffsetsSkipCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "skip", abstract: "Give offsets up, as a recorded decision.",
    discussion: """
      Says what it will do and asks; without a terminal --yes is needed. The decision is one entry \
      of the ledger, with rows in the table gaps (decided_by: operator). A running instance loses \
      its next commit to it, reads the chain and goes on from there. It never goes back: the rows \
      would be written twice.

      Exit codes: 0 done, 64 wrong usage, or not confirmed, 69 refused, with the reason, 78 the \
      configuration cannot be read.
      """)

  @Option(name: .long, help: "The configuration file.")
  var config: String

  @Option(name: .long, help: .init("Ask these brokers instead.", valueName: "host:port,…"))
  var brokers: String?

  @Option(name: .long, help: "The topic.")
  var topic: String?

  @Option(name: .long, help: "One partition of it; without, every one that it applies to.")
  var partition: Int32?

  @Option(name: .long, help: "Go on at this offset of the partition.")
  var to: Int64?

  @Flag(name: .long, help: "Go on where Kafka begins: give up what retention took, nothing else.")
  var toBeginning = false

  @Flag(name: .long, help: "Go on at the end: give up everything that waits.")
  var toEnd = false

  @Flag(
    name: .long,
    help: "The topic was re-created: read it from its beginning, as its next incarnation.")
  var recreated = false

  @Flag(
    name: .long,
    help: """
      The topic's logs were cut back: go on as its next incarnation, each partition where it \
      stood, or at its end where that lies below.
      """)
  var truncated = false

  @Flag(
    name: .long,
    help: "The brokers are another cluster: read every topic from its beginning, as its next one.")
  var otherCluster = false

  @Flag(name: .long, help: "Do not ask.")
  var yes = false

  func validate() throws {
    let wishes = [to != nil, toBeginning, toEnd, recreated, truncated, otherCluster]
    guard wishes.filter({ $0 }).count == 1 else {
      throw ValidationError(
        "say one of --to, --to-beginning, --to-end, --recreated, --truncated, --other-cluster")
    }
    if otherCluster != (topic == nil) {
      throw ValidationError(
        otherCluster ? "--other-cluster is about every topic" : "--topic is missing")
    }
    if partition != nil, recreated || truncated || otherCluster {
      throw ValidationError("--partition goes with --to, --to-beginning and --to-end only")
    }
    if to != nil, partition == nil { throw ValidationError("--to needs --partition") }
    if let to, to < 0 { throw ValidationError("--to must not be negative") }
  }

  var wish: PositionWish {
    let topic = topic ?? ""
    if otherCluster { return .otherCluster }
    if recreated { return .recreated(topic: topic) }
    if truncated { return .truncated(topic: topic) }
    let target: PositionWish.Target = to.map { .offset($0) } ?? (toEnd ? .end : .beginning)
    return .skip(topic: topic, partition: partition, target)
  }

  func run() throws {
    let access = try OffsetsAccess(config: config, brokers: brokers)
    do {
      let consumer = try access.connect()
      defer { consumer.close() }
      let decision = try PositionDecision(wish, access.positions.look(consumer))
      for sentence in decision.sentences { print(sentence) }
      fflush(nil)
      guard yes || isConfirmed() else {
        complain("nothing was changed")
        throw ExitCode(EX_USAGE)
      }
      let version = try access.positions.carryOut(wish, consumer) { changed in
        print("the pipeline has moved on meanwhile:")
        for sentence in changed.sentences { print(sentence) }
      }
      print("done: entry \(version)")
    } catch let code as ExitCode {
      throw code
    } catch {
      complain("offsets skip: refused, nothing was changed: \(error)")
      throw ExitCode(Exit.unavailable)
    }
  }

  private func isConfirmed() -> Bool {
    guard isatty(STDIN_FILENO) == 1 else {
      complain("there is no terminal to ask at: give --yes")
      return false
    }
    print("go ahead? [y/N] ", terminator: "")
    fflush(nil)
    return ["y", "yes"].contains(readLine()?.lowercased())
  }
}
