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
/// **Invariants:** `places.count` is a power of two, at most half full; a free place has series
/// `none`. Cost: one multiplication and on average 1.5 probes, nearly always in one cache line.
struct SeriesIndex: Sendable {
  private struct Place: Sendable {
    var key: UInt64
    var series: UInt32
  }

  /// No series.
  static let none = UInt32.max

  private var places = Array(repeating: Place(key: 0, series: SeriesIndex.none), count: 16)
  private var count = 0

  var byteCount: Int { places.count * MemoryLayout<Place>.stride }

  private static func key(_ device: UInt32, _ metric: UInt32) -> UInt64 {
    UInt64(device) << 32 | UInt64(metric)
  }

  private func home(_ key: UInt64) -> Int {
    // Fibonacci hashing (Knuth, TAOCP 3, 6.4), high half folded down: the low bits alone would
    // see the metric only.
    let product = key &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: product ^ (product >> 32)) & (places.count &- 1)
  }

  /// The series of a pair, or `none`.
  func find(device: UInt32, metric: UInt32) -> UInt32 {
    let key = Self.key(device, metric)
    var place = home(key)
    while places[place].series != Self.none {
      if places[place].key == key { return places[place].series }
      place = (place &+ 1) & (places.count &- 1)
    }
    return Self.none
  }

  /// Reads a word of the line in which the search for a pair begins.
  func touch(device: UInt32, metric: UInt32) -> Int {
    Int(places[home(Self.key(device, metric))].series)
  }

  /// Adds a pair that is not there yet.
  mutating func insert(device: UInt32, metric: UInt32, series: Int) {
    if (count + 1) * 2 > places.count { grow() }
    put(Place(key: Self.key(device, metric), series: UInt32(series)))
    count += 1
  }

  private mutating func put(_ entry: Place) {
    var place = home(entry.key)
    while places[place].series != Self.none { place = (place + 1) & (places.count - 1) }
    places[place] = entry
  }

  private mutating func grow() {
    let old = places
    places = Array(repeating: Place(key: 0, series: Self.none), count: old.count * 2)
    for entry in old where entry.series != Self.none { put(entry) }
  }
}
