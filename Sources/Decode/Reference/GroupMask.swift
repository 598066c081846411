/// Makes unknown groups palatable to libprotobuf-c, which refuses every group.
///
/// A group is turned, in place and without changing its size, into an unknown length-delimited
/// field of the same number, so that no length prefix around it changes:
///
///     start tag | fields …                 | end tag      wire types 3 and 4
///     tag       | length | whatever was there             wire type 2
///
/// The tag keeps its bytes but for the three bits of the wire type. The length may need more bytes
/// than its value (a padded varint), where a shorter one could not bridge the gap exactly.
enum GroupMask {
  /// Masks the groups at `groups` in a copy of the payload they were found in.
  static func apply(_ groups: [WireRange], to bytes: inout MutableRawSpan) {
    for group in groups { mask(group, in: &bytes) }
  }

  private static func mask(_ group: WireRange, in bytes: inout MutableRawSpan) {
    var position = Int(group.start)
    let end = position + Int(group.count)
    let tag = load(bytes, position)
    store(tag & ~7 | 2, at: position, in: &bytes)
    while load(bytes, position) >= 0x80 { position += 1 }
    position += 1
    // At least the end tag follows, so there is room for a length of one byte.
    let rest = end - position
    var lengthByteCount = 1
    while (rest - lengthByteCount) >> (7 * lengthByteCount) != 0 { lengthByteCount += 1 }
    var length = rest - lengthByteCount
    for index in 0..<lengthByteCount {
      let continuation: UInt8 = index + 1 < lengthByteCount ? 0x80 : 0
      store(UInt8(length & 0x7F) | continuation, at: position + index, in: &bytes)
      length >>= 7
    }
  }

  private static func load(_ bytes: borrowing MutableRawSpan, _ position: Int) -> UInt8 {
    bytes.bytes.unsafeLoadByte(position)
  }

  private static func store(
    _ byte: UInt8, at position: Int, in bytes: inout MutableRawSpan
  ) {
    bytes.storeBytes(of: byte, toByteOffset: position, as: UInt8.self)
  }
}

/// Leaves out what is an unknown field although libprotobuf-c would read it: closed enums with
/// numbers that have no name, which its last occurrence or its oneof would take for a value.
///
/// What is behind moves up, and lengths around it shrink, each in as many bytes as it had.
enum EnumMask {
  /// Masks what a scan found in a copy of its payload; how many bytes are left of it.
  static func apply(_ findings: borrowing WireFindings, to bytes: inout MutableRawSpan) -> Int {
    for length in findings.lengths {
      for index in 0..<length.byteCount {
        let continuation: UInt8 = index + 1 < length.byteCount ? 0x80 : 0
        bytes.storeBytes(
          of: UInt8(truncatingIfNeeded: length.value >> (7 * index)) & 0x7F | continuation,
          toByteOffset: length.start + index, as: UInt8.self)
      }
    }
    var count = Int(findings.unknownEnums.first?.start ?? Int32(bytes.byteCount))
    for (index, range) in findings.unknownEnums.enumerated() {
      let isLast = index + 1 == findings.unknownEnums.count
      let end = isLast ? bytes.byteCount : Int(findings.unknownEnums[index + 1].start)
      for position in Int(range.start + range.count)..<end {
        bytes.storeBytes(
          of: bytes.bytes.unsafeLoadByte(position), toByteOffset: count, as: UInt8.self)
        count += 1
      }
    }
    return count
  }
}

extension RawSpan {
  /// The byte at a file position, which must lie within.
  fileprivate func unsafeLoadByte(_ position: Int) -> UInt8 {
    unsafe unsafeLoad(fromByteOffset: position, as: UInt8.self)
  }
}
