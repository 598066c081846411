/// One field as it stands on the wire.
struct WireField {
  let number: UInt32
  /// 0 varint, 1 eight bytes, 2 with a length, 3 group, 5 four bytes.
  let wireType: UInt8
  /// The varint, or the bits of a fixed width.
  let word: UInt64
  /// What is inside a length-delimited field or a group; empty for the others.
  let content: Range<Int>
  /// Tag and all.
  let byteCount: Int
}

/// Why bytes are not Protobuf.
enum WireFault: String, Error {
  case truncated = "cut short"
  case malformed = "no Protobuf"
  case tooDeep = "too deep"
}

/// Reads the fields of one message, one after the other, without knowing its type.
///
/// For looking at a sample of records; decoding has its own reader (`Decode/Wire`), and whatever is
/// proposed is tried out with that one. Source: protobuf.dev, "Encoding".
struct WireCursor {
  static let depthMax = 64

  private let bytes: [UInt8]
  private var position: Int
  private let end: Int

  init(_ bytes: [UInt8], _ range: Range<Int>) {
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  /// The next field; nil at the end of the message.
  mutating func next() throws(WireFault) -> WireField? {
    guard position < end else { return nil }
    return try field(depth: 0)
  }

  private mutating func field(depth: Int) throws(WireFault) -> WireField {
    let start = position
    let tag = try varint()
    let number = tag >> 3
    guard tag <= UInt64(UInt32.max), number > 0 else { throw .malformed }
    var word: UInt64 = 0
    var content = position..<position
    let wireType = UInt8(tag & 7)
    switch wireType {
    case 0: word = try varint()
    case 1: word = try fixed(8)
    case 2:
      let count = try varint()
      guard count <= UInt64(end - position) else { throw .truncated }
      content = position..<position + Int(count)
      position = content.upperBound
    case 3: content = try group(UInt32(number), depth: depth + 1)
    case 5: word = try fixed(4)
    default: throw .malformed
    }
    return WireField(
      number: UInt32(number), wireType: wireType, word: word, content: content,
      byteCount: position - start)
  }

  /// Walks to the end of a group that has just begun.
  private mutating func group(_ number: UInt32, depth: Int) throws(WireFault) -> Range<Int> {
    guard depth <= Self.depthMax else { throw .tooDeep }
    let start = position
    while true {
      guard position < end else { throw .truncated }
      let before = position
      let tag = try varint()
      if tag & 7 == 4 {
        guard tag >> 3 == UInt64(number) else { throw .malformed }
        return start..<before
      }
      position = before
      _ = try field(depth: depth)
    }
  }

  private mutating func varint() throws(WireFault) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), through: 63, by: 7) {
      guard position < end else { throw .truncated }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw .malformed
  }

  private mutating func fixed(_ byteCount: Int) throws(WireFault) -> UInt64 {
    guard end - position >= byteCount else { throw .truncated }
    var word: UInt64 = 0
    for index in 0..<byteCount { word |= UInt64(bytes[position + index]) << UInt64(8 * index) }
    position += byteCount
    return word
  }
}
