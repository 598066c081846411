import Base
import Telemetry

/// One step of an anomaly, before its indexes are turned into words.
struct Finding {
  /// `WordTable.none` where it is about many devices.
  var device: UInt32
  /// Schema column or vocabulary index; nil where it is about the device.
  var metric: UInt32?
  var definition: Int
  var severity: AnomalyEvent.Severity
  var state: AnomalyEvent.State
  var eventTime: Int64
  var value: Double?
  var expected: Double?
  var score: Double?
  var threshold: Double?
  var evidence: JSONValue
  var offset: Int64
  var id: UInt64
}

// The life of an anomaly: ids, the cap, rows.
extension PartitionDetectors {
  // MARK: - Words

  // Restored state may name a word that the vocabulary it is used with does not have, if its bytes
  // were damaged in a way no checksum saw. That must show in a row, not end the process.
  private func word(_ index: UInt32, in table: borrowing WordTable) -> [UInt8] {
    Int(index) < table.count ? Array(table.bytes(of: index)) : []
  }

  func deviceWord(_ device: UInt32, _ vocabulary: borrowing Vocabulary) -> [UInt8] {
    word(device, in: vocabulary.devices)
  }

  func metricWord(_ metric: UInt32, _ vocabulary: borrowing Vocabulary) -> [UInt8] {
    if set.schema.isNarrow { return word(metric, in: vocabulary.metrics) }
    return Array(set.schema.metrics[Int(metric)].name.utf8)
  }

  func attributeWord(
    _ index: UInt32, column: Int, _ vocabulary: borrowing Vocabulary
  ) -> [UInt8] {
    word(index, in: vocabulary.attributes[column])
  }

  // MARK: - Ids

  /// The id of an anomaly that opens now. `row`: see `AnomalySubject`.
  func id(
    _ kind: AnomalySubject.Kind, of finding: Finding, row: Int64,
    _ vocabulary: borrowing Vocabulary
  ) -> UInt64 {
    let device = finding.device == WordTable.none
      ? nil : deviceWord(finding.device, vocabulary)
    var metric: [UInt8]?
    if let index = finding.metric { metric = metricWord(index, vocabulary) }
    let subject = AnomalySubject(
      kind: kind, device: device, metric: metric,
      detector: set.definitions[finding.definition].name, offset: finding.offset, row: row)
    return origin.id(of: subject, source: set.schema.source)
  }

  // MARK: - The cap

  /// Whether no further anomaly of a definition may open.
  func isAtCap(_ definition: Int) -> Bool {
    states[definition].openCount >= set.definitions[definition].openCountMax
  }

  /// Opens an anomaly, with the id it returns, unless the cap is reached: then the refusal is
  /// counted as `refusedCount`, and the first one opens the anomaly that says so.
  mutating func open(
    _ finding: Finding, kind: AnomalySubject.Kind = .finding, row: Int64, refusedCount: Int = 1,
    _ vocabulary: borrowing Vocabulary, _ events: inout [AnomalyEvent]
  ) -> UInt64? {
    if isAtCap(finding.definition) {
      refuse(finding, row: row, refusedCount: refusedCount, vocabulary, &events)
      return nil
    }
    var opened = finding
    opened.id = id(kind, of: finding, row: row, vocabulary)
    states[finding.definition].count(finding.severity, 1)
    emit(opened, vocabulary, &events)
    return opened.id
  }

  private mutating func refuse(
    _ finding: Finding, row: Int64, refusedCount: Int, _ vocabulary: borrowing Vocabulary,
    _ events: inout [AnomalyEvent]
  ) {
    let definition = finding.definition
    counts.refused += Int64(refusedCount)
    if states[definition].cap == nil {
      let cap = DefinitionState.Cap(
        id: id(.cap, of: finding, row: row, vocabulary), openingOffset: finding.offset,
        eventTime: finding.eventTime, refusedCount: 0)
      states[definition].cap = cap
      emitCap(
        cap, definition, .opened, eventTime: finding.eventTime, offset: finding.offset,
        ending: nil, vocabulary, &events)
    }
    states[definition].cap?.refusedCount += Int64(refusedCount)
  }

