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
    /// Anomalies that may be open at once in one partition.
    package let openCountMax: Int

    /// What a detector looks for; one kind each.
    package enum Rule: Hashable, Sendable {
      case limits(Limits)
      /// A device that is no longer heard, by the partition's clock.
      case silence(afterMicros: Int64)
      /// A series against its own past.
      case statistical(Statistical)

      /// The key of the rule: `limits`, `silence`, `spike`, `jump`, `shift`.
      package var key: String {
        switch self {
        case .limits: "limits"
        case .silence: "silence"
        case .statistical(let statistical): statistical.kind.rawValue
        }
      }
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

  /// A rule that learns what is usual for a series, judged on buckets of event time.
  ///
  /// What is nil is for the detector to choose: its defaults follow from the kind and from `every`.
  package struct Statistical: Hashable, Sendable {
    package let kind: Kind
    /// The length of a bucket.
    package let everyMicros: Int64
    /// How quickly what is usual is forgotten.
    package let halfLifeMicros: Int64?
    /// The fast mean's; for `shift` only.
    package let fastHalfLifeMicros: Int64?
    /// Nothing is judged before a series has been heard for this long.
    package let warmUpMicros: Int64?
    /// After an anomaly has closed, none opens for this long.
    package let refractoryMicros: Int64?
    /// The budget: about one false alarm per series in this span.
    package let falseAlarmEveryMicros: Int64?
    /// Smaller deviations are never an anomaly; in the metric's unit, ≥ 0.
    package let changeMin: Double

    package init(
      kind: Kind, everyMicros: Int64, halfLifeMicros: Int64?, fastHalfLifeMicros: Int64?,
      warmUpMicros: Int64?, refractoryMicros: Int64?, falseAlarmEveryMicros: Int64?,
      changeMin: Double
    ) {
      self.kind = kind
      self.everyMicros = everyMicros
      self.halfLifeMicros = halfLifeMicros
      self.fastHalfLifeMicros = fastHalfLifeMicros
      self.warmUpMicros = warmUpMicros
      self.refractoryMicros = refractoryMicros
      self.falseAlarmEveryMicros = falseAlarmEveryMicros
      self.changeMin = changeMin
    }

    /// What is compared with what.
    package enum Kind: String, ConfigWord {
      /// The level of a bucket with the usual level.
      case spike
      /// The step from the bucket before with usual steps.
      case jump
      /// The mean of late with the mean of long.
      case shift
    }
  }
}
