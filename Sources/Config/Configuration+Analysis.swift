package import Base

extension Configuration {
  /// One sliding window over every metric it covers.
  package struct Window: Hashable, Sendable {
    /// `window_name` in the table `windows`.
    package let name: String
    /// Length; a whole multiple of the slide.
    package let sizeMicros: Int64
    /// Distance between starts; equal to the size for tumbling windows.
    package let slideMicros: Int64
    /// In the order of the columns.
    package let aggregates: [Aggregate]
    /// Names of the sources it covers.
    package let sources: [Glob]
    /// Names of the metrics it covers.
    package let metrics: [Glob]

    package func covers(source: String, metric: String) -> Bool {
      sources.contains { $0.matches(source) } && metrics.contains { $0.matches(metric) }
    }
  }

  /// A column of the table `windows`.
  package enum Aggregate: String, ConfigWord {
    case count, sum, mean, min, max, stddev, first, last
  }

  /// One rule that finds anomalies.
  package struct Detector: Hashable, Sendable {
    package let name: String
    /// Sources it watches.
    package let source: Glob
    /// Metrics it watches; nil for silence, which concerns the device.
    package let metric: Glob?
    package let rule: Rule

    /// What a detector looks for; one kind each.
    package enum Rule: Hashable, Sendable {
      case limits(Limits)
      case shift(Shift)
      case silence(afterMicros: Int64)
    }
  }

  /// Limits on readings as they come. At least one of the two levels is there, and `critical` lies
  /// outside `warning`.
  package struct Limits: Hashable, Sendable {
    package let warning: Bounds?
    package let critical: Bounds?
    /// How far inside the limits a value must be to end the anomaly; in the metric's unit, ≥ 0.
    package let clearMargin: Double
    package let persistence: Persistence

    /// A value violates the bounds where it is below `low` or above `high`.
    package struct Bounds: Hashable, Sendable {
      package let low: Double?
      package let high: Double?
    }

    /// How long a violation lasts before it counts.
    package enum Persistence: Hashable, Sendable {
      /// Consecutive readings.
      case readings(Int)
      /// Event time.
      case duration(micros: Int64)
    }
  }

  /// A shift of the mean, judged on buckets of event time.
  package struct Shift: Hashable, Sendable {
    /// The length of a bucket.
    package let everyMicros: Int64
  }
}
