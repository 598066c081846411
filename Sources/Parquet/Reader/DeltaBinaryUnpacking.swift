/// DELTA_BINARY_PACKED (Encodings.md, encoding 5), in blocks of any shape the specification allows.
/// The counterpart of `DeltaBinaryPacking`, whose comment has the grammar; sums wrap in the value's
/// own width.
enum DeltaBinaryUnpacking {
  /// Values are unpacked by so many; a miniblock is a multiple of it.
  private static let stepValueCount = 32

  /// Appends the page's values, of which there must be `count`. Cost: about 2 ns a value.
  static func append<Value: FixedWidthInteger & SignedInteger & BitwiseCopyable>(
    of page: inout PageInput, count: Int, to values: inout [Value]
  ) throws(PageFault) {
    let blockValueCount = try page.readVarint()
    let miniblockCount = try page.readVarint()
    guard miniblockCount > 0, blockValueCount % miniblockCount == 0,
      (blockValueCount / miniblockCount) % stepValueCount == 0, blockValueCount > 0
    else { throw .malformed("delta packing in blocks of a shape that is not allowed") }
    let miniblockValueCount = blockValueCount / miniblockCount
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
      let widths = try page.take(miniblockCount)
      for widthPosition in widths where missingCount > 0 {
        let width = Int(page.bytes[widthPosition])
        guard width <= Value.bitWidth else {
          throw .malformed("deltas of more bits than their type")
        }
        // By division first: the shape is whatever the page says.
        guard width == 0 || miniblockValueCount / 8 <= page.remainingByteCount / width else {
          throw .malformed("a page that breaks off")
        }
        let miniblock = try page.take(width == 0 ? 0 : miniblockValueCount / 8 * width)
        let taken = min(missingCount, miniblockValueCount)
        appendMiniblock(
          page.bytes, from: miniblock.lowerBound, width: width, minDelta: minDelta,
          count: taken, to: &values)
        missingCount -= taken
      }
    }
  }

  private static func appendMiniblock<Value: FixedWidthInteger & SignedInteger & BitwiseCopyable>(
    _ bytes: [UInt8], from start: Int, width: Int, minDelta: Value, count: Int,
    to values: inout [Value]
  ) {
    let span = unsafe bytes.span.bytes
    var appended = 0
    while appended < count {
      appendStep(
        span, from: start + appended / 8 * width, width: width, minDelta: minDelta,
        count: min(stepValueCount, count - appended), to: &values)
      appended += stepValueCount
    }
  }

  // MARK: - Hot loops

  /// Appends `count` (1 … 32) values after the last one.
  private static func appendStep<Value: FixedWidthInteger & SignedInteger & BitwiseCopyable>(
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

/// Strings whose lengths are delta packed (Encodings.md, encodings 6 and 7): written by others.
enum DeltaStrings {
  /// Appends the `count` strings of a page to `bytes`, the chunk's so far, and where each ends to
  /// `starts`.
  ///
  /// A string may share all of its predecessor, so that few bytes stand for many: what the strings
  /// of a page, and those of the chunk, come to is bounded as if they were written out.
  ///
  ///     DELTA_LENGTH_BYTE_ARRAY := lengths  bytes
  ///     DELTA_BYTE_ARRAY        := shared prefix lengths  DELTA_LENGTH_BYTE_ARRAY of the rest
  static func append(
    of page: inout PageInput, encoding: Encoding, count: Int, bytes: inout [UInt8],
    starts: inout [Int], limits: ParquetReaderLimits
  ) throws(PageFault) {
    var prefixes: [Int32] = []
    if encoding == .deltaByteArray {
      try DeltaBinaryUnpacking.append(of: &page, count: count, to: &prefixes)
    }
    var lengths: [Int32] = []
    try DeltaBinaryUnpacking.append(of: &page, count: count, to: &lengths)
    let pageStart = bytes.count
    var previous = bytes.count..<bytes.count
    for index in 0..<count {
      let start = bytes.count
      if !prefixes.isEmpty {
        let prefix = Int(prefixes[index])
        guard prefix >= 0, prefix <= previous.count else {
          throw .malformed("a string that shares more than its predecessor has")
        }
        guard start - pageStart + prefix <= limits.pageByteCountMax else {
          throw .unsupported(
            "a page of strings that is longer than the reader's limit, "
              + "\(limits.pageByteCountMax) bytes")
        }
        guard start + prefix <= limits.chunkByteCountMax else {
          throw .unsupported(
            "a column chunk of strings that is longer than the reader's limit, "
              + "\(limits.chunkByteCountMax) bytes")
        }
        bytes.append(contentsOf: bytes[previous.lowerBound..<previous.lowerBound + prefix])
      }
      let range = try page.take(Int(lengths[index]))
      bytes.append(contentsOf: page.bytes[range])
      starts.append(bytes.count)
      previous = start..<bytes.count
    }
  }
}
