/// Why bytes could not be read back.
package enum ByteReaderError: Error, Equatable, Sendable {
  /// The bytes end before the value does.
  case truncated(filePosition: Int)
  /// A varint of more than ten bytes, or a length that no buffer could hold.
  case malformed(filePosition: Int)
}

/// Reads back what `ByteWriter` wrote; never past the end, whatever the bytes say.
package struct ByteReader {
  private let bytes: [UInt8]
  /// The position of the next byte to read.
  package private(set) var filePosition: Int

  package init(_ bytes: [UInt8], from filePosition: Int = 0) {
    self.bytes = bytes
    self.filePosition = filePosition
  }

  package var remainingByteCount: Int { bytes.count - filePosition }
  package var isAtEnd: Bool { filePosition == bytes.count }

  /// Reads one byte.
  package mutating func readByte() throws(ByteReaderError) -> UInt8 {
    try require(1)
    defer { filePosition += 1 }
    return bytes[filePosition]
  }

  /// Reads a fixed-width integer of at most eight bytes, little-endian.
  package mutating func read<Value: FixedWidthInteger>(
    _ type: Value.Type = Value.self
  ) throws(ByteReaderError) -> Value {
    // Other modules call this unspecialised: all but one conversion is done on plain words.
    Value(truncatingIfNeeded: try readWord(byteCount: MemoryLayout<Value>.size))
  }

  private mutating func readWord(byteCount: Int) throws(ByteReaderError) -> UInt64 {
    precondition(byteCount <= 8, "an integer of more than eight bytes is none of our formats'")
    try require(byteCount)
    var word: UInt64 = 0
    for index in 0..<byteCount { word |= UInt64(bytes[filePosition + index]) << (index * 8) }
    filePosition += byteCount
    return word
  }

  /// Reads a double bit for bit, little-endian.
  package mutating func readDouble() throws(ByteReaderError) -> Double {
    Double(bitPattern: try read(UInt64.self))
  }

  /// Reads a base-128 varint of at most ten bytes.
  package mutating func readVarint() throws(ByteReaderError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), through: 63, by: 7) {
      let byte = try readByte()
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw .malformed(filePosition: filePosition)
  }

  /// Reads a signed value that was written as a zigzag varint.
  package mutating func readZigzag() throws(ByteReaderError) -> Int64 {
    let raw = try readVarint()
    return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
  }

  /// Reads a count that says how many things of at least `elementByteCount` bytes follow: refused
  /// when they could not fit, so that a corrupt count never becomes a huge allocation.
  package mutating func readCount(elementByteCount: Int = 1) throws(ByteReaderError) -> Int {
    let raw = try readVarint()
    guard raw <= UInt64(remainingByteCount / elementByteCount) else {
      throw .malformed(filePosition: filePosition)
    }
    return Int(raw)
  }

  /// Reads `count` bytes as they are.
  package mutating func readBytes(count: Int) throws(ByteReaderError) -> [UInt8] {
    try require(count)
    defer { filePosition += count }
    return [UInt8](bytes[filePosition..<filePosition + count])
  }

  /// Reads bytes that have their count before them.
  package mutating func readLengthPrefixed() throws(ByteReaderError) -> [UInt8] {
    try readBytes(count: readCount())
  }

  /// Reads text that has its byte count before it; what is not UTF-8 is repaired.
  package mutating func readText() throws(ByteReaderError) -> String {
    String(decoding: try readLengthPrefixed(), as: UTF8.self)
  }

  /// Reads `count` plain values written by `ByteWriter.append(memoryOf:)`.
  package mutating func readMemory<Value: BitwiseCopyable>(
    of type: Value.Type, count: Int
  ) throws(ByteReaderError) -> [Value] {
    let (byteCount, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Value>.stride)
    if overflow || count < 0 { throw .malformed(filePosition: filePosition) }
    try require(byteCount)
    let start = filePosition
    filePosition += byteCount
    return unsafe [Value](unsafeUninitializedCapacity: count) { target, initializedCount in
      unsafe bytes.withUnsafeBytes { source in
        unsafe UnsafeMutableRawBufferPointer(target).copyMemory(
          from: UnsafeRawBufferPointer(rebasing: source[start..<start + byteCount]))
      }
      initializedCount = count
    }
  }

  private func require(_ byteCount: Int) throws(ByteReaderError) {
    guard byteCount >= 0, remainingByteCount >= byteCount else {
      throw .truncated(filePosition: filePosition)
    }
  }
}
