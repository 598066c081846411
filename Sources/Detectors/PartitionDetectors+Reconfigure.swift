import Base
package import Telemetry

// Other definitions, attributes or metrics over live state.
extension PartitionDetectors {
  /// Takes other definitions from here on: nothing at all happens where they are equal.
  ///
  /// A definition goes on where one of the same name, metrics and kind was there before (for a
  /// statistical one, of the same kind and `every`): its anomalies stay open, its series keep what
  /// they learned, and the new numbers hold from the next record on. The open anomalies of the
  /// others close here: by definition in the order it was, then by opening offset, device and
  /// metric, then summaries by minute, then the cap's. New definitions start without knowledge: one
  /// about silence knows the devices that it hears from here on.
  ///
  /// `offset` is that of the next record. Cost: all state is gone through once.
  package mutating func reconfigure(
    _ definitions: [DetectorDefinition], offset: Int64, vocabulary: borrowing Vocabulary,
    into events: inout [AnomalyEvent]
  ) {
    if definitions == set.definitions { return }
    let old = set
    let successors = old.definitions.map { before in
      definitions.firstIndex { $0.goesOn(from: before) }
    }
    for definition in successors.indices where successors[definition] == nil {
      let isNamed = definitions.contains { $0.name == old.definitions[definition].name }
      closeAll(
        definition, ending: isNamed ? "the detector was changed" : "the detector was removed",
        offset: offset, vocabulary, &events)
    }
    set = DetectorSet(schema: old.schema, definitions: definitions)
    takeOverStates(old, successors)
    if set.schema.isNarrow {
      takeOverNarrowBlocks(old, successors, vocabulary)
    } else {
      takeOverWideBlocks(old, successors, places: old.schema.metrics.indices.map { $0 })
    }
    values = RowValues(count: set.valueCountMax)
    for device in devices.indices { deriveCounts(ofDevice: device) }
    nextSilenceCheckMicros = Int64.min
    for definition in set.definitions.indices {
      let eventTime = states[definition].cap?.eventTime ?? clockMicros
      relieveCap(
        definition, eventTime: eventTime, offset: offset, vocabulary, &events)
    }
  }

  /// Takes other attributes from here on: devices keep the words of those that were there and are,
  /// and know none of new ones yet; a summary that is being gathered does so too.
  mutating func take(attributes names: [String]) {
    let old = set.schema
    set.take(attributes: names)
    attributes = set.schema.attributeRows(attributes, count: devices.count, of: old)
    let origins = set.schema.attributeOrigins(in: old)
    for watch in watches.indices { watches[watch].takeAttributes(origins) }
  }

  /// Takes a schema of a wide source with other metrics from here on: what goes on for those that
  /// were there and are goes on, wherever they stand now, and definitions that watch the new ones
  /// too begin without knowledge of them. What is open of those that are gone waits for
  /// `closeGone`. Cost: all state is gone through once.
  mutating func grow(to schema: ReadingSchema) {
    precondition(!schema.isNarrow, "narrow sources learn their metrics from the records")
    let old = set
    let places = schema.places(ofMetricsOf: old.schema)
    set = DetectorSet(schema: schema, definitions: old.definitions)
    for device in slots.indices {
      for slot in slots[device].rekey(metrics: places) where slot.severity != nil {
        let metric = old.schema.metrics[Int(slot.key.metric)].name
        gone.append(GoneMetric(device: UInt32(device), metric: metric, slot: slot))
      }
    }
    takeOverWideBlocks(old, Array(set.definitions.indices), places: places)
    values = RowValues(count: set.valueCountMax)
    for device in devices.indices { deriveCounts(ofDevice: device) }
  }

  /// Closes what was open of metrics that are gone, by opening offset, device and metric. Call it
  /// before the state is changed or saved, where the new metrics take effect: `offset` is that of
  /// the next record.
  ///
  /// - Returns: whether there was any.
  package mutating func closeGone(
    offset: Int64, vocabulary: borrowing Vocabulary, into events: inout [AnomalyEvent]
  ) -> Bool {
    if gone.isEmpty { return false }
    var ordered = gone.map { (device: deviceWord($0.device, vocabulary), gone: $0) }
    gone = []
    ordered.sort { left, right in
      let (first, second) = (left.gone, right.gone)
      if first.slot.openingOffset != second.slot.openingOffset {
        return first.slot.openingOffset < second.slot.openingOffset
      }
      if left.device != right.device { return left.device.lexicographicallyPrecedes(right.device) }
      return first.metric < second.metric
    }
    for (_, ended) in ordered {
      let definition = Int(ended.slot.key.definition)
      var slot = ended.slot
      // Its column is another metric's now, or nobody's.
      slot.key = ActiveSlot.Key(metric: WordTable.none, definition: slot.key.definition)
      let place = events.count
      close(
        removalFinding(
          slot, ended.device, definition, ending: "the metric was removed", offset: offset),
        vocabulary, &events)
      events[place].metric = ended.metric
    }
    return true
  }

