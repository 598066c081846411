/// Judges one series against its own past, bucket by bucket, in O(1) state and time.
///
/// How far a bucket lies from what was expected (`StatisticalRule.Kind`), in units of how far
/// buckets usually lie, is its *deviation*. `TailFit` turns that into a score, −log10 of a
/// probability, from the history of this very deviation: nothing is taken to be normally
/// distributed. Everything is judged by the state before the bucket, and learnt afterwards.
///
///     quiet ──score ≥ threshold──▶ open (warning) ──score ≥ critical──▶ open (critical)
///       ▲                            │                                     │
///       └── usual for 3 buckets, or open for a half-life, or a gap longer than one
///           then nothing opens for the refractory time
///
/// Weights fade with event time, not with the number of buckets, so gaps age what is known; after
/// one longer than the half-life the series warms up anew.
///
/// **Invariants:** no stored number is NaN or infinite, whatever finite values come in. At most one
/// anomaly is open, and none at a bucket that starts a half-life after the one that opened it.
/// Only IEEE additions, multiplications, divisions and square roots: bit for bit the same on every
/// machine.
package struct SeriesJudge: Equatable, Sendable {
  enum Phase: UInt8 {
    case quiet
    case openWarning
    case openCritical
  }

  // Weighted by age: of the values (`spike`, `shift`), of the steps between them (`jump`).
  var mean = 0.0
  /// Root of the mean squared deviation from `mean`, weighted by age.
  var spread = 0.0
  /// The value before (`jump`), the fast mean (`shift`).
  var recent = 0.0
  /// Sum of the weights by age behind `mean` and `spread`: how many buckets they are worth.
  var weight = 0.0
  /// The same of the fast mean.
  var recentWeight = 0.0
  /// Start of the bucket in which warm-up began.
  var heardSince = Int64.min
  /// Start of the newest bucket; `Int64.min` before the first.
  var lastBucket = Int64.min
  /// Start of the bucket that opened or closed the last anomaly; `Int64.min` before the first.
  var phaseSince = Int64.min
  var tail = TailFit()
  /// Added to the threshold: each opening adds, and it fades with the span of the budget as its
  /// half-life. It keeps a series that is wilder than its tail says near the budget.
  var penalty: Float = 0
  var bucketsOpen: UInt32 = 0
  var usualCount: UInt8 = 0
  var phase = Phase.quiet

  /// A series that was never heard.
  package init() {}

  /// An anomaly is open.
  package var isOpen: Bool { phase != .quiet }

  // MARK: - One bucket

  /// Judges a bucket with at least one reading, then learns from it.
  ///
  /// `bucketStart` is later than that of the bucket before. `value` is finite; beyond ±2^900 it is
  /// taken as ±2^900, far from where squares and sums overflow.
  package mutating func judge(
    value: Double, bucketStart: Int64, plan: JudgePlan
  ) -> Judgement {
    precondition(value.isFinite, "a value that is not finite enters no detector")
    let value = min(max(value, -Self.magnitudeMax), Self.magnitudeMax)
    let isFirst = lastBucket == .min
    if isFirst { begin(value: value, bucketStart: bucketStart, plan) }
    precondition(isFirst || bucketStart > lastBucket, "buckets come in order, each once")
    let gapMicros = Self.span(from: lastBucket, to: bucketStart)
    let gap = max(gapMicros / plan.everyMicros, 1)
    let isForgotten = gapMicros > plan.halfLifeMicros
    fade(over: gap, plan)
    if isForgotten { forget(value: value, bucketStart: bucketStart, plan) }
    lastBucket = bucketStart

    let finding = finding(value: value, gap: gap, plan)
    let isKnown = weight >= Self.weightMin && !isForgotten
    let score = isKnown ? tail.score(of: Float(finding.deviation)) : 0
    let isWarm = Self.span(from: heardSince, to: bucketStart) >= plan.warmUpMicros
    var judgement = Judgement(
      step: .none, severity: .warning, value: finding.value, expected: finding.expected,
      score: isWarm ? score : 0,
      threshold: plan.threshold + Double(penalty), spread: finding.unit,
      deviation: finding.deviation, bucketsSinceOpened: 0, ending: nil)
    let wasOpen = isOpen
    live(&judgement, isForgotten: isForgotten, plan)
    // What happens within an anomaly says nothing about the tail outside; its first bucket does.
    if weight >= Self.weightMin / 3, !wasOpen, !isForgotten {
      tail.learn(Float(finding.deviation), weight: Float(weight))
    }
    learn(
      value: value, gap: gap, hasStep: !isFirst && !isForgotten,
      isUnusual: score >= plan.threshold, plan)
    if judgement.ending == .newLevel { adoptLevel(value: value, plan) }
    return judgement
  }

  /// The opening just asked for did not happen: the cap on open anomalies refused it. The series
  /// is as if it had not opened, but that it does not ask again within the refractory time.
  package mutating func refuse() {
    precondition(isOpen && bucketsOpen == 1, "only an opening just asked for can be refused")
    phase = .quiet
    bucketsOpen = 0
    penalty = max(penalty - Self.penaltyOfOpening, 0)
  }
}

