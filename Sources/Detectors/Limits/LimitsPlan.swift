/// Bounds of a `LimitsRule`, made ready: a bound that is not there is infinite.
struct LimitsPlan: Sendable {
  private let warning: (low: Double, high: Double)
  private let critical: (low: Double, high: Double)
  /// A value below or above violates some bound.
  let anyLow: Double
  let anyHigh: Double
  /// A value within counts towards the end.
  private let clearLow: Double
  private let clearHigh: Double
  let persistence: LimitsRule.Persistence

  init(_ rule: LimitsRule) {
    warning = (rule.warning?.low ?? -.infinity, rule.warning?.high ?? .infinity)
    critical = (rule.critical?.low ?? -.infinity, rule.critical?.high ?? .infinity)
    anyLow = max(warning.low, critical.low)
    anyHigh = min(warning.high, critical.high)
    // Side by side: where there is no warning bound, the critical one has to be kept.
    let low = rule.warning?.low ?? rule.critical?.low ?? -.infinity
    let high = rule.warning?.high ?? rule.critical?.high ?? .infinity
    clearLow = low + rule.clearMargin
    clearHigh = high - rule.clearMargin
    persistence = rule.persistence
  }

  /// Which bounds a value violates: those of this severity and all milder ones.
  func violation(_ value: Double) -> AnomalyEvent.Severity? {
    if value < critical.low || value > critical.high { return .critical }
    return value < anyLow || value > anyHigh ? .warning : nil
  }

  /// Whether a value counts towards the end of an anomaly.
  func isClear(_ value: Double) -> Bool { value >= clearLow && value <= clearHigh }

  /// How far a value lies beyond the bounds, in the metric's unit; negative inside.
  func excess(_ value: Double) -> Double { max(anyLow - value, value - anyHigh) }

  /// Whether a value lies beyond the high bound rather than the low one, or nearer to it.
  func isHigh(_ value: Double) -> Bool { value - anyHigh > anyLow - value }

  /// The bound of that severity on that side, or the other severity's where it has none there.
  func bound(_ severity: AnomalyEvent.Severity, isHigh: Bool) -> Double {
    let (first, second) = severity == .critical ? (critical, warning) : (warning, critical)
    let bound = isHigh ? first.high : first.low
    if bound.isFinite { return bound }
    return isHigh ? second.high : second.low
  }

  /// Whether a run of readings is long enough at a reading of it.
  func isMet(_ run: ReadingRun, at time: Int64) -> Bool {
    switch persistence {
    case .readings(let count): Int(run.count) >= count
    case .duration(let micros): time &- run.since >= micros
    }
  }
}

/// Consecutive readings, in offset order, that say the same.
///
/// Event time may go back within a run: a gateway sends what it buffered, a satellite its dump.
/// Such readings count like others, and the run began at the earliest event time in it. So a
/// duration is met by any reading that lies so much later than the earliest, with nothing in
/// between that says otherwise; jitter neither restarts it nor makes it longer.
struct ReadingRun: Equatable, Sendable {
  var count: UInt32 = 0
  /// The earliest event time; means nothing while `count` is 0.
  var since: Int64 = 0

  mutating func extend(to time: Int64) {
    since = count == 0 ? time : min(since, time)
    if count < .max { count += 1 }
  }
}
