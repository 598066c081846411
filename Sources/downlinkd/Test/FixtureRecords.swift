import Base
import Config
import Decode
import Pipeline
import Telemetry

/// Makes the records of a fixture's tests: finds the source of each topic, encodes its messages.
struct FixtureRecords {
  private let fixture: FixtureFile
  private let sources: [SourceOptions]
  private let types: [MessageType]
  private(set) var faults: [ConfigFault] = []

  /// The configuration has been checked: every source has its type.
  init(_ fixture: FixtureFile, _ configuration: Configuration, _ wiring: Wiring) {
    self.fixture = fixture
    sources = wiring.pipeline.sources
    types = configuration.sources.map { source in
      guard let catalogue = try? MessageCatalogue(source),
        let type = catalogue.type(named: source.message)
      else { preconditionFailure("a configuration that was wired has its message types") }
      return type
    }
  }

  /// The steps of a test; what is wrong goes to `faults`.
  mutating func steps(of test: FixtureFile.Test) -> [TrialStep] {
    var steps: [TrialStep] = []
    for step in test.steps {
      if case .advance(let micros) = step.content {
        steps.append(.advance(micros))
        continue
      }
      guard let (topic, source) = topic(of: step) else { continue }
      var record = TrialRecord(
        topicPartition: TopicPartition(topic: topic, partition: step.partition), payload: nil)
      record.key = step.key
      record.headers = step.headers.map { ($0.name, $0.value) }
      record.timestampMicros = step.timestamp?.micros
      record.hasAppendTime = step.timestamp?.isAppendTime ?? true
      switch step.content {
      case .advance: break
      case .raw(let bytes):
        record.payload = bytes
        append(record, of: step, source, to: &steps)
      case .message(let value):
        guard let payload = encode(value, source, at: "\(step.keyPath).message") else { continue }
        record.payload = payload
        append(record, of: step, source, to: &steps)
      case .csv(let file): append(rowsOf: file, like: record, step, source, to: &steps)
      }
    }
    return steps
  }

  private mutating func append(
    _ record: TrialRecord, of step: FixtureFile.Step, _ source: Int, to steps: inout [TrialStep]
  ) {
    if record.timestampMicros == nil, sources[source].plan.mapping.time.field == "$timestamp" {
      report(
        step.keyPath,
        "the source's time is $timestamp, and the record has none",
        suggestion: "give it one: timestamp: 2026-06-09T10:00:00Z")
      return
    }
    steps.append(.record(record))
  }

  private mutating func report(_ keyPath: String, _ message: String, suggestion: String? = nil) {
    faults.append(fixture.fault(at: keyPath, message, suggestion: suggestion))
  }

  private mutating func topic(of step: FixtureFile.Step) -> (String, Int)? {
    let topics = sources.flatMap(\.topics)
    guard let topic = step.topic ?? (topics.count == 1 ? topics[0] : nil) else {
      report(
        step.keyPath, "`topic` is missing; expected one of \(topics.joined(separator: ", "))",
        suggestion: "a test's own `topic` is that of all its records")
      return nil
    }
    if let source = sources.firstIndex(where: { $0.topics.contains(topic) }) {
      return (topic, source)
    }
    report(
      "\(step.keyPath).topic",
      "no source reads the topic \(PlainText.shown(topic)); expected one of "
        + topics.joined(separator: ", "),
      suggestion: Configuration.suggestion(for: topic, among: topics))
    return nil
  }

  // MARK: - Messages

  private mutating func encode(_ value: JSONValue, _ source: Int, at keyPath: String) -> [UInt8]? {
    do throws(MessageFault) {
      return try bytes(of: value, source)
    } catch {
      let own = error.path.isEmpty ? keyPath : "\(keyPath).\(error.path)"
      report(own, error.problem, suggestion: error.suggestion)
      return nil
    }
  }

  private func bytes(of value: JSONValue, _ source: Int) throws(MessageFault) -> [UInt8] {
    let mapping = sources[source].plan.mapping
    var value = value
    if let unit = mapping.time.unit, !mapping.time.field.hasPrefix("$") {
      let names = mapping.time.field.split(separator: ".").map(String.init)
      value = Self.countingTimes(in: value, at: names[...], types[source], unit)
    }
    let encoder = JSONMessageEncoder(types[source], takesPlainText: true)
    let message = try encoder.encode(value)
    switch mapping.envelope {
    case .none: return message
    // Schema 1, the file's first message: without a registry neither means anything.
    case .confluent: return [0, 0, 0, 0, 1, 0] + message
    }
  }

  /// The message with texts of RFC 3339 in the field of the event time made counts of its unit:
  /// nobody writes 1781000000000 by hand.
  private static func countingTimes(
    in value: JSONValue, at names: ArraySlice<String>, _ type: MessageType?,
    _ unit: MessageMapping.TimeUnit
  ) -> JSONValue {
    switch value {
    case .string(let text) where names.isEmpty:
      guard let instant = InstantText(text) else { return value }
      return .string(unit.count(instant))
    case .array(let elements):
      return .array(elements.map { countingTimes(in: $0, at: names, type, unit) })
    case .object(let members):
      guard let name = names.first else { return value }
      return .object(
        members.map { member in
          guard let field = type?.field(writtenAs: member.name), field.name == name else {
            return member
          }
          return JSONMember(
            member.name,
            countingTimes(in: member.value, at: names.dropFirst(), field.messageType, unit))
        })
    default: return value
    }
  }

  // MARK: - CSV

  private mutating func append(
    rowsOf file: String, like template: TrialRecord, _ step: FixtureFile.Step, _ source: Int,
    to steps: inout [TrialStep]
  ) {
    let keyPath = "\(step.keyPath).csv"
    do throws(ProduceError) {
      var rows = try FixtureCSV(file, types[source])
      while let row = try rows.next() {
        switch row {
        case .fault(let sentence): report(keyPath, "\(file):\(rows.line): \(sentence)")
        case .record(let value, let key, let headers, let timestamp):
          var record = template
          record.key = key ?? record.key
          record.headers += headers
          if let timestamp {
            record.timestampMicros = timestamp
            record.hasAppendTime = false
          }
          do throws(MessageFault) {
            record.payload = try bytes(of: value, source)
          } catch {
            report(
              keyPath, "\(file):\(rows.line): \(error.path): \(error.problem)",
              suggestion: error.suggestion)
            return
          }
          append(record, of: step, source, to: &steps)
        }
        // One is enough to mend a file by.
        if !faults.isEmpty { return }
      }
    } catch {
      report(keyPath, "\(error)")
    }
  }
}

extension MessageMapping.TimeUnit {
  /// A time as a count of units; digits beyond are cut off.
  fileprivate func count(_ instant: InstantText) -> String {
    switch self {
    case .seconds: "\(instant.seconds)"
    case .milliseconds: "\(instant.seconds * 1000 + Int64(instant.nanos) / 1_000_000)"
    case .microseconds: "\(instant.micros)"
    case .nanoseconds: "\(instant.seconds &* 1_000_000_000 &+ Int64(instant.nanos))"
    }
  }
}
