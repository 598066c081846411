/// An anomaly that is open, as the state has it.
///
/// Names of devices, and of metrics of narrow sources, come from records, in the evidence too:
/// whoever shows them must take them for hostile.
package struct OpenAnomaly: Equatable, Sendable {
  /// As in its rows.
  package var id: String
  /// Empty where it is about many devices.
  package var device: String
  /// Nil where it is about the device.
  package var metric: String?
  /// The detector's name.
  package var detector: String
  /// What the detector looks for; see `DetectorRule.name`.
  package var rule: String
  package var severity: AnomalyEvent.Severity
  /// Event time of the row that opened it, microseconds; in states of older programs since when it
  /// lasts.
  package var openedAt: Int64
  /// What was judged in its last step, and what it was held against; nil where there is none, or
  /// where the state is an older program's.
  package var value: Double?
  package var expected: Double?
  /// A JSON object: that of its rows as far as it is known by now.
  package var evidence: String
}

extension DetectorRule {
  /// `limits`, `silence`, or the kind of a statistical rule: `spike`, `jump`, `shift`.
  package var name: String {
    switch self {
    case .limits: "limits"
    case .silence: "silence"
    case .statistical(let rule): rule.kind.rawValue
    }
  }
}
