import Base

/// One step in the life of an anomaly, as the pipeline's log tells it and its table has it.
struct AnomalyStep: Equatable, Sendable {
  enum State: String, Sendable {
    case opened, escalated, closed
  }

  var id: String
  /// Empty where it is about many devices.
  var device: String
  var metric: String?
  var detector: String
  var severity: String
  var state: State
  var eventMicros: Int64
  var value: Double?
  var expected: Double?
}

/// What the demonstration takes from one line of the pipeline's log.
enum PipelineLine: Equatable, Sendable {
  case step(AnomalyStep)
  /// Steps that are in the table but not in the log, which lists so many a commit.
  case furtherSteps(Int)
  case committed(version: Int64, records: Int64)
  case takenUp(partition: String, offset: Int64, fetchFrom: Int64)
  /// A line of level warning or above.
  case trouble(level: String, message: String)
  /// Text that is no log line: a complaint before logging began, or a crash.
  case text(String)
  case other

  private static let troubleLevels: Set<String> = ["warning", "error", "critical"]

  init(_ bytes: ArraySlice<UInt8>) {
    guard let line = try? JSONValue(parsing: bytes), let message = line["message"]?.stringValue
    else {
      self = .text(String(decoding: bytes, as: UTF8.self))
      return
    }
    self = Self.known(message, line) ?? Self.trouble(message, line) ?? .other
  }

  private static func known(_ message: String, _ line: JSONValue) -> PipelineLine? {
    func number(_ name: String) -> Int64? { line[name]?.stringValue.flatMap { Int64($0) } }
    switch message {
    case "committed":
      guard let version = number("version") else { return nil }
      let records = (number("records") ?? 0) + (number("dead") ?? 0)
      return .committed(version: version, records: records)
    case "partition taken up":
      guard let partition = line["partition"]?.stringValue, let offset = number("offset"),
        let fetchFrom = number("fetch_from")
      else { return nil }
      return .takenUp(partition: partition, offset: offset, fetchFrom: fetchFrom)
    case "more steps of anomalies than are listed here":
      return number("further").map { .furtherSteps(Int($0)) }
    default:
      return AnomalyStep(message, line).map { .step($0) }
    }
  }

  private static func trouble(_ message: String, _ line: JSONValue) -> PipelineLine? {
    guard let level = line["level"]?.stringValue, troubleLevels.contains(level) else { return nil }
    return .trouble(level: level, message: message)
  }
}

extension AnomalyStep {
  private static let prefix = "anomaly "

  /// Nil where the line tells of something else.
  fileprivate init?(_ message: String, _ line: JSONValue) {
    func text(_ name: String) -> String? { line[name]?.stringValue }
    guard message.hasPrefix(Self.prefix),
      let state = State(rawValue: String(message.dropFirst(Self.prefix.count))),
      let id = text("id"), let detector = text("detector"), let severity = text("severity"),
      let time = text("event_time"),
      let micros = TimeText(unit: nil, assumesUTC: false).micros(Array(time.utf8)[...])
    else { return nil }
    self.init(
      id: id, device: text("device") ?? "", metric: text("metric"), detector: detector,
      severity: severity, state: state, eventMicros: micros,
      value: text("value").flatMap { Double($0) },
      expected: text("expected").flatMap { Double($0) })
  }
}

/// Takes bytes as they come and gives whole lines.
struct LineSplitter {
  private var rest: [UInt8] = []

  /// The lines that are complete now, without their ends; empty ones are left out.
  mutating func lines(adding bytes: [UInt8]) -> [ArraySlice<UInt8>] {
    rest += bytes
    guard let end = rest.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
    let whole = rest[..<end]
    rest = Array(rest[(end + 1)...])
    return whole.split(separator: UInt8(ascii: "\n"))
  }
}
