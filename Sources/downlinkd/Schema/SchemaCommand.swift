import ArgumentParser

/// `downlinkd schema`: message types, and what a mapping makes of them.
struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema",
    abstract: "Look at message types and at what a mapping makes of them, or let one be proposed.",
    subcommands: [SchemaShowCommand.self, SchemaInferCommand.self])
}
