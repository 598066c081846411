import Base
import Decode
import TableReading
import Telemetry

/// The bytes of a dead letter's record, as the table kept them.
struct StoredRecord {
  let key: [UInt8]?
  let headersJSON: String?
  /// Nil for a tombstone.
  let payload: [UInt8]?

  init(_ contents: LetterContents, row: Int) {
    key = contents.keys[row]
    headersJSON = contents.headers[row]
    payload = contents.payloads[row]
  }

  /// Appends the value of the last header of a name, as a record's own would be.
  func header(_ name: HeaderName, into values: inout HeaderValues) {
    let headers = headersJSON.flatMap { try? JSONValue(parsing: Array($0.utf8)) }?.arrayValue ?? []
    let found = headers.last { $0["key"]?.stringValue == name.text }
    guard let text = found?["value"]?.stringValue, let bytes = Base64Text.bytes(text) else {
      return values.appendAbsent()
    }
    values.append(bytes)
  }
}

/// Decodes the dead letters of one source as if their records had come from Kafka just now: with
/// its envelope, its limits of a message, key and headers.
///
/// The rule for duplicates belongs to the state of a partition, which a replay does not touch: it
/// does not apply. Nor are the partition's devices and other words known; the limits of them are
/// held against the words that one entry brings of a partition (`ReplayPart`).
final class LetterDecoder {
  private let reader: RecordReader
  /// How long a schema is waited for: most that come at all come at once.
  private let schemaMillisMax: Int
  /// Schemas that were waited for in vain.
  private var unservedIDs: Set<Int32> = []

  static let schemaMillisUsual = 30_000
  private static let schemaLookMillis = 20
  /// After so many schemas in vain the registry is away, and nothing more is waited for.
  private static let unservedCountMax = 3

  init(
    _ source: SourceOptions, schemas: (any SchemaDirectory)?,
    schemaMillisMax: Int = LetterDecoder.schemaMillisUsual
  ) {
    reader = RecordReader(source.plan, limits: source.limits, schemas: schemas)
    self.schemaMillisMax = schemaMillisMax
  }

  /// What became of a letter's record.
  enum Result {
    case outcome(DecodeOutcome)
    /// Nothing was done: the registry does not say what this schema is.
    case unserved(schemaID: Int32)
  }

  /// As `RecordReader.read`, for a record that a table has kept; waits for its schema a while.
  func decode(
    _ letter: LetterRow, _ record: StoredRecord, into output: PartitionOutput,
    vocabulary: inout Vocabulary, _ faults: inout [RowFault]
  ) -> Result {
    let header = RecordHeader(
      kind: .record, partitionIndex: 0, offset: letter.offset,
      timestampMicros: letter.timestampMicros ?? ReadingBatch.absentTimestamp,
      hasAppendTime: false)
    let key = record.key ?? []
    let payload = record.payload ?? []
    let deadlineNanos = MonotonicClock.nowNanos() + Int64(schemaMillisMax) * 1_000_000
    while true {
      let result = unsafe reader.read(
        header, key: record.key == nil ? nil : key.span.bytes,
        payload: record.payload == nil ? nil : payload.span.bytes, into: &output.readings,
        vocabulary: &vocabulary, faults: &faults, believesNotFound: true,
        countsDrift: false
      ) { name, values in record.header(name, into: &values) }
      switch result {
      case .outcome(let outcome): return .outcome(outcome)
      case .waiting(let schemaID):
        let isHopeless =
          unservedIDs.contains(schemaID) || unservedIDs.count >= Self.unservedCountMax
        if isHopeless || MonotonicClock.nowNanos() >= deadlineNanos {
          unservedIDs.insert(schemaID)
          return .unserved(schemaID: schemaID)
        }
        _ = Monitor(0).wait(timeoutMillis: Self.schemaLookMillis) { _ -> Bool? in nil }
      }
    }
  }
}
