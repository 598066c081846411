import Base
import Telemetry
import Windows

let second: Int64 = 1_000_000
let minute: Int64 = 60 * second
let hour: Int64 = 60 * minute

extension SplitMix64 {
  mutating func chance(_ probability: Double) -> Bool {
    Double.random(in: 0..<1, using: &self) < probability
  }
}

/// A record before it is put into a batch: what a test writes down.
struct TestRecord {
  var device: String?
  var timestamp: Int64 = ReadingBatch.absentTimestamp
  var hasAppendTime = false
  var outcome = Outcome.read
  var attributes: [String?] = []
  var rows: [TestRow] = []
}

struct TestRow {
  var time: Int64
  /// Wide: one value a metric of the schema, nil for null. Narrow: one value.
  var values: [Double?]
  /// Narrow: the metric's name.
  var metric = ""
  var flags: ReadingFlags = []
}

func wideSchema(_ metrics: [String], types: [MetricType] = []) -> ReadingSchema {
  let columns = metrics.enumerated().map { index, name in
    MetricColumn(name: name, type: types.isEmpty ? .double : types[index])
  }
  return ReadingSchema(
    source: "test", attributes: ["region"], hasSequence: false, isNarrow: false, metrics: columns)
}

let narrowSchema = ReadingSchema(
  source: "test", attributes: ["region"], hasSequence: false, isNarrow: true,
  metrics: [MetricColumn(name: "value", type: .double)])

/// Appends a record as a decoder would.
func append(
  _ record: TestRecord, to batch: inout ReadingBatch, _ vocabulary: inout Vocabulary
) {
  let schema = batch.schema
  batch.recordOffsets.append(Int64(batch.recordCount))
  batch.recordTimestamps.append(record.timestamp)
  batch.recordHasAppendTime.append(record.hasAppendTime)
  batch.recordOutcomes.append(record.outcome)
  batch.recordDevices.append(
    record.device.map { vocabulary.devices.intern($0) } ?? WordTable.none)
  for column in schema.attributes.indices {
    let word = column < record.attributes.count ? record.attributes[column] : nil
    batch.recordAttributes.append(
      word.map { vocabulary.attributes[column].intern($0) } ?? WordTable.none)
  }
  for (index, row) in record.rows.enumerated() {
    batch.rowEventTimes.append(row.time)
    let isFinite = row.values.allSatisfy { $0?.isFinite ?? true }
    batch.rowFlags.append(row.flags.union(isFinite ? [] : .nonFinite).rawValue)
    batch.rowIndexes.append(UInt32(index))
    if schema.isNarrow { batch.rowMetrics.append(vocabulary.metrics.intern(row.metric)) }
    var presence = [UInt64](repeating: 0, count: schema.presenceWordsPerRow)
    for (metric, value) in row.values.enumerated() {
      if value != nil { presence[metric / 64] |= 1 << UInt64(metric % 64) }
      let isFloat = schema.metrics[metric].type.isFloatingPoint
      let number = value ?? 0
      batch.metricWords.append(
        isFloat ? number.bitPattern : UInt64(bitPattern: Int64(number)))
    }
    batch.presenceWords.append(contentsOf: presence)
  }
  batch.recordRowStarts.append(batch.rowCount)
}

/// One row of a `FiringBatch` in words and plain values.
struct Fired: Equatable, CustomStringConvertible {
  var window: Int
  var device: String
  var region: String?
  var metric: String
  var start: Int64
  var end: Int64
  var revision: Int
  var count: Int64
  /// sum, mean, min, max, stddev, first, last
  var values: [Double]

  var description: String {
    "w\(window) \(device).\(metric) [\(start), \(end)) r\(revision) n\(count) \(values)"
  }

  /// Equal with mean, sum and stddev compared to rounding, the rest exactly.
  func isClose(to other: Fired) -> Bool {
    var copy = other
    copy.values = values
    guard copy == self || values.contains(where: \.isNaN) else { return false }
    copy.values = []
    var own = self
    own.values = []
    guard own == copy else { return false }
    let scale = max(abs(values[2]), abs(values[3]), 1e-300)
    for (index, (left, right)) in zip(values, other.values).enumerated() {
      if left.isNaN != right.isNaN { return false }
      if left.isNaN { continue }
      let tolerance: Double
      switch index {
      case 0: tolerance = scale * Double(count) * 1e-13
      case 1, 4: tolerance = scale * 1e-12
      default: tolerance = 0
      }
      if abs(left - right) > tolerance { return false }
    }
    return true
  }
}

func rows(
  of firings: borrowing FiringBatch, schema: ReadingSchema, _ vocabulary: Vocabulary
) -> [Fired] {
  var fired: [Fired] = []
  for row in 0..<firings.rowCount {
    let region = firings.attributes[row * firings.attributeCount]
    fired.append(
      Fired(
        window: Int(firings.windowIndexes[row]),
        device: vocabulary.devices.text(of: firings.devices[row]),
        region: region == WordTable.none ? nil : vocabulary.attributes[0].text(of: region),
        metric: schema.isNarrow
          ? vocabulary.metrics.text(of: firings.metrics[row])
          : schema.metrics[Int(firings.metrics[row])].name,
        start: firings.windowStarts[row], end: firings.windowEnds[row],
        revision: Int(firings.revisions[row]), count: firings.counts[row],
        values: [
          firings.sums[row], firings.means[row], firings.mins[row], firings.maxes[row],
          firings.stddevs[row], firings.firsts[row], firings.lasts[row],
        ]))
  }
  return fired
}

/// A partition fed record by record: what most tests need.
struct Harness: ~Copyable {
  let schema: ReadingSchema
  var vocabulary: Vocabulary
  var windows: PartitionWindows
  var firings: FiringBatch
  var batch: ReadingBatch

  init(
    _ schema: ReadingSchema, _ definitions: [WindowDefinition], _ options: EventTimeOptions
  ) {
    self.schema = schema
    vocabulary = Vocabulary(attributeCount: schema.attributes.count)
    windows = PartitionWindows(schema: schema, windows: definitions, options: options)
    firings = FiringBatch(attributeCount: schema.attributes.count)
    batch = ReadingBatch(schema: schema)
  }

  /// Applies one record and returns what it fired.
  mutating func apply(_ record: TestRecord) -> [Fired] {
    batch.removeAll()
    append(record, to: &batch, &vocabulary)
    windows.apply(&batch, records: 0..<1, vocabulary: vocabulary, into: &firings)
    return takeFired()
  }

  /// A wide reading of one device with the same value for every metric.
  mutating func read(
    _ device: String = "a", at time: Int64, _ value: Double? = 1, kafka: Int64? = nil
  ) -> [Fired] {
    let values = [Double?](repeating: value, count: schema.metrics.count)
    return apply(
      TestRecord(
        device: device, timestamp: kafka ?? ReadingBatch.absentTimestamp,
        rows: [TestRow(time: time, values: values)]))
  }

  var hasAwakeDevices: Bool { windows.hasAwakeDevices }

  mutating func fireOpenWindows() -> [Fired] {
    windows.fireOpenWindows(vocabulary: vocabulary, into: &firings)
    return takeFired()
  }

  private mutating func takeFired() -> [Fired] {
    defer { firings.removeAll() }
    return rows(of: firings, schema: schema, vocabulary)
  }

  var lastFlags: ReadingFlags { ReadingFlags(rawValue: batch.rowFlags.last ?? 0) }
}
