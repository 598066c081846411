/// One series of a narrow source that has buckets.
struct BucketSeries: Equatable, Sendable {
  /// Index into `Vocabulary.metrics`.
  let metric: UInt32
  let shape: Int32
  /// The first of its blocks: one for each grid of its shape.
  let firstBlock: Int
}

/// Finds the series of a (device, metric) of a narrow source: an open-addressing table with linear
/// probing. Nothing ever walks it, so no output depends on its order.
///
/// **Invariants:** `keys.count` is a power of two, at most half full; a free place has series
/// `free`. Cost: one multiplication and on average 1.5 probes.
struct SeriesIndex: Sendable {
  private static let free = UInt32.max

  private var keys: [UInt64] = Array(repeating: 0, count: 16)
  private var series: [UInt32] = Array(repeating: SeriesIndex.free, count: 16)
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

  func find(device: UInt32, metric: UInt32) -> Int? {
    let key = Self.key(device, metric)
    var place = home(key)
    while series[place] != Self.free {
      if keys[place] == key { return Int(series[place]) }
      place = (place &+ 1) & (keys.count &- 1)
    }
    return nil
  }

  /// Adds a pair that is not there yet.
  mutating func insert(device: UInt32, metric: UInt32, series: Int) {
    if (count + 1) * 2 > keys.count { grow() }
    put(Self.key(device, metric), UInt32(series))
    count += 1
  }

  private mutating func put(_ key: UInt64, _ number: UInt32) {
    var place = home(key)
    while series[place] != Self.free { place = (place + 1) & (keys.count - 1) }
    keys[place] = key
    series[place] = number
  }

  private mutating func grow() {
    let (oldKeys, oldSeries) = (keys, series)
    keys = Array(repeating: 0, count: oldKeys.count * 2)
    series = Array(repeating: Self.free, count: oldKeys.count * 2)
    for place in oldKeys.indices where oldSeries[place] != Self.free {
      put(oldKeys[place], oldSeries[place])
    }
  }
}
