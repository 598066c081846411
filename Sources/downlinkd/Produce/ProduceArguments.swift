import ArgumentParser
import Base

/// `name=value`, as in `-X linger.ms=5`.
struct NamedValue: ExpressibleByArgument, Equatable, Sendable {
  let name: String
  let value: String

  init?(argument: String) {
    guard let sign = argument.firstIndex(of: "="), sign != argument.startIndex else { return nil }
    name = String(argument[..<sign])
    value = String(argument[argument.index(after: sign)...])
  }
}

/// `column` or `column=name`.
struct MetricArgument: ExpressibleByArgument, Equatable, Sendable {
  let metric: CSVOptions.Metric

  /// The last `=` divides, because columns of exports may hold one.
  init?(argument: String) {
    guard let sign = argument.lastIndex(of: "=") else {
      metric = CSVOptions.Metric(column: argument, name: argument)
      return
    }
    let name = String(argument[argument.index(after: sign)...])
    guard sign != argument.startIndex, !name.isEmpty else { return nil }
    metric = CSVOptions.Metric(column: String(argument[..<sign]), name: name)
  }
}

/// One byte between fields: a character, or `tab`.
struct DelimiterArgument: ExpressibleByArgument, Equatable, Sendable {
  let byte: UInt8

  init(byte: UInt8) { self.byte = byte }

  init?(argument: String) {
    let named = ["tab": UInt8(0x09), "\\t": 0x09][argument]
    guard let byte = named ?? (argument.utf8.count == 1 ? argument.utf8.first : nil),
      byte != UInt8(ascii: "\""), byte != 0x0A, byte != 0x0D
    else { return nil }
    self.byte = byte
  }

  var defaultValueDescription: String { String(decoding: [byte], as: UTF8.self) }
}

/// An instant: ISO 8601 with offset, or `now`.
struct InstantArgument: ExpressibleByArgument, Equatable, Sendable {
  let micros: Int64

  init(micros: Int64) { self.micros = micros }

  init?(argument: String) {
    if argument == "now" {
      micros = WallClock.nowMicros()
      return
    }
    let bytes = Array(argument.utf8)
    guard let micros = TimeText(unit: nil, assumesUTC: false).micros(bytes[...]), micros >= 0 else {
      return nil
    }
    self.micros = micros
  }

  var defaultValueDescription: String { Timestamp.text(micros: micros) }
}

enum KafkaTimestamps: String, CaseIterable, ExpressibleByArgument, Sendable { case now, event }
enum RecordPer: String, CaseIterable, ExpressibleByArgument, Sendable {
  case deviceDay = "device-day"
  case row, file
}
extension CSVOptions.MessageForm: ExpressibleByArgument {}

/// The options that say what rows of text mean.
struct CSVArguments: ParsableArguments {
  @Option(
    name: .long, parsing: .singleValue,
    help: "A file of rows, repeatable: .csv, .csv.zst, .csv.gz.")
  var csv: [String] = []

  @Option(name: .long, help: "What divides fields: one character, or `tab`.")
  var delimiter = DelimiterArgument(byte: UInt8(ascii: ","))

  @Option(name: .long, help: "Column of the device's id.")
  var deviceColumn: String?

  @Option(name: .long, help: "Column of the event time: ISO 8601 with offset, or --time-unit.")
  var timeColumn: String?

  @Option(name: .long, help: "The time is a count since 1970 UTC in this unit (s, ms, us, ns).")
  var timeUnit: TimeUnit?

  @Flag(name: .long, help: "A time without offset is UTC; else its row is left out.")
  var assumeUtc = false

  @Option(
    name: .long, parsing: .singleValue,
    help: .init(
      "A column of values, repeatable. Without it: every other column of numbers.",
      valueName: "column[=name]"))
  var metric: [MetricArgument] = []

  @Option(
    name: .long, parsing: .singleValue,
    help: .init("A column of an attribute, repeatable.", valueName: "column=region|firmware|model"))
  var attribute: [NamedValue] = []

  @Option(
    name: .long, parsing: .singleValue,
    help: .init(
      "An attribute of every device, repeatable.", valueName: "region|firmware|model=word"))
  var set: [NamedValue] = []

  @Option(name: .long, help: "TelemetryBatch (batch) or DeviceTelemetry (wide).")
  var message = CSVOptions.MessageForm.batch

  @Option(name: .long, help: "Rows of a device that make a record.")
  var rowsPerRecord: Int?

