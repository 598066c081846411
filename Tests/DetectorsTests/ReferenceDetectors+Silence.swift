import Base
import Detectors
import Telemetry

extension ReferenceDetectors {
  private func after(_ detector: Int) -> Int64? {
    guard case .silence(let rule) = definitions[detector].rule else { return nil }
    return rule.afterMicros
  }

  func moveClock(_ now: Int64, _ offset: Int64) {
    if now == .min { return }
    if clock == .min || now < clock {
      for detector in definitions.indices {
        openSummary(detector, offset)
        minutes[detector] = .min
        individualCounts[detector] = 0
      }
      for device in devices.values { device.lastHeard = now }
    }
    clock = now
  }

  func findSilent(_ offset: Int64) {
    if clock == .min { return }
    for detector in definitions.indices {
      guard let after = after(detector) else { continue }
      let due = devices.filter {
        !$0.value.silent.contains(detector) && $0.value.lastHeard + after <= clock
      }
      for (name, device) in due.sorted(by: { $0.value.lastRecord < $1.value.lastRecord }) {
        device.silent.insert(detector)
        fallSilent(detector, name, device, due: device.lastHeard + after, offset)
      }
      if minutes[detector] != .min, minutes[detector] + minute <= clock {
        openSummary(detector, offset)
      }
    }
  }

  private func fallSilent(
    _ detector: Int, _ name: String, _ device: Device, due: Int64, _ offset: Int64
  ) {
    let dueMinute = Timestamp.floor(due, toMultipleOf: minute)
    if dueMinute > minutes[detector] {
      openSummary(detector, offset)
      minutes[detector] = dueMinute
      individualCounts[detector] = 0
    }
    if individualCounts[detector] == 20 {
      var summary = summaries[detector].first { !$0.isOpen && !$0.isRefused }
      if summary == nil {
        summary = Summary(minute: minutes[detector])
        summaries[detector].append(summary!)
      }
      summary?.members.append(name)
      summary?.silent.insert(name)
      summary?.firstDue = min(summary!.firstDue, due)
      return
    }
    individualCounts[detector] += 1
    let series = Series(device: name, metric: "", detector: detector)
    let time = device.newest == .min ? clock : device.newest
    guard admits(detector, time: time, offset) else { return }
    silentSince[series] = device.lastHeard
    tellSilence(series, .opened, time: time, offset)
  }

  private func tellSilence(
    _ series: Series, _ state: AnomalyEvent.State, time: Int64, _ offset: Int64
  ) {
    events.append(
      Event(
        device: series.device, metric: nil, detector: definitions[series.detector].name,
        severity: .warning, state: state, eventTime: time,
        value: Double(max(clock - silentSince[series]!, 0)) / 1e6, expected: nil,
        threshold: Double(after(series.detector)!) / 1e6, offset: offset))
  }

  func hear(_ name: String, _ device: Device, time: Int64, _ offset: Int64) {
    for detector in definitions.indices {
      let series = Series(device: name, metric: "", detector: detector)
      if silentSince[series] != nil {
        tellSilence(series, .closed, time: time, offset)
        silentSince[series] = nil
        count(closedIn: detector, time: time, offset)
      }
      for summary in summaries[detector] where summary.silent.contains(name) {
        summary.silent.remove(name)
        closeSummaries(detector, offset)
      }
    }
    device.silent = []
  }

  private func openSummary(_ detector: Int, _ offset: Int64) {
    for summary in summaries[detector] where !summary.isOpen && !summary.isRefused {
      if admits(detector, time: summary.firstDue, offset) {
        summary.isOpen = true
        tellSummary(detector, summary, .opened, time: summary.firstDue, offset)
      } else {
        summary.isRefused = true
      }
    }
    closeSummaries(detector, offset)
  }

  private func closeSummaries(_ detector: Int, _ offset: Int64) {
    for summary in summaries[detector] where summary.silent.isEmpty {
      if !summary.isOpen && !summary.isRefused { continue }
      summaries[detector].removeAll { $0 === summary }
      if summary.isRefused { continue }
      tellSummary(detector, summary, .closed, time: clock, offset)
      count(closedIn: detector, time: clock, offset)
    }
  }

  private func tellSummary(
    _ detector: Int, _ summary: Summary, _ state: AnomalyEvent.State, time: Int64,
    _ offset: Int64
  ) {
    events.append(
      Event(
        device: nil, metric: nil, detector: definitions[detector].name, severity: .warning,
        state: state, eventTime: time, value: Double(summary.members.count), expected: nil,
        threshold: Double(after(detector)!) / 1e6, offset: offset))
  }

  // MARK: - Buckets

  /// Judges the buckets of a device that end at or before its watermark, by (end, detector,
  /// metric).
  func closeBuckets(_ name: String, _ device: Device, _ offset: Int64) {
    var due: [(end: Int64, order: Int, series: Series, start: Int64)] = []
    for (series, byStart) in buckets where series.device == name {
      guard case .statistical(let rule) = definitions[series.detector].rule else { continue }
      let order = schema.metrics.firstIndex { $0.name == series.metric } ?? 0
      for start in byStart.keys where start + rule.everyMicros <= device.watermark {
        due.append((start + rule.everyMicros, order, series, start))
      }
    }
    due.sort { left, right in
      if left.end != right.end { return left.end < right.end }
      if left.series.detector != right.series.detector {
        return left.series.detector < right.series.detector
      }
      if left.order != right.order { return left.order < right.order }
      return Array(left.series.metric.utf8).lexicographicallyPrecedes(right.series.metric.utf8)
    }
    for (_, _, series, start) in due {
      let values = buckets[series]!.removeValue(forKey: start)!
      judge(series, values.reduce(0, +) / Double(values.count), start: start, offset)
    }
  }

  private func judge(_ series: Series, _ mean: Double, start: Int64, _ offset: Int64) {
    guard case .statistical(let rule) = definitions[series.detector].rule else { return }
    var judge = judges[series] ?? SeriesJudge()
    let said = judge.judge(value: mean, bucketStart: start, plan: JudgePlan(rule))
    var state = AnomalyEvent.State.closed
    switch said.step {
    case .none: break
    case .opened:
      state = .opened
      if admits(series.detector, time: start, offset) {
        open[series] = Open()
      } else {
        judge.refuse()
      }
    case .escalated: state = .escalated
    case .closed: break
    }
    judges[series] = judge
    guard said.step != .none, let anomaly = open[series] else { return }
    if said.step != .closed { anomaly.severity = said.severity }
    events.append(
      Event(
        device: series.device, metric: series.metric, detector: definitions[series.detector].name,
        severity: anomaly.severity, state: state, eventTime: start, value: said.value,
        expected: said.expected, threshold: said.threshold, offset: offset))
    if said.step == .closed {
      open[series] = nil
      count(closedIn: series.detector, time: start, offset)
    }
  }
}
