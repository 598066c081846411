import Base
import Config
import Detectors
import Glibc
import Telemetry

/// What one detector comes to on one source, as `check` prints it: what it watches, its values
/// after defaults, and for a statistical one the threshold and the budget.
struct DetectorSummary {
  let definition: DetectorDefinition
  let schema: ReadingSchema
  /// Devices of the source.
  let deviceCount: Int
  /// Metrics of each device of a narrow source, whose rows alone name them.
  let narrowMetricCount: Int

  /// The first line names the detector; the others go below it.
  var lines: [String] {
    switch definition.rule {
    case .limits(let rule): return [head("limits on \(watched)"), Self.text(rule) + cap]
    case .silence(let rule):
      let after = Configuration.text(durationMicros: rule.afterMicros)
      return [head("silence of a device"), "after \(after) by the partition's clock" + cap]
    case .statistical(let rule):
      return [head("\(rule.kind.rawValue) on \(watched)"), Self.text(rule) + cap, budget(rule)]
    }
  }

  private func head(_ what: String) -> String { "\(definition.name): \(what)" }

  private var cap: String { "; at most \(definition.openCountMax) open a partition" }

  private var watched: String {
    if schema.isNarrow { return "metrics \(definition.metric?.pattern ?? "*") of the rows" }
    return definition.metrics(of: schema).joined(separator: ", ")
  }

  /// Series it judges.
  var seriesCount: Int {
    guard let metric = definition.metric else { return deviceCount }
    if !schema.isNarrow { return deviceCount * definition.metrics(of: schema).count }
    return deviceCount * (metric.isLiteral ? 1 : narrowMetricCount)
  }

  /// False alarms a day on series to which nothing happens, by the budget; nil where there is none.
  var falseAlarmsPerDay: Double? {
    guard case .statistical(let rule) = definition.rule else { return nil }
    return Double(seriesCount) * 86_400_000_000 / Double(rule.falseAlarmEveryMicros)
  }

  // MARK: - Texts

  private static func text(_ rule: LimitsRule) -> String {
    var parts: [String] = []
    for (name, bounds) in [("warning", rule.warning), ("critical", rule.critical)] {
      guard let bounds else { continue }
      let sides =
        [bounds.low.map { "below \(number($0))" }, bounds.high.map { "above \(number($0))" }]
      parts.append("\(name) \(sides.compactMap { $0 }.joined(separator: " or "))")
    }
    if rule.clearMargin > 0 { parts.append("ends \(number(rule.clearMargin)) inside") }
    switch rule.persistence {
    case .readings(1): parts.append("one reading counts")
    case .readings(let count): parts.append("\(count) readings in a row count")
    case .duration(let micros):
      parts.append("counts after \(Configuration.text(durationMicros: micros))")
    }
    return parts.joined(separator: ", ")
  }

  private static func text(_ rule: StatisticalRule) -> String {
    var spans = [("every", rule.everyMicros), ("half_life", rule.halfLifeMicros)]
    if rule.kind == .shift { spans.append(("fast_half_life", rule.fastHalfLifeMicros)) }
    spans += [
      ("warm_up", rule.warmUpMicros), ("refractory", rule.refractoryMicros),
      ("false_alarm_every", rule.falseAlarmEveryMicros),
    ]
    let texts = spans.map { "\($0.0) \(Configuration.text(durationMicros: $0.1))" }
    return texts.joined(separator: ", ") + ", min_change \(number(rule.changeMin))"
  }

  private func budget(_ rule: StatisticalRule) -> String {
    let plan = JudgePlan(rule)
    let perDay = falseAlarmsPerDay ?? 0
    return "opens at score \(Self.rounded(plan.threshold)), critical at"
      + " \(Self.rounded(plan.criticalThreshold)); budget \(Self.rounded(perDay)) false alarms a"
      + " day of \(seriesCount) series"
  }

  /// Three digits that count: 33.3, 0.0021.
  private static func rounded(_ value: Double) -> String {
    guard value > 0 else { return "0" }
    if value >= 100 { return "\(Int(value.rounded()))" }
    let digits = 2 - Int(floor(log10(value)))
    let scale = pow(10, Double(digits))
    return number((value * scale).rounded() / scale)
  }

  private static func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
  }
}
