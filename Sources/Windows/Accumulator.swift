/// Room for one merged window of all metrics of a block, and for the values of one reading.
///
/// A merge takes the first slice as it is and merges the later ones into it, so the outcome depends
/// on the slices and their order alone. Reused for every firing: no allocation in steady state.
@safe
struct Accumulator: ~Copyable, @unchecked Sendable {  // because it alone owns its memory
  private let memory: UnsafeMutablePointer<Double>
  private let validity: UnsafeMutablePointer<Bool>
  private let metricCountMax: Int
  private let cellsWordCount: Int
  private let lastWordCount: Int

  init(metricCountMax: Int) {
    self.metricCountMax = metricCountMax
    let shape = RowShape(metricCount: metricCountMax, isUniform: false)
    cellsWordCount = shape.wordCount
    lastWordCount = shape.lastWordCount
    let wordCount = shape.wordCount + shape.lastWordCount + 3 * metricCountMax
    unsafe memory = .allocate(capacity: max(wordCount, 1))
    unsafe UnsafeMutableRawPointer(memory)
      .initializeMemory(as: UInt8.self, repeating: 0, count: max(wordCount, 1) * 8)
    unsafe validity = .allocate(capacity: max(metricCountMax, 1))
    unsafe validity.initialize(repeating: false, count: max(metricCountMax, 1))
  }

  deinit {
    unsafe memory.deallocate()
    unsafe validity.deallocate()
  }

  /// The values of the reading at hand, by the metrics of a block.
  var values: UnsafeMutablePointer<Double> { unsafe memory + cellsWordCount + lastWordCount }
  /// Room for what follows from a merge.
  var sums: UnsafeMutablePointer<Double> { unsafe values + metricCountMax }
  var stddevs: UnsafeMutablePointer<Double> { unsafe sums + metricCountMax }
  /// Which of `values` are there and finite.
  var isValid: UnsafeMutablePointer<Bool> { unsafe validity }

  func row(metricCount: Int, isUniform: Bool) -> SliceRow {
    unsafe SliceRow(words: memory, metricCount: metricCount, isUniform: isUniform)
  }

  func lastRow(metricCount: Int, isUniform: Bool) -> LastRow {
    unsafe LastRow(
      words: memory + cellsWordCount, metricCount: metricCount, isUniform: isUniform)
  }

  /// Merges the slices of `block` from `index` on that start before `end`, at least one.
  func merge(_ block: borrowing SliceBlock, from index: Int, until end: Int64) {
    let (metricCount, isUniform) = (block.metricCount, block.isUniform)
    let target = unsafe row(metricCount: metricCount, isUniform: isUniform)
    let last = unsafe lastRow(metricCount: metricCount, isUniform: isUniform)
    precondition(index < block.count && block.start(index) < end, "a window that fires has slices")
    unsafe target.copy(from: block.row(index))
    if !isUniform { unsafe last.copy(from: block.lastRow(index)) }
    var next = index &+ 1
    while next < block.count, block.start(next) < end {
      if isUniform {
        unsafe target.merge(block.row(next))
      } else {
        unsafe target.mergeCells(block.row(next))
        unsafe last.takeCells(from: block.lastRow(next))
      }
      next &+= 1
    }
    // See `SliceBlock`: the newest slice of a kept window always has a last row.
    if isUniform { unsafe last.copy(from: block.lastRow(next &- 1)) }
  }

  /// What metric number `metric` of the last merge came to.
  func values(
    of metric: Int, metricCount: Int, isUniform: Bool, isInteger: Bool
  ) -> FiringBatch.Values {
    let row = unsafe row(metricCount: metricCount, isUniform: isUniform)
    return unsafe FiringBatch.Values(
      count: row.counts[isUniform ? 0 : metric], mean: row.means[metric], m2: row.m2s[metric],
      min: row.mins[metric], max: row.maxes[metric], first: row.firsts[metric],
      last: lastRow(metricCount: metricCount, isUniform: isUniform).values[metric],
      isInteger: isInteger)
  }
}
