internal import Base

// What the JSON Schema says about the keys of a detector.

extension DetectorKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .name: .required(.form(.label), "detector in the table anomalies.")
    case .source:
      .optional(.form(.glob), default: "*", "A name or glob of sources; all by default.")
    case .metric:
      .optional(.form(.glob), "A name or glob of metrics; needed by every rule but silence.")
    case .limits: .mapping(LimitsKey.self, "Fixed bounds, judged on readings as they come.")
    case .spike: .mapping(BucketKey.self, "A level unlike the usual one. May be empty.")
    case .jump:
      .mapping(BucketKey.self, "A step between buckets unlike usual steps. May be empty.")
    case .shift: .mapping(ShiftKey.self, "A mean that has moved and stays. May be empty.")
    case .silence: .mapping(SilenceKey.self, "A device that was heard and is not heard any more.")
    case .openMax:
      .wholeNumber(
        in: Allowed.openCount, default: Default.openCountMax,
        "Anomalies it may have open at once in one partition.")
    }
  }

  static var conditions: [JSONValue] {
    [
      .needsExactlyOne(of: DetectorKey.rules),
      ["if": .has(silence), "then": .excludes(metric), "else": .has(metric)],
    ]
  }
}

extension LimitsKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .warning: .mapping(BoundsKey.self, "Bounds of a warning.")
    case .critical: .mapping(BoundsKey.self, "Bounds outside of those of a warning.")
    case .clearMargin:
      .optional(
        .number(from: 0), default: 0, "How far inside a value must be for the anomaly to end.")
    case .readings:
      .wholeNumber(
        in: Allowed.limitReadings, default: 1, "Consecutive readings that must violate.")
    case .duration:
      .duration(
        in: Allowed.limitDuration, "Event time for which readings must violate.")
    }
  }

  static var conditions: [JSONValue] {
    [.needsOne(of: [warning, critical]), .excludes(readings, duration)]
  }
  static var mayBeEmpty: Bool { false }
}

extension BoundsKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .above: .optional(.number(from: nil), "A greater value violates.")
    case .below: .optional(.number(from: nil), "A smaller value violates.")
    case .outside:
      .optional(
        .tuple(.number(from: nil), count: 2), "The same as below: low, above: high.")
    }
  }

  static var conditions: [JSONValue] {
    [.needsOne(of: allCases), .excludes(outside, above), .excludes(outside, below)]
  }
  static var mayBeEmpty: Bool { false }
}

extension SilenceKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .after:
      .duration(in: Allowed.silenceAfter, isRequired: true, "By the partition's clock.")
    }
  }
}

extension BucketKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .every: .every
    case .halfLife: .halfLife
    case .warmUp: .warmUp
    case .refractory: .refractory
    case .falseAlarmEvery: .falseAlarmEvery
    case .minChange: .minChange
    }
  }
}

extension ShiftKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .every: .every
    case .halfLife: .halfLife
    case .fastHalfLife:
      .duration(
        in: Allowed.halfLife, "The same of the fast mean: 10 buckets by default, below half_life.")
    case .warmUp: .warmUp
    case .refractory: .refractory
    case .falseAlarmEvery: .falseAlarmEvery
    case .minChange: .minChange
    }
  }
}

/// What `spike`, `jump` and `shift` share. Without a default here: it follows from `every`.
extension SchemaEntry {
  fileprivate static var every: SchemaEntry {
    .duration(
      in: Allowed.every, default: Default.every,
      "The bucket: its mean is one value, judged once.")
  }

  fileprivate static var halfLife: SchemaEntry {
    .duration(
      in: Allowed.halfLife,
      "How quickly what is usual is forgotten: 1440 buckets by default, at least"
        + " \(Allowed.bucketsPerHalfLifeMin).")
  }

  fileprivate static var warmUp: SchemaEntry {
    .duration(
      in: Allowed.warmUp,
      "Nothing is judged before a series was heard for so long: 360 buckets by default.")
  }

  fileprivate static var refractory: SchemaEntry {
    .duration(
      in: Allowed.refractory,
      "After an anomaly none opens on that series for so long: 60 buckets by default.")
  }

  fileprivate static var falseAlarmEvery: SchemaEntry {
    .duration(
      in: Allowed.falseAlarmEvery,
      "The budget: about one false alarm of a series in so long. 30d by default.")
  }

  fileprivate static var minChange: SchemaEntry {
    .optional(
      .number(from: 0), default: 0, "A smaller deviation is never an anomaly.")
  }
}
