import Decode
import Detectors
import Telemetry
import Windows

/// What the letters of one record have in common: its bytes, copied once and shared by all of them.
struct LetterRecord: Sendable {
  var offset: Int64
  /// Microseconds; `ReadingBatch.absentTimestamp` where Kafka carries none.
  var timestampMicros: Int64
  var key: [UInt8]?
  var headersJSON: String?
  /// The record's value; nil for a tombstone.
  var payload: [UInt8]?

  /// Bytes it holds.
  var byteCount: Int {
    (key?.count ?? 0) + (payload?.count ?? 0) + (headersJSON?.utf8.count ?? 0)
  }
}

extension LetterRecord {
  init(_ header: RecordHeader, key: RawSpan?, payload: RawSpan?, headersJSON: String?) {
    offset = header.offset
    timestampMicros = header.timestampMicros
    self.headersJSON = headersJSON
    if let key { self.key = Self.copy(key) }
    if let payload { self.payload = Self.copy(payload) }
  }

  private static func copy(_ bytes: RawSpan) -> [UInt8] {
    unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) }
  }
}

/// A record, or one row of one, that could not be read; a row of the table `dead_letters`.
struct DeadLetter: Sendable {
  /// What was done about it; the column `stage`.
  enum Stage: String, Sendable {
    /// The record, or the row, gave no reading.
    case decode
    /// The row was kept without a metric that could not be read: its reading is in the table.
    case salvage
  }

  let record: LetterRecord
  /// The bad row of a read record, or nil when the whole record is dead.
  let rowIndex: UInt32?
  /// The step that refused it.
  let stage: Stage
  /// `DeadReason.rawValue`.
  let reason: String
  let detail: String

  /// The letter of a whole record.
  init(_ record: LetterRecord, _ reason: DeadReason, detail: String) {
    self.record = record
    rowIndex = nil
    stage = .decode
    self.reason = reason.rawValue
    self.detail = detail
  }

  /// The letter of a bad row of a record.
  init(_ record: LetterRecord, _ fault: RowFault) {
    self.record = record
    rowIndex = fault.rowIndex
    stage = fault.isRowKept ? .salvage : .decode
    reason = fault.reason.rawValue
    detail = fault.detail
  }

  /// Bytes it holds, near enough for the memory bound; those of its record left out.
  var ownByteCount: Int { 160 + detail.utf8.count }
}

/// What one partition has produced since its last cut: the rows of the next entry.
///
/// Owned by exactly one thread at a time: by the lane until the cut, then by the committer, then,
/// emptied, by the pool it is taken from again.
final class PartitionOutput: @unchecked Sendable {
  // @unchecked because ownership moves whole, through a Monitor, from thread to thread.
  var readings: ReadingBatch
  var firings: FiringBatch
  var anomalies: [AnomalyEvent] = []
  var deadLetters: [DeadLetter] = []
  var deadLetterByteCount = 0

  init(schema: ReadingSchema) {
    readings = ReadingBatch(schema: schema)
    firings = FiringBatch(attributeCount: schema.attributes.count)
  }

  /// Whether it has never held a record and holds nothing else, so that it may be exchanged: a
  /// change of detectors closes anomalies, and a decision fires windows, before any record comes.
  var isBare: Bool { readings.recordOffsets.capacity == 0 && byteCount == 0 }

  var byteCount: Int {
    readings.byteCount + firings.byteCount + deadLetterByteCount
      + anomalies.count * Self.anomalyByteCount
  }

  /// What an anomaly holds, near enough: there are few.
  private static let anomalyByteCount = 512

  /// Bytes its columns have room for, filled or not.
  var capacityByteCount: Int { readings.capacityByteCount + firings.capacityByteCount }

  /// Letters of one record come one after the other, and share its bytes.
  func append(_ letter: DeadLetter) {
    if deadLetters.last?.record.offset != letter.record.offset {
      deadLetterByteCount += letter.record.byteCount
    }
    deadLetterByteCount += letter.ownByteCount
    deadLetters.append(letter)
  }

  /// Empties everything and keeps the capacity.
  func removeAll() {
    readings.removeAll()
    firings.removeAll()
    anomalies.removeAll()
    deadLetters.removeAll()
    deadLetterByteCount = 0
  }
}
