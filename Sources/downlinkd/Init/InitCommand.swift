import ArgumentParser
import Base
import Config
import Decode
import Glibc
import Kafka

/// `downlinkd init`: writes a first configuration, by flags or by asking.
struct InitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Write a first configuration, by options or by asking.",
    usage: """
      downlinkd init
      downlinkd init --brokers HOST:PORT --topic NAME [--descriptor-set FILE | --protos FOLDER]
      downlinkd init --brokers HOST:PORT --topic NAME --message TYPE --device F --time F=UNIT
      """,
    discussion: """
      At a terminal it asks for what no option says. Without --message, --device and --time it \
      looks at the newest records of the topic, as schema infer does, and proposes the source; it \
      joins no group and commits nothing. What it writes passes check, with comments for what \
      comes next. A file that is there is never overwritten without --force.

      Exit codes: 0 written, 64 wrong usage or the file is there, 65 the records propose nothing, \
      69 Kafka does not answer, 78 the answers do not make a configuration (nothing is written).
      """)

  @Option(name: .long, help: "Brokers to start from: host:port, comma-separated.")
  var brokers: String?

  @Option(
    name: [.customShort("X"), .customLong("property")], parsing: .singleValue,
    help: .init(
      "A librdkafka property, repeatable; secrets as file:PATH, credential:NAME or ${NAME}.",
      valueName: "name=value"))
  var property: [NamedValue] = []

  @Option(name: .long, help: "The topic to read.")
  var topic: String?

  @Option(
    name: .long, help: .init("Message types: a descriptor set of protoc's.", valueName: "file"))
  var descriptorSet: String?

  @Option(
    name: .long,
    help: .init("Message types: a folder of .proto files, for protoc.", valueName: "folder"))
  var protos: String?

  @Option(name: .long, help: .init("The message type.", valueName: "type"))
  var message: String?

  @Option(
    name: .long,
    help: .init("Who sent a reading: a field, $key or $header.NAME.", valueName: "field"))
  var device: String?

  @Option(
    name: .long,
    help: .init(
      "The event time: a field and, of an integer, its unit (s, ms, us, ns).",
      valueName: "field=unit"))
  var time: TimeArgument?

  @Option(name: .long, help: .init("A number that grows with each message.", valueName: "field"))
  var sequence: String?

  @Option(
    name: .long, parsing: .singleValue,
    help: .init("A word with few values: region; repeatable.", valueName: "field"))
  var attribute: [String] = []

  @Option(name: .long, help: .init("The folder of the tables.", valueName: "folder"))
  var root: String?

  @Option(
    name: .long, help: .init("The pipeline's name; the topic's by default.", valueName: "name"))
  var pipeline: String?

  @Option(name: .long, help: "The file to write; - for standard output.")
  var output = "downlinkd.yaml"

  @Flag(name: .long, help: "Overwrite the file if it is there.")
  var force = false

  func validate() throws {
    guard descriptorSet == nil || protos == nil else {
      throw ValidationError("--descriptor-set and --protos exclude each other")
    }
    guard (device == nil) == (time == nil), device == nil || message != nil else {
      throw ValidationError("--device and --time go together, and with --message")
    }
    guard device != nil || (sequence == nil && attribute.isEmpty) else {
      throw ValidationError("--sequence and --attribute go with --message, --device and --time")
    }
    for one in property where KafkaProperties.isSecret(one.name) {
      let isReference = ["file:", "credential:", "${"].contains { one.value.hasPrefix($0) }
      guard isReference else {
        throw ValidationError(
          "\(one.name): a secret does not belong on a command line; write it into a file of its "
            + "own, and file:PATH here")
      }
    }
  }

  func run() throws {
    if output != "-", !force, unsafe access(output, F_OK) == 0 {
      complain("\(output) is there already: name another with --output, or --force")
      throw ExitCode(Exit.usage)
    }
    let isTerminal = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1
    let dialogue = isTerminal ? Self.terminal : nil
    let text: String
    do {
      text = try answers(dialogue).text
    } catch is InitDialogue.Ended {
      complain("\nended before everything was answered; nothing was written")
      throw ExitCode(Exit.usage)
    }
    try check(text)
    try write(text)
  }

  private static let snapshot = "fleet.telemetry.v1.DeviceTelemetry"

  private static var terminal: InitDialogue {
    InitDialogue(
      show: { text in
        let bytes = Array(text.utf8)
        _ = unsafe Glibc.write(STDERR_FILENO, bytes, bytes.count)
      }, nextLine: { readLine() })
  }

  // MARK: - Answers

  /// - Parameter dialogue: nil where nobody can be asked.
  func answers(_ dialogue: InitDialogue?) throws -> FirstConfiguration {
    let brokers = try answer(
      self.brokers, "--brokers", dialogue, "Kafka's brokers, host:port", default: "127.0.0.1:9092")
    let topic = try answer(self.topic, "--topic", dialogue, "The topic to read")
    let source = try source(brokers, topic, dialogue)
    let name = SchemaInferCommand.sourceName(ofTopic: topic)
    let isService = output.hasPrefix("/etc/")
    let usualRoot = isService ? "/var/lib/downlinkd" : "./data"
    var root = self.root
    if root == nil, let dialogue {
      root = try dialogue.ask("The folder of the tables", default: usualRoot)
    }
    return FirstConfiguration(
      pipeline: pipeline ?? name,
      brokers: brokers.split(separator: ",").map { $0.filter { !$0.isWhitespace } },
      properties: property.map { .init(name: $0.name, value: $0.value) }, topic: topic,
      source: source, root: root ?? usualRoot, schema: Self.installedSchema)
  }

  private func answer(
    _ given: String?, _ option: String, _ dialogue: InitDialogue?, _ question: String,
    default proposal: String? = nil
  ) throws -> String {
    if let given { return given }
    guard let dialogue else {
      complain("\(option) is missing, and there is no terminal to ask at")
      throw ExitCode(Exit.usage)
    }
    return try dialogue.ask(question, default: proposal)
  }

  private func source(
    _ brokers: String, _ topic: String, _ dialogue: InitDialogue?
  ) throws -> FirstConfiguration.Source {
    let (catalogue, definition) = try types(dialogue)
    if let message, let device, let time {
      // A number of the built-in snapshot that is no metric: unmapped it would be one.
      let own = definition == .builtIn && message == Self.snapshot ? "sequence" : nil
      return .mapped(
        .init(
          message: message, definition: definition, device: device, timeField: time.field,
          timeUnit: time.unit, sequence: sequence ?? own, attributes: attribute))
    }
    dialogue?.show("looking at the newest records of \(topic) …\n")
    do {
      let proposal = try SourceProposal(
        brokers: brokers, properties: try properties(), topic: topic, message: message, catalogue,
        definition)
      guard let dialogue else { return .proposed(proposal.block) }
      dialogue.show(
        "they look like \(proposal.message), with the device in \(proposal.device) and the time in"
          + " \(proposal.timeField)\n")
      if try dialogue.confirm("Take it") { return .proposed(proposal.block) }
      return .mapped(try ask(dialogue, definition, proposal))
    } catch let refusal as SourceProposal.Refusal {
      guard let dialogue else { throw Self.exit(refusal) }
      dialogue.show("\(refusal)\n")
      return .mapped(try ask(dialogue, definition, nil))
    }
  }

  /// What the records do not tell. The built-in snapshot is proposed where nothing is known.
  private func ask(
    _ dialogue: InitDialogue, _ definition: ProposalText.Definition, _ proposal: SourceProposal?
  ) throws(InitDialogue.Ended) -> FirstConfiguration.Mapping {
    let isBuiltIn = definition == .builtIn
    let type = try dialogue.ask(
      "The message type",
      default: message ?? proposal?.message
        ?? (isBuiltIn ? Self.snapshot : nil))
    let isSnapshot = isBuiltIn && type == Self.snapshot
    let device = try dialogue.ask(
      "Who sent a reading: a field, $key or $header.NAME",
      default: proposal?.device ?? (isSnapshot ? "device_id" : nil))
    let field = try dialogue.ask(
      "The event time: a field, $timestamp or $header.NAME",
      default: proposal?.timeField ?? (isSnapshot ? "time_unix_ms" : "$timestamp"))
    let unit =
      field == "$timestamp"
      ? nil
      : try dialogue.ask(
        "Its unit: s, ms, us, ns, or none of a google.protobuf.Timestamp",
        default: proposal.map { $0.timeUnit ?? "none" } ?? (isSnapshot ? "ms" : "none"))
    return FirstConfiguration.Mapping(
      message: type, definition: definition, device: device, timeField: field,
      timeUnit: unit == "none" ? nil : unit, sequence: isSnapshot ? "sequence" : nil,
      attributes: isSnapshot ? ["region", "firmware"] : [])
  }

  private static func exit(_ refusal: SourceProposal.Refusal) -> ExitCode {
    complain("\(refusal)")
    complain("say --message, --device and --time, and no record is looked at")
    switch refusal {
    case .unavailable: return ExitCode(Exit.unavailable)
    case .none: return ExitCode(Exit.findings)
    }
  }

  private func properties() throws -> [(String, String)] {
    // References are resolved as in the file that will have them.
    let kafka = property.map { "\"\($0.name)\": \(JSONValue.string($0.value).text)" }
    let text = """
      pipeline: init
      kafka: {brokers: [unused], properties: {\(kafka.joined(separator: ", "))}}
      sources: [{name: a, topics: [a], message: a, device: a, time: {field: a}}]
      storage: {root: a}
      """
    do {
      let configuration = try Configuration.parse(
        Array(text.utf8), file: "options", environment: Environment.variables)
      let properties = configuration.kafka.properties.map { ($0.key, $0.value) }
      let faults = KafkaProperties.faults(in: properties, role: .consumer)
      if faults.isEmpty { return properties }
      for fault in faults { complain("\(fault)") }
    } catch {
      for fault in error.faults { complain("\(fault.keyPath): \(fault.message)") }
    }
    throw ExitCode(Exit.usage)
  }

  // MARK: - Message types

  private func types(
    _ dialogue: InitDialogue?
  ) throws -> (MessageCatalogue, ProposalText.Definition) {
    var set = descriptorSet
    var folder = protos
    if set == nil, folder == nil, message == nil, let dialogue {
      let answer = try dialogue.askOptional(
        "Message types: a descriptor set, a folder of .proto files, or nothing for the built-in")
      if let answer {
        if Self.isFolder(answer) { folder = answer } else { set = answer }
      }
    }
    if let set, set != CatalogueFile.builtIn {
      return (try CatalogueFile.read(set), .descriptorSet(SchemaInferCommand.absolute(set)))
    }
    guard let folder else { return (.builtIn, .builtIn) }
    do {
      let bytes = try ProtoTexts.compile(folder: folder, environment: Environment.variables)
      return (
        try MessageCatalogue(descriptorSet: bytes, path: folder),
        .protos(SchemaInferCommand.absolute(folder))
      )
    } catch let error as ProtoTexts.Failure {
      complain(error.message + (error.suggestion.map { "; \($0)" } ?? ""))
    } catch let error as DescriptorSetError {
      complain("\(error)")
    }
    throw ExitCode(Exit.configuration)
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  // MARK: - The file

  /// Where `make install` and the package put the schema; nil where it is not.
  private static var installedSchema: String? {
    ["/usr/share", "/usr/local/share"].map { "\($0)/downlinkd/downlinkd.schema.json" }
      .first { unsafe access($0, R_OK) == 0 }
  }

  /// Nothing is written that `check` would refuse.
  private func check(_ text: String) throws {
    do throws(ConfigFaults) {
      let configuration = try Configuration.parse(
        Array(text.utf8), file: output == "-" ? "downlinkd.yaml" : output,
        environment: Environment.variables)
      _ = try Wiring(configuration)
    } catch {
      complain("\(error)\nthese answers make no configuration; nothing was written")
      throw ExitCode(Exit.configuration)
    }
  }

  private func write(_ text: String) throws {
    if output == "-" { return print(text, terminator: "") }
    // Beside it first, so that a full disk costs nobody his file.
    let draft = "\(output).\(RandomID.make())"
    guard Self.put(text, draft) else { throw failure() }
    // A link refuses a name that somebody has taken meanwhile.
    let isDone =
      unsafe force ? rename(draft, output) == 0 : link(draft, output) == 0
    let code = errno
    unsafe unlink(draft)
    guard isDone else {
      errno = code
      throw failure()
    }
    complain(
      """
      wrote \(output); next:
        downlinkd check --config \(output) --connect
        downlinkd run --config \(output)
      """)
  }

  private static func put(_ text: String, _ path: String) -> Bool {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { bytes in
        unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
      }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return fsync(descriptor) == 0
  }

  private func failure() -> ExitCode {
    let reason = unsafe strerror(errno).map { unsafe String(cString: $0) } ?? "error \(errno)"
    complain("cannot write \(output): \(reason)")
    return ExitCode(Exit.unavailable)
  }
}

/// `field=unit`, or a field alone; neither a path nor a name of a header's ends in `=ms`.
struct TimeArgument: ExpressibleByArgument, Equatable, Sendable {
  let field: String
  let unit: String?

  init?(argument: String) {
    let sign = argument.lastIndex(of: "=")
    field = String(argument[..<(sign ?? argument.endIndex)])
    unit = sign.map { String(argument[argument.index(after: $0)...]) }
    if field.isEmpty || unit?.isEmpty == true { return nil }
  }
}
