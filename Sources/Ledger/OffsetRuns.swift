/// A set of offsets as runs.
///
/// **Invariants:** runs ascend and neither overlap nor touch. Cost: O(1) for an offset behind or at
/// the end of all others, else O(log runs) to find and O(runs) to insert.
package struct OffsetRuns: Equatable, Sendable {
  package private(set) var runs: [Range<Int64>] = []

  package init() {}

  /// The largest offset there can be, so that the one behind it is an integer, too. Kafka's are
  /// far below it; a file that was tampered with may have anything.
  package static let offsetMax = Int64.max - 1

  package var isEmpty: Bool { runs.isEmpty }

  /// How many offsets are in it.
  package var count: Int64 { runs.reduce(0) { $0 + Int64($1.count) } }

  /// Adds an offset, of at most `offsetMax`; false where it was there already.
  @discardableResult
  package mutating func insert(_ offset: Int64) -> Bool {
    precondition(offset <= Self.offsetMax, "whoever reads offsets refuses what none can be")
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

  /// Adds what lies behind all that is here, or touches the end of it.
  package mutating func append(_ later: OffsetRuns) {
    for run in later.runs { append(run) }
  }

  /// The same of one run.
  mutating func append(_ run: Range<Int64>) {
    guard let last = runs.last, last.upperBound >= run.lowerBound else {
      return runs.append(run)
    }
    precondition(last.upperBound == run.lowerBound, "what is appended lies behind the rest")
    runs[runs.count - 1] = last.lowerBound..<run.upperBound
  }

  /// Forgets the offsets below `offset`.
  package mutating func removeAll(below offset: Int64) {
    runs.removeAll { $0.upperBound <= offset }
    if let first = runs.first, first.lowerBound < offset {
      runs[0] = offset..<first.upperBound
    }
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
