@testable import Detectors
import Glibc
import Testing

@Suite struct StatisticsPlanTests {
  @Test func `powers of a half are those of the C library`() {
    for exponent in [0, 0.25, 0.5, 1, 1.75, 1.0 / 1440, 1e-9, 12.3, 1000, 1074] {
      let exact = exp2(-exponent)
      let made = JudgePlan.half(toThe: exponent)
      #expect(abs(made - exact) <= 1e-14 * exact, "2^-\(exponent) came out as \(made)")
    }
    #expect(JudgePlan.half(toThe: 2000) == 0)
    #expect(JudgePlan.half(toThe: .infinity) == 0)
  }

  @Test func `powers by squaring are products`() {
    let base = JudgePlan.half(toThe: 1 / 1440.0)
    #expect(JudgePlan.power(base, 0) == 1)
    #expect(JudgePlan.power(base, 1) == base)
    #expect(abs(JudgePlan.power(base, 1440) - 0.5) < 1e-12)
    #expect(JudgePlan.power(base, .max) == 0)
  }

  @Test func `the decimal logarithm is that of the C library`() {
    for value in [1, 1.000_001, 2, 9.99, 10, 43_200, 1e6, 1e250, 1.7e308] {
      #expect(abs(JudgePlan.log10(value) - Glibc.log10(value)) < 1e-10, "log10 \(value)")
    }
  }

  @Test func `the threshold is the share of buckets that the budget allows`() {
    let spike = JudgePlan(.defaults(kind: .spike, everyMicros: minute))
    #expect(abs(spike.threshold - Glibc.log10(43_200.0)) < 1e-9)
    #expect(spike.criticalThreshold == 1.5 * spike.threshold)
    // An excursion of the fast mean lasts ten buckets and is one alarm.
    let shift = JudgePlan(.defaults(kind: .shift, everyMicros: minute))
    #expect(abs(shift.threshold - Glibc.log10(4_320.0)) < 1e-9)
  }

  @Test func `no budget puts the threshold below what the level tells apart`() {
    let rule = StatisticalRule(
      kind: .shift, everyMicros: minute, halfLifeMicros: day, fastHalfLifeMicros: 10 * minute,
      warmUpMicros: hour, refractoryMicros: 0, falseAlarmEveryMicros: minute, changeMin: 0)
    #expect(JudgePlan(rule).threshold == SeriesJudge.TailFit.levelScore)
  }

  @Test func `defaults for a minute are those that the documentation names`() {
    for kind in StatisticalRule.Kind.allCases {
      let rule = StatisticalRule.defaults(kind: kind, everyMicros: minute)
      #expect(rule.halfLifeMicros == day)
      #expect(rule.fastHalfLifeMicros == 10 * minute)
      #expect(rule.warmUpMicros == 6 * hour)
      #expect(rule.refractoryMicros == hour)
      #expect(rule.falseAlarmEveryMicros == 30 * day)
      #expect(rule.changeMin == 0)
    }
  }

  @Test(arguments: [second, 10 * second, minute, 10 * minute, hour, 6 * hour, day])
  func `defaults fit together for any bucket`(every: Int64) {
    for kind in StatisticalRule.Kind.allCases {
      let rule = StatisticalRule.defaults(kind: kind, everyMicros: every)
      #expect(rule.halfLifeMicros <= max(30 * day, 100 * every))
      #expect(rule.fastHalfLifeMicros < rule.halfLifeMicros)
      #expect(rule.warmUpMicros >= 25 * every && rule.warmUpMicros <= rule.halfLifeMicros)
      #expect(rule.falseAlarmEveryMicros >= 300 * every)
    }
  }
}
