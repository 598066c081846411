@testable import Detectors
import Base
import Testing

/// Series that are no textbook series: level changes, gaps, constants, counters, wild ones.
@Suite struct StatisticsLifeTests {
  @Test(arguments: StatisticalRule.Kind.allCases)
  func `a level change that stays is said once, and ends within a half-life`(
    kind: StatisticalRule.Kind
  ) throws {
    var random = SplitMix64(seed: 20)
    var series = JudgedSeries(kind)
    series.take(2_880) { random.normal() }
    let change = series.time
    series.take(10 * 1_440) { 100 + random.normal() }
    #expect(series.openingCount == 1)
    let closed = try #require(series.steps.last)
    #expect(closed.judgement.step == .closed)
    #expect(closed.time - change <= day + 2 * minute)
    #expect(!series.judge.isOpen)
    // And the new level is known: back to the old one is a change again.
    series.take(20) { random.normal() }
    #expect(series.openingCount == 2)
  }

  @Test func `no anomaly is open for longer than a half-life, whatever comes`() {
    for seed in UInt64(0)..<20 {
      var random = SplitMix64(seed: seed)
      for kind in StatisticalRule.Kind.allCases {
        var series = JudgedSeries(.changed(kind, halfLife: 200, warmUp: 50, refractory: 10))
        var opened = Int64.min
        for _ in 0..<4_000 {
          let size = random.chance(0.01) ? 1e4 : 1.0
          let gap = random.chance(0.02) ? Int64.random(in: 1...300, using: &random) : 1
          let judgement = series.take(size * random.normal(), gap: gap)
          if judgement.step == .opened { opened = series.time }
          if judgement.step == .closed { opened = Int64.min }
          let isOpenTooLong = opened != .min && series.time - opened >= 200 * minute
          if isOpenTooLong { Issue.record("seed \(seed), \(kind)") }
        }
      }
    }
  }

  @Test func `a gap longer than the half-life closes what is open and warms up anew`() {
    var random = SplitMix64(seed: 21)
    var series = JudgedSeries(.spike)
    series.take(2_880) { random.normal() }
    #expect(series.take(50).step == .opened)
    let back = series.take(random.normal(), gap: 1_441)
    #expect(back.step == .closed && back.ending == .gap)
    series.take(350) { 1_000 + random.normal() }
    #expect(series.openingCount == 1, "judged within its second warm-up")
  }

  @Test func `the usual level after a gap is no anomaly, nor is a walk that went on`() {
    for gap: Int64 in [2, 30, 300, 1_400, 3_000, 1_000_000] {
      for kind in StatisticalRule.Kind.allCases {
        var random = SplitMix64(seed: 22)
        var walk = JudgedSeries(kind)
        var level = 0.0
        walk.take(4_000) {
          level += random.normal()
          return level
        }
        // What a walk does over so many steps.
        level += random.normal() * Double(gap).squareRoot()
        walk.take(level, gap: gap)
        walk.take(100) {
          level += random.normal()
          return level
        }
        #expect(walk.openingCount == 0, "\(kind) after \(gap) buckets")
      }
    }
  }

  @Test func `time and not the number of buckets makes what is known fade`() {
    // One bucket a minute or one in ten: after the same time the same share is left.
    for gap: Int64 in [1, 10] {
      var series = JudgedSeries(.changed(.spike, halfLife: 1_000, warmUp: 1_000_000))
      for _ in 0..<(20_000 / gap) { series.take(0, gap: gap) }
      for _ in 0..<(1_000 / gap) { series.take(1, gap: gap) }
      #expect(abs(series.judge.mean - 0.5) < 0.01, "one bucket in \(gap)")
    }
  }

  @Test func `means and spread are the weighted sums they stand for`() {
    var random = SplitMix64(seed: 23)
    var series = JudgedSeries(.changed(.spike, halfLife: 50, warmUp: 1_000_000))
    var taken: [(time: Int64, value: Double, change: Double)] = []
    for _ in 0..<300 {
      let value = 5 + 3 * random.normal()
      let gap = Int64.random(in: 1...20, using: &random)
      let change = taken.isEmpty ? 0 : value - series.judge.mean
      series.take(value, gap: gap)
      taken.append((series.time, value, change))
    }
    // From scratch, with the C library's powers.
    var (weights, values, squares) = (0.0, 0.0, 0.0)
    for one in taken {
      let age = Double(series.time - one.time) / Double(50 * minute)
      let weight = JudgePlan.half(toThe: age)
      weights += weight
      values += weight * one.value
      squares += weight * one.change * one.change
    }
    #expect(abs(series.judge.weight - weights) < 1e-9 * weights)
    #expect(abs(series.judge.mean - values / weights) < 1e-9)
    #expect(abs(series.judge.spread - (squares / weights).squareRoot()) < 1e-9)
  }

  @Test func `a constant series has nothing to say, and its first change no measure`() {
    for kind in StatisticalRule.Kind.allCases {
      var series = JudgedSeries(kind)
      series.take(5_000) { 0.1 }
      #expect(series.steps.isEmpty)
      #expect(series.take(0.1 + 1e-15).step == .none, "dust of rounding")
      #expect(series.take(7).step == .none)
      series.take(20_000) { 7 }
      #expect(series.openingCount <= 1, "\(kind)")
    }
  }

  @Test func `a counter that grows is usual, and its restart is not`() {
    for kind in StatisticalRule.Kind.allCases {
      var random = SplitMix64(seed: 24)
      var series = JudgedSeries(kind)
      var total = 0.0
      series.take(10_000) {
        total += 5 + random.normal()
        return total
      }
      #expect(series.openingCount == 0, "\(kind)")
      total = 0
      series.take(30) {
        total += 5 + random.normal()
        return total
      }
      #expect(series.openingCount == 1, "\(kind) missed the restart")
    }
  }

  @Test func `a series that switches all the time is usual`() {
    for kind in StatisticalRule.Kind.allCases {
      var random = SplitMix64(seed: 25)
      var series = JudgedSeries(kind)
      var state = 0.0
      series.take(60 * 1_440) {
        if random.chance(0.003) { state = 1 - state }
        return state
      }
      #expect(series.openingCount <= 6, "\(kind) opened \(series.openingCount) in 60 days")
    }
  }

  @Test func `quiet and wild series keep near the budget of one in thirty days`() {
    for kind in StatisticalRule.Kind.allCases {
      var (quiet, wild) = (0, 0)
      for seed in UInt64(30)..<34 {
        var random = SplitMix64(seed: seed)
        var (one, other) = (JudgedSeries(kind), JudgedSeries(kind))
        one.take(30 * 1_440) { random.normal() }
        other.take(30 * 1_440) { random.wild() }
        quiet += one.openingCount
        wild += other.openingCount
      }
      // Four budgets each.
      #expect(quiet <= 4, "\(kind) opened \(quiet) on normal noise")
      #expect(wild <= 8, "\(kind) opened \(wild) on heavy tails")
    }
  }
}
