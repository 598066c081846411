/// How many 64-bit words the rows of a slice have.
struct RowShape: Equatable, Sendable {
  /// Words of a `SliceRow`: 2 k + 5 n.
  let wordCount: Int
  /// Words of a `LastRow`: k + n.
  let lastWordCount: Int

  @inline(__always)
  init(metricCount: Int, isUniform: Bool) {
    let keyCount = isUniform ? 1 : metricCount
    wordCount = 2 &* keyCount &+ 5 &* metricCount
    lastWordCount = keyCount &+ metricCount
  }
}

/// One slice of all metrics of a block, as it lies in memory: 64-bit words, column after column,
/// so that the loops over metrics read neighbouring words.
///
///     count[k]  firstTime[k]  mean[n]  m2[n]  min[n]  max[n]  first[n]
///
/// n is the number of metrics. k is 1 in a **uniform** row, where every reading brought every
/// metric, and n in a row of **cells**, where counts and times differ by metric. A cell with count
/// 0 has zeros, and they mean nothing.
///
/// `m2` is the sum of squared differences from the mean: Welford's update, Chan's merge ("Updating
/// formulae and a pairwise algorithm for computing sample variances", 1979). Nothing is ever
/// subtracted.
///
/// A view: it owns nothing, and its memory must outlive it.
@unsafe struct SliceRow {
  private let words: UnsafeMutablePointer<Double>
  let metricCount: Int
  /// 1 or `metricCount`: see above.
  let keyCount: Int

  init(words: UnsafeMutablePointer<Double>, metricCount: Int, isUniform: Bool) {
    unsafe self.words = unsafe words
    unsafe self.metricCount = metricCount
    unsafe keyCount = isUniform ? 1 : metricCount
  }

  var counts: UnsafeMutablePointer<Int64> {
    unsafe UnsafeMutableRawPointer(words).assumingMemoryBound(to: Int64.self)
  }
  var firstTimes: UnsafeMutablePointer<Int64> { unsafe counts + keyCount }
  var means: UnsafeMutablePointer<Double> { unsafe words + 2 * keyCount }
  var m2s: UnsafeMutablePointer<Double> { unsafe means + metricCount }
  var mins: UnsafeMutablePointer<Double> { unsafe m2s + metricCount }
  var maxes: UnsafeMutablePointer<Double> { unsafe mins + metricCount }
  var firsts: UnsafeMutablePointer<Double> { unsafe maxes + metricCount }

  private var byteCount: Int { unsafe (2 &* keyCount &+ 5 &* metricCount) &* 8 }

  // Copied and cleared as bytes: a word is seen through one type only, its own.
  func copy(from other: SliceRow) {
    unsafe UnsafeMutableRawPointer(words).copyMemory(from: other.words, byteCount: byteCount)
  }

  func clear() {
    unsafe UnsafeMutableRawPointer(words)
      .initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
  }

  /// Spreads a uniform row over a row of cells.
  func spread(from uniform: SliceRow) {
    for metric in unsafe 0..<metricCount {
      unsafe counts[metric] = unsafe uniform.counts[0]
      unsafe firstTimes[metric] = unsafe uniform.firstTimes[0]
    }
    unsafe means.update(from: uniform.means, count: 5 * metricCount)
  }
}

/// The last value of each metric in a slice, and when it was: `time[k] value[n]`, k as above.
/// `EventTime.none` is the time of a cell without one.
@unsafe struct LastRow {
  private let words: UnsafeMutablePointer<Double>
  let metricCount: Int
  let keyCount: Int

  init(words: UnsafeMutablePointer<Double>, metricCount: Int, isUniform: Bool) {
    unsafe self.words = unsafe words
    unsafe self.metricCount = metricCount
    unsafe keyCount = isUniform ? 1 : metricCount
  }

  var times: UnsafeMutablePointer<Int64> {
    unsafe UnsafeMutableRawPointer(words).assumingMemoryBound(to: Int64.self)
  }
  var values: UnsafeMutablePointer<Double> { unsafe words + keyCount }

