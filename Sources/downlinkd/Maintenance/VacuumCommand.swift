import ArgumentParser
import Base
import Config
import Glibc
import Logging
import Maintenance
import Storage

/// `downlinkd vacuum`: takes away by hand what the service takes away by itself.
struct VacuumCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vacuum", abstract: "Remove expired dates, deleted files and orphans.",
    discussion: """
      Does at once what the service does little by little: dates of which rows are kept no longer \
      (`tables` in the configuration) are removed from their tables, files that were removed long \
      ago are deleted, and so are files of ours that nothing names and nothing ever can. Files of \
      others are never touched. The pipeline may be running.

      Prints every file or date and why. Exit codes: 0 done, 69 the root cannot be had, or a table \
      could not be done, 78 the configuration does not fit.
      """)

  @Option(name: .long, help: "The configuration file of the pipeline.")
  var config: String

  @Option(name: .long, help: "Only this table.")
  var table: String?

  @Flag(name: .long, help: "Say what would be done, and do nothing.")
  var dryRun = false

  @Flag(name: .long, help: "Print one JSON object.")
  var json = false

  func run() throws {
    let configuration = try Checked.configuration(config)
    let access = dryRun ? POSIXStorage.Access.readOnly : .readWrite
    let storage = try Checked.rootThatIs(configuration, in: config, access)
    let work = VacuumWork(
      storage: storage, pipeline: configuration.pipeline, program: Program.name,
      options: MaintenanceOptions(configuration), log: Logger(label: "vacuum"))
    let report = try report(work)
    print(json ? report.json.text : report.text(isDryRun: dryRun))
    if !report.troubles.isEmpty { throw ExitCode(Exit.unavailable) }
  }

  private func report(_ work: VacuumWork) throws -> VacuumReport {
    do {
      if let table, try !work.tables().contains(table) {
        let known = try work.tables()
        let near = Configuration.suggestion(for: table, among: known).map { "; " + $0 } ?? ""
        complain("\(config): there is no table \(table) below storage.root\(near)")
        throw ExitCode(Exit.usage)
      }
      return try work.run(only: table, isDryRun: dryRun)
    } catch let error as MaintenanceFault {
      complain("\(config): storage.root: \(error)")
      throw ExitCode(Exit.unavailable)
    }
  }
}

extension VacuumReport {
  /// One line an item, and a sum.
  fileprivate func text(isDryRun: Bool) -> String {
    var lines = items.map { item in
      "\(item.kind.rawValue)  \(item.path)  \(item.byteCount) bytes: \(item.reason)"
    }
    lines += troubles.map { "not done  \($0.table): \($0.sentence)" }
    for (kind, count, byteCount) in sums {
      lines.append(
        "\(isDryRun ? "would be " : "")\(kind.done): \(count), \(byteCount) bytes")
    }
    if items.isEmpty { lines.append("nothing is to be done") }
    if undecidedCount > 0 {
      lines.append(
        "\(undecidedCount) files of ours are named by nothing, and may yet be: they stay")
    }
    if foreignCount > 0 { lines.append("\(foreignCount) files are not ours: they stay") }
    return lines.joined(separator: "\n")
  }

  fileprivate var json: JSONValue {
    let items = items.map { item -> JSONValue in
      [
        "kind": .string(item.kind.rawValue), "table": .string(item.table),
        "path": .string(item.path), "files": .int(item.fileCount), "bytes": .int(item.byteCount),
        "reason": .string(item.reason),
      ]
    }
    return [
      "items": .array(items), "undecided_files": .int(undecidedCount),
      "foreign_files": .int(foreignCount),
      "troubles": .array(
        troubles.map { ["table": .string($0.table), "reason": .string($0.sentence)] }),
    ]
  }
}
