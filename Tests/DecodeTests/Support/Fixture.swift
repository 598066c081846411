import Base
import Telemetry

@testable import Decode

/// Decodes single payloads with one decoder and describes what came of each as one line of text, in
/// the form the Python oracle prints.
struct Fixture: ~Copyable {
  static let plausibleFromMicros: Int64 = 946_684_800_000_000

  static let snapshots = MessageMapping(
    source: "snapshots", messageName: "fleet.telemetry.v1.DeviceTelemetry",
    device: .field("device_id"), time: .init(field: "time_unix_ms", unit: .milliseconds),
    sequence: "sequence", attributes: [.init(field: "region"), .init(field: "firmware")],
    plausibleFromMicros: plausibleFromMicros)

  static let samples = MessageMapping(
    source: "samples", messageName: "fleet.telemetry.v1.TelemetryBatch", rows: "samples",
    device: .field("device_id"), time: .init(field: "samples.time_unix_us", unit: .microseconds),
    sequence: "sequence",
    attributes: [.init(field: "region"), .init(field: "firmware"), .init(field: "model")],
    narrowMetric: .init(nameField: "samples.metric", valueField: "samples.value"),
    plausibleFromMicros: plausibleFromMicros)

  var decoder: RecordDecoder
  var batch: ReadingBatch
  var vocabulary: Vocabulary
  var faults: [RowFault] = []

  init(
    _ mapping: MessageMapping, catalogue: MessageCatalogue = .builtIn,
    options: RecordDecoder.Options = .init(), usesReference: Bool? = nil
  ) throws {
    let plan = try DecodePlan(mapping, catalogue: catalogue)
    decoder = RecordDecoder(plan, options: options, usesReference: usesReference ?? !plan.readsWire)
    batch = ReadingBatch(schema: plan.schema)
    vocabulary = Vocabulary(attributeCount: plan.schema.attributes.count)
  }

  @discardableResult
  mutating func decode(_ bytes: [UInt8]?, key: [UInt8]? = nil) -> DecodeOutcome {
    let header = RecordHeader(
      kind: .record, partitionIndex: 0, offset: Int64(batch.recordCount), timestampMicros: 7,
      hasAppendTime: false)
    // An array without elements may have no address, and an empty value is not a null one.
    let storage = bytes ?? []
    let keyStorage = key ?? []
    let payload: RawSpan? = unsafe bytes == nil ? nil : storage.span.bytes
    let keySpan: RawSpan? = unsafe key == nil ? nil : keyStorage.span.bytes
    let outcome = decoder.decode(
      header: header, key: keySpan, payload: payload, into: &batch, vocabulary: &vocabulary,
      faults: &faults)
    checkInvariants()
    return outcome
  }

  /// Decodes into an empty batch and describes the record, its rows and faults.
  mutating func line(_ bytes: [UInt8]) -> String {
    batch.removeAll()
    faults.removeAll()
    switch decode(bytes) {
    case .dead(let reason, _): return "dead \(reason.rawValue)"
    case .empty: return (["empty"] + recordWords()).joined(separator: " ")
    case .read:
      let rows = batch.rows(ofRecord: 0).map { row(at: $0) }
      let bad = faults.map {
        "\($0.isRowKept ? "kept" : "fault") \($0.rowIndex) \($0.reason.rawValue)"
      }
      return (["read"] + recordWords() + rows + bad).joined(separator: " ")
    }
  }

  private func recordWords() -> [String] {
    var words = ["device=\(hex(vocabulary.devices.bytes(of: batch.recordDevices[0])))"]
    for (index, word) in batch.recordAttributes.enumerated() {
      let text = word == WordTable.none ? "-" : hex(vocabulary.attributes[index].bytes(of: word))
      words.append("attribute=\(text)")
    }
    if let sequence = batch.recordSequences.first {
      words.append("sequence=\(sequence == ReadingBatch.absentSequence ? "-" : "\(sequence)")")
    }
    return words
  }

