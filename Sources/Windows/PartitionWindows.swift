import Base
package import Telemetry

/// All event-time state of one partition of one source: the partition's clock, each device's
/// watermark, the open slices, and what was already fired.
///
/// For each record, in offset order:
///
///     1  the partition's clock takes the Kafka timestamp
///     2  rows too far ahead are flagged; the others enter their slices, and mark windows that
///        have fired already as changed
///     3  the device's watermark moves; when it crosses a slice edge, windows that became due and
///        changed windows that have ended fire, by (end, window, metric)
///     4  windows that ended `allowed_lateness` ago are dropped, with or without such an edge: what
///        is changed in them fires first; slices fold into coarser ones
///     5  devices that are idle by the partition's clock fire their open windows, in the order of
///        their last records; devices silent for very long are forgotten
///
/// **Invariants:** a function of the record sequence: how it is cut into batches, and snapshots in
/// between, change no bit of any firing (docs/ARCHITECTURE.md, invariant I9). A watermark never
/// moves back. D ≤ F: a window is dropped only after it fired. No time is read but the records'.
///
/// Cost: one device look-up and one slice update a reading, whatever the number of windows;
/// nothing is allocated while the slices of a device stay as many as they were.
@safe
package struct PartitionWindows: ~Copyable, Sendable {
  var set: WindowSet
  /// Behind the last record that was applied.
  package internal(set) var clock = PartitionClock()
  var devices: [DeviceState] = []
  /// Last known attributes, one row a device.
  var attributes: [UInt32] = []
  var recency = RecencyList()
  var blocks = BlockTable()
  var accumulator: Accumulator
  // Narrow sources: the blocks of each device in the order of the metrics' names, and how to find
  // one; the grid of each metric of the vocabulary, or -1 where no window selects it.
  var seriesIndex = SeriesIndex()
  var seriesOfDevice: [[UInt32]] = []
  var freeBlocks: [UInt32] = []
  var metricGrids: [Int32] = []
  /// The newest plausible event time of any device, microseconds; nil before the first. No part of
  /// the state: it follows from the devices.
  package private(set) var newestEventTimeMicros: Int64?
  /// Before these readings of the partition's clock no device can be idle, or be forgotten.
  private var nextIdleCheckMicros = Int64.min
  private var nextForgetCheckMicros = Int64.min
  /// Keeps the loads of `touchAhead` from being optimised away; means nothing.
  private var touched = 0
  // Reused by every firing and every settling.
  var dueFirings: [DueFiring] = []
  var edges: [Int64] = []
  /// What the source's columns were when a state that was read back was saved; nil where they are
  /// the same.
  package var savedSchema: ReadingSchema?
  /// Running totals; the caller may reset them. No part of the state.
  package var counts = EventTimeCounts()

  /// The windows must have been checked (`WindowPlan.init` throws where these would trap).
  package init(
    schema: ReadingSchema, windows: [WindowDefinition], options: EventTimeOptions
  ) {
    do throws(WindowsError) {
      set = try WindowSet(schema: schema, definitions: windows, options: options)
    } catch {
      preconditionFailure("windows are checked before they are built: \(error)")
    }
    accumulator = Accumulator(metricCountMax: set.metricCountMax)
  }

  /// The largest believed Kafka timestamp, microseconds; nil before the first.
  package var partitionClockMicros: Int64? {
    clock.micros == EventTime.none ? nil : clock.micros
  }

  /// Slices that are kept, over all devices, or series of narrow sources. Cost: one step each.
  package var sliceCount: Int {
    (0..<blocks.count).reduce(0) { $0 + blocks[$1].count }
  }

  /// Bytes the state holds, for the memory bound. Cost: O(series of narrow sources, or devices), so
  /// ask once a cut rather than once a batch.
  package var byteCount: Int {
    var total = devices.count * MemoryLayout<DeviceState>.stride + attributes.count * 4
    total += recency.byteCount + seriesIndex.byteCount
    for index in 0..<blocks.count { total += blocks[index].byteCount }
    for series in seriesOfDevice { total += 16 + series.count * 4 }
    return total
  }

  // MARK: - Records

  /// Takes records of a batch, which must follow those taken before in offset order. Sets
  /// `ReadingFlags.future` on rows that lie too far ahead, appends the partition's clock to
  /// `recordClocks` and what was late to `recordLateCounts`, and appends what fires.
  ///
  /// `vocabulary` is the one the batch was decoded with; it only ever grows.
  package mutating func apply(
    _ batch: inout ReadingBatch, records: Range<Int>, vocabulary: borrowing Vocabulary,
    into firings: inout FiringBatch
  ) {
    if set.schema.isNarrow { learnMetrics(vocabulary) }
    var start = records.lowerBound
    while start < records.upperBound {
      let run = start..<min(start + Self.recordsAhead, records.upperBound)
      touchAhead(batch, run)
      for record in run { applyRecord(&batch, record, vocabulary, &firings) }
      start = run.upperBound
    }
  }

  private mutating func applyRecord(
    _ batch: inout ReadingBatch, _ record: Int, _ vocabulary: borrowing Vocabulary,
    _ firings: inout FiringBatch
  ) {
    let device = batch.recordDevices[record]
    let timestamp = batch.recordTimestamps[record]
    let hasAppendTime = batch.recordHasAppendTime[record]
    moveClock(timestamp: timestamp, hasAppendTime: hasAppendTime, device: device)

    let lateCount = counts.late &+ counts.tooLate
    let outcome = batch.recordOutcomes[record]
    if device != WordTable.none, outcome == .read || outcome == .empty {
      meet(device)
      keepAttributes(batch, record, device: Int(device))
      let reference =
        hasAppendTime && timestamp != ReadingBatch.absentTimestamp ? timestamp : clock.micros
      let futureLimit = futureLimit(reference: reference)
      var state = devices[Int(device)]
      let rows = batch.rows(ofRecord: record)
      if set.schema.isNarrow {
        enterNarrow(&batch, rows, device: device, &state, futureLimit: futureLimit, vocabulary)
      } else {
        enterWide(&batch, rows, device: Int(device), &state, futureLimit: futureLimit)
      }
      if state.newest != EventTime.none {
        noteNewest(state.newest)
        let watermark = state.newest - set.options.outOfOrdernessMicros
        if watermark >= state.nextEdge {
          advance(Int(device), &state, to: watermark, isIdle: false, &firings)
        } else if watermark > state.watermark {
          state.watermark = watermark
        }
      }
      state.lastRecordClock = clock.micros
      devices[Int(device)] = state
      recency.append(device, to: .awake)
    }
    batch.recordClocks.append(clock.micros)
    batch.recordLateCounts.append(
      UInt32(truncatingIfNeeded: counts.late &+ counts.tooLate &- lateCount))
    if clock.micros >= nextIdleCheckMicros { findIdleDevices(&firings) }
    if clock.micros >= nextForgetCheckMicros { findForgottenDevices() }
  }

  @inline(__always)
  mutating func noteNewest(_ time: Int64) {
    if time > newestEventTimeMicros ?? EventTime.none { newestEventTimeMicros = time }
  }

  /// The latest event time that is not flagged.
  private func futureLimit(reference: Int64) -> Int64 {
    guard reference != EventTime.none else { return EventTime.magnitudeMax }
    let capped = min(max(reference, -EventTime.magnitudeMax), EventTime.magnitudeMax)
    return min(capped + set.options.maxFutureSkewMicros, EventTime.magnitudeMax)
  }

  private mutating func moveClock(timestamp: Int64, hasAppendTime: Bool, device: UInt32) {
    let step = clock.observe(
      timestamp: timestamp, hasAppendTime: hasAppendTime, device: device,
      maxFutureSkew: set.options.maxFutureSkewMicros)
    switch step {
    case .unchanged, .moved: return
    case .held: counts.heldJumps += 1
    case .restarted:
      // What was heard before is as old as the clock that now begins.
      for index in devices.indices { devices[index].lastRecordClock = clock.micros }
      nextIdleCheckMicros = Int64.min
      nextForgetCheckMicros = Int64.min
    }
  }

  /// Makes room for a device.
  mutating func meet(_ device: UInt32) {
    if Int(device) < devices.count { return }
    precondition(device < UInt32(Int32.max), "devices are dense indexes")
    while devices.count <= Int(device) {
      devices.append(DeviceState())
      for _ in 0..<set.schema.attributes.count { attributes.append(WordTable.none) }
      if set.schema.isNarrow {
        seriesOfDevice.append([])
      } else {
        for group in set.groups.indices { blocks.append(emptyBlock(ofGroup: group)) }
      }
    }
    recency.grow(to: devices.count)
  }

  func emptyBlock(ofGroup group: Int) -> SliceBlock {
    let grid = set.groups[group].grid
    return SliceBlock(
      metricCount: set.groups[group].metrics.count, levelCount: set.grids[grid].widths.count,
      grid: grid, metric: UInt32(group))
  }

  private mutating func keepAttributes(
    _ batch: borrowing ReadingBatch, _ record: Int, device: Int
  ) {
    let width = set.schema.attributes.count
    for column in 0..<width {
      let word = batch.recordAttributes[record &* width &+ column]
      let place = device &* width &+ column
      if word != WordTable.none, attributes[place] != word { attributes[place] = word }
    }
  }

  // MARK: - Memory latency

  /// Records whose memory is fetched together. Their rows should fit the first-level cache beside
  /// the batch: 32 × 10 metrics × 48 bytes do.
  private static let recordsAhead = 32

  /// Reads a word of every cache line that the coming records will write, one kind of line after
  /// the other. With thousands of devices in turn nearly each is a cache miss, and it is those, not
  /// the arithmetic, that limit the rate: here they overlap, since no load waits for another's
  /// result. It changes no state that counts.
  private mutating func touchAhead(_ batch: borrowing ReadingBatch, _ records: Range<Int>) {
    if set.schema.isNarrow { return }
    let groupCount = set.groups.count
    var sum = 0
    for record in records {
      let device = Int(batch.recordDevices[record])
      if device >= devices.count { continue }
      sum &+= Int(truncatingIfNeeded: devices[device].newest)
      for group in 0..<groupCount { sum &+= blocks[device &* groupCount &+ group].count }
    }
    for record in records {
      let device = Int(batch.recordDevices[record])
      if device >= devices.count { continue }
      for group in 0..<groupCount {
        sum &+= blocks[device &* groupCount &+ group].touchDirectory()
      }
    }
    for record in records {
      let device = Int(batch.recordDevices[record])
      if device >= devices.count { continue }
      for group in 0..<groupCount {
        sum &+= blocks[device &* groupCount &+ group].touchNewestRows()
      }
    }
    touched = sum
  }

  // MARK: - Rows

  /// Whether a row's time can be trusted; flags and counts it where not.
  @inline(__always)
  mutating func isPlausible(
    _ batch: inout ReadingBatch, _ row: Int, futureLimit: Int64
  ) -> Bool {
    let flags = ReadingFlags(rawValue: batch.rowFlags[row])
    let time = batch.rowEventTimes[row]
    if flags.isDisjoint(with: .implausibleTime), time <= futureLimit,
      time >= -EventTime.magnitudeMax
    {
      return true
    }
    if flags.contains(.beforePlausible) || time < -EventTime.magnitudeMax {
      counts.beforePlausible += 1
      batch.rowFlags[row] = flags.union(.beforePlausible).rawValue
    } else {
      counts.future += 1
      batch.rowFlags[row] = flags.union(.future).rawValue
    }
    return false
  }

  private mutating func enterWide(
    _ batch: inout ReadingBatch, _ rows: Range<Int>, device: Int, _ state: inout DeviceState,
    futureLimit: Int64
  ) {
    let groupCount = set.groups.count
    for row in rows where isPlausible(&batch, row, futureLimit: futureLimit) {
      let time = batch.rowEventTimes[row]
      if time > state.newest { state.newest = time }
      if batch.rowFlags[row] & ReadingFlags.nonFinite.rawValue != 0 { counts.nonFinite += 1 }
      var isAccepted = false
      for group in 0..<groupCount {
        var level = 0
        if time < state.droppedThrough {
          let grid = set.groups[group].grid
          guard
            let home = set.grids[grid].homeLevel(of: time, droppedThrough: state.droppedThrough)
          else { continue }
          level = home
        }
        isAccepted = true
        let content = set.groups[group].gather(row: row, of: batch, into: accumulator)
        if content == .nothing { continue }
        let block = device &* groupCount &+ group
        if time < state.firedThrough {
          markChanged(block: block, time: time, state: state, isWhole: content == .all)
        }
        enter(block: block, content: content, time: time, level: level)
      }
      if groupCount == 0 { counts.unselected &+= 1; continue }
      count(isAccepted: isAccepted, isLate: time < state.watermark)
    }
  }

  @inline(__always)
  private mutating func enter(
    block: Int, content: MetricGroup.Content, time: Int64, level: Int
  ) {
    let width = level == 0
      ? set.groups[Int(blocks[block].metric)].width
      : set.grids[Int(blocks[block].grid)].widths[level]
    if content == .all, blocks[block].isUniform {
      unsafe blocks[block].add(values: accumulator.values, time: time, level: level, width: width)
      return
    }
    if content == .all {
      unsafe accumulator.isValid.update(repeating: true, count: blocks[block].metricCount)
    }
    unsafe blocks[block].addCells(
      values: accumulator.values, isValid: accumulator.isValid, time: time, level: level,
      width: width)
  }

  @inline(__always)
  mutating func count(isAccepted: Bool, isLate: Bool) {
    if isAccepted {
      counts.accepted &+= 1
      if isLate { counts.late &+= 1 }
    } else {
      counts.tooLate &+= 1
    }
  }

  // MARK: - Idle and forgotten devices

  private mutating func findIdleDevices(_ firings: inout FiringBatch) {
    guard clock.micros != EventTime.none else { return }
    let idle = set.options.deviceIdleMicros
    nextIdleCheckMicros = clock.micros + idle
    while true {
      let device = recency.oldest(in: .awake)
      if device == RecencyList.none { return }
      let idleAt = devices[Int(device)].lastRecordClock + idle
      if idleAt > clock.micros {
        nextIdleCheckMicros = idleAt
        return
      }
      goIdle(device, &firings)
    }
  }

  private mutating func goIdle(_ device: UInt32, _ firings: inout FiringBatch) {
    recency.append(device, to: .idle)
    nextForgetCheckMicros = min(nextForgetCheckMicros, forgetTime(ofDevice: Int(device)))
    counts.idleDevices += 1
    var state = devices[Int(device)]
    if state.newest == EventTime.none { return }
    let watermark = max(state.watermark, state.newest)
    advance(Int(device), &state, to: watermark, isIdle: true, &firings)
    devices[Int(device)] = state
  }

  /// Gives up the slices of devices silent for very long; D becomes F, so that what they send
  /// later can never make a window fire its revision 0 twice.
  private mutating func findForgottenDevices() {
    guard clock.micros != EventTime.none else { return }
    // A device that goes idle later lowers it.
    nextForgetCheckMicros = Int64.max
    while true {
      let device = recency.oldest(in: .idle)
      if device == RecencyList.none { return }
      let forgetAt = forgetTime(ofDevice: Int(device))
      if forgetAt > clock.micros {
        nextForgetCheckMicros = forgetAt
        return
      }
      recency.remove(device)
      forget(Int(device))
    }
  }

  /// The partition's clock at which a silent device is forgotten.
  private func forgetTime(ofDevice device: Int) -> Int64 {
    devices[device].lastRecordClock
      + max(set.options.forgetAfterMicros, set.options.deviceIdleMicros)
  }

  private mutating func forget(_ device: Int) {
    counts.forgottenDevices += 1
    devices[device].droppedThrough =
      max(devices[device].droppedThrough, devices[device].firedThrough)
    if devices[device].watermark != EventTime.none {
      devices[device].nextEdge = nextEdge(after: devices[device])
    }
    if set.schema.isNarrow {
      forgetSeries(ofDevice: device)
    } else {
      for group in set.groups.indices {
        blocks[device * set.groups.count + group] = emptyBlock(ofGroup: group)
      }
    }
  }

  /// The end of a finite input, or a partition in which nobody speaks: every device fires its open
  /// windows once, as if it were idle, in the order of the last records. Whoever calls it records
  /// that decision. A second time, with no record between, changes nothing.
  package mutating func fireOpenWindows(
    vocabulary: borrowing Vocabulary, into firings: inout FiringBatch
  ) {
    while true {
      let device = recency.oldest(in: .awake)
      if device == RecencyList.none { return }
      goIdle(device, &firings)
    }
  }

  /// Whether `fireOpenWindows` would change anything. A device that is awake may have no window
  /// open (what it sent last had no reading, or one that was too late for all), and counts as
  /// awake until somebody finds it idle.
  package var hasAwakeDevices: Bool { recency.oldest(in: .awake) != RecencyList.none }
}
