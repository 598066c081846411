import Base

/// A step of an anomaly in one line, for people.
///
///     07-21 14:31  escalated  critical  sat-00017  bus_power_w 498.2 against 431 (bus-power-shift)
enum StepText {
  static func line(_ step: AnomalyStep) -> String {
    [
      time(step.eventMicros), padded(step.state.rawValue, 9), padded(step.severity, 8),
      step.device.isEmpty ? "many satellites" : step.device,
      what(step) + "(\(step.detector))",
    ].joined(separator: "  ")
  }

  /// The metric with its value; for a silence, which has none, how long it has lasted.
  private static func what(_ step: AnomalyStep) -> String {
    guard let value = step.value else { return step.metric.map { $0 + " " } ?? "" }
    guard let metric = step.metric else {
      return step.device.isEmpty ? number(value) + " " : "for \(span(seconds: value)) "
    }
    let expected = step.expected.map { " against \(number($0))" } ?? ""
    return "\(metric) \(number(value))\(expected) "
  }

  private static func span(seconds: Double) -> String {
    span(Int64(max(0, min(seconds, 1e12)) * 1e6))
  }

  /// `07-21 14:31`, UTC.
  static func time(_ micros: Int64) -> String {
    let text = Timestamp.text(micros: micros)
    return text.dropFirst(5).prefix(5) + " " + text.dropFirst(11).prefix(5)
  }

  /// `3 h 20 min`, `8 min`.
  static func span(_ micros: Int64) -> String {
    let minutes = micros / DemoPlan.minute
    if minutes < 60 { return "\(minutes) min" }
    return minutes % 60 == 0 ? "\(minutes / 60) h" : "\(minutes / 60) h \(minutes % 60) min"
  }

  /// Three decimals at most, and none that say nothing.
  static func number(_ value: Double) -> String {
    guard abs(value) < 1e12 else { return "\(value)" }
    let scaled = (abs(value) * 1000).rounded()
    let whole = Int(scaled) / 1000
    var digits = String(Int(scaled) % 1000 + 1000).dropFirst()
    while digits.last == "0" { digits.removeLast() }
    return (value < 0 && scaled > 0 ? "-" : "") + "\(whole)" + (digits.isEmpty ? "" : ".\(digits)")
  }

  static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
