@testable import Detectors
import Base
import Testing

/// What a judge finds, and when it says so.
@Suite struct StatisticsFindingTests {
  /// A series at 20 ± 1 that has been heard for two days.
  private func settled(_ series: JudgedSeries, seed: UInt64 = 1) -> JudgedSeries {
    var series = series
    var random = SplitMix64(seed: seed)
    series.take(2_880) { 20 + random.normal() }
    return series
  }

  @Test func `a spike opens at once, says what was usual, and closes after three usual buckets`() {
    var series = settled(JudgedSeries(.spike))
    #expect(series.steps.isEmpty)
    let opened = series.take(35)
    #expect(opened.step == .opened && opened.severity == .warning)
    #expect(opened.value == 35 && abs(opened.expected - 20) < 0.2)
    #expect(abs(opened.spread - 1) < 0.1 && abs(opened.deviation - 15) < 1.5)
    #expect(opened.score >= opened.threshold && opened.probability < 1 / 43_200.0)
    #expect(opened.bucketsSinceOpened == 1)
    #expect(series.take(20).step == .none)
    #expect(series.take(20).step == .none)
    let closed = series.take(20)
    #expect(closed.step == .closed && closed.ending == .usualAgain)
    #expect(closed.bucketsSinceOpened == 4)
  }

  @Test func `a jump is measured against the usual step, up or down`() {
    for change in [15.0, -15] {
      var series = JudgedSeries(.jump)
      var random = SplitMix64(seed: 2)
      var level = 0.0
      series.take(2_880) {
        level += random.normal()
        return level
      }
      #expect(series.steps.isEmpty)
      let opened = series.take(level + change)
      #expect(opened.step == .opened)
      #expect(opened.value == level + change && abs(opened.expected - level) < 0.2)
    }
  }

  @Test func `a shift too small for a spike opens within twenty buckets`() throws {
    var spikes = settled(JudgedSeries(.spike), seed: 3)
    var shifts = settled(JudgedSeries(.shift), seed: 3)
    var random = SplitMix64(seed: 4)
    let before = shifts.time
    for _ in 0..<60 {
      let value = 22.5 + random.normal()
      spikes.take(value)
      shifts.take(value)
    }
    #expect(spikes.steps.isEmpty)
    let opened = try #require(shifts.steps.first)
    #expect(opened.judgement.step == .opened)
    #expect(opened.time - before <= 20 * minute)
    // The fast mean is judged, not the bucket.
    #expect(opened.judgement.value > 20.5 && opened.judgement.value < 22.8)
  }

  @Test func `an anomaly that gets much worse escalates once`() {
    var series = settled(JudgedSeries(.spike), seed: 5)
    #expect(series.take(32).severity == .warning)
    let escalated = series.take(400)
    #expect(escalated.step == .escalated && escalated.severity == .critical)
    #expect(series.take(500).step == .none)
    series.take(3) { 20 }
    #expect(series.steps.last?.judgement.step == .closed)
    #expect(series.steps.last?.judgement.severity == .critical)
    #expect(series.count(.escalated) == 1)
  }

  @Test func `what is critical from the start opens as critical`() {
    var series = settled(JudgedSeries(.spike), seed: 6)
    let opened = series.take(1e6)
    #expect(opened.step == .opened && opened.severity == .critical)
  }

  @Test func `warm-up is silent, and its end is not`() {
    for kind in StatisticalRule.Kind.allCases {
      var series = JudgedSeries(kind)
      var random = SplitMix64(seed: 7)
      series.take(340) { random.normal() }
      series.take(1) { 1e3 }
      #expect(series.steps.isEmpty, "\(kind) spoke in its warm-up")
      series.take(1_100) { random.normal() }
      series.take(20) { 1e3 }
      #expect(series.openingCount == 1, "\(kind) missed what came after warm-up")
    }
  }

  @Test func `warm-up needs thirty buckets, however long they take`() {
    var series = JudgedSeries(.changed(.spike, halfLife: 100_000))
    var random = SplitMix64(seed: 8)
    for _ in 0..<28 { series.take(random.normal(), gap: 500) }
    #expect(series.take(1e6, gap: 500).score == 0)
  }

  @Test func `a change smaller than the least that matters opens nothing and is learnt`() {
    var series = settled(JudgedSeries(.changed(.spike, changeMin: 50)), seed: 9)
    series.take(200) { 60 }
    #expect(series.steps.isEmpty)
    #expect(series.take(-1_000).step == .opened)
  }

  @Test func `after an anomaly nothing opens for the refractory time`() {
    var series = settled(JudgedSeries(.spike), seed: 10)
    var random = SplitMix64(seed: 11)
    series.take(60)
    series.take(3) { 20 + random.normal() }
    #expect(series.steps.last?.judgement.step == .closed)
    series.take(58) { 20 + random.normal() }
    #expect(series.take(100).step == .none)
    series.take(1) { 20 + random.normal() }
    #expect(series.take(200).step == .opened)
  }

  @Test func `each opening asks more of the next, and that fades`() {
    var series = settled(JudgedSeries(.spike), seed: 12)
    var random = SplitMix64(seed: 13)
    let first = series.take(60)
    series.take(100) { 20 + random.normal() }
    let soon = series.take(20)
    #expect(abs(soon.threshold - first.threshold - 0.5) < 0.01)
    series.take(43_200) { 20 + random.normal() }
    let later = series.take(20)
    #expect(abs(later.threshold - first.threshold - 0.25) < 0.01)
  }

  @Test func `a refused opening is as if it had not been, but is not asked for again at once`() {
    var series = settled(JudgedSeries(.spike), seed: 14)
    #expect(series.take(60).step == .opened)
    series.judge.refuse()
    #expect(!series.judge.isOpen && series.judge.penalty == 0)
    series.take(59) { 60 }
    #expect(series.openingCount == 1)
    #expect(series.take(1e5).step == .opened)
  }
}
