import Base
import Telemetry

/// One window of one block that fires now.
struct DueFiring {
  let end: Int64
  /// Index into the configured windows.
  let window: UInt32
  /// Place of the block among those of its device.
  let order: UInt32
  let block: UInt32
  /// The first slice of the window.
  let firstSlice: UInt32
  /// Index into the block's revisions, or `firstTime`.
  let revisionEntry: UInt32

  static let firstTime = UInt32.max
}

extension PartitionWindows {
  /// How many blocks a device has, and which.
  private func blockCount(ofDevice device: Int) -> Int {
    set.schema.isNarrow ? seriesOfDevice[device].count : set.groups.count
  }

  private func block(_ place: Int, ofDevice device: Int) -> Int {
    set.schema.isNarrow
      ? Int(seriesOfDevice[device][place]) : device &* set.groups.count &+ place
  }

  /// Moves a device's watermark: fires what is due, then drops and folds what is past. When the
  /// device is idle, everything unfired and everything changed is due.
  mutating func advance(
    _ device: Int, _ state: inout DeviceState, to watermark: Int64, isIdle: Bool,
    _ firings: inout FiringBatch
  ) {
    let step = set.edgeMicros
    let crossesEdge =
      state.watermark == EventTime.none
      || Timestamp.floorDivide(watermark, by: step)
        > Timestamp.floorDivide(state.watermark, by: step)
    let dropping = max(state.watermark, watermark) - set.options.allowedLatenessMicros
    let settles =
      dropping > state.droppedThrough
      && (state.droppedThrough == EventTime.none
        || Timestamp.floorDivide(dropping, by: step)
          > Timestamp.floorDivide(state.droppedThrough, by: step))
    if crossesEdge || isIdle {
      findDue(device, state: state, through: isIdle ? Int64.max : watermark)
      fireDue(device, &firings)
      if isIdle, let newest = dueFirings.last?.end {
        state.firedThrough = max(state.firedThrough, newest)
      }
    } else if settles {
      // D reaches an edge before the watermark reaches its next one: what is dropped now fires its
      // changes first, for none can come any more.
      findChanged(device, through: dropping)
      fireDue(device, &firings)
    }
    state.watermark = max(state.watermark, watermark)
    state.firedThrough = max(state.firedThrough, state.watermark)
    state.droppedThrough = max(state.droppedThrough, dropping)
    if settles { settle(device, droppedThrough: dropping) }
    state.nextEdge = nextEdge(after: state)
  }

  private mutating func settle(_ device: Int, droppedThrough: Int64) {
    for place in 0..<blockCount(ofDevice: device) {
      let index = block(place, ofDevice: device)
      blocks[index].markedStart = EventTime.none
      blocks[index].revisions.drop(through: droppedThrough)
      if blocks[index].count == 0 { continue }
      let grid = Int(blocks[index].grid)
      edges.removeAll(keepingCapacity: true)
      for level in set.grids[grid].widths.indices {
        edges.append(set.grids[grid].liveEdge(level: level, droppedThrough: droppedThrough))
      }
      blocks[index].settle(
        widths: set.grids[grid].widths, edges: edges, droppedThrough: droppedThrough)
    }
  }

  // MARK: - Finding what is due

  /// Collects in `dueFirings`, in the order of firing, the windows that end above F and at or
  /// before `limit` and have data, and the changed windows that end at or before `limit`.
  private mutating func findDue(_ device: Int, state: DeviceState, through limit: Int64) {
    dueFirings.removeAll(keepingCapacity: true)
    for place in 0..<blockCount(ofDevice: device) {
      let index = block(place, ofDevice: device)
      blocks[index].markedStart = EventTime.none
      let grid = Int(blocks[index].grid)
      for window in set.grids[grid].windows.indices {
        findUnfired(
          set.grids[grid].windows[window], block: index, order: place,
          firedThrough: state.firedThrough, through: limit)
      }
      findChanged(block: index, order: place, through: limit)
    }
    sortDue()
  }

