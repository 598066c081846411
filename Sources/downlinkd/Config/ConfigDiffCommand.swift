import ArgumentParser
import Base
import Config
import Pipeline
import Storage

/// `downlinkd config diff`: what differs between two configurations, and what it would take.
struct ConfigDiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Say what a change of the configuration would mean.",
    discussion: """
      OLD is the file that runs, NEW the one that shall run. Every difference is a line with what \
      it takes:

        live      a reload takes it over at once
        session   a reload takes it over; for some seconds nothing is read
        restart   a reload refuses it; a restart takes it over
        refused   the state cannot survive it: it takes a new storage.root

      The tables under OLD's storage.root are asked too, where there are any. Nothing is changed. \
      A pipeline that runs is not asked: it does not keep its file; keep a copy beside it.

      Exit codes: 0 a reload takes NEW over (or nothing differs), 69 the tables or the schema \
      registry cannot be read, 75 it needs a restart, 78 it is refused, or one of the two has \
      faults.
      """)

  @Argument(help: "The configuration file that runs.")
  var old: String

  @Argument(help: "The one that shall run.")
  var new: String

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func run() throws {
    let (before, oldWiring) = try Checked.load(old)
    let (after, newWiring) = try Checked.load(new)
    let change = ConfigurationChange(from: before, to: after)
    let comparison = ConfigComparison(
      change, obstacles: try obstacles(oldWiring, newWiring, root: before.storage.root))
    print(json ? comparison.json.text + "\n" : comparison.text, terminator: "")
    if comparison.verdict.exitCode != 0 { throw ExitCode(comparison.verdict.exitCode) }
  }

  private func obstacles(_ old: Wiring, _ new: Wiring, root: String) throws -> [String] {
    var storage: POSIXStorage?
    do throws(StorageError) {
      storage = try POSIXStorage(root: root, access: .readOnly)
    } catch {
      // There are no tables yet.
      if error.kind != .notFound { throw failure(root, error) }
    }
    do {
      return try GrowthCheck.obstacles(from: old.pipeline, to: new.pipeline, storage: storage)
    } catch {
      throw failure(root, error)
    }
  }

  private func failure(_ root: String, _ error: any Error) -> ExitCode {
    complain("\(old): storage.root: \(root): \(error)")
    return ExitCode(Exit.unavailable)
  }
}
