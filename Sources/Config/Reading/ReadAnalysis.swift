internal import Base

enum WindowKey: String, ConfigKey { case name, size, slide, aggregates, sources, metrics }
enum DetectorKey: String, ConfigKey { case name, source, metric, limits, shift, silence }

enum LimitsKey: String, ConfigKey {
  case warning, critical
  case clearMargin = "clear_margin"
  case readings
  case duration = "for"
}

enum BoundsKey: String, ConfigKey { case above, below, outside }
enum ShiftKey: String, ConfigKey { case every }
enum SilenceKey: String, ConfigKey { case after }

extension Configuration.Window {
  init(_ section: Section<WindowKey>) {
    name = section.required(.name, placeholder: "", .name(.label))
    sizeMicros = section.required(
      .size, placeholder: 0, .duration(in: Allowed.windowSize).wholeMillis)
    slideMicros = section.value(
      .slide, default: sizeMicros, .duration(in: Allowed.windowSlide).wholeMillis)
    let chosen = section.list(.aggregates, of: Format<Configuration.Aggregate>.word)
    aggregates = Configuration.Aggregate.allCases.filter { chosen?.contains($0) ?? true }
    sources = section.list(.sources, of: .glob) ?? [.all]
    metrics = section.list(.metrics, of: .glob) ?? [.all]
    checkSlices(section)
  }

  private func checkSlices(_ section: Section<WindowKey>) {
    // A faulty size or slide has been reported; there is nothing to compare.
    guard sizeMicros > 0, slideMicros > 0, section.has(.slide) else { return }
    let size = DurationText.text(micros: sizeMicros)
    let slide = DurationText.text(micros: slideMicros)
    guard slideMicros <= sizeMicros else {
      section.report(
        .slide, "the slide, \(slide), is longer than the size, \(size): readings in between would"
          + " enter no window", suggestion: "did you mean `slide: \(size)`?")
      return
    }
    guard sizeMicros % slideMicros == 0 else {
      let nearest = (sizeMicros / slideMicros + 1) * slideMicros
      section.report(
        .slide, "the size, \(size), is not a whole multiple of the slide, \(slide)",
        suggestion: "did you mean `size: \(DurationText.text(micros: nearest))`?")
      return
    }
    let sliceCount = sizeMicros / slideMicros
    if sliceCount > Allowed.slicesPerWindowMax {
      let factor = (sliceCount + Allowed.slicesPerWindowMax - 1) / Allowed.slicesPerWindowMax
      section.report(
        .slide, "a window of \(size) in steps of \(slide) has \(sliceCount) slices; at most"
          + " \(Allowed.slicesPerWindowMax) are accepted",
        suggestion: "a slide of at least \(DurationText.text(micros: factor * slideMicros)) fits")
    }
  }
}

extension Format where Value == Int64 {
  fileprivate var wholeMillis: Format<Int64> {
    then { (micros) throws(ValueFault) in
      guard micros % Allowed.windowGrain == 0 else {
        throw ValueFault("is finer than a millisecond; windows are made of whole milliseconds")
      }
      return micros
    }
  }
}

extension Configuration.Detector {
  init(_ section: Section<DetectorKey>) {
    name = section.required(.name, placeholder: "", .name(.label))
    source = section.value(.source, default: .all, .glob)
    let kinds: [DetectorKey] = [.limits, .shift, .silence].filter { section.has($0) }
    switch kinds.first {
    case .limits: rule = .limits(Configuration.Limits(section.section(.limits, LimitsKey.self)))
    case .silence:
      let silence = section.section(.silence, SilenceKey.self)
      let after = silence.required(
        .after, placeholder: 0, Format<Int64>.duration(in: Allowed.silenceAfter))
      rule = .silence(afterMicros: after)
    default:
      let shift = section.section(.shift, ShiftKey.self)
      let every = shift.value(
        .every, default: Default.shiftEvery, Format<Int64>.duration(in: Allowed.shiftEvery))
      rule = .shift(Configuration.Shift(everyMicros: every))
    }
    metric = section.optional(.metric, .glob)
    checkKind(section, kinds: kinds)
  }

  private func checkKind(_ section: Section<DetectorKey>, kinds: [DetectorKey]) {
    guard let kind = kinds.first else {
      section.requireOne(of: [.limits, .shift, .silence])
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
      .clearMargin, default: 0,
      Format<Double>.number.then { (margin) throws(ValueFault) in
        guard margin >= 0 else { throw ValueFault("is negative; expected 0 or more") }
        return margin
      })
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
