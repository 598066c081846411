/// The uncompressed bytes of the page being built; its memory is reused from page to page.
///
/// Everything is little-endian, the host's order on the platforms we support (x86-64, arm64).
struct PageBuffer {
  private(set) var bytes: [UInt8] = []

  var count: Int { bytes.count }

  mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  mutating func reserve(_ byteCount: Int) { bytes.reserveCapacity(bytes.count + byteCount) }

  mutating func append(_ value: UInt8) { bytes.append(value) }

  mutating func append(littleEndian value: UInt32) {
    unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
  }

  /// Replaces the four bytes at `position`: a length that is known only after what it counts.
  mutating func overwrite(at position: Int, littleEndian value: UInt32) {
    for index in 0..<4 {
      bytes[position + index] = UInt8(truncatingIfNeeded: value >> UInt32(index * 8))
    }
  }

  /// Appends a base-128 varint (ULEB128).
  mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func append(zigzag value: Int64) {
    append(varint: UInt64(bitPattern: (value << 1) ^ (value >> 63)))
  }

  /// Appends the memory of plain values: the PLAIN encoding of every fixed-width type.
  mutating func append<Value: BitwiseCopyable>(memoryOf values: Span<Value>) {
    unsafe values.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
  }

  /// Appends the first `byteCount` bytes of the memory of `words`.
  mutating func append(firstBytes byteCount: Int, of words: Span<UInt64>) {
    unsafe words.withUnsafeBytes { unsafe bytes.append(contentsOf: $0[..<byteCount]) }
  }

  mutating func append(_ slice: ArraySlice<UInt8>) { bytes.append(contentsOf: slice) }

  /// Appends `byteCount` bytes that `fill` writes.
  mutating func append(byteCount: Int, filledBy fill: (inout OutputSpan<UInt8>) -> Void) {
    bytes.append(addingCapacity: byteCount, initializingWith: fill)
  }
}
