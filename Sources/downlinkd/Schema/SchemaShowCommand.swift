import ArgumentParser
import Base
import Config
import Decode
import Pipeline
import Telemetry

/// `downlinkd schema show`: the columns that a configuration's mappings yield, or the message types
/// of a descriptor set.
struct SchemaShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show columns and where they come from, or message types.",
    discussion: """
      With --config: the columns of each table, with type, unit, field path and field numbers. \
      With --descriptor-set: the message types of a set that protoc has made, or one of them with \
      all that is inside. Exit codes: 64 no such source or message, 78 the configuration or the \
      descriptor set cannot be read.
      """)

  @Option(name: .long, help: .init("The configuration file.", valueName: "file"))
  var config: String?

  @Option(name: .long, help: .init("Show this source only.", valueName: "name"))
  var source: String?

  @Option(name: .long, help: .init("A descriptor set; `built-in` is one too.", valueName: "file"))
  var descriptorSet: String?

  @Option(name: .long, help: .init("Show this message type, nested ones included."))
  var message: String?

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func validate() throws {
    guard (config == nil) != (descriptorSet == nil) else {
      throw ValidationError("give --config, or --descriptor-set")
    }
    guard config != nil || source == nil else {
      throw ValidationError("--source goes with --config")
    }
    guard descriptorSet != nil || message == nil else {
      throw ValidationError("--message goes with --descriptor-set")
    }
  }

  func run() throws {
    if let config {
      try show(try SourceColumns.all(inFile: config, named: source))
    } else if let descriptorSet {
      let catalogue = try CatalogueFile.read(descriptorSet)
      try show(try Self.outline(catalogue, of: message, in: descriptorSet))
    }
  }

  private func show(_ document: some SchemaDocument) throws {
    print(json ? document.json.text + "\n" : document.text, terminator: "")
  }

  private static func outline(
    _ catalogue: MessageCatalogue, of message: String?, in file: String
  ) throws -> MessageOutline {
    guard let message else { return MessageOutline(catalogue.types) }
    let name = message.hasPrefix(".") ? String(message.dropFirst()) : message
    guard let type = catalogue.type(named: name) else {
      let suggestion = catalogue.suggestion(for: name).map { "; \($0)" } ?? ""
      complain("\(file): there is no message type \(message)\(suggestion)")
      throw ExitCode(Exit.usage)
    }
    return MessageOutline(root: type)
  }
}

/// Something to be shown to people, and to programs.
protocol SchemaDocument {
  var text: String { get }
  var json: JSONValue { get }
}
