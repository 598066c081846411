import Base
import Pipeline

/// What is kept of a queue over restarts: how far the table has been told, and what fires.
///
///     {"format":1,"ledger":"…","delivered":42,"firing":[{"id":"…","severity":"warning",…}]}
struct AlertMemory: Equatable, Sendable {
  static let currentFormat: Int64 = 1

  /// The ledger's id; empty where there was none yet. Another one's table has other versions.
  var ledgerID: String
  /// Of the table's log: everything up to it has been told, refused or left out.
  var delivered: Int64
  var firing: [Firing] = []

  /// By id, so that the same memory has the same text.
  var json: JSONValue {
    .object([
      JSONMember("format", .int(Self.currentFormat)), JSONMember("ledger", .string(ledgerID)),
      JSONMember("delivered", .int(delivered)),
      JSONMember("firing", .array(firing.sorted { $0.step.id < $1.step.id }.map(\.json))),
    ])
  }

  init(ledgerID: String, delivered: Int64, firing: [Firing] = []) {
    self.ledgerID = ledgerID
    self.delivered = delivered
    self.firing = firing
  }

  /// Nil for what is no memory of this format.
  init?(parsing bytes: [UInt8]) {
    guard let json = try? JSONValue(parsing: bytes),
      json["format"]?.int64Value == Self.currentFormat,
      let ledger = json["ledger"]?.stringValue, let delivered = json["delivered"]?.int64Value,
      let list = json["firing"]?.arrayValue
    else { return nil }
    let firing = list.compactMap { Firing($0) }
    guard firing.count == list.count else { return nil }
    self.init(ledgerID: ledger, delivered: delivered, firing: firing)
  }
}

extension Firing {
  fileprivate var json: JSONValue {
    func number(_ value: Double?) -> JSONValue { value.flatMap { .double($0) } ?? .null }
    return .object([
      JSONMember("id", .string(step.id)), JSONMember("source", .string(step.source)),
      JSONMember("device", .optional(step.device)), JSONMember("metric", .optional(step.metric)),
      JSONMember("detector", .string(step.detector)),
      JSONMember("severity", .string(step.severity)), JSONMember("state", .string(step.state)),
      JSONMember("event_time", .int(step.eventTimeMicros)),
      JSONMember("value", number(step.value)), JSONMember("expected", number(step.expected)),
      JSONMember("evidence", .string(step.evidence)), JSONMember("topic", .string(step.topic)),
      JSONMember("partition", .int(step.partition)), JSONMember("offset", .int(step.offset)),
      JSONMember("start", .int(startMicros)),
      JSONMember("closed_version", closedVersion.map { .int($0) } ?? .null),
    ])
  }

  fileprivate init?(_ json: JSONValue) {
    func text(_ name: String) -> String? { json[name]?.stringValue }
    func number(_ name: String) -> Int64? { json[name]?.int64Value }
    guard let id = text("id"), let source = text("source"), let detector = text("detector"),
      let severity = text("severity"), let state = text("state"), let evidence = text("evidence"),
      let topic = text("topic"), let time = number("event_time"),
      let partition = number("partition"), let offset = number("offset"),
      let start = number("start")
    else { return nil }
    let step = AnomalyStep(
      id: id, source: source, device: text("device"), metric: text("metric"), detector: detector,
      severity: severity, state: state, eventTimeMicros: time, value: json["value"]?.doubleValue,
      expected: json["expected"]?.doubleValue, evidence: evidence, topic: topic,
      partition: partition, offset: offset)
    self.init(
      step: step, startMicros: start, closedVersion: number("closed_version"), toldNanos: nil)
  }
}

extension AlertQueue {
  /// What is to be kept of it. Cost: what fires.
  func memory(ledgerID: String) -> AlertMemory {
    AlertMemory(ledgerID: ledgerID, delivered: delivered, firing: Array(firing.values))
  }
}
