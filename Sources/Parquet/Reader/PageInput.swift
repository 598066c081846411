/// The bytes of one page, decompressed, and how far they have been read.
///
/// **Invariants:** `position ≤ end ≤ bytes.count`.
struct PageInput {
  let bytes: [UInt8]
  private(set) var position: Int
  private(set) var end: Int

  init(_ bytes: [UInt8], _ range: Range<Int>) {
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  init(_ bytes: [UInt8]) { self.init(bytes, 0..<bytes.count) }

  var remainingByteCount: Int { end - position }
  var isAtEnd: Bool { position == end }

  /// Moves past `byteCount` bytes and returns where they lie.
  mutating func take(_ byteCount: Int) throws(PageFault) -> Range<Int> {
    guard byteCount >= 0, byteCount <= remainingByteCount else {
      throw .malformed("a page that breaks off")
    }
    defer { position += byteCount }
    return position..<position + byteCount
  }

  mutating func readByte() throws(PageFault) -> UInt8 { bytes[try take(1).lowerBound] }

  /// Reads a length in four bytes. What it counts lies in this page, or the length is refused.
  mutating func readLength() throws(PageFault) -> Int {
    let range = try take(4)
    var length = 0
    for index in 0..<4 { length |= Int(bytes[range.lowerBound + index]) << (index * 8) }
    guard length <= remainingByteCount else { throw .malformed("a length beyond its page") }
    return length
  }

  /// Reads a base-128 varint of at most 63 bits.
  mutating func readVarint() throws(PageFault) -> Int {
    Int(truncatingIfNeeded: try readVarint(bitCount: 63))
  }

  mutating func readZigzag() throws(PageFault) -> Int64 {
    let raw = try readVarint(bitCount: 64)
    return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
  }

  /// Splits off the next `byteCount` bytes as a page of their own.
  mutating func split(_ byteCount: Int) throws(PageFault) -> PageInput {
    PageInput(bytes, try take(byteCount))
  }

  /// Reads past what is left: bytes that stand for no value.
  mutating func skipRest() { position = end }

  /// Whatever was read has to end where the page does.
  func requireEnd(of what: String) throws(PageFault) {
    guard isAtEnd else { throw .malformed("\(remainingByteCount) bytes after the \(what)") }
  }

  private mutating func readVarint(bitCount: UInt64) throws(PageFault) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: bitCount, by: 7) {
      let byte = try readByte()
      let bits = UInt64(byte & 0x7F)
      // The last byte of a 64-bit value has one bit to give.
      guard (bits << shift) >> shift == bits else { break }
      value |= bits << shift
      if byte < 0x80 { return value }
    }
    throw .malformed("a number of more than \(bitCount) bits")
  }
}