// MARK: - What a bucket shows

extension SeriesJudge {
  /// Values are taken as at most this large.
  static let magnitudeMax = 0x1p900
  /// Differences smaller than this share of the values are dust of rounding.
  private static let dust = 0x1p-40
  /// Nothing is judged by fewer buckets than these, however long they took.
  static let weightMin = 30.0
  /// Deviations are counted up to here.
  private static let deviationMax = 1e6

  /// How far a bucket lies from what was expected.
  private struct Finding {
    let value: Double
    let expected: Double
    /// Usual size of `value` − `expected`.
    let unit: Double
    /// |`value` − `expected`| in units of `unit`; 0 where the unit is dust: a series that never
    /// moved has no usual size of a deviation.
    let deviation: Double
  }

  private mutating func begin(value: Double, bucketStart: Int64, _ plan: JudgePlan) {
    lastBucket = bucketStart
    recent = value
    forget(value: value, bucketStart: bucketStart, plan)
  }

  /// Lets weights fade over a number of bucket lengths.
  private mutating func fade(over gap: Int64, _ plan: JudgePlan) {
    weight *= JudgePlan.power(plan.slowDecay, gap)
    if penalty > 0 { penalty *= Float(JudgePlan.power(plan.budgetDecay, gap)) }
    if plan.kind == .shift { recentWeight *= JudgePlan.power(plan.fastDecay, gap) }
  }

  /// After a gap longer than the half-life: warm-up begins anew, and what is worth less than one
  /// bucket is worth nothing.
  private mutating func forget(value: Double, bucketStart: Int64, _ plan: JudgePlan) {
    heardSince = bucketStart
    if weight >= 1 { return }
    weight = 0
    mean = plan.kind == .jump ? 0 : value
  }

  /// Compares by the state before the bucket; the fast mean of `shift` takes the bucket in first.
  private mutating func finding(value: Double, gap: Int64, _ plan: JudgePlan) -> Finding {
    var judged = value
    var expected = mean
    var unit = spread
    // The means are uncertain themselves: by as much as if buckets were independent. Where they are
    // not, the tail's fit takes up the difference.
    let known = max(weight, 1)
    switch plan.kind {
    case .spike:
      unit *= (1 + 1 / known).squareRoot()
    case .jump:
      // As of a random walk: over a gap of n buckets a step is usually √n times as large.
      let stretch = Double(gap).squareRoot()
      expected = recent + mean * stretch
      unit *= stretch * (1 + 1 / known).squareRoot()
    case .shift:
      recentWeight += 1
      recent += (value - recent) / recentWeight
      judged = recent
      unit *= (1 / (2 * recentWeight - 1) + 1 / (2 * known - 1)).squareRoot()
    }
    let size = abs(judged - expected)
    let isDust = unit <= Self.dust * max(abs(judged), abs(expected))
    let deviation = isDust ? 0 : min(size / unit, Self.deviationMax)
    return Finding(value: judged, expected: expected, unit: unit, deviation: deviation)
  }

