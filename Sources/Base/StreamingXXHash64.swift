/// xxHash64 of bytes that come in parts: the same value as `XXHash64.hash` of all of them at once.
///
/// For files that are never in memory whole. Cost: that of `XXHash64`, plus a copy of at most 31
/// bytes a part.
package struct StreamingXXHash64: Sendable {
  private var lane1 = XXHash64.prime1 &+ XXHash64.prime2
  private var lane2 = XXHash64.prime2
  private var lane3: UInt64 = 0
  private var lane4 = 0 &- XXHash64.prime1
  /// What came after the last whole block of 32 bytes; fewer than 32.
  private var rest: [UInt8] = []
  /// Bytes taken so far.
  package private(set) var byteCount: UInt64 = 0

  package init() {}

  /// Takes the next part; parts may be of any length.
  package mutating func update(_ bytes: [UInt8]) {
    byteCount &+= UInt64(bytes.count)
    var start = 0
    if !rest.isEmpty {
      start = min(32 - rest.count, bytes.count)
      rest += bytes[..<start]
      if rest.count < 32 { return }
      let block = rest
      rest.removeAll(keepingCapacity: true)
      unsafe take(block.span.bytes, from: 0)
    }
    let end = unsafe take(bytes.span.bytes, from: start)
    rest += bytes[end...]
  }

  /// The hash of everything taken so far; more may follow.
  package var value: UInt64 {
    var result = XXHash64.prime5
    if byteCount >= 32 {
      result =
        XXHash64.rotate(lane1, 1) &+ XXHash64.rotate(lane2, 7) &+ XXHash64.rotate(lane3, 12)
        &+ XXHash64.rotate(lane4, 18)
      for lane in [lane1, lane2, lane3, lane4] { result = XXHash64.merge(result, lane) }
    }
    return unsafe XXHash64.finish(result &+ byteCount, tail: rest.span.bytes, from: 0)
  }

  /// Takes whole blocks; returns the place after the last.
  @discardableResult
  private mutating func take(_ bytes: RawSpan, from start: Int) -> Int {
    var position = start
    var (first, second, third, fourth) = (lane1, lane2, lane3, lane4)
    while position &+ 32 <= bytes.byteCount {
      first = XXHash64.round(first, XXHash64.load64(bytes, position))
      second = XXHash64.round(second, XXHash64.load64(bytes, position &+ 8))
      third = XXHash64.round(third, XXHash64.load64(bytes, position &+ 16))
      fourth = XXHash64.round(fourth, XXHash64.load64(bytes, position &+ 24))
      position &+= 32
    }
    (lane1, lane2, lane3, lane4) = (first, second, third, fourth)
    return position
  }
}