  @Option(
    name: .long,
    help: "One record a device and UTC day (device-day), a row, or a device and file (file).")
  var recordPer: RecordPer?

  /// Everything checked that can be without looking into the files.
  func options() throws -> CSVOptions {
    guard let deviceColumn else { throw ValidationError("--csv needs --device-column") }
    guard let timeColumn else { throw ValidationError("--csv needs --time-column") }
    var options = CSVOptions(files: csv, deviceColumn: deviceColumn, timeColumn: timeColumn)
    options.delimiter = delimiter.byte
    options.time = TimeText(unit: timeUnit, assumesUTC: assumeUtc)
    options.metrics = metric.map(\.metric)
    options.form = message
    options.rule = try rule()
    for pair in attribute {
      options.attributeColumns.append((pair.name, try attribute(named: pair.value, "--attribute")))
    }
    for pair in set {
      options.fixedAttributes.append((try attribute(named: pair.name, "--set"), pair.value))
    }
    for (index, metric) in options.metrics.enumerated()
    where options.metrics[..<index].contains(where: { $0.name == metric.name }) {
      throw ValidationError("two columns are to be the metric `\(metric.name)`")
    }
    return options
  }

  private func rule() throws -> CSVOptions.RecordRule {
    if rowsPerRecord != nil, recordPer != nil {
      throw ValidationError("--rows-per-record and --record-per exclude each other")
    }
    let rule: CSVOptions.RecordRule
    switch recordPer {
    case .deviceDay: rule = .deviceDay
    case .file: rule = .file
    case .row, nil: rule = .rows(rowsPerRecord ?? 1)
    }
    if case .rows(let count) = rule, count < 1 {
      throw ValidationError("--rows-per-record must be at least 1")
    }
    if message == .wide, rule != .rows(1) {
      throw ValidationError("with --message wide every row is a record")
    }
    return rule
  }

  private func attribute(named name: String, _ option: String) throws -> CSVOptions.Attribute {
    guard let attribute = CSVOptions.Attribute(rawValue: name) else {
      throw ValidationError("\(option): `\(name)` is none of region, firmware, model")
    }
    if attribute == .model, message == .wide {
      throw ValidationError("\(option): a DeviceTelemetry has no model")
    }
    return attribute
  }
}

/// The options of the made-up fleet.
struct FleetArguments: ParsableArguments {
  @Option(name: .long, help: "Make up a fleet of so many satellites with ten metrics each.")
  var fleet: Int?

  @Option(name: .long, help: "How often each satellite reports.")
  var period = DurationArgument(micros: 1_000_000)

  @Option(name: .long, help: "Event time to cover, in seconds.")
  var seconds: Double?

  @Option(name: .long, help: "Event time of the first record: ISO 8601 with offset, or `now`.")
  var startTime = InstantArgument(micros: 1_767_225_600_000_000)

  @Option(name: .long, help: "The same seed makes the same records.")
  var seed: UInt64 = 1

  @Option(name: .long, help: "Share of the records that are sent late, 0 to 1.")
  var lateShare = 0.0

  @Option(name: .long, help: "How late, in event time.")
  var lateBy = DurationArgument(micros: 600_000_000)

  @Option(name: .long, help: "Share of bad records, 0 to 1: null, cut short, random bytes.")
  var badShare = 0.0

  func options(deviceCount: Int) throws -> FleetOptions {
    guard (1...10_000_000).contains(deviceCount) else {
      throw ValidationError("--fleet must be from 1 to 10000000")
    }
    guard period.micros >= 1000 else {
      throw ValidationError("--period must be at least 1ms: the message counts milliseconds")
    }
    for (name, share) in [("--late-share", lateShare), ("--bad-share", badShare)]
    where !(0...1).contains(share) {
      throw ValidationError("\(name) must be from 0 to 1")
    }
    if let seconds, !(seconds > 0 && seconds < 3.2e9) {
      throw ValidationError("--seconds must be above 0, and below a century")
    }
    var options = FleetOptions(
      deviceCount: deviceCount, startMicros: startTime.micros / 1000 * 1000)
    options.periodMicros = period.micros
    options.lengthMicros = seconds.map { Int64(($0 * 1e6).rounded()) }
    options.seed = seed
    options.lateShare = lateShare
    options.lateByMicros = lateBy.micros
    options.badShare = badShare
    return options
  }
}
