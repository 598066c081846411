import Base

/// One window of the configuration: half-open `[start, start + size)`, starts at multiples of the
/// slide. Which sources it belongs to is the caller's affair: it passes each source its windows.
package struct WindowDefinition: Equatable, Sendable {
  /// The `window_name` of the rows.
  package let name: String
  /// Length in microseconds; at least the slide, so that every reading is in a window.
  package let sizeMicros: Int64
  /// Distance between starts in microseconds; positive.
  package let slideMicros: Int64
  package let aggregates: Aggregates
  /// Patterns over metric names; empty selects all.
  package let metricGlobs: [String]

  package init(
    name: String, sizeMicros: Int64, slideMicros: Int64, aggregates: Aggregates = .all,
    metricGlobs: [String] = []
  ) {
    self.name = name
    self.sizeMicros = sizeMicros
    self.slideMicros = slideMicros
    self.aggregates = aggregates
    self.metricGlobs = metricGlobs
  }

  /// Why this window cannot be kept, or nil when it can: a sentence for `check`.
  package var problem: String? {
    if slideMicros <= 0 { return "slide must be positive" }
    if sizeMicros < slideMicros {
      return "size must be at least the slide, or readings would fall between the windows"
    }
    if sizeMicros > EventTime.spanMicrosMax { return "size must be at most 3,000 years" }
    if aggregates.isEmpty { return "aggregates must name at least one" }
    return nil
  }

  /// Whether the window takes metrics of this name.
  package func selects(metric name: String) -> Bool {
    metricGlobs.isEmpty || metricGlobs.contains { Glob($0).matches(name) }
  }
}

/// The `event_time` block of a source. All in microseconds, none negative.
package struct EventTimeOptions: Equatable, Sendable {
  /// How far a device's watermark stays behind its newest event time.
  package var outOfOrdernessMicros: Int64
  /// How long after its end, by the watermark, a window still takes readings.
  package var allowedLatenessMicros: Int64
  /// How far event times may lie ahead of Kafka's, and Kafka's own jump unconfirmed.
  package var maxFutureSkewMicros: Int64
  /// A device is idle when the partition's clock has gone on by this since its last record.
  package var deviceIdleMicros: Int64
  /// A device silent for this long keeps its watermark only. Never below `deviceIdleMicros`.
  package var forgetAfterMicros: Int64

  package init(
    outOfOrdernessMicros: Int64 = 5_000_000,
    allowedLatenessMicros: Int64 = 60_000_000,
    maxFutureSkewMicros: Int64 = 300_000_000,
    deviceIdleMicros: Int64 = 3_600_000_000,
    forgetAfterMicros: Int64 = 7 * Timestamp.microsPerDay
  ) {
    self.outOfOrdernessMicros = outOfOrdernessMicros
    self.allowedLatenessMicros = allowedLatenessMicros
    self.maxFutureSkewMicros = maxFutureSkewMicros
    self.deviceIdleMicros = deviceIdleMicros
    self.forgetAfterMicros = forgetAfterMicros
  }

  /// Which of the values cannot be used and why, or nil when all can.
  package var problem: String? {
    let named = [
      ("out_of_orderness", outOfOrdernessMicros), ("allowed_lateness", allowedLatenessMicros),
      ("max_future_skew", maxFutureSkewMicros), ("device_idle", deviceIdleMicros),
      ("forget_after", forgetAfterMicros),
    ]
    for (name, value) in named {
      if value < 0 { return "\(name) must not be negative" }
      if value > EventTime.spanMicrosMax { return "\(name) must be at most 3,000 years" }
    }
    return nil
  }
}

/// The times the arithmetic of this module is safe for.
enum EventTime {
  /// No time yet; `PartitionClock.none`, but a constant of this module.
  static let none = Int64.min
  /// Times beyond ±2^59 µs (18,000 years) are flagged whatever the clock says. Together with
  /// `spanMicrosMax` this keeps every sum below far from overflow.
  static let magnitudeMax = Int64(1) << 59
  /// The longest size, lateness or skew: about 3,000 years.
  static let spanMicrosMax = Int64(1) << 56
}

extension EventTime {
  /// Whether sums with this time are safe: twice the range of readings, for window ends.
  static func isSafe(_ time: Int64) -> Bool {
    time >= -2 * magnitudeMax && time <= 2 * magnitudeMax
  }
}
