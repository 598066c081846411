/// A set of offsets as runs.
///
/// **Invariants:** runs ascend and neither overlap nor touch. Cost: O(1) for an offset behind or at
/// the end of all others, else O(log runs) to find and O(runs) to insert.
package struct OffsetRuns: Equatable, Sendable {
  private(set) var runs: [Range<Int64>] = []

  package init() {}

  /// How many offsets are in it.
  package var count: Int64 { runs.reduce(0) { $0 + Int64($1.count) } }

  /// Adds an offset; false where it was there already.
  @discardableResult
  package mutating func insert(_ offset: Int64) -> Bool {
    let place = place(of: offset)
    if place < runs.count, runs[place].contains(offset) { return false }
    let joinsBefore = place > 0 && runs[place - 1].upperBound == offset
    let joinsAfter = place < runs.count && runs[place].lowerBound == offset + 1
    switch (joinsBefore, joinsAfter) {
    case (true, true):
      runs[place - 1] = runs[place - 1].lowerBound..<runs[place].upperBound
      runs.remove(at: place)
    case (true, false): runs[place - 1] = runs[place - 1].lowerBound..<offset + 1
    case (false, true): runs[place] = offset..<runs[place].upperBound
    case (false, false): runs.insert(offset..<offset + 1, at: place)
    }
    return true
  }

  /// Whether the offset is in one of the runs. Cost: a binary search.
  package func contains(_ offset: Int64) -> Bool {
    let place = place(of: offset)
    return place < runs.count && runs[place].contains(offset)
  }

  /// Index of the first run that ends behind `offset`.
  private func place(of offset: Int64) -> Int {
    if let last = runs.last, last.upperBound <= offset { return runs.count }
    var (low, high) = (0, runs.count)
    while low < high {
      let middle = (low + high) / 2
      if runs[middle].upperBound <= offset { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
