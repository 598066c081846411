/// xxHash64: with seed 0 the checksum of witnesses, state snapshots and data files, and the hash
/// of word tables. Not a defence against an adversary, a detector of damage and difference.
///
/// Source: the XXH64 description in the xxHash specification (doc/xxhash_spec.md).
/// Cost: about 0.2 ns a byte on long inputs, 5–10 ns on the 10–20 bytes of a device id.
package enum XXHash64 {
  static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
  static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
  static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
  static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
  static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

  package static func hash(_ bytes: [UInt8]) -> UInt64 { unsafe hash(bytes.span.bytes) }

  /// The hash of `bytes`, which are not copied. Another seed is another function.
  package static func hash(_ bytes: RawSpan, seed: UInt64 = 0) -> UInt64 {
    let count = bytes.byteCount
    var position = 0
    var result: UInt64
    if count >= 32 {
      var lane1 = seed &+ prime1 &+ prime2
      var lane2 = seed &+ prime2
      var lane3 = seed
      var lane4 = seed &- prime1
      while position &+ 32 <= count {
        lane1 = round(lane1, load64(bytes, position))
        lane2 = round(lane2, load64(bytes, position &+ 8))
        lane3 = round(lane3, load64(bytes, position &+ 16))
        lane4 = round(lane4, load64(bytes, position &+ 24))
        position &+= 32
      }
      result =
        rotate(lane1, 1) &+ rotate(lane2, 7) &+ rotate(lane3, 12) &+ rotate(lane4, 18)
      result = merge(merge(merge(merge(result, lane1), lane2), lane3), lane4)
    } else {
      result = seed &+ prime5
    }
    return finish(result &+ UInt64(count), tail: bytes, from: position)
  }

  /// The hash of a word's eight bytes.
  @inline(__always)
  package static func hash(_ word: UInt64, seed: UInt64) -> UInt64 {
    let start = seed &+ prime5 &+ 8
    return mix(rotate(start ^ round(0, word.littleEndian), 27) &* prime1 &+ prime4)
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    var result = (value ^ (value >> 33)) &* prime2
    result = (result ^ (result >> 29)) &* prime3
    return result ^ (result >> 32)
  }

  /// Takes in the last bytes, fewer than 32, and mixes.
  static func finish(_ start: UInt64, tail bytes: RawSpan, from first: Int) -> UInt64 {
    let count = bytes.byteCount
    var result = start
    var position = first
    while position &+ 8 <= count {
      result = rotate(result ^ round(0, load64(bytes, position)), 27) &* prime1 &+ prime4
      position &+= 8
    }
    if position &+ 4 <= count {
      let word = UInt64(load32(bytes, position))
      result = rotate(result ^ (word &* prime1), 23) &* prime2 &+ prime3
      position &+= 4
    }
    while position < count {
      let byte = UInt64(unsafe bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self))
      result = rotate(result ^ (byte &* prime5), 11) &* prime1
      position &+= 1
    }
    return mix(result)
  }

  // MARK: - Hot loops

  // The loads below stay inside `bytes`: every caller has just compared position with the count.
  static func load64(_ bytes: RawSpan, _ position: Int) -> UInt64 {
    unsafe bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self)
  }

  static func load32(_ bytes: RawSpan, _ position: Int) -> UInt32 {
    unsafe bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt32.self)
  }

  static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
    (value << bits) | (value >> (64 &- bits))
  }

  static func round(_ lane: UInt64, _ input: UInt64) -> UInt64 {
    rotate(lane &+ input &* prime2, 31) &* prime1
  }

  static func merge(_ result: UInt64, _ lane: UInt64) -> UInt64 {
    (result ^ round(0, lane)) &* prime1 &+ prime4
  }
}
