import Base
import HTTPClient
import Pipeline

@testable import Alerts

/// A step; event time and offset follow from `at`.
func step(
  _ id: String, _ state: String, _ severity: String = "warning", at seconds: Int64 = 100,
  device: String? = "sat-7", metric: String? = "battery_v", detector: String = "low-battery"
) -> AnomalyStep {
  AnomalyStep(
    id: id, source: "telemetry", device: device, metric: metric, detector: detector,
    severity: severity, state: state, eventTimeMicros: seconds * 1_000_000, value: 3.1,
    expected: 4, evidence: "{\"kind\":\"limits\"}", topic: "fleet", partition: 3, offset: seconds)
}

func commit(
  _ version: Int64, at seconds: Int64 = 0, _ steps: AnomalyStep...
) -> AnomalySteps.Commit {
  .init(version: version, atMicros: seconds * 1_000_000, steps: steps, lostCount: 0)
}

func options(
  resendMillis: Int? = nil, _ change: (inout WebhookOptions) -> Void = { _ in }
) -> WebhookOptions {
  var options = WebhookOptions(
    name: "ops", format: .alertmanager, url: "http://127.0.0.1:1/api/v2/alerts",
    http: HTTPOptions(timeoutMillis: 1000, answerByteCountMax: 1000))
  options.resendMillis = resendMillis
  change(&options)
  return options
}

extension AlertQueue {
  /// Sends everything that can go out now; what was told, batch by batch.
  mutating func sendAll(_ verdict: Verdict = .accepted, nowNanos: Int64 = 0) -> [[String]] {
    var told: [[String]] = []
    while true {
      let batch = nextBatch(nowNanos: nowNanos)
      if batch.isEmpty { return told }
      told.append(batch.alerts.map(\.text))
      settle(batch, verdict, nowNanos: nowNanos)
    }
  }
}

extension Alert {
  /// `a opened warning firing`
  var text: String {
    "\(step.id) \(step.state) \(severity) \(isFiring ? "firing" : "resolved")"
  }
}
