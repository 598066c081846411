import Base
@testable import Detectors

/// A multiple of a minute, in 2024.
let seriesStart: Int64 = 1_704_067_200_000_000

/// A judge of buckets of one minute, and what it said.
struct JudgedSeries {
  var judge = SeriesJudge()
  var plan: JudgePlan
  var time = seriesStart
  /// Steps with the start of their bucket; what is not a step is left out.
  var steps: [(time: Int64, judgement: Judgement)] = []

  init(_ rule: StatisticalRule) { plan = JudgePlan(rule) }

  init(_ kind: StatisticalRule.Kind) {
    self.init(.defaults(kind: kind, everyMicros: minute))
  }

  var openingCount: Int { count(.opened) }

  func count(_ step: Judgement.Step) -> Int {
    steps.count { $0.judgement.step == step }
  }

  /// Judges the next bucket, `gap` buckets later than the one before.
  @discardableResult
  mutating func take(_ value: Double, gap: Int64 = 1) -> Judgement {
    time += gap * minute
    let judgement = judge.judge(value: value, bucketStart: time, plan: plan)
    if judgement.step != .none { steps.append((time, judgement)) }
    return judgement
  }

  /// Judges a number of buckets in a row.
  mutating func take(_ count: Int, _ value: () -> Double) {
    for _ in 0..<count { take(value()) }
  }
}

extension StatisticalRule {
  /// The defaults for a minute with some of them changed.
  static func changed(
    _ kind: Kind, halfLife: Int64? = nil, warmUp: Int64? = nil, refractory: Int64? = nil,
    changeMin: Double = 0
  ) -> StatisticalRule {
    let rule = StatisticalRule.defaults(kind: kind, everyMicros: minute)
    return StatisticalRule(
      kind: kind, everyMicros: minute,
      halfLifeMicros: halfLife.map { $0 * minute } ?? rule.halfLifeMicros,
      fastHalfLifeMicros: rule.fastHalfLifeMicros,
      warmUpMicros: warmUp.map { $0 * minute } ?? rule.warmUpMicros,
      refractoryMicros: refractory.map { $0 * minute } ?? rule.refractoryMicros,
      falseAlarmEveryMicros: rule.falseAlarmEveryMicros, changeMin: changeMin)
  }
}

extension SplitMix64 {
  /// A number of the standard normal distribution, near enough: the sum of twelve uniform ones.
  mutating func normal() -> Double {
    var sum = -6.0
    for _ in 0..<12 { sum += Double.random(in: 0..<1, using: &self) }
    return sum
  }

  /// A heavy tail: two normal numbers, one in ten four times as wide.
  mutating func wild() -> Double { normal() * (chance(0.1) ? 4 : 1) }
}

extension SeriesJudge {
  var encoded: [UInt8] {
    var writer = ByteWriter()
    encode(into: &writer)
    return writer.bytes
  }
}
