extension Histogram {
  /// The value below which that share of the observations lies, estimated as Prometheus's
  /// `histogram_quantile` does: evenly spread within its bucket, the first one beginning at 0.
  ///
  /// Nil without observations. In the bucket without a bound it is the last bound, which is then
  /// too small. `share` lies within 0 to 1.
  package func quantile(_ share: Double) -> Double? {
    precondition((0...1).contains(share), "a share lies within 0 and 1")
    let total = count
    guard total > 0 else { return nil }
    let rank = share * Double(total)
    var before: Int64 = 0
    for (index, bound) in bounds.enumerated() {
      let here = counts[index]
      if here > 0, Double(before + here) >= rank {
        let low = index == 0 ? min(0, bound) : bounds[index - 1]
        return low + (bound - low) * (rank - Double(before)) / Double(here)
      }
      before += here
    }
    return bounds[bounds.count - 1]
  }
}
