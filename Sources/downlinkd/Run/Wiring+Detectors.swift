import Base
import Config
import Detectors
import Telemetry

/// One detector as the engine knows it, and the sources it is for.
struct WiredDetector {
  let source: Glob
  let definition: DetectorDefinition

  /// Whether it has anything to watch there. What metrics a narrow source has, its rows say.
  func watches(_ schema: ReadingSchema) -> Bool {
    source.matches(schema.source)
      && (schema.isNarrow || definition.metric == nil
        || !definition.metrics(of: schema).isEmpty)
  }
}

extension DetectorDefinition {
  /// The metrics of a wide source that it watches.
  func metrics(of schema: ReadingSchema) -> [String] {
    guard let metric else { return [] }
    return schema.metrics.map(\.name).filter { metric.matches($0) }
  }
}

extension Wiring {
  /// Every detector with its defaults filled in, in the order of the file.
  static func detectors(
    _ configuration: Configuration, _ faults: inout [ConfigFault]
  ) -> [WiredDetector] {
    configuration.detectors.enumerated().map { index, detector in
      let rule: DetectorRule
      switch detector.rule {
      case .limits(let limits): rule = .limits(LimitsRule(limits))
      case .silence(let after): rule = .silence(SilenceRule(afterMicros: after))
      case .statistical(let written):
        let filled = written.filled(from: Configuration.Statistical(defaultsOf: written))
        for conflict in filled.conflicts(asWritten: written) {
          faults.append(
            configuration.fault(
              at: "detectors[\(index)].\(written.kind.rawValue).\(conflict.key)",
              conflict.message, suggestion: conflict.suggestion))
        }
        rule = .statistical(StatisticalRule(filled))
      }
      return WiredDetector(
        source: detector.source,
        definition: DetectorDefinition(
          name: detector.name, metric: detector.metric, rule: rule,
          openCountMax: detector.openCountMax))
    }
  }
}

// MARK: - Rules

extension LimitsRule {
  fileprivate init(_ limits: Configuration.Limits) {
    let persistence: Persistence
    switch limits.persistence {
    case .readings(let count): persistence = .readings(count)
    case .duration(let micros): persistence = .duration(micros: micros)
    }
    self.init(
      warning: limits.warning.map { Bounds(low: $0.low, high: $0.high) },
      critical: limits.critical.map { Bounds(low: $0.low, high: $0.high) },
      clearMargin: limits.clearMargin, persistence: persistence)
  }
}

extension StatisticalRule.Kind {
  fileprivate init(_ kind: Configuration.Statistical.Kind) {
    switch kind {
    case .spike: self = .spike
    case .jump: self = .jump
    case .shift: self = .shift
    }
  }
}

extension StatisticalRule {
  /// What is nil in a rule that was filled in, the fast mean of `spike` and `jump`, is not used.
  fileprivate init(_ filled: Configuration.Statistical) {
    let defaults = StatisticalRule.defaults(
      kind: Kind(filled.kind), everyMicros: filled.everyMicros)
    self.init(
      kind: Kind(filled.kind), everyMicros: filled.everyMicros,
      halfLifeMicros: filled.halfLifeMicros ?? defaults.halfLifeMicros,
      fastHalfLifeMicros: filled.fastHalfLifeMicros ?? defaults.fastHalfLifeMicros,
      warmUpMicros: filled.warmUpMicros ?? defaults.warmUpMicros,
      refractoryMicros: filled.refractoryMicros ?? defaults.refractoryMicros,
      falseAlarmEveryMicros: filled.falseAlarmEveryMicros ?? defaults.falseAlarmEveryMicros,
      changeMin: filled.changeMin)
  }
}

extension Configuration.Statistical {
  /// What the detector chooses for a rule of this kind and bucket.
  fileprivate init(defaultsOf written: Configuration.Statistical) {
    let defaults = StatisticalRule.defaults(
      kind: StatisticalRule.Kind(written.kind), everyMicros: written.everyMicros)
    self.init(
      kind: written.kind, everyMicros: written.everyMicros,
      halfLifeMicros: defaults.halfLifeMicros,
      fastHalfLifeMicros: written.kind == .shift ? defaults.fastHalfLifeMicros : nil,
      warmUpMicros: defaults.warmUpMicros, refractoryMicros: defaults.refractoryMicros,
      falseAlarmEveryMicros: defaults.falseAlarmEveryMicros, changeMin: defaults.changeMin)
  }
}
