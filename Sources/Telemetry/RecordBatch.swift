/// One Kafka record as it lies in a `RecordBatch`: where it came from and how long its bytes are.
package struct RecordHeader: Sendable {
  /// What a header stands for.
  package enum Kind: Sendable {
    case record
    /// The partition has been read to its end for now; `offset` is the end offset.
    case endOfPartition
    /// The consumer's position does not exist any more (retention, truncation, re-created topic);
    /// `offset` is the position that was asked for.
    case positionLost
  }

  package let kind: Kind
  /// Index into `RecordSource.partitions`.
  package let partitionIndex: Int32
  package let offset: Int64
  /// Microseconds; `ReadingBatch.absentTimestamp` where Kafka carries none.
  package let timestampMicros: Int64
  /// Whether the broker stamped it (LogAppendTime).
  package let hasAppendTime: Bool

  package init(
    kind: Kind, partitionIndex: Int32, offset: Int64, timestampMicros: Int64, hasAppendTime: Bool
  ) {
    self.kind = kind
    self.partitionIndex = partitionIndex
    self.offset = offset
    self.timestampMicros = timestampMicros
    self.hasAppendTime = hasAppendTime
  }
}

/// Records of one drain, in the order of delivery: headers, and views of keys and payloads whose
/// bytes belong to the source and live until its next drain.
///
/// **Invariants:** the three columns have equal length. No span of a batch is used after the
/// source's next `drain`: the lane finishes a batch before it asks for another.
@safe
package struct RecordBatch: ~Copyable {
  package private(set) var headers: [RecordHeader] = []
  private var keys: [UnsafeRawBufferPointer] = unsafe []
  private var payloads: [UnsafeRawBufferPointer] = unsafe []

  package init() {}

  package var count: Int { headers.count }

  /// Adds a record. A null key or payload (a tombstone) is a buffer with a nil base address.
  /// The bytes must stay where they are until the source's next drain.
  @unsafe
  package mutating func append(
    _ header: RecordHeader, key: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer
  ) {
    headers.append(header)
    unsafe keys.append(key)
    unsafe payloads.append(payload)
  }

  package mutating func removeAll() {
    headers.removeAll(keepingCapacity: true)
    unsafe keys.removeAll(keepingCapacity: true)
    unsafe payloads.removeAll(keepingCapacity: true)
  }

  /// The record's value, or nil for a tombstone.
  @_lifetime(borrow self)
  package func payload(at index: Int) -> RawSpan? {
    guard unsafe payloads[index].baseAddress != nil else { return nil }
    let span = unsafe RawSpan(_unsafeBytes: payloads[index])
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// The record's key, or nil where it has none.
  @_lifetime(borrow self)
  package func key(at index: Int) -> RawSpan? {
    guard unsafe keys[index].baseAddress != nil else { return nil }
    let span = unsafe RawSpan(_unsafeBytes: keys[index])
    return unsafe _overrideLifetime(span, borrowing: self)
  }
}

/// Where a lane's records come from: a Kafka queue, recorded batches in memory, a simulator.
///
/// Used by one thread, at batch granularity only.
package protocol RecordSource: AnyObject {
  /// The partitions that `RecordHeader.partitionIndex` counts; only ever grows.
  var partitions: [TopicPartition] { get }

  /// Replaces the batch's content with up to `countMax` records, waiting at most `timeoutMillis`
  /// for the first. Bytes handed out before are gone after this call.
  func drain(into batch: inout RecordBatch, countMax: Int, timeoutMillis: Int32)

  /// The record's Kafka headers as a JSON array of {"key", "value"} (value base64), or nil when it
  /// has none. For dead letters only; `index` is the record's place in the last drain.
  func headersJSON(at index: Int) -> String?

  /// Appends the value of the record's last header of that name, or that there is none. `index` is
  /// the record's place in the last drain. Only asked where a source maps headers.
  func header(_ name: HeaderName, at index: Int, into values: inout HeaderValues)

  /// Faults of single partitions since the last call that the source goes on from, for the log.
  func takeFaults() -> [String]
}

extension RecordSource {
  package func takeFaults() -> [String] { [] }

  /// A source whose records have no headers.
  package func header(_ name: HeaderName, at index: Int, into values: inout HeaderValues) {
    values.appendAbsent()
  }
}
