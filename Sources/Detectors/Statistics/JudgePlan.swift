/// What a rule amounts to for `SeriesJudge`, worked out once: thresholds, and how much of a weight
/// is left after one bucket.
///
/// Made of IEEE multiplications, divisions and square roots alone: state saved on one machine goes
/// on bit for bit on another, which the functions of a C library do not promise.
package struct JudgePlan: Equatable, Sendable {
  let kind: StatisticalRule.Kind
  let everyMicros: Int64
  let halfLifeMicros: Int64
  let warmUpMicros: Int64
  let refractoryMicros: Int64
  let changeMin: Double

  /// What is left of a slow weight after one bucket.
  let slowDecay: Double
  /// What is left of a fast weight after one bucket.
  let fastDecay: Double
  /// What is left after one bucket of what openings added to the threshold.
  let budgetDecay: Double
  /// An anomaly opens at this score: −log10 of the share of buckets that the budget allows.
  package let threshold: Double
  /// From this score on it is critical: with a budget of a month and buckets of a minute, what the
  /// series shows once in seventeen years.
  package let criticalThreshold: Double

  /// Cost: some two hundred square roots. Do it once for a rule, not for a series.
  package init(_ rule: StatisticalRule) {
    precondition(rule.everyMicros > 0, "a bucket has a length")
    precondition(rule.halfLifeMicros > 0, "a half-life is positive")
    kind = rule.kind
    everyMicros = rule.everyMicros
    halfLifeMicros = rule.halfLifeMicros
    warmUpMicros = rule.warmUpMicros
    refractoryMicros = rule.refractoryMicros
    changeMin = rule.changeMin
    let every = Double(rule.everyMicros)
    slowDecay = Self.half(toThe: every / Double(rule.halfLifeMicros))
    fastDecay = Self.half(toThe: every / Double(max(rule.fastHalfLifeMicros, 1)))
    budgetDecay = Self.half(toThe: every / Double(max(rule.falseAlarmEveryMicros, 1)))
    // An excursion of the fast mean lasts about its half-life and is one alarm, not one a bucket
    // (the extremal index of dependent values).
    let cluster = rule.kind == .shift ? max(Double(rule.fastHalfLifeMicros) / every, 1) : 1
    let share = Double(rule.falseAlarmEveryMicros) / every / cluster
    threshold = max(Self.log10(max(share, 1)), SeriesJudge.TailFit.levelScore)
    criticalThreshold = 1.5 * threshold
  }

  // MARK: - Arithmetic

  /// 0.5 to the power of `exponent` ≥ 0, by the binary digits of the exponent.
  static func half(toThe exponent: Double) -> Double {
    if exponent > 1_074 { return 0 }
    let whole = exponent.rounded(.down)
    var rest = exponent - whole
    var root = 0.5
    var result = Double(sign: .plus, exponent: -Int(whole), significand: 1)
    while rest > 0, root < 1 {
      root = root.squareRoot()
      rest *= 2
      if rest >= 1 {
        result *= root
        rest -= 1
      }
    }
    return result
  }

  /// `base` to the power of `exponent` ≥ 0, by squaring.
  static func power(_ base: Double, _ exponent: Int64) -> Double {
    if exponent == 1 { return base }
    var result = 1.0
    var square = base
    var rest = exponent
    while rest > 0 {
      if rest & 1 == 1 { result *= square }
      square *= square
      rest >>= 1
    }
    return result
  }

  /// The decimal logarithm of a finite `value` ≥ 1 to twelve digits, by squaring: each square is a
  /// binary digit of the logarithm.
  static func log10(_ value: Double) -> Double {
    let log10Of2 = 0.301_029_995_663_981_2
    var rest = value.significand
    var digits = Double(value.exponent)
    var weight = 0.5
    while weight > 0x1p-42 {
      rest *= rest
      if rest >= 2 {
        rest /= 2
        digits += weight
      }
      weight /= 2
    }
    return digits * log10Of2
  }
}
