import Base
import Detectors
import Telemetry

/// The rules as plainly as they can be written down: whole histories in dictionaries by name, every
/// question answered by looking through all of them. What the engine does in O(1) must come to the
/// same events in the same order.
///
/// Evidence is left out but for the numbers of limits; ids are the engine's affair.
final class ReferenceDetectors {
  /// What an event is compared by.
  struct Event: Equatable, CustomStringConvertible {
    var device: String?
    var metric: String?
    var detector: String
    var severity: AnomalyEvent.Severity
    var state: AnomalyEvent.State
    var eventTime: Int64
    var value: Double?
    var expected: Double?
    var threshold: Double?
    var offset: Int64
    /// Limits: worst value, violations. Summaries: how many are silent still.
    var details: [Double] = []

    var description: String {
      "\(detector) \(device ?? "-").\(metric ?? "-") \(state) \(severity) @\(offset) "
        + "t\(eventTime) v\(value ?? .nan) e\(expected ?? .nan) \(details)"
    }
  }

  struct Series: Hashable {
    let device: String
    let metric: String
    let detector: Int
  }

  struct Reading {
    let time: Int64
    let value: Double
  }

  final class Open {
    var severity = AnomalyEvent.Severity.warning
    /// The first reading of its history that belongs to it.
    var first = 0
    var since: Int64 = 0
  }

  final class Summary {
    let minute: Int64
    var isOpen = false
    var isRefused = false
    var firstDue = Int64.max
    var members: [String] = []
    var silent: Set<String> = []

    init(minute: Int64) { self.minute = minute }
  }

  final class Device {
    var newest = Int64.min
    var watermark = Int64.min
    var lastHeard = Int64.min
    /// Number of the last record, for the order of those heard at the same clock.
    var lastRecord = 0
    /// Detectors of silence for which it is silent, refused ones included.
    var silent: Set<Int> = []
  }

  let schema: ReadingSchema
  let definitions: [DetectorDefinition]
  let outOfOrderness: Int64
  var clock = Int64.min
  var recordCount = 0
  var devices: [String: Device] = [:]
  var histories: [Series: [Reading]] = [:]
  var open: [Series: Open] = [:]
  var silentSince: [Series: Int64] = [:]
  var openCounts: [Int]
  var capped: [Int64?]
  var minutes: [Int64]
  var individualCounts: [Int]
  var summaries: [[Summary]]
  var buckets: [Series: [Int64: [Double]]] = [:]
  var judges: [Series: SeriesJudge] = [:]
  var events: [Event] = []

  init(_ schema: ReadingSchema, _ definitions: [DetectorDefinition], outOfOrderness: Int64) {
    self.schema = schema
    self.definitions = definitions
    self.outOfOrderness = outOfOrderness
    openCounts = definitions.map { _ in 0 }
    capped = definitions.map { _ in nil }
    minutes = definitions.map { _ in .min }
    individualCounts = definitions.map { _ in 0 }
    summaries = definitions.map { _ in [] }
  }

  func apply(_ record: TestRecord, offset: Int64) -> [Event] {
    events = []
    recordCount += 1
    moveClock(record.clock, offset)
    findSilent(offset)
    guard let name = record.device, record.outcome == .read || record.outcome == .empty else {
      return events
    }
    let device = devices[name] ?? Device()
    devices[name] = device
    let rows = record.rows.filter { $0.flags.isDisjoint(with: .implausibleTime) }
    let newest = rows.map(\.time).reduce(device.newest, max)
    hear(name, device, time: newest == .min ? clock : newest, offset)
    device.lastHeard = clock
    device.lastRecord = recordCount
    for row in rows { enter(row, name, device, offset) }
    device.newest = newest
    if newest != .min { device.watermark = max(device.watermark, newest - outOfOrderness) }
    closeBuckets(name, device, offset)
    return events
  }

  // MARK: - The cap

  /// Whether an anomaly may open; says so where it may not.
  func admits(
    _ detector: Int, time: Int64, _ offset: Int64
  ) -> Bool {
    let most = definitions[detector].openCountMax
    if openCounts[detector] < most {
      openCounts[detector] += 1
      return true
    }
    if capped[detector] == nil {
      capped[detector] = time
      tellCap(detector, .opened, time: time, offset)
    }
    return false
  }

  func count(closedIn detector: Int, time: Int64, _ offset: Int64) {
    openCounts[detector] -= 1
    if capped[detector] != nil,
      Double(openCounts[detector]) < 0.9 * Double(definitions[detector].openCountMax)
    {
      capped[detector] = nil
      tellCap(detector, .closed, time: time, offset)
    }
  }

  private func tellCap(
    _ detector: Int, _ state: AnomalyEvent.State, time: Int64, _ offset: Int64
  ) {
    events.append(
      Event(
        device: nil, metric: nil, detector: definitions[detector].name, severity: .warning,
        state: state, eventTime: time, value: Double(openCounts[detector]), expected: nil,
        threshold: Double(definitions[detector].openCountMax), offset: offset))
  }

