import Decode
import Detectors
import Telemetry
import Windows

/// A record, or one row of one, that could not be read; a row of the table `dead_letters`.
struct DeadLetter: Sendable {
  /// What was done about it; the column `stage`.
  enum Stage: String, Sendable {
    /// The record, or the row, gave no reading.
    case decode
    /// The row was kept without a metric that could not be read: its reading is in the table.
    case salvage
  }

  var offset: Int64
  /// Microseconds; `ReadingBatch.absentTimestamp` where Kafka carries none.
  var timestampMicros: Int64
  /// The bad row of a read record, or nil when the whole record is dead.
  var rowIndex: UInt32?
  var key: [UInt8]?
  var headersJSON: String?
  /// The record's value; nil for a tombstone.
  var payload: [UInt8]?
  /// The step that refused it.
  var stage = Stage.decode
  /// `DeadReason.rawValue`.
  var reason: String
  var detail = ""

  init(_ header: RecordHeader, key: RawSpan?, payload: RawSpan?, reason: DeadReason) {
    offset = header.offset
    timestampMicros = header.timestampMicros
    if let key { self.key = Self.copy(key) }
    if let payload { self.payload = Self.copy(payload) }
    self.reason = reason.rawValue
  }

  init(
    offset: Int64, timestampMicros: Int64, rowIndex: UInt32?, key: [UInt8]?, headersJSON: String?,
    payload: [UInt8]?, stage: Stage, reason: String, detail: String
  ) {
    self.offset = offset
    self.timestampMicros = timestampMicros
    self.rowIndex = rowIndex
    self.key = key
    self.headersJSON = headersJSON
    self.payload = payload
    self.stage = stage
    self.reason = reason
    self.detail = detail
  }

  private static func copy(_ bytes: RawSpan) -> [UInt8] {
    unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) }
  }

  /// Bytes it holds, near enough for the memory bound.
  var byteCount: Int { 160 + (key?.count ?? 0) + (payload?.count ?? 0) + detail.utf8.count }
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

  func append(_ letter: DeadLetter) {
    deadLetters.append(letter)
    deadLetterByteCount += letter.byteCount
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
