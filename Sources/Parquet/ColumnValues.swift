/// Byte strings back to back in one buffer: string `i` is `bytes[starts[i]..<starts[i + 1]]`.
///
/// **Invariants:** `starts` ascends, begins at 0 or later and has one element more than there are
/// strings; its last element is at most `bytes.count`.
package struct ByteStrings: Sendable {
  package let bytes: [UInt8]
  package let starts: [Int]

  package init(bytes: [UInt8], starts: [Int]) {
    precondition(!starts.isEmpty && starts[starts.count - 1] <= bytes.count, "starts lie in bytes")
    self.bytes = bytes
    self.starts = starts
  }

  package var count: Int { starts.count - 1 }

  func byteCount(of index: Int) -> Int { starts[index + 1] - starts[index] }
}

/// One column's values of one row group.
///
/// Arrays have one element a row; the element of an absent row is ignored. Passing an array does
/// not copy it, and it is let go before `writeColumn` returns: a caller may gather column after
/// column into the same array.
package enum ColumnValues: Sendable {
  /// For `.boolean`.
  case boolean([Bool])
  /// For `.int32` and `.date`.
  case int32([Int32])
  /// For `.int64` and `.timestampMicros`.
  case int64([Int64])
  /// For `.float`.
  case float([Float])
  /// For `.double`. NaN and infinities are values like any other, bit for bit.
  case double([Double])
  /// For `.string` and `.binary` whose values are interned already: indexes into `dictionary`, or
  /// `absentWord`. Only words that occur are written. Fastest path for text.
  case words(indexes: [UInt32], dictionary: ByteStrings)
  /// For `.string` and `.binary`: one byte string a row.
  case byteStrings(ByteStrings)
  /// The same integer in every present row; for `.int32`, `.date` (the value must fit), `.int64`
  /// and `.timestampMicros`. Costs nothing a row.
  case constantInteger(Int64)
  /// The same string in every present row; for `.string` and `.binary`. Costs nothing a row.
  case constantWord([UInt8])

  /// The index that stands for no word.
  package static let absentWord = UInt32.max
}
