package import Decode
import Telemetry

/// What the real decoder makes of the records by a proposed mapping.
package struct TrialRun: Equatable, Sendable {
  /// A reason with how often it came up, and the first place where it did.
  package struct Fault: Equatable, Sendable {
    package let reason: DeadReason
    package var count: Int
    package let example: String
  }

  package private(set) var readCount = 0
  package private(set) var emptyCount = 0
  package private(set) var readingCount = 0
  package private(set) var deviceCount = 0
  /// Readings whose time is before the source's `plausible_from`.
  package private(set) var implausibleTimeCount = 0
  /// Dead records, in the order in which the reasons came up.
  package private(set) var dead: [Fault] = []
  /// Single rows, or metrics of rows, that cannot be read.
  package private(set) var badRows: [Fault] = []

  package var deadCount: Int { dead.reduce(0) { $0 + $1.count } }

  /// Decodes records as a lane would, in batches of one record.
  package init(_ plan: DecodePlan, _ records: [SampleRecord]) {
    var decoder = RecordDecoder(plan)
    var batch = ReadingBatch(schema: plan.schema)
    var vocabulary = Vocabulary(attributeCount: plan.schema.attributes.count)
    var faults: [RowFault] = []
    var gate = EnvelopeGate(
      envelope: plan.mapping.envelope, messageName: plan.mapping.messageName, directory: nil)
    for record in records {
      batch.removeAll()
      faults.removeAll()
      let outcome = Self.decode(record, plan, &gate, &decoder, &batch, &vocabulary, &faults)
      let place = "partition \(record.partition), offset \(record.offset)"
      switch outcome {
      case .read: readCount += 1
      case .empty: emptyCount += 1
      case .dead(let reason, let detail): Self.note(reason, "\(place): \(detail)", in: &dead)
      }
      for fault in faults {
        Self.note(fault.reason, "\(place), row \(fault.rowIndex): \(fault.detail)", in: &badRows)
      }
      readingCount += batch.rowCount
      implausibleTimeCount += batch.rowFlags.count {
        $0 & ReadingFlags.beforePlausible.rawValue != 0
      }
    }
    deviceCount = vocabulary.devices.count
  }

  private static func decode(
    _ record: SampleRecord, _ plan: DecodePlan, _ gate: inout EnvelopeGate,
    _ decoder: inout RecordDecoder, _ batch: inout ReadingBatch, _ vocabulary: inout Vocabulary,
    _ faults: inout [RowFault]
  ) -> DecodeOutcome {
    let header = RecordHeader(
      kind: .record, partitionIndex: record.partition, offset: record.offset,
      timestampMicros: record.timestampMicros ?? ReadingBatch.absentTimestamp,
      hasAppendTime: false)
    var headers = HeaderValues()
    for name in plan.mapping.headerNames {
      if let value = record.headers.last(where: { $0.name == name })?.value {
        headers.append(value)
      } else {
        headers.appendAbsent()
      }
    }
    // An array without elements may have no address, and an empty value is not a null one.
    let keyBytes = record.key ?? []
    let key: RawSpan? = unsafe record.key == nil ? nil : keyBytes.span.bytes
    let bytes = record.value ?? []
    guard record.value != nil else {
      return decoder.decode(
        header: header, key: key, payload: nil, headers: headers, into: &batch,
        vocabulary: &vocabulary, faults: &faults)
    }
    let value = unsafe bytes.span.bytes
    switch gate.judge(value) {
    case .open(let start):
      return decoder.decode(
        header: header, key: key, payload: value.extracting(start..<value.byteCount),
        headers: headers, into: &batch, vocabulary: &vocabulary, faults: &faults)
    case .dead(let reason, let detail):
      return decoder.refuse(header, reason, detail: detail, in: &batch)
    case .waiting:
      preconditionFailure("without a directory nothing is waited for")
    }
  }

  private static func note(_ reason: DeadReason, _ example: String, in faults: inout [Fault]) {
    if let index = faults.firstIndex(where: { $0.reason == reason }) {
      faults[index].count += 1
    } else {
      faults.append(Fault(reason: reason, count: 1, example: example))
    }
  }
}
