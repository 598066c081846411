import ArgumentParser
import Config
import Decode
import Glibc
import Inference
import Kafka
import SchemaRegistry

/// `downlinkd schema infer`: proposes the mapping of a topic by looking at its newest records.
struct SchemaInferCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "infer", abstract: "Propose a source's mapping from the records of a topic.",
    usage: """
      downlinkd schema infer --brokers HOST:PORT --topic NAME --descriptor-set FILE [options]
      downlinkd schema infer --config FILE --topic NAME --protos FOLDER [options]
      """,
    discussion: """
      Reads the newest records, joins no group and commits nothing. What it prints is a `sources` \
      block in YAML that `downlinkd check` accepts, with a reason for every line:

        downlinkd schema infer --brokers kafka:9092 --topic orbit-v2 --descriptor-set acme.binpb

      Without message types it shows what stands on the wire, as `protoc --decode_raw` does. Exit \
      codes: 0 a mapping is proposed, 64 wrong usage, 65 no mapping can be proposed (the reasons \
      are printed), 69 Kafka or the schema registry does not answer, 78 the configuration or the \
      message types cannot be read.
      """)

  @Option(name: .long, help: "The topic to look at.")
  var topic: String

  @Option(name: .long, help: "Brokers to start from: host:port, comma-separated.")
  var brokers: String?

  @Option(
    name: .long,
    help: .init(
      "Take brokers, Kafka's properties and the schema registry from it.", valueName: "file"))
  var config: String?

  @Option(
    name: [.customShort("X"), .customLong("property")], parsing: .singleValue,
    help: .init("A librdkafka property, repeatable.", valueName: "name=value"))
  var property: [NamedValue] = []

  @Option(
    name: .long, help: .init("Message types; `built-in` is such a set too.", valueName: "file"))
  var descriptorSet: String?

  @Option(
    name: .long,
    help: .init("Message types: a folder of .proto files, for protoc.", valueName: "folder"))
  var protos: String?

  @Option(name: .long, help: "What stands around the messages: none, confluent.")
  var envelope = "none"

  @Option(
    name: .long,
    help: .init("The schema registry that has the message types.", valueName: "url"))
  var registry: String?

  @Option(name: .long, help: "The message type; all are tried without it.")
  var message: String?

  @Option(name: .long, help: "How many records to look at, the newest of all partitions.")
  var records = 1000

  @Option(name: .long, help: "How long to read, at most.")
  var seconds = 30.0

  func validate() throws {
    guard brokers != nil || config != nil else {
      throw ValidationError("give --brokers or --config")
    }
    guard descriptorSet == nil || protos == nil else {
      throw ValidationError("--descriptor-set and --protos exclude each other")
    }
    guard Envelope(rawValue: envelope) != nil else {
      throw ValidationError("--envelope must be none or confluent")
    }
    guard registry == nil || envelope == Envelope.confluent.rawValue else {
      throw ValidationError("--registry goes with --envelope confluent")
    }
    guard (1...100_000).contains(records) else {
      throw ValidationError("--records must be from 1 to 100000")
    }
    guard (1...3600).contains(seconds) else {
      throw ValidationError("--seconds must be from 1 to 3600")
    }
  }

  func run() throws {
    let configuration = try config.map { try Checked.configuration($0) }
    let (catalogue, definition) = try types(configuration)
    let messageName = try messageName(in: catalogue)
    let sample = try sample(configuration)
    var options = SchemaInference.Options(source: Self.sourceName(ofTopic: topic))
    options.messageName = messageName
    options.envelope = Envelope(rawValue: envelope) ?? .none
    switch SchemaInference(catalogue, options).infer(from: sample.records) {
    case .proposal(let proposal):
      print(
        ProposalText(proposal: proposal, topic: topic, definition: definition).text,
        terminator: "")
    case .none(var answer):
      if sample.records.isEmpty, sample.offsetCount > 0 {
        answer.reasons = [
          "no record came within \(seconds) s, though the topic has \(sample.offsetCount) offsets"
        ]
      }
      let text = NoProposalText(answer: answer, topic: topic, hasTypes: catalogue != nil)
      print(text.text, terminator: "")
      throw ExitCode(Exit.findings)
    }
  }

  // MARK: - Kafka

  private func sample(_ configuration: Configuration?) throws -> SampleReader.Sample {
    let configured = configuration?.kafka
    let properties = (configured?.properties.map { ($0.key, $0.value) } ?? [])
      .filter { own in !property.contains { $0.name == own.0 } }
      + property.map { ($0.name, $0.value) }
    let faults = KafkaProperties.faults(in: properties, role: .consumer)
    guard faults.isEmpty else {
      for fault in faults { complain("\(fault)") }
      throw ExitCode(property.isEmpty ? Exit.configuration : Exit.usage)
    }
    let reader = SampleReader(
      brokers: brokers ?? configured?.brokers.joined(separator: ",") ?? "",
      properties: properties, topic: topic, recordCountMax: records,
      timeoutMillis: Int(seconds * 1000))
    do {
      return try reader.read()
    } catch {
      complain("\(error)")
      throw ExitCode(Exit.unavailable)
    }
  }

  // MARK: - Message types

  private func types(
    _ configuration: Configuration?
  ) throws -> (MessageCatalogue?, ProposalText.Definition) {
    if let descriptorSet {
      let isBuiltIn = descriptorSet == CatalogueFile.builtIn
      let catalogue = try CatalogueFile.read(descriptorSet)
      return (catalogue, isBuiltIn ? .builtIn : .descriptorSet(Self.absolute(descriptorSet)))
    }
    if let protos {
      let bytes: [UInt8]
      do throws(ProtoTexts.Failure) {
        bytes = try ProtoTexts.compile(folder: protos, environment: Environment.variables)
      } catch {
        complain(error.message + (error.suggestion.map { "; \($0)" } ?? ""))
        throw ExitCode(Exit.configuration)
      }
      return (try Self.catalogue(bytes, from: protos), .protos(Self.absolute(protos)))
    }
    guard envelope == Envelope.confluent.rawValue else { return (nil, .builtIn) }
    return try registeredTypes(configuration)
  }

  private func registeredTypes(
    _ configuration: Configuration?
  ) throws -> (MessageCatalogue?, ProposalText.Definition) {
    let configured = configuration?.schemaRegistry
    var options = configured.map { RegistryOptions($0) }
    if let registry { options = RegistryOptions(url: registry, timeoutMillis: 5000) }
    guard let options else { return (nil, .builtIn) }
    if registry == nil, configured?.needsMessage == true, message == nil {
      complain("schema_registry.subject has {message} in it: say --message")
      throw ExitCode(Exit.usage)
    }
    let own = registry == nil ? configured?.subject(topic: topic, message: message) : nil
    let subject = own ?? "\(topic)-value"
    let found: (bytes: [UInt8], version: Int64)
    do throws(RegistrySchemas.DefinitionFailure) {
      found = try RegistrySchemas.definition(
        of: subject, options, environment: Environment.variables)
    } catch {
      complain("subject \(subject): \(error.sentence)")
      throw ExitCode(error.isLasting ? Exit.configuration : Exit.unavailable)
    }
    let name = "subject \(subject), version \(found.version)"
    return (try Self.catalogue(found.bytes, from: name), .registry(name))
  }

  private static func catalogue(_ bytes: [UInt8], from place: String) throws -> MessageCatalogue {
    do throws(DescriptorSetError) {
      return try MessageCatalogue(descriptorSet: bytes, path: place)
    } catch {
      complain("\(error)")
      throw ExitCode(Exit.configuration)
    }
  }

  private func messageName(in catalogue: MessageCatalogue?) throws -> String? {
    guard let message else { return nil }
    guard let catalogue else {
      complain("--message needs message types: --descriptor-set, --protos, or a schema registry")
      throw ExitCode(Exit.usage)
    }
    let name = message.hasPrefix(".") ? String(message.dropFirst()) : message
    guard catalogue.type(named: name) != nil else {
      let suggestion = catalogue.suggestion(for: name).map { "; \($0)" } ?? ""
      complain("there is no message type \(name)\(suggestion)")
      throw ExitCode(Exit.usage)
    }
    return name
  }

  /// Lower-case letters, digits and `_`, as tables are called.
  static func sourceName(ofTopic topic: String) -> String {
    let name = topic.lowercased().unicodeScalars.map { scalar in
      ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar) ? Character(scalar) : "_"
    }
    return name.isEmpty ? "source" : String(name.prefix(64))
  }

  /// The path from the root, so that the block may be pasted anywhere.
  static func absolute(_ path: String) -> String {
    guard let resolved = unsafe realpath(path, nil) else { return path }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }
}
