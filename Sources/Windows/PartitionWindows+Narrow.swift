import Base
import Telemetry

// Narrow sources: every row names its metric, and each (device, metric) has a block of its own, so
// that memory is bounded by the readings seen whatever metrics a message names.
extension PartitionWindows {
  /// Finds out which windows take the metrics that are new in the vocabulary.
  mutating func learnMetrics(_ vocabulary: borrowing Vocabulary) {
    while metricGrids.count < vocabulary.metrics.count {
      let name = vocabulary.metrics.text(of: UInt32(metricGrids.count))
      let mask = set.mask(metric: name)
      metricGrids.append(mask == 0 ? -1 : Int32(set.grid(mask: mask)))
    }
  }

  mutating func enterNarrow(
    _ batch: inout ReadingBatch, _ rows: Range<Int>, device: UInt32, _ state: inout DeviceState,
    futureLimit: Int64, _ vocabulary: borrowing Vocabulary
  ) {
    let isInteger = !set.schema.metrics[0].type.isFloatingPoint
    for row in rows where isPlausible(&batch, row, futureLimit: futureLimit) {
      let time = batch.rowEventTimes[row]
      if time > state.newest { state.newest = time }
      if batch.rowFlags[row] & ReadingFlags.nonFinite.rawValue != 0 { counts.nonFinite += 1 }
      let metric = batch.rowMetrics[row]
      let grid = Int(metricGrids[Int(metric)])
      if grid < 0 {
        counts.unselected &+= 1
        continue
      }
      guard
        let level = set.grids[grid].homeLevel(of: time, droppedThrough: state.droppedThrough)
      else {
        count(isAccepted: false, isLate: true)
        continue
      }
      count(isAccepted: true, isLate: time < state.watermark)
      if batch.presenceWords[row] & 1 == 0 { continue }
      let word = batch.metricWords[row]
      let value = isInteger ? Double(Int64(bitPattern: word)) : Double(bitPattern: word)
      if !value.isFinite { continue }
      let block = seriesIndex.block(device: device, metric: metric)
        ?? addSeries(device: device, metric: metric, grid: grid, vocabulary)
      if time < state.firedThrough {
        markChanged(block: block, time: time, state: state, isWhole: true)
      }
      unsafe accumulator.values[0] = value
      unsafe blocks[block].add(
        values: accumulator.values, time: time, level: level,
        width: set.grids[grid].widths[level])
    }
  }

  /// Gives a device a block for a metric it was not heard with before.
  private mutating func addSeries(
    device: UInt32, metric: UInt32, grid: Int, _ vocabulary: borrowing Vocabulary
  ) -> Int {
    let series = seriesOfDevice[Int(device)]
    let name = vocabulary.metrics.bytes(of: metric)
    var (low, high) = (0, series.count)
    while low < high {
      let middle = (low + high) / 2
      let other = vocabulary.metrics.bytes(of: blocks[Int(series[middle])].metric)
      if other.lexicographicallyPrecedes(name) { low = middle + 1 } else { high = middle }
    }
    return addSeries(device: device, metric: metric, grid: grid, at: low)
  }

  /// The same with the place among the device's metrics known.
  mutating func addSeries(device: UInt32, metric: UInt32, grid: Int, at place: Int) -> Int {
    let block = SliceBlock(
      metricCount: 1, levelCount: set.grids[grid].widths.count, grid: grid, metric: metric)
    var index = blocks.count
    if let free = freeBlocks.popLast() {
      index = Int(free)
      blocks[index] = block
    } else {
      blocks.append(block)
    }
    seriesOfDevice[Int(device)].insert(UInt32(index), at: place)
    seriesIndex.insert(device: device, metric: metric, block: index)
    return index
  }

  mutating func forgetSeries(ofDevice device: Int) {
    for index in seriesOfDevice[device] {
      seriesIndex.remove(device: UInt32(device), metric: blocks[Int(index)].metric)
      blocks[Int(index)] = SliceBlock(metricCount: 1, levelCount: 1, grid: 0, metric: 0)
      freeBlocks.append(index)
    }
    seriesOfDevice[device] = []
  }
}
