/// Firings as columns of equal length: one row for each window firing of one series. The unit that
/// leaves this module for the `windows` table.
///
/// The doubles are never NaN for a value: NaN **means null**. It stands where the window did not
/// ask for the aggregate, where `stddev` has one value only, and where the arithmetic overflowed
/// (sums of values near the largest double). `count` is always there; whoever writes the table
/// leaves it null when the window did not ask for it.
///
/// Rows are appended in the order in which they fire; within one device and record that is by
/// window end, window, then metric. Cost: about 108 bytes a row and 4 an attribute.
package struct FiringBatch: ~Copyable, Sendable {
  /// Attributes of the source: the width of `attributes`.
  package let attributeCount: Int
  /// Index into the configured windows.
  package private(set) var windowIndexes: [UInt32] = []
  /// Index into `Vocabulary.devices`.
  package private(set) var devices: [UInt32] = []
  /// The device's last known attributes, `attributeCount` a row; `WordTable.none` where unknown.
  package private(set) var attributes: [UInt32] = []
  /// Index into `schema.metrics` of a wide source, into `Vocabulary.metrics` of a narrow one.
  package private(set) var metrics: [UInt32] = []
  /// Microseconds.
  package private(set) var windowStarts: [Int64] = []
  /// Microseconds; not in the window any more.
  package private(set) var windowEnds: [Int64] = []
  /// 0 for the first firing, +1 for each that a late change caused.
  package private(set) var revisions: [UInt32] = []
  package private(set) var counts: [Int64] = []
  package private(set) var sums: [Double] = []
  package private(set) var means: [Double] = []
  package private(set) var mins: [Double] = []
  package private(set) var maxes: [Double] = []
  package private(set) var stddevs: [Double] = []
  package private(set) var firsts: [Double] = []
  package private(set) var lasts: [Double] = []

  package init(attributeCount: Int) { self.attributeCount = attributeCount }

  package var rowCount: Int { counts.count }

  /// Bytes the columns hold, for the memory bound.
  package var byteCount: Int { rowCount * rowByteCount }

  /// Bytes the columns have room for.
  package var capacityByteCount: Int { counts.capacity * rowByteCount }

  private var rowByteCount: Int { 4 * 4 + 8 * 10 + 4 * attributeCount }

  /// Empties every column and keeps the capacity.
  package mutating func removeAll() {
    windowIndexes.removeAll(keepingCapacity: true)
    devices.removeAll(keepingCapacity: true)
    attributes.removeAll(keepingCapacity: true)
    metrics.removeAll(keepingCapacity: true)
    windowStarts.removeAll(keepingCapacity: true)
    windowEnds.removeAll(keepingCapacity: true)
    revisions.removeAll(keepingCapacity: true)
    counts.removeAll(keepingCapacity: true)
    sums.removeAll(keepingCapacity: true)
    means.removeAll(keepingCapacity: true)
    mins.removeAll(keepingCapacity: true)
    maxes.removeAll(keepingCapacity: true)
    stddevs.removeAll(keepingCapacity: true)
    firsts.removeAll(keepingCapacity: true)
    lasts.removeAll(keepingCapacity: true)
  }

  /// What the rows of one firing have in common.
  struct Key {
    let window: UInt32
    let device: UInt32
    let start: Int64
    let end: Int64
    let aggregates: Aggregates
  }

  /// What one series' window came to. `m2` as in `SliceRow`.
  struct Values {
    let count: Int64
    let mean: Double
    let m2: Double
    let min: Double
    let max: Double
    let first: Double
    let last: Double
    let isInteger: Bool
  }

  mutating func append(
    _ key: Key, attributes row: ArraySlice<UInt32>, metric: UInt32, revision: UInt32,
    values: Values
  ) {
    windowIndexes.append(key.window)
    devices.append(key.device)
    for word in row { attributes.append(word) }
    metrics.append(metric)
    windowStarts.append(key.start)
    windowEnds.append(key.end)
    revisions.append(revision)
    counts.append(values.count)
    let asked = key.aggregates
    let sum = values.mean * Double(values.count)
    sums.append(Self.value(values.isInteger ? sum.rounded() : sum, if: asked.contains(.sum)))
    means.append(Self.value(values.mean, if: asked.contains(.mean)))
    mins.append(Self.value(values.min, if: asked.contains(.min)))
    maxes.append(Self.value(values.max, if: asked.contains(.max)))
    let variance = values.m2 / Double(values.count - 1)
    stddevs.append(
      Self.value(variance.squareRoot(), if: asked.contains(.stddev) && values.count > 1))
    firsts.append(Self.value(values.first, if: asked.contains(.first)))
    lasts.append(Self.value(values.last, if: asked.contains(.last)))
  }

  private static func value(_ value: Double, if isAsked: Bool) -> Double {
    isAsked && value.isFinite ? value : .nan
  }

  // MARK: - Hot loops

  /// Appends one row for each metric of a uniform row, column by column. `accumulator` holds the
  /// merged window; `metrics` are the output's metric numbers.
  mutating func append(
    _ key: Key, attributes row: ArraySlice<UInt32>, metrics numbers: [UInt32],
    isInteger: [Bool], accumulator: borrowing Accumulator
  ) {
    let metricCount = numbers.count
    let merged = unsafe accumulator.row(metricCount: metricCount, isUniform: true)
    let last = unsafe accumulator.lastRow(metricCount: metricCount, isUniform: true)
    let count = unsafe merged.counts[0]
    let (sum, stddev) = unsafe (accumulator.sums, accumulator.stddevs)
    for metric in 0..<metricCount {
      let total = unsafe merged.means[metric] * Double(count)
      unsafe sum[metric] = isInteger[metric] ? total.rounded() : total
    }
    for metric in 0..<metricCount {
      unsafe stddev[metric] = (unsafe merged.m2s[metric] / Double(count &- 1)).squareRoot()
    }
    windowIndexes.append(contentsOf: repeatElement(key.window, count: metricCount))
    devices.append(contentsOf: repeatElement(key.device, count: metricCount))
    for _ in 0..<metricCount {
      for word in row { attributes.append(word) }
    }
    metrics.append(contentsOf: numbers)
    windowStarts.append(contentsOf: repeatElement(key.start, count: metricCount))
    windowEnds.append(contentsOf: repeatElement(key.end, count: metricCount))
    revisions.append(contentsOf: repeatElement(0, count: metricCount))
    counts.append(contentsOf: repeatElement(count, count: metricCount))
    let asked = key.aggregates
    unsafe Self.extend(&sums, sum, metricCount, if: asked.contains(.sum))
    unsafe Self.extend(&means, merged.means, metricCount, if: asked.contains(.mean))
    unsafe Self.extend(&mins, merged.mins, metricCount, if: asked.contains(.min))
    unsafe Self.extend(&maxes, merged.maxes, metricCount, if: asked.contains(.max))
    unsafe Self.extend(&stddevs, stddev, metricCount, if: asked.contains(.stddev) && count > 1)
    unsafe Self.extend(&firsts, merged.firsts, metricCount, if: asked.contains(.first))
    unsafe Self.extend(&lasts, last.values, metricCount, if: asked.contains(.last))
  }

  /// Appends values, NaN in place of those that are not finite, or NaN only.
  private static func extend(
    _ column: inout [Double], _ values: UnsafePointer<Double>, _ count: Int, if isAsked: Bool
  ) {
    if !isAsked {
      column.append(contentsOf: repeatElement(.nan, count: count))
      return
    }
    let start = column.count
    unsafe column.append(contentsOf: UnsafeBufferPointer(start: values, count: count))
    // x − x is 0 for finite values and NaN for the others.
    var total = 0.0
    for index in 0..<count { unsafe total += values[index] - values[index] }
    if total == 0 { return }
    for index in start..<column.count where !column[index].isFinite { column[index] = .nan }
  }
}
