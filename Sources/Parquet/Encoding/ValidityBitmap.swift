/// Which rows of a column chunk have a value: bit `row % 64` of word `row / 64` is set.
///
/// **Invariants:** bits at and beyond `rowCount` are clear; not every row is present (a chunk
/// without absent rows has no bitmap).
struct ValidityBitmap {
  let words: [UInt64]
  let rowCount: Int
  let presentCount: Int

  /// Nil when every row is present. `words` may have anything beyond `rowCount`.
  init?(words: [UInt64], rowCount: Int) {
    let wordCount = (rowCount + 63) / 64
    precondition(words.count >= wordCount, "a validity bitmap has a bit for every row")
    var cleaned = words
    if words.count > wordCount { cleaned.removeLast(words.count - wordCount) }
    if rowCount % 64 != 0 {
      cleaned[wordCount - 1] &= UInt64.max >> UInt64(64 - rowCount % 64)
    }
    presentCount = cleaned.reduce(0) { $0 &+ $1.nonzeroBitCount }
    if presentCount == rowCount { return nil }
    self.words = cleaned
    self.rowCount = rowCount
  }

  /// The bits of up to 64 rows from `row`, the first in the lowest place; those of rows at and
  /// beyond `end` are clear.
  func bits(from row: Int, to end: Int) -> UInt64 {
    let word = row >> 6
    let shift = UInt64(row & 63)
    var bits = words[word] >> shift
    if shift > 0 && word + 1 < words.count { bits |= words[word + 1] << (64 - shift) }
    let count = end - row
    return count >= 64 ? bits : bits & (UInt64.max >> UInt64(64 - count))
  }

  /// How far a page may go: the row after the last of at most `rowCountMax` rows from `row` on
  /// that together have at most `valueCountMax` values, and how many values they have.
  func advance(
    from row: Int, rowCountMax: Int, valueCountMax: Int
  ) -> (rowEnd: Int, valueCount: Int) {
    let limit = min(rowCount, row + rowCountMax)
    var position = row
    var valueCount = 0
    while position < limit {
      let step = min(64, limit - position)
      let bits = self.bits(from: position, to: limit)
      if valueCount + bits.nonzeroBitCount > valueCountMax {
        return finish(bits, at: position, valueCount: valueCount, valueCountMax: valueCountMax)
      }
      valueCount += bits.nonzeroBitCount
      position += step
    }
    return (limit, valueCount)
  }

  /// The end lies among these bits: goes value by value.
  private func finish(
    _ bits: UInt64, at row: Int, valueCount: Int, valueCountMax: Int
  ) -> (rowEnd: Int, valueCount: Int) {
    var rest = bits
    for _ in valueCount..<valueCountMax { rest &= rest - 1 }
    return (row + rest.trailingZeroBitCount, valueCountMax)
  }

  /// Calls `body` with the row of every value, in order.
  @inline(__always)
  func forEachPresentRow(_ body: (Int) -> Void) {
    for wordIndex in words.indices {
      var rest = words[wordIndex]
      while rest != 0 {
        body(wordIndex &<< 6 &+ rest.trailingZeroBitCount)
        rest &= rest &- 1
      }
    }
  }

  /// The elements of present rows, without gaps.
  func compact<Value: BitwiseCopyable>(_ values: [Value]) -> [Value] {
    var dense: [Value] = []
    dense.reserveCapacity(presentCount)
    forEachPresentRow { dense.append(values[$0]) }
    return dense
  }
}
