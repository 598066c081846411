/// The bytes of one payload, and how numbers are read from them. Everything here stays below the
/// `end` that it is given.
@unsafe
struct WireBytes {
  let base: UnsafeRawPointer
  let count: Int

  /// The byte at a position below `count`.
  func byte(_ position: Int) -> UInt8 {
    unsafe base.load(fromByteOffset: position, as: UInt8.self)
  }

  // MARK: - Varints

  /// Reads a varint below `end`; what lies behind it, nil if it does not end before `end` or within
  /// ten bytes. Bits beyond the 64th are dropped, as every reader does.
  ///
  /// - Parameter wordLimit: the last address from which eight bytes may be loaded.
  @inline(__always)
  static func varint(
    _ at: UnsafeRawPointer, _ end: UnsafeRawPointer, _ wordLimit: UnsafeRawPointer,
    _ value: inout UInt64
  ) -> UnsafeRawPointer? {
    if unsafe at == end { return nil }
    let first = unsafe at.load(as: UInt8.self)
    if first < 0x80 {
      value = UInt64(first)
      return unsafe at + 1
    }
    if unsafe at <= wordLimit {
      let word = unsafe UInt64(littleEndian: at.loadUnaligned(as: UInt64.self))
      // The lowest set bit is the high bit of the last byte, which is clear in the varint.
      let stops = ~word & 0x8080_8080_8080_8080
      if stops != 0 {
        value = unsafe joined(word & (stops ^ (stops &- 1)))
        let next = unsafe at + ((stops.trailingZeroBitCount >> 3) &+ 1)
        return unsafe next > end ? nil : next
      }
    }
    guard let (long, next) = unsafe longVarint(at, end) else { return nil }
    value = long
    return unsafe next
  }

  /// What lies behind a varint; nil if it does not end.
  ///
  /// Lengths up to four are told apart by branches: a field's values mostly have the same length,
  /// so that the processor goes on to the next field before it has seen this one. Counting the
  /// zeros of every word had 40 % of the fields of a message wait for each other.
  @inline(__always)
  static func behindVarint(
    _ at: UnsafeRawPointer, _ end: UnsafeRawPointer, _ wordLimit: UnsafeRawPointer
  ) -> UnsafeRawPointer? {
    if unsafe at <= wordLimit {
      let word = unsafe UInt64(littleEndian: at.loadUnaligned(as: UInt64.self))
      if word & 0x80 == 0 { return unsafe end - at < 1 ? nil : at + 1 }
      if word & 0x8000 == 0 { return unsafe end - at < 2 ? nil : at + 2 }
      if word & 0x80_0000 == 0 { return unsafe end - at < 3 ? nil : at + 3 }
      if word & 0x8000_0000 == 0 { return unsafe end - at < 4 ? nil : at + 4 }
      let stops = ~word & 0x8080_8080_8080_8080
      if stops != 0 {
        let next = unsafe at + ((stops.trailingZeroBitCount >> 3) &+ 1)
        return unsafe next > end ? nil : next
      }
    }
    return unsafe longVarint(at, end)?.next
  }

  /// Joins the seven low bits of eight bytes, the lowest byte first.
  @inline(__always)
  private static func joined(_ word: UInt64) -> UInt64 {
    var bits = word & 0x7F7F_7F7F_7F7F_7F7F
    bits = (bits & 0x007F_007F_007F_007F) | ((bits & 0x7F00_7F00_7F00_7F00) >> 1)
    bits = (bits & 0x0000_3FFF_0000_3FFF) | ((bits & 0x3FFF_0000_3FFF_0000) >> 2)
    return (bits & 0x0000_0000_0FFF_FFFF) | ((bits & 0x0FFF_FFFF_0000_0000) >> 4)
  }

  /// A varint that lies below `end`, read byte by byte; nil if it does not end.
  @inline(never)
  static func longVarint(
    _ start: UnsafeRawPointer, _ end: UnsafeRawPointer
  ) -> (value: UInt64, next: UnsafeRawPointer)? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    var at = unsafe start
    while unsafe at < end, shift < 70 {
      let group = unsafe at.load(as: UInt8.self)
      value |= UInt64(group & 0x7F) << shift
      unsafe at += 1
      shift += 7
      if group < 0x80 { return unsafe (value, at) }
    }
    return nil
  }

  /// A varint of at most five bytes and 32 bits, as tags and lengths are; nil for all others.
  @inline(never)
  static func longVarint32(
    _ start: UnsafeRawPointer, _ end: UnsafeRawPointer
  ) -> (value: UInt32, next: UnsafeRawPointer)? {
    guard let (value, next) = unsafe longVarint(start, end), value <= UInt64(UInt32.max),
      unsafe next - start <= 5
    else { return nil }
    return unsafe (UInt32(truncatingIfNeeded: value), next)
  }

  // MARK: - Words

  /// The slot's word of four bytes.
  @inline(__always)
  static func word(of bits: UInt32, _ action: UInt8) -> UInt64 {
    let bits = UInt32(littleEndian: bits)
    if action == WireField.Action.float.rawValue {
      return Double(Float(bitPattern: bits)).bitPattern
    }
    return action == WireField.Action.signed32.rawValue
      ? UInt64(bitPattern: Int64(Int32(bitPattern: bits))) : UInt64(bits)
  }

  /// The slot's word of a varint. 32-bit types take the low 32 bits, as every reader does.
  @inline(__always)
  static func word(ofVarint value: UInt64, _ action: UInt8) -> UInt64 {
    switch unsafe unsafeBitCast(action, to: WireField.Action.self) {
    case .varintUnsigned32: return UInt64(UInt32(truncatingIfNeeded: value))
    case .varintSigned32: return UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: value)))
    case .bool: return value == 0 ? 0 : 1
    case .zigzag32:
      let low = UInt32(truncatingIfNeeded: value)
      let number = Int32(bitPattern: low >> 1) ^ -Int32(bitPattern: low & 1)
      return UInt64(bitPattern: Int64(number))
    case .zigzag64: return value >> 1 ^ (0 &- (value & 1))
    default: return value
    }
  }

  // MARK: - Faults

  /// Names the fault of a varint that could not be read at `start`: cut off by the end of its
  /// message, or longer than any may be.
  func cut(_ place: WirePlace, _ start: Int, _ byteCountMax: Int, _ number: UInt32) -> WireFault {
    let end = min(place.end, start + byteCountMax)
    let runsOn = (start..<end).allSatisfy { unsafe byte($0) >= 0x80 }
    guard runsOn, place.end - start < byteCountMax else {
      return place.fault(.malformed, at: start, number)
    }
    return place.overrun(start, number)
  }
}
