/// A histogram over fixed upper bounds, as Prometheus means it: counts, sum, and nothing else.
///
/// A value type: whoever owns it adds to it, and a copy is what is exported. Cost: one bisection
/// over the bounds an observation.
package struct Histogram: Equatable, Sendable {
  /// Upper bounds, inclusive, ascending; a last bucket without a bound follows them.
  package let bounds: [Double]
  /// One count a bound and one for what lies above all: not cumulative.
  package private(set) var counts: [Int64]
  package private(set) var sum: Double = 0

  package init(bounds: [Double]) {
    precondition(!bounds.isEmpty, "a histogram has at least one bound")
    precondition(zip(bounds, bounds.dropFirst()).allSatisfy(<), "bounds of a histogram ascend")
    self.bounds = bounds
    counts = Array(repeating: 0, count: bounds.count + 1)
  }

  /// Bounds that double: `first`, `2 · first`, … , `count` of them.
  package init(doublingFrom first: Double, count: Int) {
    self.init(bounds: (0..<count).map { first * Double(1 << $0) })
  }

  /// All observations.
  package var count: Int64 { counts.reduce(0, +) }

  /// Adds `times` observations of a value; NaN is no observation.
  package mutating func observe(_ value: Double, times: Int64 = 1) {
    if value.isNaN { return }
    var low = 0
    var high = bounds.count
    while low < high {
      let middle = (low + high) / 2
      if bounds[middle] < value { low = middle + 1 } else { high = middle }
    }
    counts[low] += times
    sum += value * Double(times)
  }

  /// Adds another histogram of the same bounds.
  package static func += (left: inout Histogram, right: Histogram) {
    precondition(left.bounds == right.bounds, "only histograms of the same bounds can be added")
    for index in left.counts.indices { left.counts[index] += right.counts[index] }
    left.sum += right.sum
  }
}
