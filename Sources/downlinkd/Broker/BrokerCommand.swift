import ArgumentParser
import Base
import Glibc
import Kafka

/// `downlinkd broker`: librdkafka's mock cluster in a process of its own.
struct BrokerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "broker",
    abstract: "Run an embedded Kafka broker for demonstrations and tests.",
    discussion: """
      Everything is held in memory and gone when it ends. A partition keeps at most 5 MiB as \
      stored (compressed) and 100,000 batches; then the oldest batches go, as retention would take \
      them. Clients on this machine only. It runs until SIGTERM or SIGINT.

      With --orders it reads faults to bring about from standard input, one a line, and answers \
      each with a line on standard output: topic NAME:PARTITIONS; error REQUEST COUNT CODE…; \
      clear REQUEST; down BROKER [DURATION]; up BROKER; delay BROKER DURATION [DURATION]; \
      coordinator GROUP BROKER; leader TOPIC PARTITION BROKER|none. A broker is a number from 1 \
      or `all`.
      Requests: \(BrokerOrder.requests.map(\.name).joined(separator: ", ")).
      Codes: a number or \(BrokerOrder.codes.map(\.name).joined(separator: ", ")).
      """)

  @Option(
    name: .long, parsing: .singleValue,
    help: .init("A topic to create, repeatable.", valueName: "name:partitions"))
  var topic: [TopicArgument] = [TopicArgument(name: "telemetry", partitionCount: 4)]

  @Option(name: .long, help: "Number of brokers.")
  var brokers = 1

  @Option(
    name: .long,
    help: .init("File to write the bootstrap address to once it is ready.", valueName: "path"))
  var portFile: String?

  @Flag(name: .long, help: "Read faults to bring about from standard input.")
  var orders = false

  func validate() throws {
    guard (1...100).contains(brokers) else {
      throw ValidationError("--brokers must be from 1 to 100")
    }
    for (index, one) in topic.enumerated()
    where topic[..<index].contains(where: { $0.name == one.name }) {
      throw ValidationError("--topic \(one.name) is given twice")
    }
  }

  func run() throws {
    StopSignals.install()
    complain(
      """
      broker: keeps nothing on disk, and in memory at most 5 MiB and 100,000 batches a partition; \
      the oldest go first (librdkafka \(LibraryVersion.text))
      """)
    let cluster: MockCluster
    do throws(KafkaError) {
      cluster = try MockCluster(brokerCount: brokers)
      for one in topic {
        try cluster.createTopic(one.name, partitionCount: one.partitionCount)
      }
    } catch {
      complain("broker: \(error)")
      throw ExitCode(Exit.unavailable)
    }
    if let portFile, let fault = PortFile.write(cluster.brokers, to: portFile) {
      complain("broker: \(fault)")
      throw ExitCode(Exit.unavailable)
    }
    print("broker ready at \(cluster.brokers)")
    fflush(nil)
    if orders {
      var control = BrokerControl(cluster, reading: STDIN_FILENO) { line in
        print(line)
        fflush(nil)
      }
      control.run()
    }
    withExtendedLifetime(cluster) { _ = StopSignals.wait() }
    if let portFile { unsafe unlink(portFile) }
  }
}

/// `telemetry:4`: a topic and how many partitions it gets.
struct TopicArgument: ExpressibleByArgument, Equatable, Sendable {
  let name: String
  let partitionCount: Int

  init(name: String, partitionCount: Int) {
    self.name = name
    self.partitionCount = partitionCount
  }

  /// Topic names as Kafka allows them: 1 to 249 letters, digits, `.`, `_`, `-`; not `.` or `..`.
  init?(argument: String) {
    let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let count = Int(parts[1]), (1...10_000).contains(count) else {
      return nil
    }
    name = String(parts[0])
    partitionCount = count
    let isLegal = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "-"):
        true
      default: false
      }
    }
    guard isLegal, (1...249).contains(name.utf8.count), name != ".", name != ".." else {
      return nil
    }
  }

  var defaultValueDescription: String { "\(name):\(partitionCount)" }
}

/// A small file that is there whole or not at all: whoever waits for it reads a finished address.
enum PortFile {
  /// Writes the text and a line end under another name and renames it; what went wrong, or nil.
  static func write(_ text: String, to path: String) -> String? {
    let temporary = "\(path).\(getpid())"
    let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { return "cannot create \(temporary): \(SystemFault.last)" }
    let bytes = Array((text + "\n").utf8)
    let written = unsafe Glibc.write(descriptor, bytes, bytes.count)
    let fault = SystemFault.last
    close(descriptor)
    guard written == bytes.count else {
      unsafe unlink(temporary)
      return "cannot write \(temporary): \(fault)"
    }
    guard unsafe rename(temporary, path) == 0 else {
      let fault = SystemFault.last
      unsafe unlink(temporary)
      return "cannot rename \(temporary) to \(path): \(fault)"
    }
    return nil
  }
}

/// The system's word for an error number.
enum SystemFault {
  /// Of the call just made on this thread.
  static var last: String { text(errno) }

  static func text(_ number: Int32) -> String {
    guard let text = unsafe strerror(number) else { return "error \(number)" }
    return unsafe String(cString: text)
  }
}
