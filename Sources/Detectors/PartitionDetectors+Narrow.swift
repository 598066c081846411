import Base
import Telemetry

// Narrow sources: every row names its metric. Limits need no state for a series in which nothing is
// the matter; a series with buckets has blocks of its own, so that memory is bounded by the
// readings seen whatever metrics a message names.
extension PartitionDetectors {
  /// Finds out which definitions watch the metrics that are new in the vocabulary.
  mutating func learnMetrics(_ vocabulary: borrowing Vocabulary) {
    while metricShapes.count < vocabulary.metrics.count {
      let name = vocabulary.metrics.text(of: UInt32(metricShapes.count))
      metricShapes.append(Int32(set.shape(watchers: set.watchers(ofMetric: name))))
    }
  }

  mutating func enterNarrow(
    _ batch: borrowing ReadingBatch, _ rows: Range<Int>, _ place: RecordPlace,
    _ state: inout DeviceState, _ vocabulary: borrowing Vocabulary,
    _ events: inout [AnomalyEvent]
  ) {
    for row in rows where isPlausible(batch, row) {
      let time = batch.rowEventTimes[row]
      counts.readings &+= 1
      if time > state.newest { state.newest = time }
      let metric = batch.rowMetrics[row]
      let number = Int(metricShapes[Int(metric)])
      if number < 0 { continue }
      let shape = set.shapes[number]
      let value = shape.value(row: row, of: batch)
      if value.isNaN { continue }
      values[0] = value
      if state.limitSlotCount > 0 || !shape.isWithinLimits(values) {
        let reading = Reading(
          place: place, time: time, rowIndex: batch.rowIndexes[row], narrowMetric: metric)
        judgeLimits(shape, reading, &state, vocabulary, &events)
      }
      if shape.grids.isEmpty { continue }
      var index = seriesAhead(row: row)
      if index == SeriesIndex.none {
        index = seriesIndex.find(device: place.device, metric: metric)
      }
      if index == SeriesIndex.none {
        index = UInt32(
          addSeries(device: place.device, metric: metric, shape: number, vocabulary))
      }
      let found = series[Int(index)]
      let own = Int(found.shape) == number ? shape : set.shapes[Int(found.shape)]
      for grid in own.grids.indices {
        enter(
          own, grid: grid, block: found.firstBlock + grid, time: time, isWhole: true, place,
          &state, narrowMetric: metric, vocabulary, &events)
      }
    }
  }

  // MARK: - Memory latency

  /// Rows whose memory is fetched together.
  private static let rowsAheadMax = 512

  /// The series of a row as `touchNarrowAhead` found it, or `none`.
  private func seriesAhead(row: Int) -> UInt32 {
    let place = row &- firstRowAhead
    return UInt(bitPattern: place) < UInt(bitPattern: rowsAhead.count)
      ? rowsAhead[place] : SeriesIndex.none
  }

  /// The same for a narrow source as `touchAhead`, row by row, and remembers the series it finds:
  /// numbers of series never change.
  mutating func touchNarrowAhead(
    _ batch: borrowing ReadingBatch, _ records: Range<Int>
  ) -> Int {
    rowsAhead.removeAll(keepingCapacity: true)
    if series.isEmpty { return 0 }
    firstRowAhead = batch.recordRowStarts[records.lowerBound]
    var sum = 0
    for record in records {
      let rows = batch.rows(ofRecord: record)
      if rows.upperBound - firstRowAhead > Self.rowsAheadMax { break }
      for row in rows {
        sum &+= seriesIndex.touch(
          device: batch.recordDevices[record], metric: batch.rowMetrics[row])
      }
    }
    for record in records {
      let rows = batch.rows(ofRecord: record)
      if rows.upperBound - firstRowAhead > Self.rowsAheadMax { break }
      for row in rows {
        let number = seriesIndex.find(
          device: batch.recordDevices[record], metric: batch.rowMetrics[row])
        rowsAhead.append(number)
        if number != SeriesIndex.none { sum &+= series[Int(number)].firstBlock }
      }
    }
    for number in rowsAhead where number != SeriesIndex.none {
      sum &+= blocks[series[Int(number)].firstBlock].count
    }
    for number in rowsAhead where number != SeriesIndex.none {
      sum &+= blocks[series[Int(number)].firstBlock].touch()
    }
    return sum
  }

  // MARK: - Series

  /// Gives a device blocks for a metric it was not heard with before.
  mutating func addSeries(
    device: UInt32, metric: UInt32, shape: Int, _ vocabulary: borrowing Vocabulary
  ) -> Int {
    let others = seriesOfDevice[Int(device)]
    let name = metricWord(metric, vocabulary)
    var (low, high) = (0, others.count)
    while low < high {
      let middle = (low + high) / 2
      let other = metricWord(series[Int(others[middle])].metric, vocabulary)
      if other.lexicographicallyPrecedes(name) { low = middle + 1 } else { high = middle }
    }
    return addSeries(device: device, metric: metric, shape: shape, at: low)
  }

  /// The same with the place among the device's metrics known.
  mutating func addSeries(device: UInt32, metric: UInt32, shape: Int, at place: Int) -> Int {
    let number = series.count
    series.append(
      BucketSeries(metric: metric, shape: Int32(shape), firstBlock: blocks.count))
    for grid in set.shapes[shape].grids {
      blocks.append(BucketBlock(columnCount: grid.places.count, judgeCount: grid.judgeCount))
    }
    seriesOfDevice[Int(device)].insert(UInt32(number), at: place)
    seriesIndex.insert(device: device, metric: metric, series: number)
    return number
  }

  /// Judges the buckets of all series of a device that end then: by definition, then metric.
  mutating func closeNarrowBuckets(
    endingAt end: Int64, _ place: RecordPlace, _ vocabulary: borrowing Vocabulary,
    _ events: inout [AnomalyEvent]
  ) {
    let numbers = seriesOfDevice[Int(place.device)]
    for definition in set.definitions.indices where set.judges[definition] != nil {
      for number in numbers {
        let one = series[Int(number)]
        let shape = set.shapes[Int(one.shape)]
        for judging in shape.judgings where judging.definition == definition {
          let block = one.firstBlock + judging.grid
          guard isDue(block: block, shape.grids[judging.grid], end: end) else { continue }
          judge(
            shape, judging, block: block, place, narrowMetric: one.metric, vocabulary, &events)
        }
      }
    }
    for number in numbers {
      let one = series[Int(number)]
      for (index, grid) in set.shapes[Int(one.shape)].grids.enumerated()
      where isDue(block: one.firstBlock + index, grid, end: end) {
        blocks[one.firstBlock + index].removeOldest()
      }
    }
  }
}