  /// Collects in `dueFirings` the changed windows alone.
  private mutating func findChanged(_ device: Int, through limit: Int64) {
    dueFirings.removeAll(keepingCapacity: true)
    for place in 0..<blockCount(ofDevice: device) {
      let index = block(place, ofDevice: device)
      blocks[index].markedStart = EventTime.none
      findChanged(block: index, order: place, through: limit)
    }
    sortDue()
  }

  private mutating func sortDue() {
    if dueFirings.count > 1 {
      dueFirings.sort { ($0.end, $0.window, $0.order) < ($1.end, $1.window, $1.order) }
    }
  }

  /// Walks from slice to window and from window to slice: never over windows without data.
  private mutating func findUnfired(
    _ window: WindowGrid.Window, block: Int, order: Int, firedThrough: Int64, through limit: Int64
  ) {
    var slice = blocks[block].firstIndex(ofLevel: window.level)
    let sliceCount = blocks[block].count
    if slice == sliceCount { return }
    var edge = max(firedThrough, blocks[block].start(slice))
    while true {
      var end = window.firstEnd(after: edge)
      if end > limit { return }
      slice = blocks[block].firstIndex(startingAtOrAfter: end - window.size, from: slice)
      if slice == sliceCount { return }
      let start = blocks[block].start(slice)
      if start >= end {
        end = window.firstEnd(after: start)
        if end > limit { return }
      }
      dueFirings.append(
        DueFiring(
          end: end, window: UInt32(window.index), order: UInt32(order), block: UInt32(block),
          firstSlice: UInt32(slice), revisionEntry: DueFiring.firstTime))
      edge = end
    }
  }

  private mutating func findChanged(block: Int, order: Int, through limit: Int64) {
    for entry in 0..<blocks[block].revisions.count
    where blocks[block].revisions.end(entry) <= limit && blocks[block].revisions.hasChanges(entry) {
      findChanged(block: block, order: order, entry: entry)
    }
  }

  private mutating func findChanged(block: Int, order: Int, entry: Int) {
    let end = blocks[block].revisions.end(entry)
    let index = blocks[block].revisions.window(entry)
    guard let window = window(index, ofBlock: block) else { return }
    let slice = blocks[block].firstIndex(
      startingAtOrAfter: end - window.size,
      from: blocks[block].firstIndex(ofLevel: window.level))
    dueFirings.append(
      DueFiring(
        end: end, window: UInt32(index), order: UInt32(order), block: UInt32(block),
        firstSlice: UInt32(slice), revisionEntry: UInt32(entry)))
  }

  func window(_ index: Int, ofBlock block: Int) -> WindowGrid.Window? {
    set.grids[Int(blocks[block].grid)].windows.first { $0.index == index }
  }

  // MARK: - Firing

  private mutating func fireDue(_ device: Int, _ firings: inout FiringBatch) {
    for due in dueFirings {
      let index = Int(due.block)
      accumulator.merge(blocks[index], from: Int(due.firstSlice), until: due.end)
      let definition = Int(due.window)
      let key = FiringBatch.Key(
        window: due.window, device: UInt32(device),
        start: due.end - set.definitions[definition].sizeMicros, end: due.end,
        aggregates: set.definitions[definition].aggregates)
      let isWhole = due.revisionEntry == DueFiring.firstTime && blocks[index].isUniform
      if isWhole, !set.schema.isNarrow {
        fireWhole(key, block: index, device, &firings)
      } else {
        fireMetrics(key, due, device, &firings)
      }
    }
  }

  /// Fires a window of a wide source in which every metric has the same readings.
  private mutating func fireWhole(
    _ key: FiringBatch.Key, block index: Int, _ device: Int, _ firings: inout FiringBatch
  ) {
    let group = Int(blocks[index].metric)
    let width = set.schema.attributes.count
    firings.append(
      key, attributes: attributes[device &* width..<(device &+ 1) &* width],
      metrics: set.groups[group].outputMetrics, isInteger: set.groups[group].isInteger,
      accumulator: accumulator)
    counts.fired &+= Int64(blocks[index].metricCount)
  }

