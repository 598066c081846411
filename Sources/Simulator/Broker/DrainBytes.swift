import Telemetry

/// The bytes that one drain shows: in one block, poisoned and freed by the next, so that a lane
/// which keeps a view for too long reads rubbish, always the same.
///
/// **Invariants:** `keys` and `payloads` lie within `block`, or have no base address (null).
@safe
final class DrainBytes {
  private var block: UnsafeMutableRawBufferPointer?
  private var keys: [UnsafeRawBufferPointer] = unsafe []
  private var payloads: [UnsafeRawBufferPointer] = unsafe []

  private static let poison: UInt8 = 0xAA

  deinit { release() }

  /// Takes in the bytes of these deliveries; those before are gone.
  func hold(_ deliveries: [Delivery]) {
    release()
    let byteCount = deliveries.reduce(0) { sum, delivery in
      sum + (delivery.record?.key?.count ?? 0) + (delivery.record?.payload?.count ?? 0)
    }
    // One byte more: what is empty and not null has an address too.
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount + 1, alignment: 1)
    unsafe self.block = unsafe block
    var position = 0
    for delivery in deliveries {
      unsafe keys.append(copy(delivery.record?.key, into: block, at: &position))
      unsafe payloads.append(copy(delivery.record?.payload, into: block, at: &position))
    }
  }

  /// Appends what was held at `index` to a batch.
  func append(_ header: RecordHeader, _ index: Int, to batch: inout RecordBatch) {
    unsafe batch.append(header, key: keys[index], payload: payloads[index])
  }

  @unsafe
  private func copy(
    _ bytes: [UInt8]?, into block: UnsafeMutableRawBufferPointer, at position: inout Int
  ) -> UnsafeRawBufferPointer {
    guard let bytes else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
    let place = unsafe UnsafeMutableRawBufferPointer(
      rebasing: block[position..<position + bytes.count])
    unsafe place.copyBytes(from: bytes)
    position += bytes.count
    return UnsafeRawBufferPointer(place)
  }

  private func release() {
    guard let block = unsafe block else { return }
    for index in 0..<block.count { unsafe block[index] = Self.poison }
    unsafe block.deallocate()
    unsafe self.block = nil
    unsafe keys.removeAll(keepingCapacity: true)
    unsafe payloads.removeAll(keepingCapacity: true)
  }
}
