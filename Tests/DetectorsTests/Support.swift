import Base
import Detectors
import Telemetry

let second: Int64 = 1_000_000
let minute: Int64 = 60 * second
let hour: Int64 = 60 * minute
let day: Int64 = 24 * hour

extension SplitMix64 {
  mutating func chance(_ probability: Double) -> Bool {
    Double.random(in: 0..<1, using: &self) < probability
  }

  mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[Int.random(in: 0..<elements.count, using: &self)]
  }
}

// MARK: - Records

/// A record before it is put into a batch: what a test writes down.
struct TestRecord {
  var device: String?
  /// The partition's clock after it; `Int64.min` for none.
  var clock = Int64.min
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
    source: "test", attributes: ["region", "model"], hasSequence: false, isNarrow: false,
    metrics: columns)
}

let narrowSchema = ReadingSchema(
  source: "test", attributes: ["region", "model"], hasSequence: false, isNarrow: true,
  metrics: [MetricColumn(name: "value", type: .double)])

let testOrigin = AnomalyOrigin(topic: "topic", incarnation: 0, partition: 3)

/// Appends a record as a decoder and the windows would.
func append(
  _ record: TestRecord, offset: Int64, to batch: inout ReadingBatch,
  _ vocabulary: inout Vocabulary
) {
  let schema = batch.schema
  batch.recordOffsets.append(offset)
  batch.recordTimestamps.append(record.clock)
  batch.recordClocks.append(record.clock)
  batch.recordHasAppendTime.append(true)
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

// MARK: - Definitions

func limits(
  _ name: String = "limits", metric: String = "*", warning: (Double?, Double?)? = (nil, 10),
  critical: (Double?, Double?)? = nil, margin: Double = 0,
  for persistence: LimitsRule.Persistence = .readings(1), cap: Int = 100
) -> DetectorDefinition {
  DetectorDefinition(
    name: name, metric: Glob(metric),
    rule: .limits(
      LimitsRule(
        warning: warning.map { LimitsRule.Bounds(low: $0.0, high: $0.1) },
        critical: critical.map { LimitsRule.Bounds(low: $0.0, high: $0.1) }, clearMargin: margin,
        persistence: persistence)), openCountMax: cap)
}

func silence(
  _ name: String = "silence", after: Int64 = 10 * minute, cap: Int = 1_000
) -> DetectorDefinition {
  DetectorDefinition(
    name: name, metric: nil, rule: .silence(SilenceRule(afterMicros: after)), openCountMax: cap)
}

/// A statistical rule that judges early and often, so that short histories find something.
func statistical(
  _ name: String = "spike", kind: StatisticalRule.Kind = .spike, metric: String = "*",
  every: Int64 = 10 * second, cap: Int = 100
) -> DetectorDefinition {
  DetectorDefinition(
    name: name, metric: Glob(metric),
    rule: .statistical(
      StatisticalRule(
        kind: kind, everyMicros: every, halfLifeMicros: 200 * every,
        fastHalfLifeMicros: 3 * every, warmUpMicros: 35 * every, refractoryMicros: 2 * every,
        falseAlarmEveryMicros: 100 * every, changeMin: 0)), openCountMax: cap)
}

// MARK: - Events

/// An event in words.
struct Told: Equatable, CustomStringConvertible {
  var id: String
  var device: String?
  var attributes: [String?]
  var metric: String?
  var detector: String
  var severity: AnomalyEvent.Severity
  var state: AnomalyEvent.State
  var eventTime: Int64
  var value: Double?
  var expected: Double?
  var score: Double?
  var threshold: Double?
  var evidence: String
  var offset: Int64

  init(_ event: AnomalyEvent, _ vocabulary: Vocabulary) {
    id = event.id
    device = event.device == WordTable.none ? nil : vocabulary.devices.text(of: event.device)
    attributes = event.attributes.enumerated().map { column, word in
      word == WordTable.none ? nil : vocabulary.attributes[column].text(of: word)
    }
    metric = event.metric
    detector = event.detector
    severity = event.severity
    state = event.state
    eventTime = event.eventTime
    value = event.value
    expected = event.expected
    score = event.score
    threshold = event.threshold
    evidence = event.evidence
    offset = event.offset
  }

  /// `hot a.volt opened warning @3`: what most tests compare.
  var short: String {
    let subject = [device ?? "-", metric].compactMap { $0 }.joined(separator: ".")
    return "\(detector) \(subject) \(state.rawValue) \(severity.text) @\(offset)"
  }

  var description: String { "\(short) t\(eventTime) v\(value ?? .nan) \(evidence)" }

  /// A member of the evidence.
  func evidence(_ name: String) -> JSONValue? {
    (try? JSONValue(parsing: Array(evidence.utf8)))?[name]
  }
}

/// A partition fed record by record: what most tests need.
struct Harness: ~Copyable {
  let schema: ReadingSchema
  var vocabulary: Vocabulary
  var detectors: PartitionDetectors
  var batch: ReadingBatch
  var nextOffset: Int64 = 0
  var clock = Int64.min

  init(
    _ schema: ReadingSchema, _ definitions: [DetectorDefinition], outOfOrderness: Int64 = 0
  ) {
    self.schema = schema
    vocabulary = Vocabulary(attributeCount: schema.attributes.count)
    detectors = PartitionDetectors(
      schema: schema, definitions: definitions, origin: testOrigin,
      outOfOrdernessMicros: outOfOrderness)
    batch = ReadingBatch(schema: schema)
  }

  /// Applies one record and returns what it brought about.
  mutating func apply(_ record: TestRecord) -> [Told] {
    batch.removeAll()
    append(record, offset: nextOffset, to: &batch, &vocabulary)
    nextOffset += 1
    var events: [AnomalyEvent] = []
    detectors.apply(batch, records: 0..<1, vocabulary: vocabulary, into: &events)
    return told(events)
  }

  func told(_ events: [AnomalyEvent]) -> [Told] { events.map { Told($0, vocabulary) } }

  /// A wide reading of one device with the same value for every metric; the partition's clock goes
  /// along with event time, never back, unless it is given.
  mutating func read(
    _ device: String = "a", at time: Int64, _ value: Double?, clock: Int64? = nil
  ) -> [Told] {
    self.clock = clock ?? max(self.clock, time)
    let values = [Double?](repeating: value, count: schema.metrics.count)
    return apply(
      TestRecord(
        device: device, clock: self.clock, rows: [TestRow(time: time, values: values)]))
  }

  /// A record without rows: the device is heard.
  mutating func hear(
    _ device: String?, clock: Int64, attributes: [String?] = []
  ) -> [Told] {
    self.clock = clock
    return apply(
      TestRecord(
        device: device, clock: clock, outcome: device == nil ? .dead : .empty,
        attributes: attributes))
  }

  mutating func reconfigure(_ definitions: [DetectorDefinition]) -> [Told] {
    var events: [AnomalyEvent] = []
    detectors.reconfigure(
      definitions, offset: nextOffset, vocabulary: vocabulary, into: &events)
    return told(events)
  }

  /// Saves the state and goes on from the bytes.
  mutating func restart() throws {
    var writer = ByteWriter()
    detectors.encode(into: &writer)
    var reader = ByteReader(writer.bytes)
    detectors = try PartitionDetectors(
      schema: schema, origin: testOrigin, outOfOrdernessMicros: 0, from: &reader)
  }

  var bytes: [UInt8] {
    var writer = ByteWriter()
    detectors.encode(into: &writer)
    return writer.bytes
  }
}