  /// Fires those metrics of a window that have data, or that were changed.
  private mutating func fireMetrics(
    _ key: FiringBatch.Key, _ due: DueFiring, _ device: Int, _ firings: inout FiringBatch
  ) {
    let index = Int(due.block)
    let width = set.schema.attributes.count
    for metric in 0..<blocks[index].metricCount {
      var revision: UInt32 = 0
      if due.revisionEntry != DueFiring.firstTime {
        let entry = Int(due.revisionEntry)
        guard blocks[index].revisions.isChanged(entry, metric: metric) else { continue }
        revision = blocks[index].revisions.takeRevision(entry, metric: metric)
      }
      let values = accumulator.values(
        of: metric, metricCount: blocks[index].metricCount,
        isUniform: blocks[index].isUniform, isInteger: isInteger(metric, ofBlock: index))
      if values.count == 0 { continue }
      firings.append(
        key, attributes: attributes[device &* width..<(device &+ 1) &* width],
        metric: outputMetric(metric, ofBlock: index), revision: revision, values: values)
      if revision == 0 { counts.fired &+= 1 } else { counts.firedAgain &+= 1 }
    }
  }

  private func isInteger(_ metric: Int, ofBlock block: Int) -> Bool {
    set.schema.isNarrow
      ? !set.schema.metrics[0].type.isFloatingPoint
      : set.groups[Int(blocks[block].metric)].isInteger[metric]
  }

  private func outputMetric(_ metric: Int, ofBlock block: Int) -> UInt32 {
    set.schema.isNarrow
      ? blocks[block].metric : set.groups[Int(blocks[block].metric)].outputMetrics[metric]
  }

  // MARK: - Late changes

  /// Marks every kept window that contains `time` and has fired, or would have if it had data: for
  /// all metrics, or for those that `accumulator.isValid` names. Comes before the reading enters.
  mutating func markChanged(block index: Int, time: Int64, state: DeviceState, isWhole: Bool) {
    let grid = Int(blocks[index].grid)
    let slice = Timestamp.floor(time, toMultipleOf: set.grids[grid].widths[0])
    if isWhole, blocks[index].markedStart == slice { return }
    for place in set.grids[grid].windows.indices {
      let window = set.grids[grid].windows[place]
      var end = window.firstEnd(after: max(time, state.droppedThrough))
      let newest =
        min(Timestamp.floor(time, toMultipleOf: window.slide) + window.size, state.firedThrough)
      while end <= newest {
        mark(window, end: end, block: index, isWhole: isWhole)
        end += window.slide
      }
    }
    if isWhole { blocks[index].markedStart = slice }
  }

  private mutating func mark(
    _ window: WindowGrid.Window, end: Int64, block index: Int, isWhole: Bool
  ) {
    let (entry, exists) = blocks[index].revisions.position(end: end, window: window.index)
    if !exists { blocks[index].revisions.insert(end: end, window: window.index, at: entry) }
    for metric in 0..<blocks[index].metricCount {
      guard unsafe isWhole || accumulator.isValid[metric] else { continue }
      var nextRevision: UInt32 = 0
      if !blocks[index].revisions.isKnown(entry, metric: metric),
        blocks[index].hasData(
          metric: metric, level: window.level, from: end - window.size, until: end)
      {
        nextRevision = 1
      }
      blocks[index].revisions.mark(entry, metric: metric, nextRevision: nextRevision)
    }
  }
}

extension SliceBlock {
  /// Whether slices of that level and finer ones have values of a metric in a stretch of time.
  func hasData(metric: Int, level: Int, from start: Int64, until end: Int64) -> Bool {
    var index = firstIndex(startingAtOrAfter: start, from: firstIndex(ofLevel: level))
    while index < count, self.start(index) < end {
      if unsafe isUniform || row(index).counts[metric] > 0 { return true }
      index &+= 1
    }
    return false
  }
}