  /// What follows from a device's slots and blocks.
  mutating func deriveCounts(ofDevice device: Int) {
    var (limitCount, silenceCount) = (0, 0)
    for slot in slots[device].slots {
      if set.limits[Int(slot.key.definition)] != nil { limitCount += 1 }
      if slot.key.metric == WordTable.none { silenceCount += 1 }
    }
    for watch in watches where watch.summary(ofDevice: UInt32(device)) != nil { silenceCount += 1 }
    devices[device].limitSlotCount = UInt32(limitCount)
    devices[device].silenceCount = UInt32(silenceCount)
    devices[device].nextBucketEnd = oldestBucketEnd(ofDevice: device)
  }

  private mutating func takeOverStates(_ old: DetectorSet, _ successors: [Int?]) {
    let (oldStates, oldWatches) = (states, watches)
    states = Array(repeating: DefinitionState(), count: set.definitions.count)
    watches = set.silenceWatches
    for (before, now) in successors.enumerated() {
      guard let now else { continue }
      states[now] = oldStates[before]
      guard let watch = watches.firstIndex(where: { $0.definition == now }),
        let oldWatch = oldWatches.first(where: { $0.definition == before })
      else { continue }
      watches[watch].takeOver(from: oldWatch)
    }
    for device in slots.indices { slots[device].rekey(definitions: successors) }
    if watches.isEmpty {
      recency = RecencyList()
    } else {
      recency.grow(to: devices.count)
    }
  }

  // MARK: - Closing

  private mutating func closeAll(
    _ definition: Int, ending: String, offset: Int64, _ vocabulary: borrowing Vocabulary,
    _ events: inout [AnomalyEvent]
  ) {
    var open: [(device: UInt32, word: [UInt8], metric: [UInt8], slot: ActiveSlot)] = []
    for device in slots.indices {
      for slot in slots[device].slots
      where Int(slot.key.definition) == definition && slot.severity != nil {
        let metric = slot.key.metric == WordTable.none
          ? [] : metricOrder(slot.key.metric, vocabulary)
        open.append((UInt32(device), deviceWord(UInt32(device), vocabulary), metric, slot))
      }
    }
    open.sort { left, right in
      if left.slot.openingOffset != right.slot.openingOffset {
        return left.slot.openingOffset < right.slot.openingOffset
      }
      if left.word != right.word { return left.word.lexicographicallyPrecedes(right.word) }
      return left.metric.lexicographicallyPrecedes(right.metric)
    }
    for (device, _, _, slot) in open {
      close(
        removalFinding(slot, device, definition, ending: ending, offset: offset),
        vocabulary, &events)
    }
    if let watch = watches.firstIndex(where: { $0.definition == definition }) {
      let summaries = watches[watch].summaries.compactMap { $0 }.filter { $0.phase == .open }
      for summary in summaries.sorted(by: {
        ($0.minute, $0.openingOffset) < ($1.minute, $1.openingOffset)
      }) {
        closeSummary(watch, summary, ending: ending, offset: offset, vocabulary, &events)
      }
    }
    if let cap = states[definition].cap {
      states[definition].cap = nil
      emitCap(
        cap, definition, .closed, eventTime: cap.eventTime, offset: offset, ending: ending,
        vocabulary, &events)
    }
  }

  /// Bytes that sort as the metrics are ordered.
  private func metricOrder(_ metric: UInt32, _ vocabulary: borrowing Vocabulary) -> [UInt8] {
    if set.schema.isNarrow { return metricWord(metric, vocabulary) }
    return (0..<4).map { UInt8(truncatingIfNeeded: metric >> UInt32(24 - 8 * $0)) }
  }

  private func removalFinding(
    _ slot: ActiveSlot, _ device: UInt32, _ definition: Int, ending: String, offset: Int64
  ) -> Finding {
    var evidence: [JSONMember]
    switch set.definitions[definition].rule {
    case .limits: evidence = Self.limitEvidence(slot)
    case .silence: evidence = Self.silenceEvidence(slot)
    case .statistical:
      evidence = Self.statisticalEvidence(set.definitions[definition], slot)
    }
    evidence.append(JSONMember("ended", .string(ending)))
    let newest = devices[Int(device)].newest
    return Finding(
      device: device, metric: slot.key.metric == WordTable.none ? nil : slot.key.metric,
      definition: definition, severity: slot.severity ?? .warning, state: .closed,
      eventTime: newest == EventTime.none ? clockMicros : newest, value: nil, expected: nil,
      score: nil, threshold: nil, evidence: .object(evidence), offset: offset, id: slot.id)
  }

