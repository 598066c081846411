import Base
import Telemetry
import Windows

/// The rules of design section 5 written down as plainly as possible: every reading is kept, every
/// window is recomputed from the raw readings, every set is searched from end to end.
///
/// It shares no code with the module but the definitions of windows; Kafka timestamps are expected
/// to be believed at once (LogAppendTime), the guarded clock has its own tests.
final class ReferenceWindows {
  struct Reading {
    let time: Int64
    let sequence: Int
    let metric: String
    let value: Double
  }

  struct WindowKey: Hashable {
    let window: Int
    let end: Int64
    let metric: String
  }

  final class Device {
    var watermark: Int64?
    var newest: Int64?
    var firedThrough: Int64?
    var droppedThrough: Int64?
    var lastClock: Int64?
    var lastSequence = 0
    var isIdle = false
    var region: String?
    var readings: [Reading] = []
    var firedCount: [WindowKey: Int] = [:]
    var changed: Set<WindowKey> = []
  }

  let schema: ReadingSchema
  let windows: [WindowDefinition]
  let options: EventTimeOptions
  let edge: Int64
  var devices: [String: Device] = [:]
  var clock: Int64?
  var sequence = 0
  var counts = EventTimeCounts()

  init(_ schema: ReadingSchema, _ windows: [WindowDefinition], _ options: EventTimeOptions) {
    self.schema = schema
    self.windows = windows
    self.options = options
    var edge: Int64 = 0
    for window in windows {
      for value in [window.sizeMicros, window.slideMicros] {
        var (left, right) = (edge, value)
        while right != 0 { (left, right) = (right, left % right) }
        edge = left
      }
    }
    self.edge = edge
  }

  func floor(_ value: Int64, _ step: Int64) -> Int64 {
    let remainder = value % step
    return value - (remainder < 0 ? remainder + step : remainder)
  }

  /// Ends of the instances of a window that contain a time.
  func ends(_ window: Int, containing time: Int64) -> [Int64] {
    let (size, slide) = (windows[window].sizeMicros, windows[window].slideMicros)
    var ends: [Int64] = []
    var start = floor(time, slide)
    while start + size > time {
      ends.append(start + size)
      start -= slide
    }
    return ends
  }

  /// Where a metric stands in the order of firing: groups by first metric, then metrics; by name
  /// for a narrow source.
  func rank(_ metric: String) -> (Int, [UInt8]) {
    if schema.isNarrow { return (0, Array(metric.utf8)) }
    let selecting = windows.map { $0.selects(metric: metric) }
    let names = schema.metrics.map(\.name)
    let first = names.firstIndex { name in windows.map { $0.selects(metric: name) } == selecting }
    return (first!, [UInt8(names.firstIndex(of: metric)!)])
  }

  func apply(_ record: TestRecord) -> [Fired] {
    sequence += 1
    var fired: [Fired] = []
    if record.timestamp != ReadingBatch.absentTimestamp {
      if clock == nil { for device in devices.values { device.lastClock = record.timestamp } }
      clock = max(clock ?? record.timestamp, record.timestamp)
    }
    if let name = record.device, record.outcome == .read || record.outcome == .empty {
      let device = devices[name] ?? Device()
      devices[name] = device
      if let region = record.attributes.first, let region { device.region = region }
      for row in record.rows { enter(row, record, device) }
      if let newest = device.newest {
        fired += advance(name, device, to: newest - options.outOfOrdernessMicros, isIdle: false)
      }
      device.lastClock = clock
      device.lastSequence = sequence
      device.isIdle = false
    }
    fired += sweep()
    return fired
  }

  private func enter(_ row: TestRow, _ record: TestRecord, _ device: Device) {
    let reference = record.timestamp == ReadingBatch.absentTimestamp ? clock : record.timestamp
    if let reference, row.time > reference + options.maxFutureSkewMicros {
      counts.future += 1
      return
    }
    device.newest = max(device.newest ?? row.time, row.time)
    let names = schema.isNarrow ? [row.metric] : schema.metrics.map(\.name)
    let selecting = windows.indices.filter { window in
      names.contains { windows[window].selects(metric: $0) }
    }
    if row.values.contains(where: { !($0?.isFinite ?? true) }) { counts.nonFinite += 1 }
    if selecting.isEmpty {
      counts.unselected += 1
      return
    }
    let isKept = { (end: Int64) in device.droppedThrough.map { end > $0 } ?? true }
    guard selecting.contains(where: { self.ends($0, containing: row.time).contains(where: isKept) })
    else {
      counts.tooLate += 1
      return
    }
    counts.accepted += 1
    if let watermark = device.watermark, row.time < watermark { counts.late += 1 }
    for (name, value) in zip(names, row.values) {
      guard let value, value.isFinite else { continue }
      sequence += 1
      for window in windows.indices where windows[window].selects(metric: name) {
        for end in ends(window, containing: row.time)
        where isKept(end) && device.firedThrough.map({ end <= $0 }) ?? false {
          device.changed.insert(WindowKey(window: window, end: end, metric: name))
        }
      }
      device.readings.append(
        Reading(time: row.time, sequence: sequence, metric: name, value: value))
    }
  }

