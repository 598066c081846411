import Base
import Testing

@testable import Parquet

@Suite struct ParquetOutlineTests {
  private static func file() -> [UInt8] {
    let columns = [
      ParquetColumn(name: "device", type: .string, isOptional: false),
      ParquetColumn(name: "value", type: .double),
      ParquetColumn(name: "day", type: .date),
    ]
    var writer = ParquetFileWriter(
      schema: ParquetSchema(columns: columns),
      options: ParquetWriterOptions(
        createdBy: "test", keyValueMetadata: [.init(key: "k", value: "four")]))
    for group in 0..<3 {
      writer.beginRowGroup(rowCount: 4)
      writer.writeColumn(
        .words(
          indexes: [0, 0, 1, 1],
          dictionary: ByteStrings(bytes: Array("ab".utf8), starts: [0, 1, 2])))
      writer.writeColumn(.double([1, 2, 3, Double(group)]), validity: [0b1011])
      writer.writeColumn(.constantInteger(7))
      writer.endRowGroup()
    }
    return writer.finish().output
  }

  private static func outline(_ bytes: [UInt8]) throws(ParquetError) -> ParquetOutline {
    try ParquetOutline(byteCount: bytes.count) { Array(bytes[$0..<$0 + $1]) }
  }

  @Test func `it says what the reader of our files says`() throws {
    let bytes = Self.file()
    let outline = try Self.outline(bytes)
    let footer = try ParquetFile(bytes: bytes).footer
    #expect(outline.rowCount == 12 && outline.createdBy == "test")
    #expect(outline.metadata.map(\.key) == ["k"] && outline.metadata.map(\.byteCount) == [4])
    #expect(outline.schema.map(\.name) == ["device", "value", "day"])
    #expect(outline.schema.map(\.physicalType) == ["BYTE_ARRAY", "DOUBLE", "INT32"])
    #expect(outline.schema.map(\.logicalType) == ["STRING", nil, "DATE"])
    #expect(outline.schema.map(\.repetition) == ["required", "optional", "optional"])
    #expect(outline.schema.allSatisfy { $0.depth == 0 && $0.childCount == 0 })
    for (group, known) in zip(outline.rowGroups, footer.rowGroups) {
      #expect(group.rowCount == Int64(known.rowCount))
      #expect(group.uncompressedByteCount == Int64(known.uncompressedByteCount))
      for (chunk, other) in zip(group.chunks, known.chunks) {
        #expect(chunk.compressedByteCount == Int64(other.compressedByteCount))
        #expect(chunk.nullCount == Int64(other.statistics.nullCount))
        #expect(chunk.codec == "ZSTD" && chunk.encodings.count == other.encodings.count)
        #expect(chunk.hasDictionary == (other.dictionaryPagePosition != nil))
      }
      #expect(group.chunks[0].min == Array("a".utf8) && group.chunks[0].max == Array("b".utf8))
    }
    #expect(outline.rowGroups.count == 3)
  }

  @Test func `cut short anywhere it is an error`() {
    let bytes = Self.file()
    for count in 0..<bytes.count {
      #expect(throws: ParquetError.self) { _ = try Self.outline(Array(bytes[..<count])) }
    }
  }

  @Test(arguments: UInt64(1)...UInt64(30))
  func `no damage traps`(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let bytes = Self.file()
    for _ in 0..<400 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let place = bytes.count - Int.random(in: 1...min(bytes.count, 900), using: &random)
        damaged[place] = UInt8.random(in: 0...255, using: &random)
      }
      // It is read, or refused; seed \(seed) tells which bytes trapped.
      _ = try? Self.outline(damaged)
    }
  }
}
