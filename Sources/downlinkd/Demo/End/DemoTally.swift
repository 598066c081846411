import Base

/// Which injected faults were found, by what and when, and what else was reported: the steps of
/// anomalies held against the list of faults.
struct DemoTally: Equatable, Sendable {
  /// What became of one fault.
  struct Finding: Equatable, Sendable {
    enum Verdict: Equatable, Sendable {
      /// By the first anomaly on its satellite and metric; `severity` is the worst there was.
      case found(detector: String, severity: String, delayMicros: Int64)
      case missed
      /// The run ended before it could be known.
      case tooEarly
    }

    let fault: InjectedFault
    let verdict: Verdict
  }

  /// An anomaly's event time may lie so long before its cause: the beginning of a bucket, or the
  /// last reading of a satellite that is silent since.
  private static let earlyMicros = 5 * DemoPlan.minute
  /// A fault explains what is reported about its series so long after its end: detectors that
  /// learn what is usual must unlearn it.
  private static let aftermathMicros = 2 * DemoPlan.hour

  let findings: [Finding]
  /// Openings that no fault explains, about single satellites.
  let falseAlarms: [AnomalyStep]
  /// Openings about many satellites at once: caps that were reached.
  let summaries: [AnomalyStep]
  /// Series × days that were judged, over all detectors.
  let seriesDays: Double

  /// `reachedMicros` is the event time at which the fleet stopped.
  init(faults: [InjectedFault], steps: [AnomalyStep], plan: DemoPlan, reachedMicros: Int64) {
    let openings = steps.filter { $0.state == .opened && !$0.device.isEmpty }
    findings = faults.map { fault in
      Finding(
        fault: fault,
        verdict: Self.verdict(
          on: fault, steps: steps.filter { Self.explains(fault, $0) },
          reachedMicros: reachedMicros))
    }
    falseAlarms = openings.filter { step in !faults.contains { Self.explains($0, step) } }
    summaries = steps.filter { $0.state == .opened && $0.device.isEmpty }
    let days = { (micros: Int64) in max(0, Double(micros)) / Double(Timestamp.microsPerDay) }
    let whole = days(reachedMicros - plan.startMicros)
    let warm = days(reachedMicros - plan.startMicros - DemoPlan.warmUpMicros)
    // Every detector of the demonstration watches one series of each satellite.
    seriesDays = InjectedFault.Kind.allCases.reduce(0) { sum, kind in
      sum + Double(plan.deviceCount) * (kind.isFoundByLearning ? warm : whole)
    }
  }

  var foundCount: Int {
    findings.count { if case .found = $0.verdict { true } else { false } }
  }

  /// Faults that can have been found.
  var dueCount: Int { findings.count { $0.verdict != .tooEarly } }

  /// Whether a fault is the likely cause of a step.
  static func explains(_ fault: InjectedFault, _ step: AnomalyStep) -> Bool {
    guard step.device == DemoNames.device(fault.device), step.metric == fault.kind.metric,
      step.eventMicros >= fault.startMicros - earlyMicros
    else { return false }
    guard let length = fault.kind.lengthMicros else { return true }
    return step.eventMicros <= fault.startMicros + length + aftermathMicros
  }

  private static func verdict(
    on fault: InjectedFault, steps: [AnomalyStep], reachedMicros: Int64
  ) -> Finding.Verdict {
    let openings = steps.filter { $0.state == .opened }
    guard let first = openings.min(by: { $0.eventMicros < $1.eventMicros }) else {
      return reachedMicros < fault.dueMicros ? .tooEarly : .missed
    }
    let isCritical = steps.contains { $0.severity == "critical" }
    return .found(
      detector: first.detector, severity: isCritical ? "critical" : first.severity,
      delayMicros: max(0, fault.kind.judgedMicros(first.eventMicros) - fault.startMicros))
  }
}

extension InjectedFault.Kind {
  /// Whether its detector compares a series with its own past.
  fileprivate var isFoundByLearning: Bool {
    switch self {
    case .overheating, .silence: false
    case .spike, .step, .drift: true
    }
  }

  /// The event time at which an anomaly was known, from the one it carries: a silence carries the
  /// last record's, what is judged by the bucket its beginning.
  fileprivate func judgedMicros(_ eventMicros: Int64) -> Int64 {
    switch self {
    case .overheating: eventMicros
    case .silence: eventMicros + DemoPlan.silenceAfterMicros
    case .spike, .step, .drift: eventMicros + DemoPlan.periodMicros
    }
  }
}
