import Base
import Pipeline

/// The texts of an alert that both formats share.
extension Alert {
  /// What every alert of ours is called.
  static let name = "DownlinkAnomaly"

  /// By name; what a receiver knows the alert by. A label without a value is none, so it is left
  /// out. What is about many devices is told apart by its partition.
  func labels(pipeline: String) -> [JSONMember] {
    var labels = [
      JSONMember("alertname", .string(Self.name)),
      JSONMember("detector", .string(step.detector)),
    ]
    if let device = step.device, !device.isEmpty {
      labels.append(JSONMember("device", .string(device)))
    } else {
      labels.append(JSONMember("kafka_partition", .string("\(step.topic)/\(step.partition)")))
    }
    if let metric = step.metric, !metric.isEmpty {
      labels.append(JSONMember("metric", .string(metric)))
    }
    labels += [
      JSONMember("pipeline", .string(pipeline)), JSONMember("severity", .string(severity)),
      JSONMember("source", .string(step.source)),
    ]
    return labels
  }

  /// By name.
  var annotations: [JSONMember] {
    var annotations = [
      JSONMember("anomaly_id", .string(step.id)), JSONMember("evidence", .string(step.evidence)),
      JSONMember("event_time", .string(Timestamp.text(micros: step.eventTimeMicros))),
    ]
    if let expected = step.expected {
      annotations.append(JSONMember("expected", .string(Self.text(expected))))
    }
    annotations += [
      JSONMember("state", .string(step.state)), JSONMember("summary", .string(sentence)),
    ]
    if let value = step.value {
      annotations.append(JSONMember("value", .string(Self.text(value))))
    }
    return annotations
  }

  /// `battery_v of sat-7: 3.1 instead of 4.2, warning by voltage-jump`
  var sentence: String {
    let device = step.device.map { PlainText.shown($0) } ?? "many devices"
    var subject = device
    if let metric = step.metric { subject = "\(PlainText.shown(metric)) of \(device)" }
    if step.device == nil { subject += " of \(step.source), \(step.topic)/\(step.partition)" }
    guard isFiring else {
      let what = step.state == "closed" ? "over" : "no longer \(severity) but \(step.severity)"
      return "\(subject): \(what), by \(step.detector)"
    }
    let numbers =
      switch (step.value, step.expected) {
      case (let value?, let expected?):
        "\(Self.text(value)) instead of \(Self.text(expected)), "
      case (let value?, nil): "\(Self.text(value)), "
      default: ""
      }
    return "\(subject): \(numbers)\(severity) by \(step.detector)"
  }

  /// The anomaly's place on the page, while it is open.
  func link(pageURL: String?) -> String? { pageURL.map { "\($0)/#a-\(step.id)" } }

  /// `45`, not `45.0`.
  private static func text(_ number: Double) -> String {
    if let whole = Int64(exactly: number), whole.magnitude < 1 << 53 { return "\(whole)" }
    return "\(number)"
  }
}

/// How Alertmanager names an alert: 64-bit FNV-1a over its labels in order, each name and value
/// with a byte 255 behind it (prometheus/common, `model.LabelSet.Fingerprint`).
enum AlertFingerprint {
  /// Sixteen hexadecimal digits.
  /// - Parameter labels: ascending by name.
  static func text(_ labels: [JSONMember]) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func take(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    for label in labels {
      for byte in label.name.utf8 { take(byte) }
      take(255)
      for byte in (label.value.stringValue ?? "").utf8 { take(byte) }
      take(255)
    }
    return RandomID.hex(hash)
  }
}