  /// Says that an open anomaly became critical.
  mutating func escalate(
    _ finding: Finding, _ vocabulary: borrowing Vocabulary, _ events: inout [AnomalyEvent]
  ) {
    states[finding.definition].count(.warning, -1)
    states[finding.definition].count(.critical, 1)
    emit(finding, vocabulary, &events)
  }

  /// Closes an anomaly, and that of the cap if it is relieved.
  mutating func close(
    _ finding: Finding, _ vocabulary: borrowing Vocabulary, _ events: inout [AnomalyEvent]
  ) {
    states[finding.definition].count(finding.severity, -1)
    emit(finding, vocabulary, &events)
    relieveCap(
      finding.definition, eventTime: finding.eventTime, offset: finding.offset, vocabulary, &events)
  }

  /// Closes the anomaly of the cap if so few are open again.
  mutating func relieveCap(
    _ definition: Int, eventTime: Int64, offset: Int64, _ vocabulary: borrowing Vocabulary,
    _ events: inout [AnomalyEvent]
  ) {
    let openCountMax = set.definitions[definition].openCountMax
    guard let cap = states[definition].cap,
      states[definition].isRelieved(openCountMax: openCountMax)
    else { return }
    states[definition].cap = nil
    emitCap(
      cap, definition, .closed, eventTime: eventTime, offset: offset,
      ending: "fewer than 90 % of the cap are open", vocabulary, &events)
  }

  mutating func emitCap(
    _ cap: DefinitionState.Cap, _ definition: Int, _ state: AnomalyEvent.State, eventTime: Int64,
    offset: Int64, ending: String?, _ vocabulary: borrowing Vocabulary,
    _ events: inout [AnomalyEvent]
  ) {
    let openCount = states[definition].openCount
    let openCountMax = set.definitions[definition].openCountMax
    var evidence = Self.capEvidence(openCount: openCount, openCountMax: openCountMax)
    if let ending {
      evidence.append(JSONMember("refused", .int(cap.refusedCount)))
      evidence.append(JSONMember("ended", .string(ending)))
    }
    emit(
      Finding(
        device: WordTable.none, metric: nil, definition: definition, severity: .warning,
        state: state, eventTime: eventTime, value: Double(openCount), expected: nil, score: nil,
        threshold: Double(openCountMax), evidence: .object(evidence), offset: offset, id: cap.id),
      vocabulary, &events)
  }

  static func capEvidence(openCount: Int, openCountMax: Int) -> [JSONMember] {
    [
      JSONMember("kind", "cap"), JSONMember("open", .int(openCount)),
      JSONMember("open_max", .int(openCountMax)),
    ]
  }

  // MARK: - Rows

  /// Appends the row of a step.
  mutating func emit(
    _ finding: Finding, _ vocabulary: borrowing Vocabulary, _ events: inout [AnomalyEvent]
  ) {
    stepCount &+= 1
    switch finding.state {
    case .opened: counts.opened += 1
    case .escalated: counts.escalated += 1
    case .closed: counts.closed += 1
    }
    let width = set.schema.attributes.count
    var words = Array(repeating: WordTable.none, count: width)
    if finding.device != WordTable.none {
      let first = Int(finding.device) * width
      words = Array(attributes[first..<first + width])
    }
    var metric: String?
    if let index = finding.metric {
      metric = String(decoding: metricWord(index, vocabulary), as: UTF8.self)
    }
    events.append(
      AnomalyEvent(
        id: RandomID.hex(finding.id), device: finding.device, attributes: words, metric: metric,
        detector: set.definitions[finding.definition].name, severity: finding.severity,
        state: finding.state, eventTime: finding.eventTime, value: finding.value?.ifFinite,
        expected: finding.expected?.ifFinite, score: finding.score?.ifFinite,
        threshold: finding.threshold?.ifFinite, evidence: finding.evidence.text,
        offset: finding.offset))
  }
}

extension Double {
  /// Nil for NaN and infinities, which no row carries.
  var ifFinite: Double? { isFinite ? self : nil }
}

extension JSONValue {
  /// A number, or null where it is not finite.
  static func number(_ value: Double) -> JSONValue { .double(value) ?? .null }

  /// A time as ISO 8601 text, or null where there is none.
  static func time(_ micros: Int64) -> JSONValue {
    micros == EventTime.none ? .null : .string(Timestamp.text(micros: micros))
  }
}
