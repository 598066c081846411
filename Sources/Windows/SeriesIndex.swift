/// Finds the block of a (device, metric) of a narrow source: an open-addressing table with linear
/// probing. Nothing ever walks it, so no output depends on its order.
///
/// **Invariants:** `keys.count` is a power of two, at most half full; a free place has block
/// `free`. Cost: one multiplication and on average 1.5 probes.
struct SeriesIndex {
  private static let free = UInt32.max

  private var keys: [UInt64] = Array(repeating: 0, count: 16)
  private var blocks: [UInt32] = Array(repeating: SeriesIndex.free, count: 16)
  private var count = 0

  var byteCount: Int { keys.count * 12 }

  private static func key(_ device: UInt32, _ metric: UInt32) -> UInt64 {
    UInt64(device) << 32 | UInt64(metric)
  }

  private func home(_ key: UInt64) -> Int {
    // Fibonacci hashing (Knuth, TAOCP 3, 6.4), high half folded down: the low bits alone would
    // see the metric only.
    let product = key &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: product ^ (product >> 32)) & (keys.count &- 1)
  }

  func block(device: UInt32, metric: UInt32) -> Int? {
    let key = Self.key(device, metric)
    var place = home(key)
    while blocks[place] != Self.free {
      if keys[place] == key { return Int(blocks[place]) }
      place = (place &+ 1) & (keys.count &- 1)
    }
    return nil
  }

  /// Adds a pair that is not there yet.
  mutating func insert(device: UInt32, metric: UInt32, block: Int) {
    if (count + 1) * 2 > keys.count { grow() }
    put(Self.key(device, metric), UInt32(block))
    count += 1
  }

  /// Removes a pair that is there; the ones behind it move up, so that no gap breaks a probe.
  mutating func remove(device: UInt32, metric: UInt32) {
    let mask = keys.count - 1
    let key = Self.key(device, metric)
    var gap = home(key)
    while blocks[gap] == Self.free || keys[gap] != key {
      precondition(blocks[gap] != Self.free, "only a series that is there can be removed")
      gap = (gap + 1) & mask
    }
    var place = (gap + 1) & mask
    while blocks[place] != Self.free {
      // May move to the gap if its home is not behind the gap.
      if (place - home(keys[place])) & mask >= (place - gap) & mask {
        (keys[gap], blocks[gap]) = (keys[place], blocks[place])
        gap = place
      }
      place = (place + 1) & mask
    }
    blocks[gap] = Self.free
    count -= 1
  }

  private mutating func put(_ key: UInt64, _ block: UInt32) {
    var place = home(key)
    while blocks[place] != Self.free { place = (place + 1) & (keys.count - 1) }
    keys[place] = key
    blocks[place] = block
  }

  private mutating func grow() {
    let (oldKeys, oldBlocks) = (keys, blocks)
    keys = Array(repeating: 0, count: oldKeys.count * 2)
    blocks = Array(repeating: Self.free, count: oldKeys.count * 2)
    for place in oldKeys.indices where oldBlocks[place] != Self.free {
      put(oldKeys[place], oldBlocks[place])
    }
  }
}
