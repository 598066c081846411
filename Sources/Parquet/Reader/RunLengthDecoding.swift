/// Walks through runs of the RLE / bit-packing hybrid. The counterpart of `RunLengthEncoding`,
/// whose comment has the grammar.
///
/// **Invariants:** all runs returned together have at most the number of values asked for, and a
/// packed run's bytes lie in the page.
struct RunLengthDecoding {
  /// A stretch of values; its count is at least one.
  enum Run {
    case repeated(UInt32, count: Int)
    /// From byte `start` of the page's bytes on.
    case packed(start: Int, count: Int)
  }

  private let width: Int
  private var missingCount: Int

  /// For `count` values of `width` bits (0 … 32).
  init(width: Int, count: Int) throws(PageFault) {
    guard (0...32).contains(width) else { throw .malformed("runs of values of \(width) bits") }
    self.width = width
    missingCount = count
  }

  /// The next run, or nil once there are as many values as asked for. The last packed run may hold
  /// more than is missing: whole groups always, and of some writers more of them.
  mutating func next(_ page: inout PageInput) throws(PageFault) -> Run? {
    guard missingCount > 0 else { return nil }
    let head = try page.readVarint()
    let length = head >> 1
    guard length > 0 else { throw .malformed("a run of no values") }
    if head & 1 == 0 {
      guard length <= missingCount else { throw .malformed("more values than the page has") }
      missingCount -= length
      let bytes = try page.take((width + 7) / 8)
      var value: UInt32 = 0
      for (index, position) in bytes.enumerated() {
        value |= UInt32(page.bytes[position]) << UInt32(index * 8)
      }
      return .repeated(value, count: length)
    }
    // In groups of eight. DuckDB's last run has groups that stand for nothing. Compared by
    // division: `length` may be near the largest integer.
    guard length <= page.remainingByteCount / max(width, 1) || width == 0 else {
      throw .malformed("a page that breaks off")
    }
    let bytes = try page.take(width == 0 ? 0 : length * width)
    let count = length > missingCount / 8 ? missingCount : length * 8
    missingCount -= count
    return .packed(start: bytes.lowerBound, count: count)
  }

  /// Appends `count` dictionary indexes, each below `bound`.
  static func appendIndexes(
    of page: inout PageInput, width: Int, count: Int, below bound: Int,
    to indexes: inout [UInt32]
  ) throws(PageFault) {
    var runs = try RunLengthDecoding(width: width, count: count)
    while let run = try runs.next(&page) {
      switch run {
      case .repeated(let value, let count):
        guard Int(value) < bound else { throw .malformed("an index beyond the dictionary") }
        indexes.append(contentsOf: repeatElement(value, count: count))
      case .packed(let start, let count):
        let first = indexes.count
        let bytes = unsafe page.bytes.span.bytes
        indexes.append(addingCapacity: count) { output in
          BitUnpacking.unpack(bytes, from: start, width: width, into: &output)
        }
        var largest: UInt32 = 0
        for position in first..<indexes.count { largest = max(largest, indexes[position]) }
        guard Int(largest) < bound else { throw .malformed("an index beyond the dictionary") }
      }
    }
  }

  /// Reads past `count` indexes into a dictionary of one entry, without storing any.
  static func skipSoleIndexes(
    of page: inout PageInput, width: Int, count: Int
  ) throws(PageFault) {
    var runs = try RunLengthDecoding(width: width, count: count)
    while let run = try runs.next(&page) {
      switch run {
      case .repeated(let value, _):
        guard value == 0 else { throw .malformed("an index beyond the dictionary") }
      case .packed(let start, let count):
        for index in 0..<count * width where page.isBitSet(start * 8 + index) {
          throw .malformed("an index beyond the dictionary")
        }
      }
    }
  }
}

extension PageInput {
  fileprivate func isBitSet(_ bit: Int) -> Bool { bytes[bit >> 3] >> UInt8(bit & 7) & 1 == 1 }
}
