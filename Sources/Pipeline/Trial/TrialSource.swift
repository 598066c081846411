import Base
import Telemetry

/// Records of a trial, in the form a lane takes them: one drain after the other, then the end.
///
/// **Invariants:** bytes that a batch shows stay where they are as long as this lives. One thread.
@safe
final class TrialSource: RecordSource {
  let partitions: [TopicPartition]
  private let records: [PlacedRecord]
  private var next = 0
  /// The place in `records` of the first of the last drain.
  private var first = 0
  private var blocks: [UnsafeMutableRawBufferPointer] = unsafe []
  /// Called once, in the drain that finds nothing left.
  private let atEnd: () -> Void
  private var hasEnded = false

  /// A record with its place.
  struct PlacedRecord {
    let record: TrialRecord
    let partitionIndex: Int32
    let offset: Int64
    /// Microseconds; `ReadingBatch.absentTimestamp` for none.
    let timestampMicros: Int64
    let hasAppendTime: Bool
  }

  init(
    _ records: [PlacedRecord], partitions: [TopicPartition], atEnd: @escaping () -> Void
  ) {
    self.records = records
    self.partitions = partitions
    self.atEnd = atEnd
  }

  deinit { for unsafe block in unsafe blocks { unsafe block.deallocate() } }

  func drain(into batch: inout RecordBatch, countMax: Int, timeoutMillis: Int32) {
    batch.removeAll()
    first = next
    while next < records.count, batch.count < countMax {
      let record = records[next]
      let header = RecordHeader(
        kind: .record, partitionIndex: record.partitionIndex, offset: record.offset,
        timestampMicros: record.timestampMicros, hasAppendTime: record.hasAppendTime)
      unsafe batch.append(
        header, key: keep(record.record.key), payload: keep(record.record.payload))
      next += 1
    }
    if batch.count == 0, !hasEnded {
      hasEnded = true
      atEnd()
    }
  }

  /// A copy that stays; a nil base address for nil.
  @unsafe
  private func keep(_ bytes: [UInt8]?) -> UnsafeRawBufferPointer {
    guard let bytes else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
    let block = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(1, bytes.count), alignment: 1)
    unsafe block.copyBytes(from: bytes)
    unsafe blocks.append(block)
    return unsafe UnsafeRawBufferPointer(rebasing: block[0..<bytes.count])
  }

  func headersJSON(at index: Int) -> String? {
    let headers = records[first + index].record.headers
    if headers.isEmpty { return nil }
    return JSONValue.array(
      headers.map {
        ["key": .string($0.name), "value": .optional($0.value.map { Base64Text.text($0) })]
      }
    ).text
  }

  func header(_ name: HeaderName, at index: Int, into values: inout HeaderValues) {
    records[first + index].record.appendHeader(name, to: &values)
  }
}

extension TrialRecord {
  /// Appends the value of the last header of that name, or that there is none.
  func appendHeader(_ name: HeaderName, to values: inout HeaderValues) {
    if let value = headers.last(where: { $0.name == name.text })?.value {
      values.append(value)
    } else {
      values.appendAbsent()
    }
  }
}
