package import Base

/// One detector of the configuration: what it looks for and on which metrics. Which sources it
/// belongs to is the caller's affair: it passes each source its detectors.
package struct DetectorDefinition: Equatable, Sendable {
  /// The column `detector` of its rows; differs from every other detector's.
  package let name: String
  /// The metrics it watches; nil for silence, which concerns the device.
  package let metric: Glob?
  package let rule: DetectorRule
  /// Anomalies that may be open at once in one partition. At the cap one anomaly of its own says
  /// so, and further ones are counted instead of opened.
  package let openCountMax: Int

  package init(name: String, metric: Glob?, rule: DetectorRule, openCountMax: Int) {
    precondition(openCountMax > 0, "a detector may have at least one open anomaly")
    self.name = name
    self.metric = metric
    self.rule = rule
    self.openCountMax = openCountMax
  }
}

/// What a detector looks for.
package enum DetectorRule: Equatable, Sendable {
  /// Readings as they come, against fixed bounds.
  case limits(LimitsRule)
  /// A device that was heard and is not heard any more, by the partition's clock.
  case silence(SilenceRule)
  /// The series against its own past, on buckets of event time.
  case statistical(StatisticalRule)
}

/// Bounds on readings as they come, with the persistence that mission control uses: a violation
/// counts after so many consecutive readings, or after so much event time.
package struct LimitsRule: Equatable, Sendable {
  /// A value violates the bounds where it is below `low` or above `high`.
  package struct Bounds: Equatable, Sendable {
    package let low: Double?
    package let high: Double?

    package init(low: Double?, high: Double?) {
      self.low = low
      self.high = high
    }
  }

  /// How long a violation lasts before it counts.
  package enum Persistence: Equatable, Sendable {
    /// Consecutive readings, at least 1.
    case readings(Int)
    /// Event time between the first violating reading and the one that is judged.
    case duration(micros: Int64)
  }

  package let warning: Bounds?
  /// Lies outside `warning`.
  package let critical: Bounds?
  /// How far inside the bounds a value must be to count towards the end of the anomaly; in the
  /// metric's unit, not negative.
  package let clearMargin: Double
  /// Holds for opening, escalating and closing alike.
  package let persistence: Persistence

  package init(
    warning: Bounds?, critical: Bounds?, clearMargin: Double, persistence: Persistence
  ) {
    self.warning = warning
    self.critical = critical
    self.clearMargin = clearMargin
    self.persistence = persistence
  }
}

/// Silence of a device.
package struct SilenceRule: Equatable, Sendable {
  /// A device is silent when the partition's clock has gone on by this since its last record.
  package let afterMicros: Int64

  package init(afterMicros: Int64) { self.afterMicros = afterMicros }
}

/// A detector that learns what is usual for a series, on buckets of event time of its own.
///
/// Each bucket is one value, the mean of its readings, and is judged once, when the device's
/// watermark passes its end. All spans are event time in microseconds.
package struct StatisticalRule: Equatable, Sendable {
  /// What is compared.
  package enum Kind: String, Sendable, CaseIterable {
    /// The bucket's value against the slow mean, in slow standard deviations.
    case spike
    /// The step from the bucket before, against the usual size of steps.
    case jump
    /// The fast mean against the slow mean.
    case shift
  }

  package let kind: Kind
  /// Length of a bucket.
  package let everyMicros: Int64
  /// How quickly what is usual is forgotten: the weight of a value halves over this span.
  package let halfLifeMicros: Int64
  /// The fast mean's half-life; used by `shift` alone.
  package let fastHalfLifeMicros: Int64
  /// Nothing is judged before a series has been heard for this long.
  package let warmUpMicros: Int64
  /// After an anomaly has closed, none opens for this long.
  package let refractoryMicros: Int64
  /// The budget: on a series in which nothing happens, about one false alarm in this span.
  package let falseAlarmEveryMicros: Int64
  /// Deviations smaller than this are never an anomaly; in the metric's unit, not negative.
  package let changeMin: Double

  package init(
    kind: Kind, everyMicros: Int64, halfLifeMicros: Int64, fastHalfLifeMicros: Int64,
    warmUpMicros: Int64, refractoryMicros: Int64, falseAlarmEveryMicros: Int64, changeMin: Double
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
}
