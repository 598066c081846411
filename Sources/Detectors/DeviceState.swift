/// Times of this module: microseconds; event time where nothing else is said.
enum EventTime {
  /// No time yet.
  static let none = Int64.min
  /// Readings beyond ±2^59 µs (18,000 years) are flagged before they come here; should one not be,
  /// it is skipped, so that no sum below can overflow.
  static let magnitudeMax = Int64(1) << 59
  /// The longest span of a rule: about 3,000 years.
  static let spanMicrosMax = Int64(1) << 56

  /// Whether sums with this time are safe; ends of buckets included.
  static func isSafe(_ time: Int64) -> Bool {
    time >= -2 * magnitudeMax && time <= 2 * magnitudeMax
  }
}

/// What every record of a device needs: 40 bytes, one cache line.
struct DeviceState: Equatable, Sendable {
  /// The newest plausible event time; `EventTime.none` before the first.
  var newest = EventTime.none
  /// `newest` − `outOfOrderness`; never back, also when that option changes.
  var watermark = EventTime.none
  /// The partition's clock at the last record; `EventTime.none` while that had no time.
  var lastHeardClock = EventTime.none
  /// The end of the oldest open bucket, or below: follows from the rest.
  var nextBucketEnd = Int64.max
  /// How many of the device's slots belong to limits. While it is 0, values inside all bounds need
  /// no look at any slot.
  var limitSlotCount: UInt32 = 0
  /// For how many detectors the device is silent.
  var silenceCount: UInt32 = 0
}
