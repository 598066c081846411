/// The counterpart of `BitPacking`: unsigned integers of a fixed number of bits each, least
/// significant bit first (Encodings.md, "RLE / bit-packing hybrid", point 1).
enum BitUnpacking {
  /// Appends values of `width` bits (0 … 32), `output.freeCapacity` of them, from the bits that
  /// begin at byte `start`; the caller has seen that the bytes are there.
  ///
  /// Eight bytes are loaded for each value, which is always enough; near the end of the bytes they
  /// are put together one by one. Cost: about 1 ns a value.
  static func unpack(
    _ bytes: RawSpan, from start: Int, width: Int, into output: inout OutputSpan<UInt32>
  ) {
    let count = output.freeCapacity
    let mask = width == 0 ? 0 : UInt64.max >> UInt64(64 - width)
    let wholeCount = wholeWordCount(bytes.byteCount - start, width: width, count: count)
    for index in 0..<wholeCount {
      let bit = index &* width
      let word = unsafe bytes.unsafeLoadUnaligned(
        fromByteOffset: start &+ bit &>> 3, as: UInt64.self)
      output.append(UInt32(truncatingIfNeeded: word &>> UInt64(bit & 7) & mask))
    }
    for index in wholeCount..<count {
      let word = self.word(of: bytes, atBit: start * 8 + index * width, width: width)
      output.append(UInt32(truncatingIfNeeded: word))
    }
  }

  /// The 32 values of `width` bits (0 … 64) that begin at byte `start`.
  static func unpackMiniblock(
    _ bytes: RawSpan, from start: Int, width: Int, into values: inout [32 of UInt64]
  ) {
    let mask = width == 0 ? 0 : UInt64.max >> UInt64(64 - width)
    // Wider values may reach into a ninth byte.
    let isNarrow = width <= 57
    let wholeCount =
      isNarrow ? wholeWordCount(bytes.byteCount - start, width: width, count: 32) : 0
    for index in 0..<wholeCount {
      let bit = index &* width
      let word = unsafe bytes.unsafeLoadUnaligned(
        fromByteOffset: start &+ bit &>> 3, as: UInt64.self)
      values[index] = word &>> UInt64(bit & 7) & mask
    }
    for index in wholeCount..<32 {
      values[index] = word(of: bytes, atBit: start * 8 + index * width, width: width)
    }
  }

  /// How many of `count` values have the eight bytes from their first on among `byteCount`.
  private static func wholeWordCount(_ byteCount: Int, width: Int, count: Int) -> Int {
    if byteCount < 8 { return 0 }
    if width == 0 { return count }
    return min(count, ((byteCount - 8) * 8 + 7) / width + 1)
  }

  /// One value, byte by byte, from bytes that are all there.
  private static func word(of bytes: RawSpan, atBit bit: Int, width: Int) -> UInt64 {
    var value: UInt64 = 0
    var bitCount = 0
    while bitCount < width {
      let position = bit + bitCount
      let byte = unsafe bytes.unsafeLoad(fromByteOffset: position >> 3, as: UInt8.self)
      let taken = min(8 - position & 7, width - bitCount)
      let bits = UInt64(byte) >> UInt64(position & 7) & (UInt64(1) << UInt64(taken) - 1)
      value |= bits << UInt64(bitCount)
      bitCount += taken
    }
    return value
  }
}
