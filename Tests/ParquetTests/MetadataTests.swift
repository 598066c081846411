import Testing

@testable import Parquet

@Suite struct ThriftCompactWriterTests {
  @Test func `fields are differences and zigzag varints`() {
    var writer = ThriftCompactWriter()
    writer.write(1, int32: -1)
    writer.write(3, int64: 150)
    writer.write(4, boolean: true)
    writer.write(5, boolean: false)
    writer.write(7, text: "ab")
    #expect(
      writer.finish() == [0x15, 0x01, 0x26, 0xAC, 0x02, 0x11, 0x12, 0x28, 2, 0x61, 0x62, 0])
  }

  @Test func `structs number their fields anew`() {
    var writer = ThriftCompactWriter()
    writer.beginStruct(2)
    writer.write(1, int32: 1)
    writer.endStruct()
    writer.writeEmptyStruct(3)
    writer.write(4, int32: 2)
    #expect(writer.finish() == [0x2C, 0x15, 0x02, 0, 0x1C, 0, 0x15, 0x04, 0])
  }

  @Test func `long lists have their count in a varint`() {
    var writer = ThriftCompactWriter()
    writer.beginList(1, of: .int32, count: 14)
    for _ in 0..<14 { writer.writeElement(int32: 0) }
    writer.beginList(2, of: .int32, count: 15)
    for _ in 0..<15 { writer.writeElement(int32: 0) }
    let zeros = { Array(repeating: UInt8(0), count: $0) }
    #expect(writer.finish() == [0x19, 0xE5] + zeros(14) + [0x19, 0xF5, 15] + zeros(15) + [0])
  }

  @Test func `fields out of order stop the program`() async {
    await #expect(processExitsWith: .failure) {
      var writer = ThriftCompactWriter()
      writer.write(2, int32: 0)
      writer.write(1, int32: 0)
    }
  }
}

@Suite struct PageHeaderTests {
  @Test func `a data page header has the fields of version 1`() {
    let header = PageHeader.data(
      valueCount: 5, encoding: .dictionary, byteCount: 20, compressedByteCount: 10)
    #expect(
      header == [
        0x15, 0, 0x15, 40, 0x15, 20, 0x2C, 0x15, 10, 0x15, 16, 0x15, 6, 0x15, 6, 0, 0,
      ])
  }

  @Test func `a dictionary page header says PLAIN`() {
    let header = PageHeader.dictionary(entryCount: 3, byteCount: 24, compressedByteCount: 24)
    #expect(header == [0x15, 4, 0x15, 48, 0x15, 48, 0x4C, 0x15, 6, 0x15, 0, 0, 0])
  }
}
