import ArgumentParser
import Glibc
import Kafka

/// `downlinkd produce`: telemetry into Kafka, from files or made up.
struct ProduceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "produce",
    abstract: "Send telemetry to Kafka: rows of CSV files, or a made-up fleet.",
    usage: """
      downlinkd produce --brokers HOST:PORT --topic NAME --csv FILE … \
      --device-column NAME --time-column NAME [options]
      downlinkd produce --brokers HOST:PORT --topic NAME --fleet N --seconds S [options]
      """,
    discussion: """
      Records are keyed by device. Exit codes: 0 everything was acknowledged (also when stopped by \
      a signal), 64 wrong usage, 69 something could not be delivered.
      """)

  @Option(name: .long, help: "Brokers to start from: host:port, comma-separated.")
  var brokers: String?

  @Option(name: .long, help: "Topic to send to; it must exist.")
  var topic = "telemetry"

  @Option(
    name: [.customShort("X"), .customLong("property")], parsing: .singleValue,
    help: .init("A librdkafka property, repeatable.", valueName: "name=value"))
  var property: [NamedValue] = []

  @Option(name: .long, help: "none, gzip, snappy, lz4 or zstd.")
  var compression = "lz4"

  @OptionGroup(title: "Rows of files")
  var csvArguments: CSVArguments

  @OptionGroup(title: "A made-up fleet")
  var fleetArguments: FleetArguments

  @Flag(name: .long, help: "Device i goes to partition i modulo their number, for tests.")
  var partitionByDeviceIndex = false

  @Option(name: .long, help: "Records a second at most.")
  var rate: Double?

  @Option(name: .long, help: "Replay event time at so many times its speed.")
  var speedUp: Double?

  @Option(name: .long, help: "Stop after so many records.")
  var count: Int?

  @Option(name: .long, help: "Records' timestamps: the clock (now) or their event time (event).")
  var kafkaTimestamps = KafkaTimestamps.now

  @Option(
    name: .long,
    help: .init("Write what Kafka acknowledged, one JSON object a record.", valueName: "file"))
  var recordLog: String?

  @Flag(name: .long, help: "Make every record and send none: try out a command, measure.")
  var dryRun = false

  func validate() throws {
    if csvArguments.csv.isEmpty == (fleetArguments.fleet == nil) {
      throw ValidationError("say what to send: --csv FILE … or --fleet N")
    }
    if brokers == nil, !dryRun { throw ValidationError("--brokers is missing") }
    if rate != nil, speedUp != nil {
      throw ValidationError("--rate and --speed-up exclude each other")
    }
    for (name, value) in [("--rate", rate), ("--speed-up", speedUp)] {
      if let value, !(value > 0 && value.isFinite) {
        throw ValidationError("\(name) must be above 0")
      }
    }
    if let count, count < 1 { throw ValidationError("--count must be at least 1") }
    if fleetArguments.fleet != nil, fleetArguments.seconds == nil, count == nil, rate == nil,
      speedUp == nil
    {
      throw ValidationError(
        "a fleet without end at full speed: say --seconds or --count, or pace it with --rate or "
          + "--speed-up")
    }
    if let deviceCount = fleetArguments.fleet {
      _ = try fleetArguments.options(deviceCount: deviceCount)
    } else {
      _ = try csvArguments.options()
    }
    try validateProperties()
  }

  private func validateProperties() throws {
    if let fault = KafkaProperties.faults(in: properties, role: .producer).first {
      throw ValidationError("-X \(fault)")
    }
    guard recordLog != nil else { return }
    // The log's offsets follow from order without loss, and from partitions of our own choice.
    let proof = ["enable.idempotence", "partitioner"]
    if let name = property.first(where: { proof.contains($0.name) })?.name {
      throw ValidationError("-X \(name) does not go with --record-log")
    }
  }

  private var properties: [(String, String)] {
    var properties = property.map { ($0.name, $0.value) }
    // Batches worth compressing, and room for what a slow broker leaves behind.
    let defaults = [
      ("compression.type", compression), ("linger.ms", "20"), ("batch.num.messages", "10000"),
      ("queue.buffering.max.messages", "500000"),
    ]
    let aliases = ["compression.type": "compression.codec", "linger.ms": "queue.buffering.max.ms"]
    for (name, value) in defaults
    where !property.contains(where: { $0.name == name || $0.name == aliases[name] }) {
      properties.append((name, value))
    }
    return properties
  }

  // MARK: - Running

  func run() throws {
    StopSignals.install()
    do {
      if let deviceCount = fleetArguments.fleet {
        var source = FleetSource(try fleetArguments.options(deviceCount: deviceCount))
        try deliver(&source)
      } else {
        let options = try csvArguments.options()
        var source = try CSVSource(options)
        try deliver(&source)
      }
    } catch let error as ProduceError {
      if case .usage(let sentence) = error { throw ValidationError(sentence) }
      complain("produce: \(error)")
      throw ExitCode(Exit.unavailable)
    }
  }

  private func deliver<Maker: RecordMaker & ~Copyable>(_ maker: inout Maker) throws {
    var options = Delivery.Options(brokers: brokers ?? "", topic: topic)
    options.properties = properties
    options.partitioning = partitionByDeviceIndex ? .byDeviceIndex : .byKey
    options.pace = rate.map { .rate($0) } ?? speedUp.map { .speedUp($0) } ?? .asFastAsPossible
    options.countMax = count ?? Int.max
    options.usesEventTimestamps = kafkaTimestamps == .event
    options.recordLogPath = recordLog
    let delivery = Delivery(options: options)
    let report = dryRun ? try delivery.rehearse(&maker) : try delivery.run(&maker)
    for sentence in summary(report) + maker.notes { print(sentence) }
    fflush(nil)
    if report.failedCount + report.unknownCount > 0 {
      complain("produce: \(report.firstFailure ?? "stopped before Kafka had answered for all")")
      throw ExitCode(Exit.unavailable)
    }
    if report.madeCount == 0, !report.isStoppedEarly {
      complain("produce: there was nothing to send")
      throw ExitCode(Exit.unavailable)
    }
  }

  private func summary(_ report: Delivery.Report) -> [String] {
    let seconds = max(report.seconds, 1e-9)
    let rate = Figure.decimal(Double(report.madeCount) / seconds)
    let verb = dryRun ? "made" : "sent"
    var text = "\(verb) \(Figure.count(report.madeCount, "record"))"
    text += dryRun ? "" : " to \(topic)"
    text += ", \(Figure.bytes(report.byteCount)), in \(Figure.decimal(seconds)) s"
    text += ": \(rate) records/s, \(Figure.bytes(Int(Double(report.byteCount) / seconds)))/s"
    if !dryRun {
      text += "; \(Figure.count(report.acknowledgedCount)) acknowledged, "
      text += "\(Figure.count(report.failedCount)) failed"
      if report.unknownCount > 0 { text += ", \(Figure.count(report.unknownCount)) unknown" }
    }
    return [text + (report.isStoppedEarly ? " (stopped by a signal)" : "")]
  }
}
