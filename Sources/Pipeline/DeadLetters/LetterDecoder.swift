import Decode
import Telemetry

/// The bytes of a dead letter's record, as the table kept them.
struct StoredRecord {
  var key: [UInt8]?
  var headersJSON: String?
  /// Nil for a tombstone.
  var payload: [UInt8]?

  init(_ contents: LetterContents, row: Int) {
    key = contents.keys[row]
    headersJSON = contents.headers[row]
    payload = contents.payloads[row]
  }
}

/// Decodes the dead letters of one source as if their records had come from Kafka just now.
final class LetterDecoder {
  private var decoder: RecordDecoder

  init(_ source: SourceOptions) { decoder = RecordDecoder(source.plan) }

  /// As `RecordDecoder.decode`, for a record that a table has kept.
  func decode(
    _ letter: LetterRow, _ record: StoredRecord, into output: PartitionOutput,
    vocabulary: inout Vocabulary, _ faults: inout [RowFault]
  ) -> DecodeOutcome {
    let header = RecordHeader(
      kind: .record, partitionIndex: 0, offset: letter.offset,
      timestampMicros: letter.timestampMicros ?? ReadingBatch.absentTimestamp,
      hasAppendTime: false)
    let key = record.key ?? []
    let payload = record.payload ?? []
    return unsafe decoder.decode(
      header: header, key: record.key == nil ? nil : key.span.bytes,
      payload: record.payload == nil ? nil : payload.span.bytes, into: &output.readings,
      vocabulary: &vocabulary, faults: &faults)
  }
}
