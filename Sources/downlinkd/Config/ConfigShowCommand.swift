import ArgumentParser
import Base
import Config

/// `downlinkd config show`: the configuration as the program understood it.
struct ConfigShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show a configuration with every default filled in.",
    discussion: """
      Prints YAML that reads back as the same configuration: every default written out, paths \
      absolute, the environment put in. Secrets are shown as the reference they were given by, \
      and as *** where they stand in the file itself. What a statistical detector chooses for \
      itself is left out: check shows it.

      Exit codes: 0 done, 78 the configuration has faults.
      """)

  @Option(name: .long, help: "The configuration file.")
  var config: String

  @Flag(name: .long, help: "Print JSON, which reads back just so.")
  var json = false

  @Flag(
    name: .long, help: "Say behind every value where it is from: its line, or the default.")
  var source = false

  func validate() throws {
    if json && source { throw ValidationError("JSON has no comments: --json or --source") }
  }

  func run() throws {
    let configuration = try Checked.configuration(config)
    if json {
      print(configuration.effectiveJSON.text)
    } else {
      print(
        source ? configuration.effectiveWithOrigins : configuration.effective, terminator: "")
    }
  }
}