  private func row(at row: Int) -> String {
    var words = ["row=\(batch.rowIndexes[row])", "time=\(batch.rowEventTimes[row])"]
    words.append("flags=\(batch.rowFlags[row])")
    if batch.schema.isNarrow {
      words.append("metric=\(hex(vocabulary.metrics.bytes(of: batch.rowMetrics[row])))")
    }
    for metric in batch.schema.metrics.indices {
      words.append(value(row: row, metric: metric).map { text($0, metric) } ?? "-")
    }
    return words.joined(separator: " ")
  }

  /// A metric's word, nil if absent.
  func value(row: Int, metric: Int) -> UInt64? {
    let presence = batch.presenceWords[row * batch.schema.presenceWordsPerRow + metric / 64]
    let word = batch.metricWords[row * batch.schema.metrics.count + metric]
    return (presence >> UInt64(metric % 64)) & 1 == 1 ? word : nil
  }

  func double(row: Int, metric: Int) -> Double? {
    value(row: row, metric: metric).map { Double(bitPattern: $0) }
  }

  private func text(_ word: UInt64, _ metric: Int) -> String {
    if batch.schema.metrics[metric].type.isByteString {
      return "x" + hex(batch.valueBytes[ReadingBatch.valueRange(of: word)])
    }
    guard batch.schema.metrics[metric].type.isFloatingPoint else {
      return "\(Int64(bitPattern: word))"
    }
    return Double(bitPattern: word).isNaN ? "nan" : RandomID.hex(word)
  }

  /// The invariants that `ReadingBatch` states.
  private func checkInvariants() {
    let records = batch.recordCount
    let rows = batch.rowCount
    let schema = batch.schema
    precondition(batch.recordTimestamps.count == records)
    precondition(batch.recordHasAppendTime.count == records)
    precondition(batch.recordOutcomes.count == records && batch.recordDevices.count == records)
    precondition(batch.recordAttributes.count == records * schema.attributes.count)
    precondition(batch.recordSequences.count == (schema.hasSequence ? records : 0))
    precondition(batch.recordRowStarts.count == records + 1)
    precondition(batch.recordRowStarts[records] == rows)
    precondition(batch.rowFlags.count == rows && batch.rowIndexes.count == rows)
    precondition(batch.rowMetrics.count == (schema.isNarrow ? rows : 0))
    precondition(batch.metricWords.count == rows * schema.metrics.count)
    precondition(batch.presenceWords.count == rows * schema.presenceWordsPerRow)
  }
}

func hex(_ bytes: some Sequence<UInt8>) -> String {
  bytes.map { byte in
    let digits = String(byte, radix: 16)
    return digits.utf8.count == 1 ? "0" + digits : digits
  }.joined()
}

/// Encodes by hand, so that tests can write what no encoder would.
enum Wire {
  static func varint(_ value: UInt64) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(varint: value)
    return writer.bytes
  }

  static func tag(_ number: UInt64, _ wireType: UInt64) -> [UInt8] {
    varint(number << 3 | wireType)
  }

  static func bytes(_ number: UInt64, _ content: [UInt8]) -> [UInt8] {
    tag(number, 2) + varint(UInt64(content.count)) + content
  }

  static func text(_ number: UInt64, _ text: String) -> [UInt8] { bytes(number, Array(text.utf8)) }

  static func integer(_ number: UInt64, _ value: UInt64) -> [UInt8] {
    tag(number, 0) + varint(value)
  }

  static func fixed64(_ number: UInt64, _ value: UInt64) -> [UInt8] {
    tag(number, 1) + (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
  }

  static func double(_ number: UInt64, _ value: Double) -> [UInt8] {
    fixed64(number, value.bitPattern)
  }

  static func fixed32(_ number: UInt64, _ value: UInt32) -> [UInt8] {
    tag(number, 5) + (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
  }

  static func group(_ number: UInt64, _ content: [UInt8]) -> [UInt8] {
    tag(number, 3) + content + tag(number, 4)
  }
}
