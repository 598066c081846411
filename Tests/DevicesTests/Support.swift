import Base
import Telemetry
import Windows

@testable import Devices

/// A record as a test says it.
struct TestRecord {
  struct Row {
    var time: Int64
    var flags: ReadingFlags = []
  }

  /// Nil for a record that is dead.
  var device: String?
  var offset: Int64
  var timestamp: Int64?
  var attributes: [String?]
  var rows: [Row]
  /// As windows found them; filled by the partition.
  var lateCount: Int64 = 0
}

/// Windows and the directory behind them, as a lane has them.
struct TestPartition: ~Copyable {
  let schema: ReadingSchema
  var vocabulary = Vocabulary(attributeCount: 2)
  var windows: PartitionWindows
  var directory = DeviceDirectory(attributeCount: 2)
  /// Every record with what windows made of it.
  private(set) var seen: [TestRecord] = []

  private static let definitions = [
    WindowDefinition(name: "1m", sizeMicros: 60_000_000, slideMicros: 60_000_000)
  ]

  init(isNarrow: Bool) {
    schema = ReadingSchema(
      source: "test", attributes: ["region", "firmware"], hasSequence: false, isNarrow: isNarrow,
      metrics: [MetricColumn(name: "value", type: .double)])
    windows = PartitionWindows(
      schema: schema, windows: Self.definitions, options: EventTimeOptions())
  }

  mutating func take(_ records: [TestRecord]) {
    var batch = ReadingBatch(schema: schema)
    for record in records { append(record, to: &batch) }
    var firings = FiringBatch(attributeCount: 2)
    windows.apply(
      &batch, records: 0..<batch.recordCount, vocabulary: vocabulary, into: &firings)
    directory.apply(
      batch, records: 0..<batch.recordCount, deviceCount: vocabulary.devices.count)
    for (index, record) in records.enumerated() {
      var record = record
      record.lateCount = Int64(batch.recordLateCounts[index])
      for (place, row) in batch.rows(ofRecord: index).enumerated() {
        record.rows[place].flags = ReadingFlags(rawValue: batch.rowFlags[row])
      }
      seen.append(record)
    }
  }

  private mutating func append(_ record: TestRecord, to batch: inout ReadingBatch) {
    batch.recordOffsets.append(record.offset)
    batch.recordTimestamps.append(record.timestamp ?? ReadingBatch.absentTimestamp)
    batch.recordHasAppendTime.append(false)
    let outcome: Outcome = record.device == nil ? .dead : record.rows.isEmpty ? .empty : .read
    batch.recordOutcomes.append(outcome)
    batch.recordDevices.append(record.device.map { vocabulary.devices.intern($0) } ?? .max)
    for (column, word) in record.attributes.enumerated() {
      batch.recordAttributes.append(
        word.map { vocabulary.attributes[column].intern($0) } ?? WordTable.none)
    }
    for (index, row) in record.rows.enumerated() {
      batch.rowEventTimes.append(row.time)
      batch.rowFlags.append(row.flags.rawValue)
      batch.rowIndexes.append(UInt32(index))
      if schema.isNarrow { batch.rowMetrics.append(vocabulary.metrics.intern("m\(index % 3)")) }
      batch.metricWords.append(Double(index).bitPattern)
      batch.presenceWords.append(1)
    }
    batch.recordRowStarts.append(batch.rowCount)
  }

  mutating func saveAndRestore() {
    var writer = ByteWriter()
    directory.encode(into: &writer)
    var reader = ByteReader(writer.bytes)
    do {
      directory = try DeviceDirectory(from: &reader, attributeCount: 2)
    } catch {
      preconditionFailure("what was saved is read back: \(error)")
    }
    precondition(reader.isAtEnd && directory.fits(vocabulary), "all of it, and it fits")
  }

  func text(_ attribute: DeviceAttribute, column: Int) -> String? {
    attribute.word == WordTable.none
      ? nil : vocabulary.attributes[column].text(of: attribute.word)
  }