  func copy(from other: LastRow) {
    let byteCount = unsafe (keyCount &+ metricCount) &* 8
    unsafe UnsafeMutableRawPointer(words).copyMemory(from: other.words, byteCount: byteCount)
  }

  func clear() {
    unsafe times.update(repeating: EventTime.none, count: keyCount)
    unsafe values.update(repeating: 0, count: metricCount)
  }

  /// Takes over the cells of a later slice that have a last value.
  func takeCells(from later: LastRow) {
    for metric in unsafe 0..<metricCount
    where unsafe later.times[metric] != EventTime.none {
      unsafe times[metric] = unsafe later.times[metric]
      unsafe values[metric] = unsafe later.values[metric]
    }
  }

  func spread(from uniform: LastRow) {
    unsafe times.update(repeating: uniform.times[0], count: metricCount)
    unsafe values.update(from: uniform.values, count: metricCount)
  }
}

// MARK: - Hot loops

extension SliceRow {
  /// Makes this the row of one reading that has every metric. The memory may hold anything before.
  func start(values: UnsafePointer<Double>, time: Int64) {
    let metricCount = unsafe self.metricCount
    unsafe counts[0] = 1
    unsafe firstTimes[0] = time
    unsafe means.update(from: values, count: metricCount)
    unsafe m2s.update(repeating: 0, count: metricCount)
    unsafe mins.update(from: values, count: metricCount)
    unsafe maxes.update(from: values, count: metricCount)
    unsafe firsts.update(from: values, count: metricCount)
  }

  /// Adds one reading that has every metric to a uniform row.
  func add(values: UnsafePointer<Double>, time: Int64) {
    let metricCount = unsafe self.metricCount
    let count = unsafe counts[0] &+ 1
    unsafe counts[0] = count
    let share = 1 / Double(count)
    let (means, m2s, mins, maxes) = unsafe (self.means, self.m2s, self.mins, self.maxes)
    // Two metrics at a time, by hand: the compiler would first have to prove that the columns,
    // which share one base, do not overlap.
    let paired = metricCount & ~1
    var metric = 0
    while metric < paired {
      let value = unsafe load(values, metric)
      let mean = unsafe load(means, metric)
      let delta = value - mean
      let newMean = mean + delta * share
      unsafe store(newMean, means, metric)
      unsafe store(load(m2s, metric) + delta * (value - newMean), m2s, metric)
      unsafe store(pointwiseMin(load(mins, metric), value), mins, metric)
      unsafe store(pointwiseMax(load(maxes, metric), value), maxes, metric)
      metric &+= 2
    }
    if metric < metricCount {
      unsafe addOne(values[metric], share: share, metric: metric)
    }
    if unsafe time < firstTimes[0] {
      unsafe firstTimes[0] = time
      unsafe firsts.update(from: values, count: metricCount)
    }
  }

  /// Adds one value to one cell.
  func addCell(_ value: Double, time: Int64, metric: Int) {
    let count = unsafe counts[metric] &+ 1
    unsafe counts[metric] = count
    if count == 1 {
      unsafe firstTimes[metric] = time
      unsafe means[metric] = value
      unsafe m2s[metric] = 0
      unsafe mins[metric] = value
      unsafe maxes[metric] = value
      unsafe firsts[metric] = value
      return
    }
    unsafe addOne(value, share: 1 / Double(count), metric: metric)
    if unsafe time < firstTimes[metric] {
      unsafe firstTimes[metric] = time
      unsafe firsts[metric] = value
    }
  }

