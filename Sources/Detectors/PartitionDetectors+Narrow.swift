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
      let index = seriesIndex.find(device: place.device, metric: metric)
        ?? addSeries(device: place.device, metric: metric, shape: number, vocabulary)
      let found = series[index]
      for grid in set.shapes[Int(found.shape)].grids.indices {
        enter(
          set.shapes[Int(found.shape)], grid: grid, block: found.firstBlock + grid, time: time,
          isWhole: true, place, &state, narrowMetric: metric, vocabulary, &events)
      }
    }
  }

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
