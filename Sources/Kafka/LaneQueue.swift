internal import CRdkafka
package import Telemetry

/// The queue through which one lane gets its partitions' records.
///
/// Drained one message a call: on librdkafka 2.0.2 the batch call loses records when anything
/// pauses or rebalances while it runs (its changelog, known issues of 2.0.0).
///
/// **Threads:** one, the lane's; `interrupt` and `queuedCount` may be called from any thread. The
/// thread may change as long as the hand-over is ordered.
///
/// **Invariants:** `messages` are the records of the last drain, index for index the batch's, each
/// destroyed exactly once; they and the queue die before this object lets go of the client.
/// Cost: about 0.2 µs a record, none of it allocation of ours.
@safe
package final class LaneQueue: RecordSource, @unchecked Sendable {
  // @unchecked because the thread rule above is the caller's; the C queue locks for itself.

  package private(set) var partitions: [TopicPartition] = []

  private var client: SharedClient?
  private var queue: QueueHandle?
  private var messages: [UnsafeMutablePointer<rd_kafka_message_t>] = unsafe []
  private var indexes: [TopicPartition: Int32] = [:]
  private var pendingErrors: [KafkaError] = []
  private var pacer: FetchPacer

  init(_ client: SharedClient, messageCountMax: Int, byteCountMax: Int) {
    self.client = client
    queue = QueueHandle(of: client.handle)
    pacer = FetchPacer(messageCountMax: messageCountMax, byteCountMax: byteCountMax)
  }

  deinit { releaseMessages() }

  // MARK: Records

  package func drain(into batch: inout RecordBatch, countMax: Int, timeoutMillis: Int32) {
    batch.removeAll()
    releaseMessages()
    guard let queue = unsafe queue?.raw else { return }
    var run = PartitionRun()
    var byteCount = 0
    var timeout = timeoutMillis
    var takenCount = 0
    while takenCount < countMax, let message = unsafe rd_kafka_consume_queue(queue, timeout) {
      timeout = 0
      takenCount += 1
      let record = unsafe message.pointee
      guard let kind = kind(KafkaErrorCode(unsafe record.err)) else {
        unsafe takeError(message)
        continue
      }
      if unsafe !run.matches(record) {
        unsafe run = PartitionRun(record, index: index(of: record))
      }
      unsafe messages.append(message)
      byteCount += unsafe append(message, record, kind, run.index, to: &batch)
    }
    if pacer.shouldWake(
      takenCount: takenCount, takenByteCount: byteCount, isEmpty: takenCount < countMax)
    {
      client?.wakeFetchers()
    }
  }

  /// Faults of single partitions that the lane's partitions met since the last call, oldest first.
  /// At most `errorCountMax` are kept between calls.
  package func takeErrors() -> [KafkaError] {
    let taken = pendingErrors
    pendingErrors.removeAll()
    return taken
  }

  package func takeFaults() -> [String] {
    pendingErrors.isEmpty ? [] : takeErrors().map(\.description)
  }

  /// Makes a drain that waits for its first record return; any thread.
  package func interrupt() {
    if let queue = unsafe queue?.raw { unsafe rd_kafka_queue_yield(queue) }
  }

  /// Number of records prefetched and not drained, near enough; any thread.
  package var queuedCount: Int {
    guard let queue = unsafe queue?.raw else { return 0 }
    return unsafe rd_kafka_queue_length(queue)
  }

  // MARK: For the consumer

  /// Takes in what another queue, a partition's, receives.
  func receive(from source: borrowing QueueHandle) {
    guard let queue = unsafe queue?.raw else { preconditionFailure("the lane's queue is closed") }
    unsafe rd_kafka_queue_forward(source.raw, queue)
  }

  /// Ends it: records first, then the queue, then its share of the client.
  func shut() {
    releaseMessages()
    queue = nil
    client = nil
  }

  // MARK: Parts of a drain

  private func kind(_ code: KafkaErrorCode) -> RecordHeader.Kind? {
    switch code {
    case .none: .record
    case .endOfPartition: .endOfPartition
    case .positionLost, .offsetOutOfRange: .positionLost
    default: nil
    }
  }

  /// Appends a record, or a marker without bytes; returns the bytes of its value as the library
  /// counts them for its limit.
  @unsafe
  private func append(
    _ message: UnsafeMutablePointer<rd_kafka_message_t>, _ record: rd_kafka_message_t,
    _ kind: RecordHeader.Kind, _ partitionIndex: Int32, to batch: inout RecordBatch
  ) -> Int {
    guard kind == .record else {
      // The payload of such a message is its error text.
      let header = RecordHeader(
        kind: kind, partitionIndex: partitionIndex, offset: unsafe record.offset,
        timestampMicros: ReadingBatch.absentTimestamp, hasAppendTime: false)
      let none = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
      unsafe batch.append(header, key: none, payload: none)
      return 0
    }
    var type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
    let millis = unsafe rd_kafka_message_timestamp(message, &type)
    let (micros, overflow) = millis.multipliedReportingOverflow(by: 1000)
    let isAbsent = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || millis < 0 || overflow
    let header = RecordHeader(
      kind: .record, partitionIndex: partitionIndex, offset: unsafe record.offset,
      timestampMicros: isAbsent ? ReadingBatch.absentTimestamp : micros,
      hasAppendTime: type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME)
    unsafe batch.append(
      header,
      key: UnsafeRawBufferPointer(start: record.key, count: record.key_len),
      payload: UnsafeRawBufferPointer(start: record.payload, count: record.len))
    return unsafe record.len
  }

  /// The index of a record's partition; once a run of records of one partition.
  @unsafe
  private func index(of record: rd_kafka_message_t) -> Int32 {
    let topic = unsafe rd_kafka_topic_name(record.rkt).map { unsafe String(cString: $0) } ?? ""
    let partition = unsafe TopicPartition(topic: topic, partition: record.partition)
    if let known = indexes[partition] { return known }
    let index = Int32(partitions.count)
    partitions.append(partition)
    indexes[partition] = index
    return index
  }

  @unsafe
  private func takeError(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
    let record = unsafe message.pointee
    let topic =
      unsafe record.rkt.flatMap { unsafe rd_kafka_topic_name($0) }
      .map { unsafe String(cString: $0) } ?? "an unknown topic"
    if pendingErrors.count < Self.errorCountMax {
      pendingErrors.append(
        KafkaError(
          code: KafkaErrorCode(unsafe record.err),
          operation: unsafe "read \(topic)[\(record.partition)] at offset \(record.offset)",
          detail: unsafe rd_kafka_message_errstr(message).map { unsafe String(cString: $0) }))
    }
    unsafe rd_kafka_message_destroy(message)
  }

  /// The library repeats a partition's fault with every retry: more of them say nothing new.
  private static let errorCountMax = 64

  private func releaseMessages() {
    for unsafe message in unsafe messages { unsafe rd_kafka_message_destroy(message) }
    unsafe messages.removeAll(keepingCapacity: true)
  }
}

extension LaneQueue {
  package func headersJSON(at index: Int) -> String? {
    unsafe RecordHeaders.json(of: messages[index])
  }

  /// All headers of a record of the last drain; empty for a marker.
  func headers(at index: Int) -> [RecordHeaderField] {
    unsafe RecordHeaders.all(of: messages[index])
  }

  /// Writes the last value of the header of that name into `values`. Only for sources that map one.
  package func header(_ name: HeaderName, at index: Int, into values: inout HeaderValues) {
    unsafe RecordHeaders.value(of: name, in: messages[index], into: &values)
  }
}

/// The partition of the records at hand: they come in long runs. Valid inside one drain only, where
/// the records keep the topic object, and so its address, alive.
@safe
private struct PartitionRun {
  private var topic: OpaquePointer?
  private var partition: Int32 = -1
  private(set) var index: Int32 = -1

  init() {}

  @unsafe
  init(_ record: rd_kafka_message_t, index: Int32) {
    unsafe topic = record.rkt
    unsafe partition = record.partition
    self.index = index
  }

  @unsafe
  func matches(_ record: rd_kafka_message_t) -> Bool {
    unsafe topic == record.rkt && partition == record.partition
  }
}