  /// Microseconds from one time to a later one; far apart is `Int64.max`.
  static func span(from start: Int64, to end: Int64) -> Int64 {
    let (span, overflow) = end.subtractingReportingOverflow(start)
    return overflow ? .max : span
  }
}

// MARK: - The life of an anomaly

extension SeriesJudge {
  /// Consecutive usual buckets that close an anomaly.
  private static let usualCountToClose: UInt8 = 3
  /// What an opening adds to the threshold: the next one must be three times as rare.
  private static let penaltyOfOpening: Float = 0.5

  private mutating func live(
    _ judgement: inout Judgement, isForgotten: Bool, _ plan: JudgePlan
  ) {
    let matters = abs(judgement.value - judgement.expected) >= plan.changeMin
    let isOver = matters && judgement.score >= judgement.threshold
    let isCritical = isOver && judgement.score >= plan.criticalThreshold + Double(penalty)
    if !isOpen {
      if isOver, !isRefractory(plan) { open(&judgement, isCritical: isCritical) }
      return
    }
    bucketsOpen &+= 1
    judgement.bucketsSinceOpened = Int(bucketsOpen)
    judgement.severity = phase == .openCritical ? .critical : .warning
    // Usual: within the level to which all but a few buckets keep.
    let isUsual = judgement.score < TailFit.levelScore || !matters
    usualCount = isUsual ? usualCount + 1 : 0
    if isForgotten {
      close(&judgement, .gap)
    } else if usualCount >= Self.usualCountToClose {
      close(&judgement, .usualAgain)
    } else if Self.span(from: phaseSince, to: lastBucket) >= plan.halfLifeMicros {
      close(&judgement, .newLevel)
    } else if isCritical, phase == .openWarning {
      phase = .openCritical
      judgement.step = .escalated
      judgement.severity = .critical
    }
  }

  private func isRefractory(_ plan: JudgePlan) -> Bool {
    phaseSince != .min && Self.span(from: phaseSince, to: lastBucket) < plan.refractoryMicros
  }

  private mutating func open(_ judgement: inout Judgement, isCritical: Bool) {
    phase = isCritical ? .openCritical : .openWarning
    phaseSince = lastBucket
    bucketsOpen = 1
    usualCount = 0
    penalty += Self.penaltyOfOpening
    judgement.step = .opened
    judgement.severity = isCritical ? .critical : .warning
    judgement.bucketsSinceOpened = 1
  }

  private mutating func close(_ judgement: inout Judgement, _ ending: Judgement.Ending) {
    judgement.step = .closed
    judgement.ending = ending
    phase = .quiet
    phaseSince = lastBucket
    bucketsOpen = 0
    usualCount = 0
  }
}

// MARK: - Learning

extension SeriesJudge {
  /// An unusual bucket counts as at most so many times the spread. It still widens the spread, so
  /// that what goes on is learnt after all, geometrically and not at once.
  private static let unusualMax = 8.0

  /// `hasStep`: the bucket before is known, and near enough to be compared with.
  private mutating func learn(
    value: Double, gap: Int64, hasStep: Bool, isUnusual: Bool, _ plan: JudgePlan
  ) {
    var change = value - mean
    if plan.kind == .jump {
      change = (value - recent) / Double(gap).squareRoot() - mean
      recent = value
      if !hasStep { return }
    }
    if isUnusual {
      let bound = Self.unusualMax * spread
      change = min(max(change, -bound), bound)
    }
    weight += 1
    let share = 1 / weight
    mean += change * share
    spread = Self.rootMeanSquare(spread, change, share: share)
  }

  /// √((1 − share) a² + share b²), without overflow on the way.
  private static func rootMeanSquare(_ a: Double, _ b: Double, share: Double) -> Double {
    let largest = max(a, abs(b))
    if largest == 0 { return 0 }
    let left = a / largest
    let right = b / largest
    return largest * ((1 - share) * left * left + share * right * right).squareRoot()
  }

  /// The series stays where it went: that is the usual level from here on, known a little.
  private mutating func adoptLevel(value: Double, _ plan: JudgePlan) {
    weight = min(weight, Self.weightMin)
    switch plan.kind {
    case .spike: mean = value
    case .jump: break
    case .shift: mean = recent
    }
  }
}
