/// One record on its way out; its buffers are used again for the next.
struct OutgoingRecord {
  /// Bytes of the device's id.
  var key: [UInt8] = []
  var payload: [UInt8] = []
  /// Sent with a null value; `payload` is empty then.
  var isTombstone = false
  /// Devices are numbered from 0 in the order they first appear.
  var deviceIndex = 0
  /// The newest event time in it, microseconds since 1970 UTC.
  var eventMicros: Int64 = 0
}

/// Where `produce` gets its records from: files of rows, or a made-up fleet.
protocol RecordMaker: ~Copyable {
  /// Records there will be, where that is known.
  var plannedCount: Int? { get }
  /// How much of the input has been read, 0 to 1, where that is known.
  var share: Double? { get }
  /// What was left out and why, for the summary: one sentence a line.
  var notes: [String] { get }

  /// Makes the next record; false at the end.
  mutating func next(into record: inout OutgoingRecord) throws(ProduceError) -> Bool

  /// Appends the members of a record log's line that say what the newest record holds: `"device"`,
  /// `"sequence"`, `"attributes"` and `"rows"`, or `"dead"`. See `RecordLog`.
  func appendLogMembers(of record: OutgoingRecord, to line: inout [UInt8])
}
