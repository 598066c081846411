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
    #expect(outline.metadata.map(\.text) == ["four"])
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
        #expect(chunk.nullCount == other.statistics.nullCount.map { Int64($0) })
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
      _ = try? Self.pages(damaged)
    }
  }

  // MARK: - Pages

  private static func pages(_ bytes: [UInt8]) throws(ParquetError) -> ParquetOutline {
    var outline = try outline(bytes)
    try outline.readPages { Array(bytes[$0..<$0 + $1]) }
    return outline
  }

  /// 1000 rows in pages of 300: words, doubles that repeat no value, and a column without values.
  private static func paged() -> [UInt8] {
    let columns = [
      ParquetColumn(name: "device", type: .string, isOptional: false),
      ParquetColumn(name: "value", type: .double), ParquetColumn(name: "none", type: .int64),
    ]
    var writer = ParquetFileWriter(
      schema: ParquetSchema(columns: columns),
      options: ParquetWriterOptions(
        pageRowCountMax: 300, createdBy: "test", bloomFilterColumns: ["device"]))
    writer.beginRowGroup(rowCount: 1000)
    writer.writeColumn(
      .words(
        indexes: (0..<1000).map { UInt32($0 / 250) },
        dictionary: ByteStrings(bytes: Array("abcd".utf8), starts: [0, 1, 2, 3, 4])))
    writer.writeColumn(.double((0..<1000).map { Double($0) * 1.1 }))
    writer.writeColumn(
      .int64([Int64](repeating: 0, count: 1000)), validity: [UInt64](repeating: 0, count: 16))
    writer.endRowGroup()
    return writer.finish().output
  }

  @Test func `the headers of pages say how many there are and in which encodings`() throws {
    let chunks = try Self.pages(Self.paged()).rowGroups[0].chunks
    let pages = try chunks.map { try #require($0.pages) }
    #expect(pages.map(\.dataPageCount) == [4, 4, 1] && pages.allSatisfy { $0.fault == nil })
    #expect(pages.map(\.dictionaryEntryCount) == [4, nil, nil])
    #expect(pages[0].dictionaryByteCount == 4 * 5)
    #expect(
      pages.map { $0.encodings.map { "\($0.name) \($0.count)" } } == [
        ["RLE_DICTIONARY 4"], ["PLAIN 4"], ["PLAIN 1"],
      ])
    // Four bytes of length and three of levels, then 300 doubles.
    #expect(pages[1].pageByteCountMax == 300 * 8 + 4 + 3)
    for chunk in chunks {
      #expect(chunk.columnIndexByteCount ?? 0 > 0 && chunk.offsetIndexByteCount ?? 0 > 0)
    }
    #expect(chunks.map(\.hasBloomFilter) == [true, false, false])
    #expect(chunks[0].bloomFilterByteCount ?? 0 > 32)
  }

  @Test func `damage among the pages is told, and the rest is looked at`() throws {
    var bytes = Self.paged()
    let position = Int(try Self.outline(bytes).rowGroups[0].chunks[1].filePosition)
    bytes[position] = 0xFF
    let pages = try Self.pages(bytes).rowGroups[0].chunks.map(\.pages)
    guard case .damaged = pages[1]?.fault else {
      Issue.record("\(String(describing: pages[1]))")
      return
    }
    #expect(pages[1]?.dataPageCount == 0)
    #expect(pages[0]?.dataPageCount == 4 && pages[2]?.dataPageCount == 1)
  }

  @Test(arguments: UInt64(1)...UInt64(10))
  func `no damage of pages traps, and pages come to an end`(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let bytes = Self.paged()
    for _ in 0..<400 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        damaged[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
          in: 0...255, using: &random)
      }
      guard let outline = try? Self.pages(damaged) else { continue }
      for chunk in outline.rowGroups.flatMap(\.chunks) {
        #expect(chunk.pages?.dataPageCount ?? 0 <= bytes.count, "seed \(seed)")
      }
    }
  }
}
