/// What became of one record: every call of `RecordDecoder.decode` returns exactly one.
package enum DecodeOutcome: Equatable, Sendable {
  /// At least one reading was appended.
  case read(rows: Int)
  /// Well-formed, with a device, and without rows.
  case empty
  /// Nothing could be read: the caller keeps the record's bytes as a dead letter. `detail` says
  /// where and what, in one sentence for a person.
  case dead(DeadReason, detail: String)
}

/// Why a record, or one row of it, could not be read: the column `reason` of `dead_letters` and a
/// label of the metrics, so the raw values never change their meaning.
package enum DeadReason: String, CaseIterable, Sendable {
  /// The record has no value (a tombstone).
  case nullPayload = "null_payload"
  /// The bytes end inside a field of the outermost message.
  case truncated
  /// The bytes are not Protobuf: a field number 0, an unknown wire type, a varint of more than ten
  /// bytes, a field that runs over the end of the message it stands in, an unbalanced group.
  case malformed
  /// Protobuf, but a field of the message type has a wire type that its declaration cannot have:
  /// the bytes are of another message type.
  case wrongType = "wrong_type"
  /// Messages or groups lie deeper in each other than the source's limit, 64 at most.
  case tooDeep = "too_deep"
  /// The message is larger than the source's limit, or its rows, or unpacking it, need more memory
  /// than one record is given (`RecordDecoder.Options`).
  case tooLarge = "too_large"
  /// A field that its message declares `required` is absent.
  case missingRequired = "missing_required"
  /// Protobuf that libprotobuf-c refuses or would get wrong: a singular message that stands twice
  /// and that it cannot merge (no encoder writes such a record).
  case unpackRefused = "unpack_refused"
  /// A mapped string is not UTF-8.
  case invalidUTF8 = "invalid_utf8"
  /// A mapped string holds a NUL.
  case nulInString = "nul_in_string"
  /// A mapped string is longer than its bound (`StringBounds`).
  case stringTooLong = "string_too_long"
  /// The device is absent or empty.
  case noDevice = "no_device"
  /// The event time is absent or 0.
  case noTime = "no_time"
  /// A row of a narrow source does not name its metric.
  case noMetricName = "no_metric_name"
  /// The record has more rows than the source's limit.
  case tooManyRows = "too_many_rows"
  /// The record's device is new, and its partition has as many as the source's limit.
  case tooManyDevices = "too_many_devices"
  /// The row's metric name is new, and its partition has as many as the source's limit.
  case tooManyMetrics = "too_many_metrics"
  /// A word of one of the record's attributes is new, and its partition has as many of that
  /// attribute as the source's limit.
  case tooManyAttributes = "too_many_attributes"
  /// The event time is there and is none: a header that is neither a whole number in text nor eight
  /// bytes.
  case badTime = "bad_time"
  /// The source's records have envelopes, and this one does not begin like one.
  case notEnveloped = "not_enveloped"
  /// The envelope begins right and is cut short, or its numbers cannot be.
  case badEnvelope = "bad_envelope"
  /// The Schema Registry does not have the envelope's schema id.
  case unknownSchema = "unknown_schema"
  /// The envelope names another message type than the source's.
  case otherType = "other_type"
}

/// A bad row of a record that was read: it becomes a row of `dead_letters` beside the readings.
package struct RowFault: Equatable, Sendable {
  /// Index of the record among the records of the batch.
  package let recordIndex: Int
  /// Position of the row among its message's elements.
  package let rowIndex: UInt32
  package let reason: DeadReason
  /// Whether the row is among the readings all the same, without what could not be read: its value
  /// is null there. Else the row is missing.
  package let isRowKept: Bool
  /// Further rows of the record that were kept and are not told apart any more
  /// (`Options.rowFaultCountMax`).
  package var unlistedCount = 0
  private let sentence: String

  /// What is wrong, in one sentence.
  package var detail: String {
    unlistedCount == 0
      ? sentence : "\(sentence); and \(unlistedCount) more rows of this record were kept like it"
  }

  package init(
    recordIndex: Int, rowIndex: UInt32, reason: DeadReason, detail: String, isRowKept: Bool = false
  ) {
    self.isRowKept = isRowKept
    self.recordIndex = recordIndex
    self.rowIndex = rowIndex
    self.reason = reason
    sentence = detail
  }
}

/// Longest mapped strings, in bytes. They bound what one record can add to the word tables; how
/// many different words there may be is bounded where the state is kept, not here.
package enum StringBounds {
  /// Device ids and attribute values.
  package static let recordTextByteCountMax = 1024
  package static let metricNameByteCountMax = 512
  /// Texts and bytes that are values of a column.
  package static let columnByteCountMax = 1 << 20
}
