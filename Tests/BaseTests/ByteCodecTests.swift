import Base
import Testing

@Suite struct ByteCodecTests {
  @Test func `every kind of value comes back as it was written`() throws {
    var writer = ByteWriter()
    writer.append(UInt8(0xFE))
    writer.append(littleEndian: Int16(-2))
    writer.append(littleEndian: UInt32(0x0102_0304))
    writer.append(littleEndian: Int64.min)
    writer.append(-0.0)
    writer.append(Double(bitPattern: 0x7FF8_0000_DEAD_BEEF))
    writer.append(varint: .max)
    writer.append(zigzag: .min)
    writer.append(lengthPrefixed: "Grüße")
    writer.append(lengthPrefixed: [UInt8]())
    writer.append(memoryOf: [1.5, -2.25])
    var reader = ByteReader(writer.bytes)
    #expect(try reader.readByte() == 0xFE)
    #expect(try reader.read(Int16.self) == -2)
    #expect(try reader.read(UInt32.self) == 0x0102_0304)
    #expect(try reader.read(Int64.self) == .min)
    #expect(try reader.readDouble().bitPattern == (-0.0).bitPattern)
    #expect(try reader.readDouble().bitPattern == 0x7FF8_0000_DEAD_BEEF)
    #expect(try reader.readVarint() == .max)
    #expect(try reader.readZigzag() == .min)
    #expect(try reader.readText() == "Grüße")
    #expect(try reader.readLengthPrefixed() == [])
    #expect(try reader.readMemory(of: Double.self, count: 2) == [1.5, -2.25])
    #expect(reader.isAtEnd)
  }

  @Test func `fixed widths are little endian`() {
    var writer = ByteWriter()
    writer.append(littleEndian: UInt32(0x0102_0304))
    #expect(writer.bytes == [4, 3, 2, 1])
  }

  /// Examples of protobuf.dev, "Encoding".
  private static let varints: [(UInt64, [UInt8])] = [
    (0, [0]), (1, [1]), (127, [0x7F]), (128, [0x80, 1]), (150, [0x96, 1]),
    (16_383, [0xFF, 0x7F]), (16_384, [0x80, 0x80, 1]),
    (.max, [UInt8](repeating: 0xFF, count: 9) + [1]),
  ]

  @Test(arguments: varints)
  func `varints have the published form`(value: UInt64, bytes: [UInt8]) throws {
    var writer = ByteWriter()
    writer.append(varint: value)
    #expect(writer.bytes == bytes)
    var reader = ByteReader(bytes)
    #expect(try reader.readVarint() == value)
  }

  @Test(arguments: [
    (Int64(0), UInt64(0)), (-1, 1), (1, 2), (-2, 3), (.max, .max - 1), (.min, .max),
  ])
  func `zigzag keeps small magnitudes small`(value: Int64, encoded: UInt64) throws {
    var writer = ByteWriter()
    writer.append(zigzag: value)
    var reader = ByteReader(writer.bytes)
    #expect(try reader.readVarint() == encoded)
    reader = ByteReader(writer.bytes)
    #expect(try reader.readZigzag() == value)
  }

  @Test func `reading never passes the end, wherever the bytes are cut`() throws {
    var writer = ByteWriter()
    writer.append(littleEndian: UInt64(7))
    writer.append(lengthPrefixed: "word")
    writer.append(varint: 1 << 40)
    for count in 0..<writer.bytes.count {
      var reader = ByteReader(Array(writer.bytes.prefix(count)))
      #expect(throws: ByteReaderError.self, "cut to \(count) bytes") {
        _ = try reader.read(UInt64.self)
        _ = try reader.readText()
        _ = try reader.readVarint()
      }
      #expect(reader.filePosition <= count)
    }
  }

  @Test func `a count that cannot fit is refused before anything is allocated`() {
    var writer = ByteWriter()
    writer.append(varint: 1 << 60)
    writer.append([1, 2, 3])
    #expect(throws: ByteReaderError.self) {
      var reader = ByteReader(writer.bytes)
      _ = try reader.readCount(elementByteCount: 8)
    }
    #expect(throws: ByteReaderError.self) {
      var reader = ByteReader(writer.bytes)
      _ = try reader.readMemory(of: UInt64.self, count: .max)
    }
    #expect(throws: ByteReaderError.self) {
      var reader = ByteReader(writer.bytes)
      _ = try reader.readMemory(of: UInt64.self, count: -1)
    }
  }

  @Test func `a varint of more than ten bytes is malformed`() {
    var reader = ByteReader([UInt8](repeating: 0x80, count: 11))
    #expect(throws: ByteReaderError.malformed(filePosition: 10)) { _ = try reader.readVarint() }
  }

  @Test func `take empties the writer and removeAll keeps it usable`() {
    var writer = ByteWriter(reserving: 4)
    writer.append([1, 2][...])
    #expect(writer.take() == [1, 2])
    #expect(writer.count == 0)
    writer.append(UInt8(3))
    writer.removeAll()
    writer.append([4].span)
    #expect(writer.bytes == [4])
  }
}
