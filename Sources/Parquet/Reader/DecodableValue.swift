/// A value of 4 or 8 bytes, decoded from the encodings that the writer has for its type.
protocol DecodableValue: FixedWidthValue, ExpressibleByIntegerLiteral {
  /// Reads `count` values in an encoding that is not the dictionary's.
  static func append(
    of page: inout PageInput, encoding: Encoding, count: Int, to values: inout [Self]
  ) throws(PageFault)

  /// A whole column of values.
  static func columnValues(_ values: [Self]) -> ColumnValues

  /// The same value in every row, where `ColumnValues` has a case for that.
  static func constant(_ value: Self) -> ColumnValues?
}

extension DecodableValue {
  /// PLAIN: the values' memory, in the host's byte order (x86-64, arm64).
  static func appendPlain(
    of page: inout PageInput, count: Int, to values: inout [Self]
  ) throws(PageFault) {
    guard count <= page.remainingByteCount / MemoryLayout<Self>.size else {
      throw .malformed("more values than the page has")
    }
    let range = try page.take(count * MemoryLayout<Self>.size)
    let bytes = page.bytes
    values.append(addingCapacity: count) { output in
      unsafe output.withUnsafeMutableBufferPointer { target, initializedCount in
        unsafe bytes.withUnsafeBytes { source in
          unsafe UnsafeMutableRawBufferPointer(target).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: source[range]))
        }
        initializedCount = count
      }
    }
  }
}

extension DecodableValue where Self: FixedWidthInteger & SignedInteger {
  static func append(
    of page: inout PageInput, encoding: Encoding, count: Int, to values: inout [Self]
  ) throws(PageFault) {
    switch encoding {
    case .plain: try appendPlain(of: &page, count: count, to: &values)
    case .deltaBinaryPacked: try DeltaBinaryUnpacking.append(of: &page, count: count, to: &values)
    case .byteStreamSplit: try appendSplit(of: &page, count: count, to: &values)
    case .runLength, .dictionary, .plainDictionary, .bitPacked, .deltaLengthByteArray,
      .deltaByteArray:
      throw .unsupported("integers in encoding \(encoding)")
    }
  }

  static func constant(_ value: Self) -> ColumnValues? { .constantInteger(Int64(value)) }
}

extension DecodableValue where Self: BinaryFloatingPoint {
  static func append(
    of page: inout PageInput, encoding: Encoding, count: Int, to values: inout [Self]
  ) throws(PageFault) {
    switch encoding {
    case .plain: try appendPlain(of: &page, count: count, to: &values)
    case .byteStreamSplit: try appendSplit(of: &page, count: count, to: &values)
    case .runLength, .dictionary, .deltaBinaryPacked, .plainDictionary, .bitPacked,
      .deltaLengthByteArray, .deltaByteArray:
      throw .unsupported("numbers in encoding \(encoding)")
    }
  }

  static func constant(_ value: Self) -> ColumnValues? { nil }
}

extension DecodableValue {
  /// BYTE_STREAM_SPLIT: first bytes of all values, then the second bytes, and so on. Joined in
  /// memory of the values' shape and then copied as PLAIN is.
  fileprivate static func appendSplit(
    of page: inout PageInput, count: Int, to values: inout [Self]
  ) throws(PageFault) {
    let byteCount = MemoryLayout<Self>.size
    guard count <= page.remainingByteCount / byteCount else {
      throw .malformed("more values than the page has")
    }
    let start = try page.take(count * byteCount).lowerBound
    let streams = page.bytes.span
    var joined = [UInt8](repeating: 0, count: count * byteCount)
    var target = joined.mutableSpan
    for byteIndex in 0..<byteCount {
      let stream = start + byteIndex * count
      for index in 0..<count {
        target[index &* byteCount &+ byteIndex] = streams[stream &+ index]
      }
    }
    var plain = PageInput(joined)
    try appendPlain(of: &plain, count: count, to: &values)
  }
}

extension Int32: DecodableValue {
  static func columnValues(_ values: [Int32]) -> ColumnValues { .int32(values) }
}

extension Int64: DecodableValue {
  static func columnValues(_ values: [Int64]) -> ColumnValues { .int64(values) }
}

extension Float: DecodableValue {
  static func columnValues(_ values: [Float]) -> ColumnValues { .float(values) }
}

extension Double: DecodableValue {
  static func columnValues(_ values: [Double]) -> ColumnValues { .double(values) }
}
