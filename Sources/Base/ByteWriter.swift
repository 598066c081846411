/// Appends fixed-width and variable-width values to a growing byte buffer.
///
/// All fixed-width integers are little-endian, as in every format this program writes (Parquet,
/// the state snapshot). Cost: amortised O(1) an append.
package struct ByteWriter: Sendable {
  /// Everything written so far.
  package private(set) var bytes: [UInt8] = []

  package init(reserving byteCount: Int = 0) {
    bytes.reserveCapacity(byteCount)
  }

  package var count: Int { bytes.count }

  package mutating func append(_ value: UInt8) { bytes.append(value) }

  /// Appends any fixed-width integer, little-endian.
  package mutating func append<Value: FixedWidthInteger & BitwiseCopyable>(
    littleEndian value: Value
  ) {
    append(bytesOf: value.littleEndian)
  }

  /// Appends the eight bytes of a double, little-endian, bit for bit.
  package mutating func append(_ value: Double) { append(littleEndian: value.bitPattern) }

  package mutating func append(_ other: [UInt8]) { bytes.append(contentsOf: other) }

  package mutating func append(_ other: ArraySlice<UInt8>) { bytes.append(contentsOf: other) }

  package mutating func append(_ other: Span<UInt8>) {
    bytes.reserveCapacity(bytes.count + other.count)
    for index in other.indices { bytes.append(other[index]) }
  }

  /// Appends a base-128 varint, least significant group first (Protobuf, Thrift, Parquet RLE).
  package mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  /// Appends a signed value as a zigzag varint: small magnitudes stay small.
  package mutating func append(zigzag value: Int64) {
    append(varint: UInt64(bitPattern: (value << 1) ^ (value >> 63)))
  }

  /// Appends a byte count as a varint, then the bytes.
  package mutating func append(lengthPrefixed other: [UInt8]) {
    append(varint: UInt64(other.count))
    bytes.append(contentsOf: other)
  }

  /// Appends UTF-8 text with its byte count before it.
  package mutating func append(lengthPrefixed text: String) {
    append(varint: UInt64(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  /// Appends the memory of a whole array of plain values: host order, which the platforms we
  /// support (x86-64, arm64) have as little-endian.
  package mutating func append<Value: BitwiseCopyable>(memoryOf values: [Value]) {
    unsafe values.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
  }

  /// Empties the buffer and keeps its capacity.
  package mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  /// Moves the bytes out, leaving the writer empty.
  package mutating func take() -> [UInt8] {
    let taken = bytes
    bytes = []
    return taken
  }

  private mutating func append<Value: BitwiseCopyable>(bytesOf value: Value) {
    unsafe withUnsafeBytes(of: value) { unsafe bytes.append(contentsOf: $0) }
  }
}
