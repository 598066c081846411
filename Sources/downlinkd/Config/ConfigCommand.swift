import ArgumentParser

/// `downlinkd config`: what a configuration comes to, and what a change of it would mean.
struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract: "Show what a configuration comes to, and what a change would mean.",
    subcommands: [ConfigShowCommand.self, ConfigDiffCommand.self])
}
