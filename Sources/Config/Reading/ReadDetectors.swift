internal import Base

enum DetectorKey: String, ConfigKey {
  case name, source, metric, limits, spike, jump, shift, silence
  case openMax = "open_max"

  /// The keys of rules; a detector has one of them.
  static let rules: [DetectorKey] = [.limits, .spike, .jump, .shift, .silence]
}

enum LimitsKey: String, ConfigKey {
  case warning, critical
  case clearMargin = "clear_margin"
  case readings
  case duration = "for"
}

enum BoundsKey: String, ConfigKey { case above, below, outside }
enum SilenceKey: String, ConfigKey { case after }

extension Configuration.Detector {
  init(_ section: Section<DetectorKey>) {
    name = section.required(.name, placeholder: "", .name(.label))
    source = section.value(.source, default: .all, .glob)
    let kinds = DetectorKey.rules.filter { section.has($0) }
    rule = Configuration.Detector.rule(kinds.first ?? .shift, of: section)
    metric = section.optional(.metric, .glob)
    openCountMax = section.value(
      .openMax, default: Default.openCountMax, .wholeNumber(in: Allowed.openCount))
    checkKind(section, kinds: kinds)
  }

  private static func rule(_ key: DetectorKey, of section: Section<DetectorKey>) -> Rule {
    switch key {
    case .limits: return .limits(Configuration.Limits(section.section(.limits, LimitsKey.self)))
    case .silence:
      let silence = section.section(.silence, SilenceKey.self)
      let after = silence.required(
        .after, placeholder: 0, Format<Int64>.duration(in: Allowed.silenceAfter))
      return .silence(afterMicros: after)
    case .spike:
      return .statistical(.init(.spike, section.section(.spike, BucketKey.self)))
    case .jump:
      return .statistical(.init(.jump, section.section(.jump, BucketKey.self)))
    case .shift, .name, .source, .metric, .openMax:
      let shift = section.section(.shift, ShiftKey.self)
      return .statistical(.init(.shift, shift, fastHalfLife: .fastHalfLife))
    }
  }

  private func checkKind(_ section: Section<DetectorKey>, kinds: [DetectorKey]) {
    guard let kind = kinds.first else {
      section.requireOne(of: DetectorKey.rules)
      return
    }
    for other in kinds.dropFirst() {
      section.report(
        other, atKey: true, "a detector has one rule; this one has `\(kind.rawValue)` already",
        suggestion: "write a second detector with its own name")
    }
    if kind == .silence, section.has(.metric) {
      section.report(
        .metric, atKey: true, "`silence` concerns the whole device; it has no metric",
        suggestion: "remove `metric`")
    }
    if kind != .silence {
      section.requirePresence(of: .metric, expected: "a name or a glob such as \"battery_*\"")
    }
  }
}

extension Configuration.Limits {
  init(_ section: Section<LimitsKey>) {
    warning = section.bounds(.warning)
    critical = section.bounds(.critical)
    clearMargin = section.value(
      .clearMargin, default: 0, Format<Double>.numberFromZero)
    let readings = section.optional(.readings, .wholeNumber(in: Allowed.limitReadings))
    let duration = section.optional(
      .duration, Format<Int64>.duration(in: Allowed.limitDuration))
    persistence = duration.map { .duration(micros: $0) } ?? .readings(readings ?? 1)
    if section.has(.readings), section.has(.duration) {
      section.report(
        .duration, atKey: true, "`readings` and `for` exclude each other",
        suggestion: "count consecutive readings, or measure event time")
    }
    if !section.has(.warning), !section.has(.critical) {
      section.requireOne(of: [.warning, .critical])
    }
    checkOrder(section)
  }

  /// `critical` must lie outside `warning`, or it would open before it.
  private func checkOrder(_ section: Section<LimitsKey>) {
    if let inner = warning?.high, let outer = critical?.high, outer <= inner {
      section.report(
        .critical, "critical above \(outer) must be higher than warning above \(inner)")
    }
    if let inner = warning?.low, let outer = critical?.low, outer >= inner {
      section.report(
        .critical, "critical below \(outer) must be lower than warning below \(inner)")
    }
  }
}

extension Section<LimitsKey> {
  fileprivate func bounds(_ key: LimitsKey) -> Configuration.Limits.Bounds? {
    guard has(key) else { return nil }
    let bounds = section(key, BoundsKey.self)
    var low = bounds.optional(.below, .number)
    var high = bounds.optional(.above, .number)
    if bounds.has(.outside) {
      if bounds.has(.below) || bounds.has(.above) {
        bounds.report(
          .outside, atKey: true, "`outside` excludes `above` and `below`",
          suggestion: "outside: [low, high] is the same as below: low, above: high")
      }
      (low, high) = bounds.outside()
    } else if !bounds.has(.below), !bounds.has(.above) {
      bounds.requireOne(of: [.above, .below, .outside])
    }
    if let low, let high, low >= high {
      bounds.report(
        bounds.has(.outside) ? .outside : .below,
        "the lower limit, \(low), is not below the upper one, \(high): every value would violate")
    }
    return Configuration.Limits.Bounds(low: low, high: high)
  }
}

extension Section<BoundsKey> {
  fileprivate func outside() -> (low: Double?, high: Double?) {
    let expected = "two numbers, [low, high]"
    guard let items = items(.outside, of: expected, mayBeEmpty: true) else { return (nil, nil) }
    guard items.count == 2 else {
      report(.outside, "expected \(expected); found \(items.count)")
      return (nil, nil)
    }
    let numbers = items.map { read($0.node, path: $0.path, Format<Double>.number) }
    return (numbers[0], numbers[1])
  }
}