  /// Every device that was met, as text.
  var rows: [String: String] {
    var rows: [String: String] = [:]
    for device in 0..<directory.deviceCount where directory[device].isMet {
      let entry = directory[device]
      let attributes = (0..<2).map { column in
        let attribute = directory.attribute(column, ofDevice: device)
        return "\(text(attribute, column: column) ?? "-") since \(attribute.since)"
      }
      rows[vocabulary.devices.text(of: UInt32(device))] = """
        first \(entry.firstSeen), kafka \(entry.lastKafkaTimestamp) at \(entry.lastOffset), \
        \(entry.recordCount) records, \(entry.readingCount) readings, \(entry.lateCount) late, \
        \(entry.futureCount) future, \(entry.beforePlausibleCount) before, \
        skew \(entry.lastSkew) \(entry.largestSkew), \(attributes)
        """
    }
    return rows
  }
}

/// The same from all readings at once, without a thought for cost.
struct DeviceModel {
  private var records: [String: [TestRecord]] = [:]

  mutating func take(_ record: TestRecord) {
    if let device = record.device { records[device, default: []].append(record) }
  }

  func rows(of partition: borrowing TestPartition) -> [String: String] {
    records.mapValues { records in
      let rows = records.flatMap(\.rows)
      let trusted = rows.filter { $0.flags.isDisjoint(with: .implausibleTime) }
      let before = rows.count { $0.flags.contains(.beforePlausible) }
      let skews = records.flatMap { record in
        record.timestamp.map { stamp in record.rows.map { $0.time - stamp } } ?? []
      }
      let attributes = (0..<2).map { attribute($0, of: records) }
      return """
        first \(trusted.map(\.time).min() ?? .max), \
        kafka \(records.compactMap(\.timestamp).last ?? .min) at \(records.last?.offset ?? -1), \
        \(records.count) records, \(rows.count) readings, \
        \(records.reduce(0) { $0 + $1.lateCount }) late, \
        \(rows.count - trusted.count - before) future, \(before) before, \
        skew \(skews.last ?? .min) \(skews.max() ?? .min), \(attributes)
        """
    }
  }

  /// The last word; since the first trusted reading of the run of records that ends with it.
  private func attribute(_ column: Int, of records: [TestRecord]) -> String {
    let having = records.filter { $0.attributes[column] != nil }
    guard let word = having.last?.attributes[column] else { return "- since \(Int64.min)" }
    let run = having.reversed().prefix { $0.attributes[column] == word }.reversed()
    let since = run.lazy.compactMap { record in
      record.rows.filter { $0.flags.isDisjoint(with: .implausibleTime) }.map(\.time).min()
    }.first
    return "\(word) since \(since ?? .min)"
  }
}

/// Devices that come and go, with late, early and impossible times.
struct RandomRecords {
  var random: SplitMix64
  private let isNarrow: Bool
  private var now: Int64 = 1_700_000_000_000_000
  private var offset: Int64 = 0

  init(seed: UInt64, isNarrow: Bool) {
    random = SplitMix64(seed: seed)
    self.isNarrow = isNarrow
  }

  private mutating func draw(_ count: UInt64) -> UInt64 { random.next() % count }

  mutating func next() -> TestRecord {
    now += Int64(draw(40)) * 1_000_000
    offset += 1 + Int64(draw(3) / 2)
    var record = TestRecord(
      device: draw(12) == 0 ? nil : "device-\(draw(9))", offset: offset,
      timestamp: draw(10) == 0 ? nil : now, attributes: [nil, nil], rows: [])
    for column in 0..<2 where draw(3) > 0 {
      record.attributes[column] = "word-\(draw(3) / 2)"
    }
    guard record.device != nil else { return record }
    for _ in 0..<draw(isNarrow ? 5 : 3) {
      switch draw(12) {
      case 0: record.rows.append(.init(time: now + 30 * 86_400_000_000))
      case 1: record.rows.append(.init(time: Int64(draw(1000)), flags: .beforePlausible))
      case 2: record.rows.append(.init(time: now - Int64(draw(100_000_000_000))))
      default: record.rows.append(.init(time: now - Int64(draw(20_000_000))))
      }
    }
    return record
  }
}