  /// Merges the row of a later slice into this one; both uniform, neither empty.
  func merge(_ later: SliceRow) {
    let metricCount = unsafe self.metricCount
    let count = unsafe counts[0] &+ later.counts[0]
    let share = unsafe Double(later.counts[0]) / Double(count)
    let cross = unsafe Double(counts[0]) * share
    unsafe counts[0] = count
    let (means, m2s, mins, maxes) = unsafe (self.means, self.m2s, self.mins, self.maxes)
    let (laterMeans, laterM2s) = unsafe (later.means, later.m2s)
    let (laterMins, laterMaxes) = unsafe (later.mins, later.maxes)
    let paired = metricCount & ~1
    var metric = 0
    while metric < paired {
      let mean = unsafe load(means, metric)
      let delta = unsafe load(laterMeans, metric) - mean
      unsafe store(mean + delta * share, means, metric)
      let m2 = unsafe load(m2s, metric) + load(laterM2s, metric)
      unsafe store(m2 + delta * delta * cross, m2s, metric)
      unsafe store(pointwiseMin(load(mins, metric), load(laterMins, metric)), mins, metric)
      unsafe store(pointwiseMax(load(maxes, metric), load(laterMaxes, metric)), maxes, metric)
      metric &+= 2
    }
    if metric < metricCount {
      unsafe mergeOne(later, share: share, cross: cross, metric: metric)
    }
  }

  /// Merges the cells of a later slice into this row of cells.
  func mergeCells(_ later: SliceRow) {
    for metric in unsafe 0..<metricCount {
      let laterCount = unsafe later.counts[metric]
      if laterCount == 0 { continue }
      let count = unsafe counts[metric] &+ laterCount
      if count == laterCount {
        unsafe firstTimes[metric] = unsafe later.firstTimes[metric]
        unsafe means[metric] = unsafe later.means[metric]
        unsafe m2s[metric] = unsafe later.m2s[metric]
        unsafe mins[metric] = unsafe later.mins[metric]
        unsafe maxes[metric] = unsafe later.maxes[metric]
        unsafe firsts[metric] = unsafe later.firsts[metric]
      } else {
        let share = Double(laterCount) / Double(count)
        let cross = unsafe Double(counts[metric]) * share
        unsafe mergeOne(later, share: share, cross: cross, metric: metric)
      }
      unsafe counts[metric] = count
    }
  }

  private func addOne(_ value: Double, share: Double, metric: Int) {
    let mean = unsafe means[metric]
    let delta = value - mean
    let newMean = mean + delta * share
    unsafe means[metric] = newMean
    unsafe m2s[metric] += delta * (value - newMean)
    if unsafe value < mins[metric] { unsafe mins[metric] = value }
    if unsafe value > maxes[metric] { unsafe maxes[metric] = value }
  }

  private func mergeOne(_ later: SliceRow, share: Double, cross: Double, metric: Int) {
    let mean = unsafe means[metric]
    let delta = unsafe later.means[metric] - mean
    unsafe means[metric] = mean + delta * share
    unsafe m2s[metric] = unsafe m2s[metric] + later.m2s[metric] + delta * delta * cross
    if unsafe later.mins[metric] < mins[metric] {
      unsafe mins[metric] = unsafe later.mins[metric]
    }
    if unsafe later.maxes[metric] > maxes[metric] {
      unsafe maxes[metric] = unsafe later.maxes[metric]
    }
  }
}

@inline(__always)
private func load(_ column: UnsafePointer<Double>, _ metric: Int) -> SIMD2<Double> {
  unsafe UnsafeRawPointer(column + metric).loadUnaligned(as: SIMD2<Double>.self)
}

@inline(__always)
private func store(
  _ pair: SIMD2<Double>, _ column: UnsafeMutablePointer<Double>, _ metric: Int
) {
  unsafe UnsafeMutableRawPointer(column + metric).storeBytes(of: pair, as: SIMD2<Double>.self)
}

/// Keeps `kept` unless `value` is smaller, as the scalar code does: so that of −0 and +0 the same
/// one stays whatever the number of metrics.
@inline(__always)
private func pointwiseMin(_ kept: SIMD2<Double>, _ value: SIMD2<Double>) -> SIMD2<Double> {
  kept.replacing(with: value, where: value .< kept)
}

@inline(__always)
private func pointwiseMax(_ kept: SIMD2<Double>, _ value: SIMD2<Double>) -> SIMD2<Double> {
  kept.replacing(with: value, where: value .> kept)
}
