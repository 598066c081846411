import Base
import Telemetry

// Buckets of event time, and what the statistical detectors say about them. An event's time is its
// bucket's start; `value`, `expected`, `score` and `threshold` are those of `Judgement`.
extension PartitionDetectors {
  /// Adds the row in `values` to the bucket of its time.
  @inline(__always)
  mutating func enter(
    _ shape: SeriesShape, grid: Int, block: Int, time: Int64, isWhole: Bool, _ place: RecordPlace,
    _ state: inout DeviceState, narrowMetric: UInt32?, _ vocabulary: borrowing Vocabulary,
    _ events: inout [AnomalyEvent]
  ) {
    var index = blocks[block].count &- 1
    if !blocks[block].isInNewest(time, every: shape.grids[grid].everyMicros) {
      let found = bucket(
        shape, grid: grid, block: block, time: time, place, &state, narrowMetric: narrowMetric,
        vocabulary, &events)
      guard let found else { return }
      index = found
    }
    let places = shape.grids[grid].places
    if isWhole {
      blocks[block].addWhole(
        values, places: places, to: index, isWhole: shape.grids[grid].isWhole)
    } else {
      blocks[block].addPresent(values, places: places, to: index)
    }
  }

  /// The bucket of a time that is not in the newest one, made if it is new; nil where it was judged
  /// already.
  private mutating func bucket(
    _ shape: SeriesShape, grid: Int, block: Int, time: Int64, _ place: RecordPlace,
    _ state: inout DeviceState, narrowMetric: UInt32?, _ vocabulary: borrowing Vocabulary,
    _ events: inout [AnomalyEvent]
  ) -> Int? {
    let every = shape.grids[grid].everyMicros
    let start = Timestamp.floor(time, toMultipleOf: every)
    if start + every <= max(state.watermark, blocks[block].judgedThrough) {
      counts.lateForBuckets += 1
      return nil
    }
    let (index, exists) = blocks[block].find(start: start)
    if exists { return index }
    if blocks[block].count < BucketBlock.openCountMax {
      blocks[block].insert(start: start, at: index)
      state.nextBucketEnd = min(state.nextBucketEnd, start + every)
      return index
    }
    if index == 0 {
      counts.lateForBuckets += 1
      return nil
    }
    counts.bucketsClosedEarly += 1
    for judging in shape.judgings where judging.grid == grid {
      judge(shape, judging, block: block, place, narrowMetric: narrowMetric, vocabulary, &events)
    }
    blocks[block].judgedThrough = blocks[block].start(0) + every
    blocks[block].removeOldest()
    blocks[block].insert(start: start, at: index - 1)
    return index - 1
  }

  // MARK: - Judging

  /// Judges the buckets that the device's watermark has passed.
  mutating func closeBuckets(
    _ place: RecordPlace, _ state: inout DeviceState, _ vocabulary: borrowing Vocabulary,
    _ events: inout [AnomalyEvent]
  ) {
    while true {
      let end = oldestBucketEnd(ofDevice: Int(place.device))
      state.nextBucketEnd = end
      if end > state.watermark { return }
      if set.schema.isNarrow {
        closeNarrowBuckets(endingAt: end, place, vocabulary, &events)
        continue
      }
      let shape = set.shapes[0]
      let firstBlock = Int(place.device) * shape.grids.count
      for judging in shape.judgings
      where isDue(block: firstBlock + judging.grid, shape.grids[judging.grid], end: end) {
        judge(
          shape, judging, block: firstBlock + judging.grid, place, narrowMetric: nil, vocabulary,
          &events)
      }
      for (index, grid) in shape.grids.enumerated()
      where isDue(block: firstBlock + index, grid, end: end) {
        blocks[firstBlock + index].removeOldest()
      }
    }
  }

  /// The end of the oldest open bucket of a device; `Int64.max` without any.
  func oldestBucketEnd(ofDevice device: Int) -> Int64 {
    var end = Int64.max
    if set.schema.isNarrow {
      for number in seriesOfDevice[device] {
        let one = series[Int(number)]
        for (index, grid) in set.shapes[Int(one.shape)].grids.enumerated()
        where blocks[one.firstBlock + index].count > 0 {
          end = min(end, blocks[one.firstBlock + index].start(0) + grid.everyMicros)
        }
      }
      return end
    }
    let grids = set.shapes[0].grids
    for index in grids.indices where blocks[device * grids.count + index].count > 0 {
      end = min(end, blocks[device * grids.count + index].start(0) + grids[index].everyMicros)
    }
    return end
  }

