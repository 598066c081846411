/// What the made-up fleet is like.
struct FleetOptions: Sendable {
  var deviceCount: Int
  var periodMicros: Int64 = 1_000_000
  /// Event time covered; nil goes on for ever.
  var lengthMicros: Int64?
  /// Event time of the first record, microseconds since 1970 UTC; whole milliseconds.
  var startMicros: Int64
  var seed: UInt64 = 1
  /// Share of the records, 0 to 1, that are sent `lateByMicros` of event time after their turn.
  var lateShare = 0.0
  var lateByMicros: Int64 = 600_000_000
  /// Share of the records, 0 to 1, that nobody can read: null, cut short, or random bytes.
  var badShare = 0.0

  init(deviceCount: Int, startMicros: Int64) {
    self.deviceCount = deviceCount
    self.startMicros = startMicros
  }
}

/// A small, fast generator of random numbers whose sequence follows from its seed alone.
///
/// Source: Guy Steele, Doug Lea, Christine Flood, "Fast Splittable Pseudorandom Number Generators",
/// OOPSLA 2014 (SplitMix64).
struct FleetRandom {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
    return word ^ word >> 31
  }

  /// From 0 up to, but not including, 1.
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Below `bound`, which must be positive; the bias of the modulo is below 2⁻⁴⁰ here.
  mutating func below(_ bound: Int) -> Int { Int(next() >> 8) % bound }
}
