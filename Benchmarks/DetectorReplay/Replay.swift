import Base
import Detectors
import Telemetry

/// Feeds one partition's detectors with series, each a device with the one metric `value`.
struct Replay: ~Copyable {
  private static let recordCountMax = 4096

  private var detectors: PartitionDetectors
  private var vocabulary = Vocabulary(attributeCount: 0)
  private var batch: ReadingBatch
  private var offset: Int64 = 0
  private var clock = Int64.min
  private let body: ([ReplayEvent]) -> Void

  /// `body` gets the steps of each batch.
  init(definitions: [DetectorDefinition], body: @escaping ([ReplayEvent]) -> Void) {
    let schema = ReadingSchema(
      source: "replay", attributes: [], hasSequence: false, isNarrow: false,
      metrics: [MetricColumn(name: "value", type: .double)])
    detectors = PartitionDetectors(
      schema: schema, definitions: definitions,
      origin: AnomalyOrigin(topic: "replay", incarnation: 0, partition: 0),
      outOfOrdernessMicros: 0)
    batch = ReadingBatch(schema: schema)
    self.body = body
  }

  var counts: DetectorCounts { detectors.counts }

  /// Takes one reading.
  mutating func take(series: String, time: Int64, value: Double) {
    clock = max(clock, time)
    batch.recordOffsets.append(offset)
    batch.recordTimestamps.append(time)
    batch.recordClocks.append(clock)
    batch.recordHasAppendTime.append(false)
    batch.recordOutcomes.append(.read)
    batch.recordDevices.append(vocabulary.devices.intern(series))
    batch.rowEventTimes.append(time)
    batch.rowFlags.append(0)
    batch.rowIndexes.append(0)
    batch.metricWords.append(value.bitPattern)
    batch.presenceWords.append(UInt64.max)
    batch.recordRowStarts.append(batch.rowCount)
    offset += 1
    if batch.recordCount == Self.recordCountMax { finish() }
  }

  /// Judges what was taken so far.
  mutating func finish() {
    var events: [AnomalyEvent] = []
    detectors.apply(
      batch, records: 0..<batch.recordCount, vocabulary: vocabulary, into: &events)
    batch.removeAll()
    if events.isEmpty { return }
    body(
      events.map { event in
        let device = Array(vocabulary.devices.bytes(of: event.device))
        return ReplayEvent(series: String(decoding: device, as: UTF8.self), event: event)
      })
  }
}

/// A step and the series it is about.
struct ReplayEvent {
  let series: String
  let event: AnomalyEvent

  /// One line of JSON.
  var line: String {
    func number(_ value: Double?) -> JSONValue { value.flatMap { .double($0) } ?? .null }
    let object = JSONValue.object([
      JSONMember("series", .string(series)), JSONMember("detector", .string(event.detector)),
      JSONMember("state", .string(event.state.rawValue)),
      JSONMember("severity", .string(event.severity.text)),
      JSONMember("time_micros", .int(Int(event.eventTime))),
      JSONMember("value", number(event.value)), JSONMember("expected", number(event.expected)),
      JSONMember("score", number(event.score)), JSONMember("threshold", number(event.threshold)),
      JSONMember("evidence", .string(event.evidence)),
    ])
    return object.text
  }
}
