import Base
import Metrics
import Testing

@Suite struct HistogramQuantileTests {
  @Test func `without observations there is none`() {
    #expect(Histogram(bounds: [1]).quantile(0.5) == nil)
  }

  @Test func `it lies evenly within its bucket`() {
    var histogram = Histogram(bounds: [10, 20, 40])
    histogram.observe(5, times: 10)
    histogram.observe(15, times: 10)
    #expect(histogram.quantile(0.25) == 5)
    #expect(histogram.quantile(0.5) == 10)
    #expect(histogram.quantile(0.75) == 15)
    #expect(histogram.quantile(1) == 20)
    #expect(histogram.quantile(0) == 0)
  }

  @Test func `above all bounds it is the last bound`() {
    var histogram = Histogram(bounds: [1, 2])
    histogram.observe(1000)
    #expect(histogram.quantile(0.5) == 2)
  }

  @Test func `it is never below a smaller share's`() {
    var random = SplitMix64(seed: 2)
    var histogram = Histogram(doublingFrom: 0.5, count: 8)
    for _ in 0..<500 { histogram.observe(Double.random(in: 0...200, using: &random)) }
    let values = stride(from: 0.0, through: 1.0, by: 0.01).compactMap { histogram.quantile($0) }
    #expect(values.count == 101 && values == values.sorted())
  }
}
