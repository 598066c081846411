import Decode
import Glibc
import Telemetry

@testable import downlinkd

/// A folder that goes away with its owner.
final class TemporaryFolder {
  let path: String

  init() {
    let template = "/tmp/downlinkd-produce-XXXXXX"
    var bytes = Array(template.utf8CString)
    precondition(unsafe mkdtemp(&bytes) != nil, "cannot make a temporary folder")
    path = String(decoding: bytes.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    for name in names { unsafe unlink("\(path)/\(name)") }
    unsafe rmdir(path)
  }

  private var names: [String] = []

  /// The path of a file of this name, which is removed at the end.
  func file(_ name: String) -> String {
    names.append(name)
    return "\(path)/\(name)"
  }

  /// Writes a file and returns its path.
  func write(_ text: String, as name: String = "rows.csv") -> String {
    write(Array(text.utf8), as: name)
  }

  func write(_ bytes: [UInt8], as name: String) -> String {
    let path = file(name)
    guard let stream = unsafe fopen(path, "w") else { preconditionFailure("cannot write \(path)") }
    unsafe fwrite(bytes, 1, bytes.count, stream)
    unsafe fclose(stream)
    return path
  }

  func read(_ name: String) -> String? {
    guard let stream = unsafe fopen("\(path)/\(name)", "r") else { return nil }
    defer { unsafe fclose(stream) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = unsafe fread(&chunk, 1, chunk.count, stream), count > 0 {
      bytes += chunk[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// What the pipeline makes of a record: one line of text a row.
struct Reader: ~Copyable {
  private var decoder: RecordDecoder
  private var batch: ReadingBatch
  private var vocabulary: Vocabulary
  private var faults: [RowFault] = []

  static let wide = MessageMapping(
    source: "wide", messageName: "fleet.telemetry.v1.DeviceTelemetry",
    device: .field("device_id"), time: .init(field: "time_unix_ms", unit: .milliseconds),
    sequence: "sequence", attributes: [.init(field: "region"), .init(field: "firmware")],
    plausibleFromMicros: 1)

  static let samples = MessageMapping(
    source: "samples", messageName: "fleet.telemetry.v1.TelemetryBatch", rows: "samples",
    device: .field("device_id"), time: .init(field: "samples.time_unix_us", unit: .microseconds),
    sequence: "sequence",
    attributes: [.init(field: "region"), .init(field: "firmware"), .init(field: "model")],
    narrowMetric: .init(nameField: "samples.metric", valueField: "samples.value"),
    plausibleFromMicros: 1)

  init(_ mapping: MessageMapping) throws {
    let plan = try DecodePlan(mapping)
    decoder = RecordDecoder(plan)
    batch = ReadingBatch(schema: plan.schema)
    vocabulary = Vocabulary(attributeCount: plan.schema.attributes.count)
  }

  struct Record: Equatable {
    var outcome = Outcome.dead
    var device = ""
    var sequence: Int64 = 0
    var attributes: [String?] = []
    /// Event time, metric (nil in a wide record) and values (nil where absent).
    var rows: [Row] = []
  }

  struct Row: Equatable {
    var micros: Int64
    var metric: String?
    var values: [Double?]
  }

  mutating func read(_ outgoing: OutgoingRecord) -> Record {
    batch.removeAll()
    let header = RecordHeader(
      kind: .record, partitionIndex: 0, offset: 0, timestampMicros: 1, hasAppendTime: false)
    // An array without elements may have no address, and an empty value is not a null one.
    let bytes = outgoing.payload
    let payload: RawSpan? = unsafe outgoing.isTombstone ? nil : bytes.span.bytes
    _ = decoder.decode(
      header: header, key: nil, payload: payload, into: &batch, vocabulary: &vocabulary,
      faults: &faults)
    var record = Record(outcome: batch.recordOutcomes[0])
    guard record.outcome != .dead else { return record }
    record.device = vocabulary.devices.text(of: batch.recordDevices[0])
    record.sequence = batch.recordSequences[0]
    for (index, word) in batch.recordAttributes.enumerated() {
      record.attributes.append(
        word == WordTable.none ? nil : vocabulary.attributes[index].text(of: word))
    }
    let width = batch.schema.metrics.count
    for row in 0..<batch.rowCount {
      let values = (0..<width).map { metric in
        batch.presenceWords[row] >> UInt64(metric) & 1 == 0
          ? nil : Double(bitPattern: batch.metricWords[row * width + metric])
      }
      let metric =
        batch.schema.isNarrow ? vocabulary.metrics.text(of: batch.rowMetrics[row]) : nil
      record.rows.append(Row(micros: batch.rowEventTimes[row], metric: metric, values: values))
    }
    return record
  }
}

/// Everything a maker makes, at most `countMax`.
func records<Maker: RecordMaker & ~Copyable>(
  of maker: inout Maker, countMax: Int = 100_000
) throws -> [OutgoingRecord] {
  var made: [OutgoingRecord] = []
  var record = OutgoingRecord()
  while made.count < countMax, try maker.next(into: &record) { made.append(record) }
  return made
}
