/// DELTA_BINARY_PACKED (Encodings.md, encoding 5), in blocks of the writer's shape. The counterpart
/// of `DeltaBinaryPacking`, whose comment has the grammar; sums wrap in the value's own width.
enum DeltaBinaryUnpacking {
  /// Appends the page's values, of which there must be `count`. Cost: about 2 ns a value.
  static func append<Value: FixedWidthInteger & SignedInteger & BitwiseCopyable>(
    of page: inout PageInput, count: Int, to values: inout [Value]
  ) throws(PageFault) {
    guard try page.readVarint() == DeltaBinaryPacking.blockValueCount,
      try page.readVarint() == DeltaBinaryPacking.miniblocksPerBlock
    else { throw .unsupported("delta packing in blocks of another shape") }
    guard try page.readVarint() == count else {
      throw .malformed("a count of deltas that is not the page's")
    }
    guard let first = Value(exactly: try page.readZigzag()) else {
      throw .malformed("a first value of more bits than its type")
    }
    if count == 0 { return }
    values.append(first)
    var missingCount = count - 1
    while missingCount > 0 {
      let minDelta = Value(truncatingIfNeeded: try page.readZigzag())
      let widths = try page.take(DeltaBinaryPacking.miniblocksPerBlock)
      for widthPosition in widths where missingCount > 0 {
        let width = Int(page.bytes[widthPosition])
        guard width <= Value.bitWidth else {
          throw .malformed("deltas of more bits than their type")
        }
        let miniblock = try page.take(DeltaBinaryPacking.miniblockValueCount * width / 8)
        let taken = min(missingCount, DeltaBinaryPacking.miniblockValueCount)
        let bytes = unsafe page.bytes.span.bytes
        appendMiniblock(
          bytes, from: miniblock.lowerBound, width: width, minDelta: minDelta,
          count: taken, to: &values)
        missingCount -= taken
      }
    }
  }

  // MARK: - Hot loops

  /// Appends `count` (1 … 32) values after the last one.
  private static func appendMiniblock<Value: FixedWidthInteger & SignedInteger & BitwiseCopyable>(
    _ bytes: RawSpan, from start: Int, width: Int, minDelta: Value, count: Int,
    to values: inout [Value]
  ) {
    var relative = [32 of UInt64](repeating: 0)
    if width > 0 {
      BitUnpacking.unpackMiniblock(bytes, from: start, width: width, into: &relative)
    }
    var value = values[values.count - 1]
    values.append(addingCapacity: count) { output in
      for index in 0..<count {
        value = value &+ minDelta &+ Value(truncatingIfNeeded: relative[index])
        output.append(value)
      }
    }
  }
}