  /// Whether the oldest bucket of a block ends then.
  func isDue(block: Int, _ grid: SeriesShape.Grid, end: Int64) -> Bool {
    blocks[block].count > 0 && blocks[block].start(0) + grid.everyMicros == end
  }

  /// Lets one definition judge the oldest bucket of a block, series by series.
  mutating func judge(
    _ shape: SeriesShape, _ judging: SeriesShape.Judging, block: Int, _ place: RecordPlace,
    narrowMetric: UInt32?, _ vocabulary: borrowing Vocabulary, _ events: inout [AnomalyEvent]
  ) {
    guard let plan = set.judges[judging.definition] else {
      preconditionFailure("`judgings` names statistical definitions")
    }
    let start = blocks[block].start(0)
    let places = shape.grids[judging.grid].places
    for (index, column) in judging.columns.enumerated() {
      guard let mean = blocks[block].meanInOldest(column: column) else { continue }
      counts.bucketsJudged &+= 1
      let judge = judging.firstJudge + index
      let judgement = blocks[block].judge(judge, value: mean, bucketStart: start, plan: plan)
      if judgement.step == .none { continue }
      let metric = narrowMetric ?? UInt32(shape.columns[places[column]])
      let wasRefused = !live(
        judgement, ActiveSlot.Key(metric: metric, definition: UInt32(judging.definition)), place,
        bucketStart: start, vocabulary, &events)
      if wasRefused { blocks[block].refuse(judge) }
    }
  }

  /// Takes a step in the life of a series' anomaly. Returns false where the cap refused to open it.
  private mutating func live(
    _ judgement: Judgement, _ key: ActiveSlot.Key, _ place: RecordPlace, bucketStart: Int64,
    _ vocabulary: borrowing Vocabulary, _ events: inout [AnomalyEvent]
  ) -> Bool {
    let device = Int(place.device)
    let (index, exists) = slots[device].find(key)
    if judgement.step == .opened, !exists {
      var slot = ActiveSlot(key: key)
      slot.severity = judgement.severity
      slot.openingOffset = place.offset
      slot.since = bucketStart
      let finding = finding(judgement, slot, .opened, place, bucketStart: bucketStart)
      guard let id = open(finding, row: bucketStart, vocabulary, &events) else { return false }
      slot.id = id
      slot.told.take(finding)
      slots[device].insert(slot, at: index)
    }
    if judgement.step == .escalated, exists, slots[device][index].severity == .warning {
      slots[device][index].severity = .critical
      let finding = finding(
        judgement, slots[device][index], .escalated, place, bucketStart: bucketStart)
      slots[device][index].told.take(finding)
      escalate(finding, vocabulary, &events)
    }
    if judgement.step == .closed, exists {
      let slot = slots[device][index]
      slots[device].remove(at: index)
      close(
        finding(judgement, slot, .closed, place, bucketStart: bucketStart), vocabulary, &events)
    }
    return true
  }

  private func finding(
    _ judgement: Judgement, _ slot: ActiveSlot, _ state: AnomalyEvent.State,
    _ place: RecordPlace, bucketStart: Int64
  ) -> Finding {
    let definition = Int(slot.key.definition)
    var evidence: [JSONMember] = Self.statisticalEvidence(set.definitions[definition], slot)
    evidence += [
      JSONMember("bucket", .time(bucketStart)),
      JSONMember("spread", .number(judgement.spread)),
      JSONMember("deviation", .number(judgement.deviation)),
      JSONMember("probability", .number(judgement.probability)),
      JSONMember("buckets", .int(judgement.bucketsSinceOpened)),
    ]
    if let ending = judgement.ending { evidence.append(JSONMember("ended", .string(ending.text))) }
    return Finding(
      device: place.device, metric: slot.key.metric, definition: definition,
      severity: slot.severity ?? judgement.severity, state: state, eventTime: bucketStart,
      value: judgement.value, expected: judgement.expected, score: judgement.score,
      threshold: judgement.threshold, evidence: .object(evidence), offset: place.offset,
      id: slot.id)
  }

  /// What is known of a statistical anomaly without a judgement.
  static func statisticalEvidence(
    _ definition: DetectorDefinition, _ slot: ActiveSlot
  ) -> [JSONMember] {
    guard case .statistical(let rule) = definition.rule else { return [] }
    return [
      JSONMember("kind", .string(rule.kind.rawValue)),
      JSONMember("every_seconds", .number(Double(rule.everyMicros) / 1e6)),
      JSONMember("since", .time(slot.since)),
    ]
  }
}

extension Judgement.Ending {
  /// For people.
  var text: String {
    switch self {
    case .usualAgain: "as usual again"
    case .newLevel: "the new level is the usual one now"
    case .gap: "not heard for too long"
    }
  }
}
