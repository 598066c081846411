import Base

/// Damage from a seed, in one of the ways a file gets it, or somebody does it.
enum Damage {
  static func damaged(_ original: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
    func below(_ bound: Int) -> Int { Int(random.next() % UInt64(max(1, bound))) }
    var bytes = original
    for _ in 0..<(1 + below(3)) {
      let position = below(bytes.count)
      let length = min(1 + below(12), bytes.count - position)
      switch below(8) {
      case 0: bytes[position] ^= 1 << UInt8(below(8))
      case 1: bytes[position] = [0, 1, 0x7F, 0x80, 0xFF][below(5)]
      case 2: bytes[position] = UInt8(below(256))
      case 3:
        for index in position..<position + length { bytes[index] = 0xFF }
      case 4: bytes.removeSubrange(position..<position + length)
      case 5: bytes.insert(contentsOf: bytes[position..<position + length], at: below(bytes.count))
      case 6: bytes.removeLast(length)
      default:
        // In the footer, where every byte counts.
        let tail = min(bytes.count, 2500)
        bytes[bytes.count - 1 - below(tail)] = UInt8(below(256))
      }
      if bytes.isEmpty { return bytes }
    }
    return bytes
  }

  /// Some bytes of a part of it, so that the rest leads there.
  static func damaged(
    _ original: [UInt8], in part: Range<Int>, _ random: inout SplitMix64
  ) -> [UInt8] {
    var bytes = original
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let position = Int.random(in: part, using: &random)
      bytes[position] =
        Bool.random(using: &random)
        ? .random(in: 0...255, using: &random)
        : bytes[position] ^ (1 << UInt8.random(in: 0..<8, using: &random))
    }
    return bytes
  }
}
