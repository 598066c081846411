import ArgumentParser
import Config
import Storage

/// `downlinkd inspect`: what stands in the files of a root.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what is in a ledger entry, a state snapshot, a Parquet file or a table.",
    discussion: """
      Reads only; the pipeline may be running. Names of devices are shown as text that no terminal \
      obeys.
      """,
    subcommands: [
      InspectEntryCommand.self, InspectStateCommand.self, InspectParquetCommand.self,
      InspectTableCommand.self,
    ])
}

/// Which root is meant.
struct InspectedRoot: ParsableArguments {
  @Option(name: .long, help: "The configuration file; its storage.root is looked at.")
  var config: String?

  @Option(name: .long, help: "The root itself, where there is no configuration.")
  var root: String?

  func validate() throws {
    if (config == nil) == (root == nil) {
      throw ValidationError("give one of --config and --root")
    }
  }

  /// The root for looking only.
  func storage() throws -> POSIXStorage {
    if let config {
      return try Checked.storage(of: Checked.configuration(config), in: config, .readOnly)
    }
    do throws(StorageError) {
      return try POSIXStorage(root: root ?? "", access: .readOnly)
    } catch {
      complain("inspect: \(error)")
      throw ExitCode(Exit.unavailable)
    }
  }
}

/// Ends the program: what was looked at is damaged, or is not what it should be.
func inspectionFailed(_ sentence: String, damaged: Bool) -> ExitCode {
  complain("inspect: \(sentence)")
  return ExitCode(damaged ? Exit.findings : Exit.unavailable)
}