  // MARK: - Blocks

  /// Which columns and judges of a new grid go on from which of an old one of the same length.
  /// `places` says where each column of the old shape's schema stands now, if it does.
  private func kept(
    _ grid: Int, of shape: SeriesShape, in oldShape: SeriesShape, _ successors: [Int?],
    places: [Int?]
  ) -> (grid: Int, columns: [(own: Int, old: Int)], judges: [(own: Int, old: Int)])? {
    let every = shape.grids[grid].everyMicros
    guard let oldGrid = oldShape.grids.firstIndex(where: { $0.everyMicros == every })
    else { return nil }
    let own = shape.grids[grid].places.map { shape.columns[$0] }
    let others = oldShape.grids[oldGrid].places.map { places[oldShape.columns[$0]] }
    let columns = own.indices.compactMap { column in
      others.firstIndex(of: own[column]).map { (own: column, old: $0) }
    }
    var judges: [(own: Int, old: Int)] = []
    for judging in shape.judgings where judging.grid == grid {
      guard let before = successors.firstIndex(of: judging.definition),
        let oldJudging = oldShape.judgings.first(where: { $0.definition == before })
      else { continue }
      for (index, column) in judging.columns.enumerated() {
        let metric = own[column]
        let oldIndex = oldJudging.columns.firstIndex { others[$0] == metric }
        if let oldIndex {
          judges.append((judging.firstJudge + index, oldJudging.firstJudge + oldIndex))
        }
      }
    }
    return (oldGrid, columns, judges)
  }

  private mutating func takeOverWideBlocks(
    _ old: DetectorSet, _ successors: [Int?], places: [Int?]
  ) {
    let (shape, oldShape) = (set.shapes[0], old.shapes[0])
    let keeps = shape.grids.indices.map {
      kept($0, of: shape, in: oldShape, successors, places: places)
    }
    var table = BlockTable()
    for device in devices.indices {
      for (index, grid) in shape.grids.enumerated() {
        var block = BucketBlock(columnCount: grid.places.count, judgeCount: grid.judgeCount)
        if let keep = keeps[index] {
          block.takeOver(
            from: blocks[device * oldShape.grids.count + keep.grid], columns: keep.columns,
            judges: keep.judges)
        }
        table.append(block)
      }
    }
    blocks = table
  }

  private mutating func takeOverNarrowBlocks(
    _ old: DetectorSet, _ successors: [Int?], _ vocabulary: borrowing Vocabulary
  ) {
    let (oldSeries, oldLists) = (series, seriesOfDevice)
    series = []
    seriesIndex = SeriesIndex()
    metricShapes = []
    learnMetrics(vocabulary)
    var oldBlocks = BlockTable()
    swap(&oldBlocks, &blocks)
    for device in oldLists.indices {
      seriesOfDevice[device] = []
      for number in oldLists[device] {
        let before = oldSeries[Int(number)]
        guard Int(before.metric) < metricShapes.count else { continue }
        let shape = Int(metricShapes[Int(before.metric)])
        if shape < 0 || set.shapes[shape].grids.isEmpty { continue }
        let added = addSeries(
          device: UInt32(device), metric: before.metric, shape: shape,
          at: seriesOfDevice[device].count)
        let oldShape = old.shapes[Int(before.shape)]
        for grid in set.shapes[shape].grids.indices {
          let keep = kept(
            grid, of: set.shapes[shape], in: oldShape, successors, places: [0])
          guard let keep else { continue }
          blocks[series[added].firstBlock + grid].takeOver(
            from: oldBlocks[before.firstBlock + keep.grid], columns: keep.columns,
            judges: keep.judges)
        }
      }
    }
  }
}

extension SilenceWatch {
  /// Other attributes, each with its place before: of new ones no device had a word.
  mutating func takeAttributes(_ origins: [Int?]) {
    guard let gathering, let summary = summaries[gathering] else { return }
    summaries[gathering]?.attributeCounts = origins.map { origin in
      origin.map { summary.attributeCounts[$0] } ?? [WordTable.none: summary.deviceCount]
    }
  }

  /// Goes on from the watch of the definition before, by the span of its own.
  mutating func takeOver(from old: SilenceWatch) {
    cursor = old.cursor
    minute = old.minute
    individualCount = old.individualCount
    summaries = old.summaries
    gathering = old.gathering
    summaryOfDevice = old.summaryOfDevice
  }
}
