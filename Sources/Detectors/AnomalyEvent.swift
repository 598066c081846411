/// One step in the life of an anomaly: a row of the table `anomalies`.
package struct AnomalyEvent: Equatable, Sendable {
  /// How bad it is.
  package enum Severity: UInt8, Comparable, Sendable {
    case warning = 1
    case critical = 2

    /// As in the column `severity`.
    package var text: String { self == .warning ? "warning" : "critical" }

    package static func < (left: Severity, right: Severity) -> Bool {
      left.rawValue < right.rawValue
    }
  }

  /// What happened to it.
  package enum State: String, Sendable {
    case opened
    /// From warning to critical.
    case escalated
    case closed
  }

  /// Hash of (source, topic, incarnation, partition, device, metric, detector, opening offset,
  /// row), 16 hexadecimal digits: the same on every replay, and in every row of one anomaly.
  package var id: String
  /// Index into `Vocabulary.devices`; `WordTable.none` where it is about many devices.
  package var device: UInt32
  /// The device's last known attributes, one word each; `WordTable.none` where unknown.
  package var attributes: [UInt32]
  /// Nil where it is about the device and not one metric.
  package var metric: String?
  /// The detector's name.
  package var detector: String
  package var severity: Severity
  package var state: State
  /// Event time of what was judged, microseconds: the reading, the bucket's start, the last record
  /// of a device that is silent.
  package var eventTime: Int64
  /// What was judged; nil where there is no number.
  package var value: Double?
  /// What would have been usual, or the bound that was crossed.
  package var expected: Double?
  /// How unusual, in the detector's own scale (docs/DETECTORS.md).
  package var score: Double?
  /// The score, or bound, from which it counts.
  package var threshold: Double?
  /// A JSON object that explains the finding to a person.
  package var evidence: String
  /// The record that brought it about.
  package var offset: Int64

  package init(
    id: String, device: UInt32, attributes: [UInt32], metric: String?, detector: String,
    severity: Severity, state: State, eventTime: Int64, value: Double?, expected: Double?,
    score: Double?, threshold: Double?, evidence: String, offset: Int64
  ) {
    self.id = id
    self.device = device
    self.attributes = attributes
    self.metric = metric
    self.detector = detector
    self.severity = severity
    self.state = state
    self.eventTime = eventTime
    self.value = value
    self.expected = expected
    self.score = score
    self.threshold = threshold
    self.evidence = evidence
    self.offset = offset
  }

  /// Bytes it holds, near enough for the memory bound.
  package var byteCount: Int { 240 + evidence.utf8.count + attributes.count * 4 }
}
