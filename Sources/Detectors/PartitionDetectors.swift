import Base
package import Telemetry

/// All detector state of one partition of one source: what goes on for each device and series, and
/// the anomalies that are open.
///
/// For each record, in offset order:
///
///     1  devices that fell silent by the partition's clock of this record, the record's own device
///        among them: by detector, then in the order in which they were due; a summary of a minute
///        after that minute's devices
///     2  the record's device, if it was silent, is back: by detector
///     3  its rows, in their order: limits, by detector and then metric
///     4  the device's watermark moves; buckets of event time that it passes are judged, by (end,
///        detector, metric)
///
/// Detectors are in the order of the configuration. Metrics are in the order of the schema, or, for
/// a narrow source, in that of their names' bytes. A closing anomaly that relieves the cap is
/// followed by the closing of the cap's anomaly; an opening that the cap refuses first brings the
/// opening of it. There is one exception to 4: a bucket beyond `BucketBlock.openCountMax` is judged
/// at the row that brings the newer one.
///
/// Rows of implausible time are left out; absent, NaN and infinite values are. A device's watermark
/// is its newest plausible event time − `outOfOrderness`, kept here apart from the windows'.
///
/// **Invariants:** a function of the record sequence, and of the offsets at which definitions
/// changed: how it is cut into batches, and snapshots in between, change no bit of any event
/// (docs/ARCHITECTURE.md, invariant I9). A watermark never moves back. A bucket is judged once. Of
/// one definition at most `openCountMax` anomalies are open, and one that says so. No time is read
/// but the records'.
///
/// Cost: a row in which nothing is the matter takes two comparisons a limited metric and one
/// addition a metric with buckets; nothing is allocated but for what is the matter.
@safe
package struct PartitionDetectors: ~Copyable, Sendable {
  var set: DetectorSet
  let origin: AnomalyOrigin
  let outOfOrdernessMicros: Int64
  /// The partition's clock after the last record; `EventTime.none` before it has one.
  var clockMicros = EventTime.none
  var devices: [DeviceState] = []
  /// Last known attributes, one row a device.
  var attributes: [UInt32] = []
  /// What goes on, by device.
  var slots: [SlotList] = []
  /// By definition.
  var states: [DefinitionState]
  /// One for each definition about silence, in their order.
  var watches: [SilenceWatch]
  /// Devices by their last record, in the queue `awake` alone; empty without such definitions.
  var recency = RecencyList()
  /// Before this reading of the partition's clock no device can fall silent.
  var nextSilenceCheckMicros = Int64.min
  /// Wide: the blocks of a device are neighbours, one a grid. Narrow: those of a series are.
  var blocks = BlockTable()
  // Narrow sources: series with buckets, those of each device in the order of the metrics' names,
  // and how to find one; the shape of each metric of the vocabulary, or −1.
  var series: [BucketSeries] = []
  var seriesOfDevice: [[UInt32]] = []
  var seriesIndex = SeriesIndex()
  var metricShapes: [Int32] = []
  /// Narrow: the series of the rows from `firstRowAhead` on; see `touchNarrowAhead`.
  var rowsAhead: [UInt32] = []
  var firstRowAhead = 0
  /// The watched values of the row at hand.
  var values: RowValues
  /// Keeps the loads of `touchAhead` from being optimised away; means nothing.
  private var touched = 0
  /// What was open of metrics that the source has no more; `closeGone` ends it. No part of the
  /// state.
  var gone: [GoneMetric] = []
  /// Running totals; the caller may reset them. No part of the state.
  package var counts = DetectorCounts()
  /// Steps in the lives of anomalies since this value was made; no part of the state. While it does
  /// not move, neither does `openAnomalies`.
  package internal(set) var stepCount: UInt64 = 0

  /// Starts without any knowledge. Names of definitions differ, and their numbers were checked.
  package init(
    schema: ReadingSchema, definitions: [DetectorDefinition], origin: AnomalyOrigin,
    outOfOrdernessMicros: Int64
  ) {
    set = DetectorSet(schema: schema, definitions: definitions)
    self.origin = origin
    self.outOfOrdernessMicros = outOfOrdernessMicros
    states = Array(repeating: DefinitionState(), count: definitions.count)
    watches = set.silenceWatches
    values = RowValues(count: set.valueCountMax)
  }

  /// What it looks for.
  package var definitions: [DetectorDefinition] { self.set.definitions }

  /// Open anomalies by detector and severity, only those of which there are any. Cost: one step a
  /// definition.
  package var openCounts: [OpenAnomalyCount] {
    zip(set.definitions, states).flatMap { definition, state in
      [
        OpenAnomalyCount(
          detector: definition.name, severity: .warning,
          count: state.openWarningCount + (state.cap == nil ? 0 : 1)),
        OpenAnomalyCount(
          detector: definition.name, severity: .critical, count: state.openCriticalCount),
      ].filter { $0.count > 0 }
    }
  }

  /// Bytes the state holds, for the memory bound. Cost: O(devices, or series of narrow sources), so
  /// ask once a cut rather than once a batch.
  package var byteCount: Int {
    var total = devices.count * MemoryLayout<DeviceState>.stride + attributes.count * 4
    total += recency.byteCount
    if set.schema.isNarrow {
      total += seriesIndex.byteCount + devices.count * MemoryLayout<[UInt32]>.stride
      total += series.count * (MemoryLayout<BucketSeries>.stride + 4)
    }
    for list in slots { total += MemoryLayout<SlotList>.stride + list.byteCount }
    for watch in watches { total += watch.byteCount }
    for index in 0..<blocks.count { total += blocks[index].byteCount }
    return total
  }

  // MARK: - Records

  /// Takes records of a batch, which must follow those taken before in offset order, and appends
  /// what became of anomalies. `recordClocks` must be filled for these records.
  ///
  /// `vocabulary` is the one the batch was decoded with; it only ever grows.
  package mutating func apply(
    _ batch: borrowing ReadingBatch, records: Range<Int>, vocabulary: borrowing Vocabulary,
    into events: inout [AnomalyEvent]
  ) {
    if set.definitions.isEmpty { return }
    if set.schema.isNarrow { learnMetrics(vocabulary) }
    var start = records.lowerBound
    while start < records.upperBound {
      let run = start..<min(start + Self.recordsAhead, records.upperBound)
      touchAhead(batch, run)
      for record in run { applyRecord(batch, record, vocabulary, &events) }
      start = run.upperBound
    }
  }

  private mutating func applyRecord(
    _ batch: borrowing ReadingBatch, _ record: Int, _ vocabulary: borrowing Vocabulary,
    _ events: inout [AnomalyEvent]
  ) {
    let offset = batch.recordOffsets[record]
    let clock = batch.recordClocks[record]
    if clock != clockMicros { moveClock(to: clock, offset: offset, vocabulary, &events) }
    if clockMicros >= nextSilenceCheckMicros {
      findSilentDevices(offset: offset, vocabulary, &events)
    }

    let device = batch.recordDevices[record]
    let outcome = batch.recordOutcomes[record]
    guard device != WordTable.none, outcome == .read || outcome == .empty else { return }
    meet(device)
    keepAttributes(batch, record, device: Int(device))
    var state = devices[Int(device)]
    let rows = batch.rows(ofRecord: record)
    if !watches.isEmpty {
      if state.silenceCount > 0 {
        hearAgain(
          device, &state, offset: offset, eventTime: newestTime(of: rows, batch, state),
          vocabulary, &events)
      }
      keepRecency(device)
    }
    state.lastHeardClock = clockMicros
    let place = RecordPlace(device: device, offset: offset)
    if set.schema.isNarrow {
      enterNarrow(batch, rows, place, &state, vocabulary, &events)
    } else {
      enterWide(batch, rows, place, &state, vocabulary, &events)
    }
    if state.newest != EventTime.none {
      state.watermark = max(state.watermark, state.newest - outOfOrdernessMicros)
      if state.watermark >= state.nextBucketEnd {
        closeBuckets(place, &state, vocabulary, &events)
      }
    }
    devices[Int(device)] = state
  }

  /// Makes room for a device.
  mutating func meet(_ device: UInt32) {
    if Int(device) < devices.count { return }
    precondition(device < UInt32(Int32.max), "devices are dense indexes")
    while devices.count <= Int(device) {
      devices.append(DeviceState())
      slots.append(SlotList())
      for _ in 0..<set.schema.attributes.count { attributes.append(WordTable.none) }
      if set.schema.isNarrow {
        seriesOfDevice.append([])
      } else {
        for grid in set.shapes[0].grids {
          blocks.append(BucketBlock(columnCount: grid.places.count, judgeCount: grid.judgeCount))
        }
      }
    }
    if !watches.isEmpty { recency.grow(to: devices.count) }
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

  // MARK: - Rows

  /// Whether a row's time can be trusted.
  @inline(__always)
  func isPlausible(_ batch: borrowing ReadingBatch, _ row: Int) -> Bool {
    let time = batch.rowEventTimes[row]
    return batch.rowFlags[row] & ReadingFlags.implausibleTime.rawValue == 0
      && time <= EventTime.magnitudeMax && time >= -EventTime.magnitudeMax
  }

  /// The newest plausible event time of a device with those rows; `EventTime.none` without any.
  private func newestTime(
    of rows: Range<Int>, _ batch: borrowing ReadingBatch, _ state: DeviceState
  ) -> Int64 {
    var newest = state.newest
    for row in rows where isPlausible(batch, row) {
      newest = max(newest, batch.rowEventTimes[row])
    }
    return newest
  }

  private mutating func enterWide(
    _ batch: borrowing ReadingBatch, _ rows: Range<Int>, _ place: RecordPlace,
    _ state: inout DeviceState, _ vocabulary: borrowing Vocabulary,
    _ events: inout [AnomalyEvent]
  ) {
    let shape = set.shapes[0]
    let gridCount = shape.grids.count
    for row in rows where isPlausible(batch, row) {
      let time = batch.rowEventTimes[row]
      counts.readings &+= 1
      if time > state.newest { state.newest = time }
      if shape.columns.isEmpty { continue }
      let isWhole = shape.gather(row: row, of: batch, into: values)
      if state.limitSlotCount > 0 || !shape.isWithinLimits(values) {
        let reading = Reading(
          place: place, time: time, rowIndex: batch.rowIndexes[row], narrowMetric: nil)
        judgeLimits(shape, reading, &state, vocabulary, &events)
      }
      for grid in 0..<gridCount {
        let block = Int(place.device) &* gridCount &+ grid
        enter(
          shape, grid: grid, block: block, time: time, isWhole: isWhole, place, &state,
          narrowMetric: nil, vocabulary, &events)
      }
    }
  }

  // MARK: - Memory latency

  /// Records whose memory is fetched together.
  private static let recordsAhead = 32

  /// Reads a word of every cache line that the coming records will write, one kind of line after
  /// the other, so that the misses of thousands of devices in turn overlap instead of following
  /// each other (see `PartitionWindows`). It changes no state that counts.
  private mutating func touchAhead(_ batch: borrowing ReadingBatch, _ records: Range<Int>) {
    let width = set.schema.attributes.count
    let gridCount = set.schema.isNarrow ? 0 : set.shapes[0].grids.count
    var sum = 0
    for record in records {
      let device = Int(batch.recordDevices[record])
      if device >= devices.count { continue }
      sum &+= Int(devices[device].limitSlotCount)
      if width > 0 { sum &+= Int(attributes[device &* width]) }
      for grid in 0..<gridCount { sum &+= blocks[device &* gridCount &+ grid].count }
    }
    if gridCount > 0 {
      for record in records {
        let device = Int(batch.recordDevices[record])
        if device >= devices.count { continue }
        for grid in 0..<gridCount { sum &+= blocks[device &* gridCount &+ grid].touch() }
      }
    }
    if set.schema.isNarrow { sum &+= touchNarrowAhead(batch, records) }
    touched = sum
  }
}

/// Whose record, and where it stands.
struct RecordPlace {
  let device: UInt32
  let offset: Int64
}

/// One row whose values are in `values`.
struct Reading {
  let place: RecordPlace
  let time: Int64
  /// Its position in the message.
  let rowIndex: UInt32
  /// Narrow: the metric, by vocabulary.
  let narrowMetric: UInt32?
}

extension DetectorSet {
  /// Watches that know no device.
  var silenceWatches: [SilenceWatch] {
    silences.map { definition in
      guard case .silence(let rule) = definitions[definition].rule else {
        preconditionFailure("`silences` names definitions about silence")
      }
      return SilenceWatch(definition: definition, afterMicros: rule.afterMicros)
    }
  }
}
