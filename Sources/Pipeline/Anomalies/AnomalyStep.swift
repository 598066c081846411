/// One step in the life of an anomaly as the table `anomalies` has it: a row, read back.
package struct AnomalyStep: Equatable, Sendable {
  /// The anomaly's, the same in all its steps.
  package var id: String
  package var source: String
  /// Nil where it is about many devices.
  package var device: String?
  /// Nil where it is about the device.
  package var metric: String?
  package var detector: String
  /// `warning` or `critical`.
  package var severity: String
  /// `opened`, `escalated` or `closed`.
  package var state: String
  /// UTC microseconds, as the column has them.
  package var eventTimeMicros: Int64
  package var value: Double?
  package var expected: Double?
  /// A JSON object.
  package var evidence: String
  /// Where the record that brought it about lies.
  package var topic: String
  package var partition: Int64
  package var offset: Int64

  package init(
    id: String, source: String, device: String?, metric: String?, detector: String,
    severity: String, state: String, eventTimeMicros: Int64, value: Double?, expected: Double?,
    evidence: String, topic: String, partition: Int64, offset: Int64
  ) {
    self.id = id
    self.source = source
    self.device = device
    self.metric = metric
    self.detector = detector
    self.severity = severity
    self.state = state
    self.eventTimeMicros = eventTimeMicros
    self.value = value
    self.expected = expected
    self.evidence = evidence
    self.topic = topic
    self.partition = partition
    self.offset = offset
  }

  /// Whether it comes before another of the same commit: in one partition by offset, and of one
  /// record in the order in which lives go. Files have rows in another order.
  func precedes(_ other: AnomalyStep) -> Bool {
    (topic, partition, offset, place) < (other.topic, other.partition, other.offset, other.place)
  }

  private var place: Int {
    switch state {
    case "opened": 0
    case "escalated": 1
    default: 2
    }
  }
}
