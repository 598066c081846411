import Base

/// A split block bloom filter (parquet-format, BloomFilter.md): says of a value that it is not in
/// a chunk, or that it may be.
///
/// A block is eight words of 32 bits; the upper half of a value's xxHash64 chooses the block, and
/// the lower half, multiplied by eight constants, one bit in each of its words.
struct BloomFilter: Equatable {
  /// `SALT` of the specification.
  private static let salt: [UInt32] = [
    0x47B6_137B, 0x4497_4D91, 0x8824_AD5B, 0xA2B7_289D, 0x7054_95C7, 0x2DF1_424B, 0x9EFC_4947,
    0x5C6B_FB31,
  ]
  private static let blockWordCount = 8
  /// For one false answer in a hundred: −8 / ln(1 − 0.01^(1/8)), from the specification.
  private static let bitsPerValue = 9.68
  /// A quarter of a byte a row, one per cent of what a row of telemetry takes otherwise.
  private static let rowsPerByteMin = 4

  private(set) var words: [UInt32]

  /// For `valueCount` different values. A power of two of bytes: Arrow refuses any other.
  init(valueCount: Int) {
    var byteCount = 32
    while Double(byteCount * 8) < Double(valueCount) * Self.bitsPerValue { byteCount *= 2 }
    words = [UInt32](repeating: 0, count: byteCount / 4)
  }

  var byteCount: Int { words.count * 4 }

  mutating func insert(hash: UInt64) {
    let block = block(of: hash)
    let low = UInt32(truncatingIfNeeded: hash)
    for index in 0..<Self.blockWordCount {
      words[block + index] |= 1 &<< ((low &* Self.salt[index]) &>> 27)
    }
  }

  /// False means certainly not.
  func mayContain(hash: UInt64) -> Bool {
    let block = block(of: hash)
    let low = UInt32(truncatingIfNeeded: hash)
    return (0..<Self.blockWordCount).allSatisfy { index in
      words[block + index] & (1 &<< ((low &* Self.salt[index]) &>> 27)) != 0
    }
  }

  private func block(of hash: UInt64) -> Int {
    let blockCount = UInt64(words.count / Self.blockWordCount)
    return Int(((hash >> 32) &* blockCount) >> 32) * Self.blockWordCount
  }

  /// The filter for a chunk of strings all of which are in its dictionary, if it pays.
  ///
  /// It does not for a single value, which is both bounds of the chunk, nor where it would take
  /// more than a quarter of a byte a row: a chunk with so few rows a value is not worth skipping
  /// for one of them. A chunk that left its dictionary has too many values for either.
  static func filter(
    forDictionary page: [UInt8], entryCount: Int, rowCount: Int
  ) -> BloomFilter? {
    guard entryCount > 1 else { return nil }
    var filter = BloomFilter(valueCount: entryCount)
    guard filter.byteCount * rowsPerByteMin <= rowCount else { return nil }
    var position = 0
    let bytes = page.span
    while position < page.count {
      var length = 0
      for index in 0..<4 { length |= Int(page[position + index]) << (index * 8) }
      let value = position + 4..<position + 4 + length
      // Strings are hashed without their length (BloomFilter.md, "Hash function").
      filter.insert(hash: unsafe XXHash64.hash(bytes.bytes.extracting(value)))
      position = value.upperBound
    }
    return filter
  }

  /// `BloomFilterHeader`, then the words.
  func encoded() -> [UInt8] {
    var writer = ThriftCompactWriter()
    writer.write(1, int32: Int32(byteCount))
    // Algorithm BLOCK, hash XXHASH, compression UNCOMPRESSED: each the first case of a union.
    for field in 2...4 {
      writer.beginStruct(field)
      writer.writeEmptyStruct(1)
      writer.endStruct()
    }
    var bytes = ByteWriter()
    bytes.append(writer.finish())
    bytes.append(memoryOf: words)
    return bytes.take()
  }
}