  private func advance(
    _ name: String, _ device: Device, to watermark: Int64, isIdle: Bool
  ) -> [Fired] {
    let watermark = max(device.watermark ?? watermark, watermark)
    let crosses = device.watermark.map { floor(watermark, edge) > floor($0, edge) } ?? true
    var fired: [Fired] = []
    if crosses || isIdle {
      let limit = isIdle ? Int64.max : watermark
      var due = device.changed.filter { $0.end <= limit }
      for reading in device.readings {
        for window in windows.indices where windows[window].selects(metric: reading.metric) {
          for end in ends(window, containing: reading.time)
          where end <= limit && device.firedThrough.map({ end > $0 }) ?? true {
            due.insert(WindowKey(window: window, end: end, metric: reading.metric))
          }
        }
      }
      device.changed.subtract(due)
      let ordered = inOrder(due)
      for key in ordered { fired.append(fire(key, name, device)) }
      if isIdle, let newest = ordered.last?.end {
        device.firedThrough = max(device.firedThrough ?? newest, newest)
      }
    }
    device.watermark = watermark
    device.firedThrough = max(device.firedThrough ?? watermark, watermark)
    let dropped = watermark - options.allowedLatenessMicros
    // What is dropped before the next slice edge fires its changes now.
    let leaving = device.changed.filter { $0.end <= dropped }
    device.changed.subtract(leaving)
    for key in inOrder(leaving) { fired.append(fire(key, name, device)) }
    device.droppedThrough = max(device.droppedThrough ?? dropped, dropped)
    prune(device)
    return fired
  }

  private func inOrder(_ keys: Set<WindowKey>) -> [WindowKey] {
    keys.sorted { left, right in
      if left.end != right.end { return left.end < right.end }
      if left.window != right.window { return left.window < right.window }
      let (leftRank, rightRank) = (rank(left.metric), rank(right.metric))
      if leftRank.0 != rightRank.0 { return leftRank.0 < rightRank.0 }
      return leftRank.1.lexicographicallyPrecedes(rightRank.1)
    }
  }

  /// Only to keep the test fast: readings all of whose windows are dropped.
  private func prune(_ device: Device) {
    let longest = windows.map(\.sizeMicros).max() ?? 0
    device.readings.removeAll { $0.time + longest <= device.droppedThrough! }
  }

  private func fire(_ key: WindowKey, _ name: String, _ device: Device) -> Fired {
    let window = windows[key.window]
    let start = key.end - window.sizeMicros
    let members = device.readings
      .filter { $0.metric == key.metric && $0.time >= start && $0.time < key.end }
      .sorted { ($0.time, $0.sequence) < ($1.time, $1.sequence) }
    let values = members.map(\.value)
    let count = Double(values.count)
    let mean = values.reduce(0) { $0 + $1 / count }
    let m2 = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let revision = device.firedCount[key] ?? 0
    device.firedCount[key] = revision + 1
    if revision == 0 { counts.fired += 1 } else { counts.firedAgain += 1 }
    let earliest = members.first { $0.time == members[0].time }!
    return Fired(
      window: key.window, device: name, region: device.region, metric: key.metric, start: start,
      end: key.end, revision: revision, count: Int64(values.count),
      values: [
        mean * count, mean, values.min()!, values.max()!,
        values.count > 1 ? (m2 / (count - 1)).squareRoot() : .nan, earliest.value,
        members.last!.value,
      ])
  }

  private func sweep() -> [Fired] {
    guard let clock else { return [] }
    var fired: [Fired] = []
    let byAge = devices.sorted { $0.value.lastSequence < $1.value.lastSequence }
    for (name, device) in byAge where !device.isIdle {
      if let last = device.lastClock, last + options.deviceIdleMicros <= clock {
        fired += goIdle(name, device)
      }
    }
    let silence = max(options.forgetAfterMicros, options.deviceIdleMicros)
    for (_, device) in byAge where device.isIdle && device.readings.count >= 0 {
      guard let last = device.lastClock, last + silence <= clock else { continue }
      if let fired = device.firedThrough {
        device.droppedThrough = max(device.droppedThrough ?? fired, fired)
      }
      device.readings = []
      device.changed = []
    }
    return fired
  }

  private func goIdle(_ name: String, _ device: Device) -> [Fired] {
    device.isIdle = true
    counts.idleDevices += 1
    guard let newest = device.newest else { return [] }
    return advance(name, device, to: newest, isIdle: true)
  }

  func fireOpenWindows() -> [Fired] {
    var fired: [Fired] = []
    let byAge = devices.sorted { $0.value.lastSequence < $1.value.lastSequence }
    for (name, device) in byAge where !device.isIdle { fired += goIdle(name, device) }
    return fired
  }
}
