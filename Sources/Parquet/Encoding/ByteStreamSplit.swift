/// BYTE_STREAM_SPLIT (Encodings.md, encoding 9): the first bytes of all values, then the second
/// bytes, and so on, so that a codec finds the slow-moving sign, exponent and high mantissa bytes
/// side by side. Saves nothing by itself.
enum ByteStreamSplit {
  static func append<Value: FixedWidthValue>(_ values: Span<Value>, to page: inout PageBuffer) {
    for byteIndex in 0..<MemoryLayout<Value>.size {
      let shift = UInt64(byteIndex * 8)
      page.append(byteCount: values.count) { stream in
        for index in values.indices {
          stream.append(UInt8(truncatingIfNeeded: values[index].bits &>> shift))
        }
      }
    }
  }
}
