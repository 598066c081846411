import Base
import Pipeline

/// An anomaly that is open, as the page shows it.
struct OpenAnomaly: Sendable {
  var id: String
  var source: String
  /// Empty where it is about many devices.
  var device: String
  var metric: String?
  var detector: String
  /// `warning` or `critical`.
  var severity: String
  /// Event time; of the newest step known where the opening one is not.
  var openedAtMicros: Int64
  var value: Double?
  var expected: Double?
  /// Nothing where the text is no object.
  var evidence: [JSONMember]

  /// Of the evidence: `limits`, `spike`, `silence`, `silence_summary`, …
  var kind: String { evidence.first { $0.name == "kind" }?.value.stringValue ?? "" }

  var isSilence: Bool { kind.hasPrefix("silence") }

  var isCritical: Bool { severity == "critical" }

  /// Worst first, the newest first among equals; the id makes it the same every time.
  static func precedes(_ left: OpenAnomaly, _ right: OpenAnomaly) -> Bool {
    if left.isCritical != right.isCritical { return left.isCritical }
    if left.openedAtMicros != right.openedAtMicros {
      return left.openedAtMicros > right.openedAtMicros
    }
    return left.id < right.id
  }
}

extension OpenAnomaly {
  init(_ note: PipelineStatus.AnomalyNote) {
    self.init(
      id: note.id, source: note.source, device: note.device, metric: note.metric,
      detector: note.detector, severity: note.severity, openedAtMicros: note.eventTimeMicros,
      value: note.value, expected: note.expected,
      evidence: (try? JSONValue(parsing: Array(note.evidence.utf8)))?.members ?? [])
  }

  /// Those that the newest steps leave open, worst first.
  static func open(after steps: [PipelineStatus.AnomalyNote]) -> [OpenAnomaly] {
    var open: [String: OpenAnomaly] = [:]
    for step in steps {
      if step.state == "closed" {
        open[step.id] = nil
      } else {
        var anomaly = OpenAnomaly(step)
        if let before = open[step.id] { anomaly.openedAtMicros = before.openedAtMicros }
        open[step.id] = anomaly
      }
    }
    return open.values.sorted(by: precedes)
  }
}
