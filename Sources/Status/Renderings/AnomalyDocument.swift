import Base
import Pipeline
import TableReading

/// `/anomalies/<id>`: an open anomaly and the windows of its series around it, as one JSON object.
///
/// The keys are documented in docs/METRICS.md and only ever added to.
enum AnomalyDocument {
  static func value(
    _ anomaly: PipelineStatus.OpenAnomaly, _ answer: WindowHistory.Answer?
  ) -> JSONValue {
    var members = StatusDocument.detail(anomaly).members ?? []
    members.append(JSONMember("windows", windows(answer)))
    return .object(members)
  }

  private static func windows(_ answer: WindowHistory.Answer?) -> JSONValue {
    guard let answer else { return .null }
    return [
      "window_name": .optional(answer.windowName), "complete": .bool(answer.isComplete),
      "reason": .optional(answer.reason),
      "points": .array(
        answer.points.map { point in
          [
            "window_start": .string(Timestamp.text(micros: point.startMicros)),
            "window_end": .string(Timestamp.text(micros: point.endMicros)),
            "mean": number(point.mean), "min": number(point.min), "max": number(point.max),
          ]
        }),
    ]
  }

  private static func number(_ value: Double?) -> JSONValue {
    value.flatMap { JSONValue.double($0) } ?? .null
  }
}
