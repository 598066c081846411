import Base
import Detectors

@testable import Pipeline

/// One detector of every kind, impatient enough that a few records of a random fleet find something
/// with each, and caps low enough to be met.
extension TestSources {
  static let wideDetectors: [DetectorDefinition] = [
    limits("high", metric: "battery_voltage_v", warningAbove: 4, criticalAbove: 4.8),
    DetectorDefinition(
      name: "far-out", metric: Glob("battery_current_a"),
      rule: .limits(
        LimitsRule(
          warning: .init(low: -3, high: 3), critical: nil, clearMargin: 1,
          persistence: .duration(micros: 2_000_000))), openCountMax: 2),
    DetectorDefinition(
      name: "quiet", metric: nil, rule: .silence(SilenceRule(afterMicros: 15_000_000)),
      openCountMax: 100),
    statistical("spike", .spike), statistical("jump", .jump), statistical("shift", .shift),
  ]

  static let narrowDetectors: [DetectorDefinition] = [
    limits("high", metric: "a", warningAbove: 8, criticalAbove: 8.9),
    DetectorDefinition(
      name: "quiet", metric: nil, rule: .silence(SilenceRule(afterMicros: 5_000_000)),
      openCountMax: 2),
    statistical("any-jump", .jump, metric: "*"),
  ]

  static func limits(
    _ name: String, metric: String, warningAbove: Double, criticalAbove: Double? = nil
  ) -> DetectorDefinition {
    DetectorDefinition(
      name: name, metric: Glob(metric),
      rule: .limits(
        LimitsRule(
          warning: .init(low: nil, high: warningAbove),
          critical: criticalAbove.map { .init(low: nil, high: $0) }, clearMargin: 0.5,
          persistence: .readings(1))), openCountMax: 100)
  }

  static func statistical(
    _ name: String, _ kind: StatisticalRule.Kind, metric: String = "battery_*"
  ) -> DetectorDefinition {
    DetectorDefinition(
      name: name, metric: Glob(metric),
      rule: .statistical(
        StatisticalRule(
          kind: kind, everyMicros: 1_000_000, halfLifeMicros: 60_000_000,
          fastHalfLifeMicros: 4_000_000, warmUpMicros: 10_000_000, refractoryMicros: 4_000_000,
          falseAlarmEveryMicros: 20_000_000, changeMin: 0)), openCountMax: 100)
  }
}
