import Testing

@testable import Metrics

@Suite struct HistogramTests {
  @Test func `a value on a bound falls into the bucket of that bound`() {
    var histogram = Histogram(bounds: [1, 2, 4])
    histogram.observe(1)
    histogram.observe(1.5)
    histogram.observe(4)
    histogram.observe(4.1, times: 3)
    #expect(histogram.counts == [1, 1, 1, 3])
    #expect(histogram.count == 6)
    #expect(abs(histogram.sum - 18.8) < 1e-12)
  }

  @Test func `NaN is no observation`() {
    var histogram = Histogram(doublingFrom: 0.5, count: 3)
    histogram.observe(.nan)
    #expect(histogram.count == 0)
    #expect(histogram.bounds == [0.5, 1, 2])
  }

  @Test func `histograms of the same bounds add up`() {
    var left = Histogram(bounds: [1])
    var right = Histogram(bounds: [1])
    left.observe(0.5)
    right.observe(3)
    left += right
    #expect(left.counts == [1, 1])
    #expect(left.sum == 3.5)
  }
}