  // MARK: - Rows

  private func enter(_ row: TestRow, _ device: String, _ state: Device, _ offset: Int64) {
    var values: [(metric: String, value: Double)] = []
    for (index, value) in row.values.enumerated() {
      guard let value, value.isFinite else { continue }
      values.append((schema.isNarrow ? row.metric : schema.metrics[index].name, value))
    }
    for (detector, definition) in definitions.enumerated() {
      guard case .limits(let rule) = definition.rule else { continue }
      for (metric, value) in values where definition.metric!.matches(metric) {
        let series = Series(device: device, metric: metric, detector: detector)
        histories[series, default: []].append(Reading(time: row.time, value: value))
        judge(series, rule, offset)
      }
    }
    for (detector, definition) in definitions.enumerated() {
      guard case .statistical(let rule) = definition.rule else { continue }
      for (metric, value) in values where definition.metric!.matches(metric) {
        let start = Timestamp.floor(row.time, toMultipleOf: rule.everyMicros)
        if start + rule.everyMicros <= state.watermark { continue }
        let series = Series(device: device, metric: metric, detector: detector)
        buckets[series, default: [:]][start, default: []].append(value)
      }
    }
  }

  // MARK: - Limits

  private func level(_ value: Double, _ rule: LimitsRule) -> Int {
    func violates(_ bounds: LimitsRule.Bounds?) -> Bool {
      value < bounds?.low ?? -.infinity || value > bounds?.high ?? .infinity
    }
    return violates(rule.critical) ? 2 : violates(rule.warning) ? 1 : 0
  }

  private func isClear(_ value: Double, _ rule: LimitsRule) -> Bool {
    if level(value, rule) > 0 { return false }
    if let low = rule.warning?.low ?? rule.critical?.low, value < low + rule.clearMargin {
      return false
    }
    if let high = rule.warning?.high ?? rule.critical?.high, value > high - rule.clearMargin {
      return false
    }
    return true
  }

  /// The readings at the end of a history that all fulfil a condition, if they are enough.
  private func run(
    _ history: [Reading], _ rule: LimitsRule, _ condition: (Double) -> Bool
  ) -> Int? {
    var first = history.count
    while first > 0, condition(history[first - 1].value) { first -= 1 }
    let run = history[first...]
    guard let last = run.last, let since = run.map(\.time).min() else { return nil }
    switch rule.persistence {
    case .readings(let count): return run.count >= count ? first : nil
    case .duration(let micros): return last.time - since >= micros ? first : nil
    }
  }

  private func judge(_ series: Series, _ rule: LimitsRule, _ offset: Int64) {
    let history = histories[series]!
    let last = history.last!
    let critical = run(history, rule) { level($0, rule) == 2 }
    let any = run(history, rule) { level($0, rule) > 0 }
    let clear = run(history, rule) { isClear($0, rule) }
    if let anomaly = open[series] {
      if critical != nil, anomaly.severity == .warning {
        anomaly.severity = .critical
        tell(series, anomaly, .escalated, rule, offset)
      } else if clear != nil {
        open[series] = nil
        tell(series, anomaly, .closed, rule, offset)
        count(closedIn: series.detector, time: last.time, offset)
      }
      return
    }
    guard critical != nil || any != nil, admits(series.detector, time: last.time, offset) else {
      return
    }
    let anomaly = Open()
    anomaly.severity = critical == nil ? .warning : .critical
    anomaly.first = history.lastIndex { level($0.value, rule) == 0 }.map { $0 + 1 } ?? 0
    open[series] = anomaly
    tell(series, anomaly, .opened, rule, offset)
  }

  private func tell(
    _ series: Series, _ anomaly: Open, _ state: AnomalyEvent.State, _ rule: LimitsRule,
    _ offset: Int64
  ) {
    let history = histories[series]!
    let last = history.last!
    let violating = history[anomaly.first...].filter { level($0.value, rule) > 0 }
    // The tightest bounds, to measure how bad a value is.
    let low = max(rule.warning?.low ?? -.infinity, rule.critical?.low ?? -.infinity)
    let high = min(rule.warning?.high ?? .infinity, rule.critical?.high ?? .infinity)
    var worst = violating[0].value
    for reading in violating where excess(reading.value) > excess(worst) { worst = reading.value }
    func excess(_ value: Double) -> Double { max(low - value, value - high) }
    let isHigh = (state == .closed ? worst : last.value) > high
    let bounds = anomaly.severity == .critical
      ? [rule.critical, rule.warning] : [rule.warning, rule.critical]
    let bound = bounds.compactMap { isHigh ? $0?.high : $0?.low }.first
    events.append(
      Event(
        device: series.device, metric: series.metric, detector: definitions[series.detector].name,
        severity: anomaly.severity, state: state, eventTime: last.time, value: last.value,
        expected: bound, threshold: bound, offset: offset,
        details: [worst, Double(violating.count)]))
  }
}
