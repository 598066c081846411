import ArgumentParser
import Audit
import Base
import Config
import Kafka
import Ledger
import Pipeline
import Storage

/// `downlinkd verify`: audits a pipeline's root, running or not.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Check everything that was committed.",
    discussion: """
      Reads the ledger, every table's log, every data file and state snapshot, and says whether \
      they agree. It writes nothing, and the pipeline may be running.

      Exit codes: 0 everything holds, 65 there are findings, 69 it could not look, 78 the \
      configuration does not fit the root.
      """)

  @Option(name: .long, help: "The configuration file of the pipeline.")
  var config: String

  @Flag(name: .long, help: "Compare the positions with the topics' offsets and records as well.")
  var brokers = false

  @Flag(name: .long, help: "Look at the sizes of files only, not at their contents.")
  var quick = false

  @Flag(name: .long, help: "Print the report as JSON.")
  var json = false

  func run() throws {
    let configuration = try Checked.configuration(config)
    let report = try report(configuration)
    print(json ? report.json.text + "\n" : VerifyText.text(report), terminator: "")
    if !report.holds { throw ExitCode(Exit.findings) }
  }

  private func report(_ configuration: Configuration) throws -> AuditReport {
    do {
      let storage = try POSIXStorage(root: configuration.storage.root, access: .readOnly)
      var report = try RootAudit.run(
        storage, .init(pipeline: configuration.pipeline, readsContents: !quick))
      if brokers { try compare(&report) }
      return report
    } catch let error as AuditError {
      complain("\(config): storage.root: \(error)")
      if case .otherPipeline = error { throw ExitCode(Exit.configuration) }
      throw ExitCode(Exit.unavailable)
    } catch let error as StorageError {
      complain("\(config): storage.root: \(error)")
      throw ExitCode(Exit.unavailable)
    } catch let error as KafkaError {
      complain("cannot ask the brokers: \(error)")
      throw ExitCode(Exit.unavailable)
    }
  }

  /// Adds what the brokers contradict. A running pipeline may pass what is being compared, so a
  /// contradiction counts only when it is still there at a second look.
  private func compare(_ report: inout AuditReport) throws {
    let access = try OffsetsAccess(config: config, brokers: nil, access: .readOnly)
    let consumer = try access.connect()
    defer { consumer.close() }
    do {
      var found = try access.positions.look(consumer)
      if !found.isFine { found = try access.positions.look(consumer) }
      report.add(found.findings)
      report.figures.hasAskedBrokers = true
    } catch let error as LedgerError {
      report.figures.unchecked.append("positions: \(error)")
    } catch let error as PositionRefusal {
      report.figures.unchecked.append("positions: \(error)")
    }
  }
}

extension PositionReport {
  /// What is wrong between the chain and the brokers, in the words of `downlinkd offsets show`.
  fileprivate var findings: [Finding] {
    if let fault = clusterFault { return [fault.finding(.init(), topic: "", partition: nil)] }
    let ofTopics = topicFaults.map { $0.fault.finding(.init(), topic: $0.topic, partition: nil) }
    return ofTopics
      + rows.compactMap { row in
        row.fault?.finding(
          .init(partition: row.key, offset: row.to), topic: row.topic, partition: row.partition)
      }
  }
}

extension PositionFault {
  fileprivate func finding(
    _ subject: Finding.Subject, topic: String, partition: Int32?
  ) -> Finding {
    // Records that only a replay would need: a running pipeline does without them.
    var severity = Finding.Severity.error
    if case .stateLost = self { severity = .warning }
    let name = partition.map { "\(topic)[\($0)]: " } ?? (topic.isEmpty ? "" : "\(topic): ")
    return Finding(
      severity, .moves, subject, name + detail, advice: wayOut(topic: topic, partition: partition))
  }
}
