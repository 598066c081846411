import Base
@testable import Detectors
import Testing

@Suite struct StatisticsPropertyTests {
  /// Numbers of all sizes that a double has.
  private func anyFinite(_ random: inout SplitMix64) -> Double {
    while true {
      let value = Double(bitPattern: random.next())
      if value.isFinite { return value }
    }
  }

  private func isFinite(_ judgement: Judgement) -> Bool {
    [
      judgement.value, judgement.expected, judgement.score, judgement.threshold, judgement.spread,
      judgement.deviation, judgement.probability,
    ].allSatisfy(\.isFinite)
  }

  @Test func `no finite input makes a number that is not finite`() {
    for seed in UInt64(0)..<30 {
      var random = SplitMix64(seed: seed)
      for kind in StatisticalRule.Kind.allCases {
        var series = JudgedSeries(.changed(kind, halfLife: 100, warmUp: 30, refractory: 5))
        for _ in 0..<500 {
          var value = anyFinite(&random)
          if random.chance(0.3) { value = random.pick([0, -0.0, 1, .leastNonzeroMagnitude]) }
          if random.chance(0.1) {
            let largest = Double.greatestFiniteMagnitude
            value = random.chance(0.5) ? largest : -largest
          }
          let gap = random.chance(0.05) ? Int64.random(in: 1...1_000_000, using: &random) : 1
          let judgement = series.take(value, gap: gap)
          if !isFinite(judgement) || !series.judge.isSound {
            Issue.record("seed \(seed), \(kind), value \(value)")
          }
        }
      }
    }
  }

  @Test func `the ends of time are no overflow`() {
    for kind in StatisticalRule.Kind.allCases {
      let plan = JudgePlan(.defaults(kind: kind, everyMicros: minute))
      var judge = SeriesJudge()
      for time in [Int64.min + 1, -1, 0, 1, Int64.max - 1, Int64.max] {
        let judgement = judge.judge(value: Double(time), bucketStart: time, plan: plan)
        #expect(isFinite(judgement) && judge.isSound)
      }
    }
  }

  /// Noise with level changes and spikes, so that all steps occur.
  private func eventful(_ random: inout SplitMix64, count: Int) -> [(Double, Int64)] {
    var level = 0.0
    return (0..<count).map { _ in
      if random.chance(0.002) { level += 30 * random.normal() }
      let spike = random.chance(0.002) ? 60 * random.normal() : 0
      let gap = random.chance(0.01) ? Int64.random(in: 2...400, using: &random) : 1
      return (level + random.normal() + spike, gap)
    }
  }

  private func steps(
    _ series: JudgedSeries, _ inputs: [(Double, Int64)], change: (Double) -> Double
  ) -> [Judgement] {
    var series = series
    for (value, gap) in inputs { series.take(change(value), gap: gap) }
    return series.steps.map(\.judgement)
  }

  @Test func `another unit or another zero changes no step`() {
    var stepCount = 0
    for seed in UInt64(100)..<115 {
      for kind in StatisticalRule.Kind.allCases {
        var random = SplitMix64(seed: seed)
        let inputs = eventful(&random, count: 4_000)
        let series = JudgedSeries(.changed(kind, halfLife: 400, warmUp: 100, refractory: 20))
        let plain = steps(series, inputs) { $0 }
        stepCount += plain.count
        // Powers of two change no rounding, so all is equal bit for bit.
        let scaled = steps(series, inputs) { -8 * $0 }
        #expect(scaled.map(\.step) == plain.map(\.step), "seed \(seed), \(kind)")
        #expect(scaled.map(\.score) == plain.map(\.score), "seed \(seed), \(kind)")
        #expect(scaled.map(\.severity) == plain.map(\.severity), "seed \(seed), \(kind)")
        let moved = steps(series, inputs) { 1.8 * $0 + 3_200 }
        #expect(moved.map(\.step) == plain.map(\.step), "seed \(seed), \(kind), 1.8 x + 3200")
      }
    }
    #expect(stepCount > 100, "so little happened that nothing is shown")
  }

  @Test func `a judge read back from its bytes goes on bit for bit`() throws {
    for seed in UInt64(200)..<210 {
      for kind in StatisticalRule.Kind.allCases {
        var random = SplitMix64(seed: seed)
        var series = JudgedSeries(.changed(kind, halfLife: 400, warmUp: 100, refractory: 20))
        var restored = series
        for (value, gap) in eventful(&random, count: 3_000) {
          if random.chance(0.02) {
            var reader = ByteReader(restored.judge.encoded)
            restored.judge = try SeriesJudge(from: &reader)
            #expect(reader.isAtEnd)
          }
          if series.take(value, gap: gap) != restored.take(value, gap: gap) {
            Issue.record("seed \(seed), \(kind)")
          }
        }
        #expect(series.judge == restored.judge, "seed \(seed), \(kind)")
      }
    }
  }

  @Test func `bytes that no judge wrote are refused or harmless`() {
    var series = JudgedSeries(.shift)
    var random = SplitMix64(seed: 300)
    series.take(2_000) { random.normal() }
    let bytes = series.judge.encoded
    for count in 0..<bytes.count {
      var reader = ByteReader(Array(bytes.prefix(count)))
      #expect(throws: ByteReaderError.self) { try SeriesJudge(from: &reader) }
    }
    for _ in 0..<5_000 {
      var damaged = bytes
      damaged[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
        in: 0...255, using: &random)
      var reader = ByteReader(damaged)
      guard var judge = try? SeriesJudge(from: &reader), judge.lastBucket < series.time + minute
      else { continue }
      _ = judge.judge(value: 1, bucketStart: series.time + minute, plan: series.plan)
      #expect(judge.isSound)
    }
  }

  @Test func `a judge is small`() {
    #expect(MemoryLayout<SeriesJudge>.stride <= 96)
    #expect(SeriesJudge().encoded.count == 90)
  }
}
