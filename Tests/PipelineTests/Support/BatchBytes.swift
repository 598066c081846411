import Telemetry

/// The bytes that a test's batch shows: poisoned and freed when the next drain takes them away, so
/// that a lane which keeps a view too long reads rubbish.
@safe
final class BatchBytes {
  private var blocks: [UnsafeMutableRawBufferPointer] = unsafe []

  /// A copy that stays until `takeAway`; a nil base address for nil.
  @unsafe
  private func keep(_ bytes: [UInt8]?) -> UnsafeRawBufferPointer {
    guard let bytes else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
    let block = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(1, bytes.count), alignment: 1)
    unsafe block.copyBytes(from: bytes)
    unsafe blocks.append(block)
    return unsafe UnsafeRawBufferPointer(rebasing: block[0..<bytes.count])
  }

  func append(
    _ record: TestRecord, partitionIndex: Int, offset: Int64, to batch: inout RecordBatch
  ) {
    let header = RecordHeader(
      kind: .record, partitionIndex: Int32(partitionIndex), offset: offset,
      timestampMicros: record.timestampMicros, hasAppendTime: record.hasAppendTime)
    unsafe batch.append(header, key: keep(record.key), payload: keep(record.payload))
  }

  func append(
    _ kind: RecordHeader.Kind, partitionIndex: Int, offset: Int64, to batch: inout RecordBatch
  ) {
    let header = RecordHeader(
      kind: kind, partitionIndex: Int32(partitionIndex), offset: offset, timestampMicros: 0,
      hasAppendTime: false)
    unsafe batch.append(header, key: keep(nil), payload: keep(nil))
  }

  func takeAway() {
    for unsafe block in unsafe blocks {
      for index in 0..<block.count { unsafe block[index] = 0xAA }
      unsafe block.deallocate()
    }
    unsafe blocks.removeAll()
  }

  deinit { takeAway() }
}
