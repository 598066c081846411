/// Decoded readings of one partition of one source, as columns: the unit that crosses modules.
///
/// It grows record by record until the cut, and is then handed whole to the writers. Two tables
/// stand side by side:
///
///     records   one entry for every record consumed, in offset order, whatever its outcome
///     rows      one entry for every reading; the rows of record r are
///               recordRowStarts[r] ..< recordRowStarts[r + 1]
///
/// Metrics are row-major (`row * metricCount + metric`): decoding writes and windows read one row
/// at a time. A value is a 64-bit word whose meaning is `MetricType`'s; an absent value has its
/// presence bit clear and its word 0.
///
/// **Invariants:** all record columns have `recordCount` elements (`recordRowStarts` one more,
/// `recordClocks` and `recordLateCounts` as many as event time has seen), all row columns
/// `rowCount` (times their width); offsets ascend strictly; a record without readings has no rows.
/// Cost: about 75 bytes a record and 32 + 8·metrics a row.
package struct ReadingBatch: ~Copyable, Sendable {
  package let schema: ReadingSchema

  // Records.
  package var recordOffsets: [Int64] = []
  /// Microseconds; `absentTimestamp` where Kafka carries none.
  package var recordTimestamps: [Int64] = []
  /// Whether the broker stamped the record (LogAppendTime), so that no device's clock is in it.
  package var recordHasAppendTime: [Bool] = []
  package var recordOutcomes: [Outcome] = []
  /// Index into `Vocabulary.devices`, or `WordTable.none` when the record has no device.
  package var recordDevices: [UInt32] = []
  /// `attributeCount` words a record, row-major; `WordTable.none` where absent.
  package var recordAttributes: [UInt32] = []
  /// `absentSequence` where absent; empty when the schema has no sequence.
  package var recordSequences: [Int64] = []
  package var recordRowStarts: [Int] = [0]
  /// The partition's clock after each record that event time has seen, microseconds; `Int64.min`
  /// before the first believed timestamp. Filled by `Windows`, record by record, behind decoding.
  package var recordClocks: [Int64] = []
  /// Readings of each such record that lay below its device's watermark, those too late for any
  /// window included; none where no window takes the metric. Filled together with the clocks.
  package var recordLateCounts: [UInt32] = []

  // Rows.
  /// Event time, microseconds.
  package var rowEventTimes: [Int64] = []
  /// `ReadingFlags.rawValue`.
  package var rowFlags: [UInt32] = []
  /// Position of the row among its message's elements: stays the same when a neighbour is bad.
  package var rowIndexes: [UInt32] = []
  /// Index into `Vocabulary.metrics`; empty for a wide source.
  package var rowMetrics: [UInt32] = []
  package var metricWords: [UInt64] = []
  package var presenceWords: [UInt64] = []
  /// The bytes of texts and byte strings among the metrics: a word is `start << 24 | count`.
  package var valueBytes: [UInt8] = []

  package static let absentTimestamp = Int64.min
  package static let absentSequence = Int64.min

  package init(schema: ReadingSchema) { self.schema = schema }

  package var recordCount: Int { recordOffsets.count }
  package var rowCount: Int { rowEventTimes.count }
  package var isEmpty: Bool { recordOffsets.isEmpty }

  /// The rows of one record.
  package func rows(ofRecord record: Int) -> Range<Int> {
    recordRowStarts[record]..<recordRowStarts[record + 1]
  }

  /// Bytes the columns hold, for the memory bound.
  package var byteCount: Int {
    byteCount(records: recordCount, rows: rowCount, values: valueBytes.count)
  }

  /// Bytes the columns have room for.
  package var capacityByteCount: Int {
    byteCount(
      records: recordOffsets.capacity, rows: rowEventTimes.capacity, values: valueBytes.capacity)
  }

  private func byteCount(records: Int, rows: Int, values: Int) -> Int {
    let perRecord =
      8 + 8 + 1 + 1 + 4 + 8 + 8 + 4 + schema.attributes.count * 4 + (schema.hasSequence ? 8 : 0)
    let perRow =
      8 + 4 + 4 + (schema.isNarrow ? 4 : 0)
      + (schema.metrics.count + schema.presenceWordsPerRow) * 8
    return records * perRecord + rows * perRow + values
  }

  /// Appends the bytes of one value to `valueBytes`; the word that stands for them.
  package static func append(_ value: RawSpan, to valueBytes: inout [UInt8]) -> UInt64 {
    let start = valueBytes.count
    precondition(
      value.byteCount < 1 << 24 && start < 1 << 40, "a word tells 16 MiB in a tebibyte")
    unsafe value.withUnsafeBytes { unsafe valueBytes.append(contentsOf: $0) }
    return UInt64(start) << 24 | UInt64(value.byteCount)
  }

  /// The stretch of `valueBytes` that a word stands for.
  package static func valueRange(of word: UInt64) -> Range<Int> {
    let start = Int(word >> 24)
    return start..<start + Int(word & 0xFF_FFFF)
  }

  /// Counts the outcomes, for the accounting identity.
  package func outcomeCounts() -> OutcomeCounts {
    var counts = OutcomeCounts()
    for outcome in recordOutcomes { counts[outcome] += 1 }
    return counts
  }

  /// Drops rows of the last record: a replay brings back single rows of it. The record's outcome
  /// stays what it is.
  ///
  /// - Parameter isKept: is asked for every row, by its `rowIndexes`.
  package mutating func filterLastRecord(_ isKept: (_ rowIndex: UInt32) -> Bool) {
    let rows = rows(ofRecord: recordCount - 1)
    let metricCount = schema.metrics.count
    let presenceCount = schema.presenceWordsPerRow
    var target = rows.lowerBound
    for row in rows where isKept(rowIndexes[row]) {
      if target < row {
        rowEventTimes[target] = rowEventTimes[row]
        rowFlags[target] = rowFlags[row]
        rowIndexes[target] = rowIndexes[row]
        if schema.isNarrow { rowMetrics[target] = rowMetrics[row] }
        for metric in 0..<metricCount {
          metricWords[target * metricCount + metric] = metricWords[row * metricCount + metric]
        }
        for word in 0..<presenceCount {
          presenceWords[target * presenceCount + word] = presenceWords[row * presenceCount + word]
        }
      }
      target += 1
    }
    let dropped = rows.upperBound - target
    rowEventTimes.removeLast(dropped)
    rowFlags.removeLast(dropped)
    rowIndexes.removeLast(dropped)
    if schema.isNarrow { rowMetrics.removeLast(dropped) }
    metricWords.removeLast(dropped * metricCount)
    presenceWords.removeLast(dropped * presenceCount)
    recordRowStarts[recordCount] = target
  }

  /// Empties every column and keeps the capacity, for reuse after its content is committed.
  package mutating func removeAll() {
    recordOffsets.removeAll(keepingCapacity: true)
    recordTimestamps.removeAll(keepingCapacity: true)
    recordHasAppendTime.removeAll(keepingCapacity: true)
    recordOutcomes.removeAll(keepingCapacity: true)
    recordDevices.removeAll(keepingCapacity: true)
    recordAttributes.removeAll(keepingCapacity: true)
    recordSequences.removeAll(keepingCapacity: true)
    recordRowStarts.removeAll(keepingCapacity: true)
    recordRowStarts.append(0)
    recordClocks.removeAll(keepingCapacity: true)
    recordLateCounts.removeAll(keepingCapacity: true)
    rowEventTimes.removeAll(keepingCapacity: true)
    rowFlags.removeAll(keepingCapacity: true)
    rowIndexes.removeAll(keepingCapacity: true)
    rowMetrics.removeAll(keepingCapacity: true)
    metricWords.removeAll(keepingCapacity: true)
    presenceWords.removeAll(keepingCapacity: true)
    valueBytes.removeAll(keepingCapacity: true)
  }
}
