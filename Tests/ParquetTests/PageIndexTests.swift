import Base
import Foundation
import TestSupport
import Testing

@testable import Parquet

/// Page index, bloom filters, and row groups that are copied with both.
@Suite struct PageIndexTests {
  private static let schema = ParquetSchema(columns: [
    ParquetColumn(name: "device_id", type: .string, isOptional: false),
    ParquetColumn(name: "time", type: .timestampMicros),
    ParquetColumn(name: "value", type: .double),
    ParquetColumn(name: "topic", type: .string),
  ])

  /// Rows sorted by device, as tables have them; each has 40 rows, and every tenth no value.
  private static func file(
    devices: Range<Int>, rowGroups: Int = 1, schema: ParquetSchema = schema,
    compression: Compression = .zstd(level: 1), page: Int = 100
  ) -> [UInt8] {
    var options = ParquetWriterOptions(
      compression: compression, pageRowCountMax: page, createdBy: "downlink version 1.2.3")
    options.bloomFilterColumns = ["device_id"]
    var writer = ParquetFileWriter(schema: schema, options: options)
    for group in 0..<rowGroups {
      let each = devices.count / rowGroups
      let first = devices.lowerBound + group * each
      let words = (first..<first + each).map { Array("device-\(1000 + $0)".utf8) }
      let count = each * 40
      writer.beginRowGroup(rowCount: count)
      for column in schema.columns {
        switch column.name {
        case "device_id":
          writer.writeColumn(
            .words(
              indexes: (0..<count).map { UInt32($0 / 40) },
              dictionary: ByteStrings(
                bytes: words.flatMap { $0 },
                starts: words.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) })))
        case "time": writer.writeColumn(.int64((0..<count).map { Int64($0 % 40) * 1_000_000 }))
        case "value":
          var validity = [UInt64](repeating: .max, count: (count + 63) / 64)
          for row in stride(from: 0, to: count, by: 10) {
            validity[row / 64] &= ~(1 << UInt64(row % 64))
          }
          writer.writeColumn(
            .double((0..<count).map { Double(($0 &* 7919) % 997) / 8 }), validity: validity)
        default: writer.writeColumn(.constantWord(Array("fleet".utf8)))
        }
      }
      writer.endRowGroup()
    }
    return writer.finish().output
  }

  private static func rows(_ bytes: [UInt8], _ column: Int) throws -> [ParquetValue?] {
    let file = try ParquetFile(bytes: bytes)
    return try file.footer.rowGroups.indices.flatMap { group in
      let values = try file.readColumn(column, rowGroup: group)
      return (0..<values.rowCount).map { values[$0] }
    }
  }

  @Test func `pages are where the offset index says, one after the other`() throws {
    let bytes = Self.file(devices: 0..<50, rowGroups: 2)
    let file = try ParquetFile(bytes: bytes)
    for group in file.footer.rowGroups {
      for (number, chunk) in group.chunks.enumerated() {
        let range = try #require(chunk.offsetIndex)
        let pages = try PageIndex.locations(Array(bytes[range]), filePosition: range.lowerBound)
        // The topic is one run, however long; the others have pages of 100 rows.
        let rows = number == 3 ? [0] : Array(stride(from: 0, to: 1000, by: 100))
        #expect(pages.map(\.firstRow) == rows)
        #expect(pages[0].filePosition == chunk.firstDataPagePosition)
        for (page, next) in zip(pages, pages.dropFirst()) {
          #expect(page.filePosition + page.byteCount == next.filePosition)
        }
        let last = try #require(pages.last)
        #expect(
          last.filePosition + last.byteCount == chunk.filePosition + chunk.compressedByteCount)
        #expect(chunk.columnIndex != nil)
      }
    }
  }

  @Test func `a row group of single pages has no page index`() throws {
    let file = try ParquetFile(bytes: Self.file(devices: 0..<10, page: 1000))
    #expect(file.footer.rowGroups[0].chunks.allSatisfy { $0.offsetIndex == nil })
  }

  @Test func `boundaries have the order they are in`() {
    func order(_ pairs: [(Int64, Int64)]) -> PageIndex.Order {
      PageIndex.order(of: pairs.map { (.integer($0), .integer($1)) })
    }
    #expect(order([(1, 2), (2, 3), (2, 9)]) == .ascending)
    #expect(order([(5, 9), (5, 8), (1, 2)]) == .descending)
    #expect(order([(1, 9), (2, 3)]) == .none)
    #expect(order([]) == .ascending && order([(1, 1)]) == .ascending)
  }

  @Test func `bounds of the chunk are those of its pages together`() throws {
    let footer = try ParquetFile(bytes: Self.file(devices: 0..<20)).footer
    let statistics = footer.rowGroups[0].chunks.map(\.statistics)
    #expect(statistics[0].min == .bytes(Array("device-1000".utf8)))
    #expect(statistics[0].max == .bytes(Array("device-1019".utf8)) && statistics[0].isMaxExact)
    #expect(statistics[1].max == .integer(39_000_000))
    #expect(statistics[2].nullCount == 80 && statistics[2].nanCount == 0)
  }

  // MARK: - Bloom filters

  /// The bits of one value, computed here from the specification's constants.
  @Test func `a filter sets the bits of the specification`() {
    var filter = BloomFilter(valueCount: 1)
    let hash = XXHash64.hash(Array("device-1000".utf8))
    filter.insert(hash: hash)
    let salt: [UInt32] = [
      0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947,
      0x5c6b_fb31,
    ]
    let low = UInt32(hash & 0xFFFF_FFFF)
    #expect(filter.words == salt.map { 1 << ((low &* $0) >> 27) })
    let head: [UInt8] = [0x15, 0x40, 0x1C, 0x1C, 0, 0, 0x1C, 0x1C, 0, 0, 0x1C, 0x1C, 0, 0, 0]
    #expect(Array(filter.encoded().prefix(15)) == head && filter.encoded().count == 15 + 32)
  }

  @Test func `a filter never denies a value, and rarely affirms another`() {
    var filter = BloomFilter(valueCount: 2000)
    #expect(filter.byteCount == 4096)
    func hash(_ number: Int) -> UInt64 { XXHash64.hash(Array("device-\(number)".utf8)) }
    for number in 0..<2000 { filter.insert(hash: hash(number)) }
    #expect((0..<2000).allSatisfy { filter.mayContain(hash: hash($0)) })
    #expect((2000..<12_000).count { filter.mayContain(hash: hash($0)) } < 150)
  }

  @Test func `a filter is written where it pays`() throws {
    func filter(_ devices: Range<Int>) throws -> Int? {
      let file = try ParquetFile(bytes: Self.file(devices: devices))
      return file.footer.rowGroups[0].chunks[0].bloomFilterByteCount
    }
    #expect(try filter(0..<1) == nil)
    #expect(try filter(0..<50) == 64 + 16)
    // Two rows a value: not worth it.
    #expect(BloomFilter.filter(forDictionary: [], entryCount: 1000, rowCount: 2000) == nil)
  }

  // MARK: - Copies

  @Test(arguments: [Compression.none, .snappy])
  func `copied row groups are the same rows with the same pages`(codec: Compression) throws {
    let (one, two) = (
      Self.file(devices: 0..<40, rowGroups: 2), Self.file(devices: 40..<70, compression: codec)
    )
    var writer = ParquetFileWriter(
      schema: Self.schema, options: ParquetWriterOptions(createdBy: "downlink version 1.2.3"))
    for file in [try ParquetFile(bytes: one), try ParquetFile(bytes: two)] {
      #expect(ParquetFileWriter.obstacle(toCopying: file, into: Self.schema) == nil)
      for group in file.footer.rowGroups.indices { try writer.copyRowGroup(group, of: file) }
    }
    let (bytes, summary) = writer.finish()
    for column in 0..<4 {
      let rows = try Self.rows(one, column) + Self.rows(two, column)
      #expect(try Self.rows(bytes, column) == rows)
    }
    let footer = try ParquetFile(bytes: bytes).footer
    #expect(summary.rowCount == 2800 && summary.columns[2].nullCount == 280)
    #expect(summary.columns[0].max == .bytes(Array("device-1069".utf8)))
    #expect(footer.columnSummaries == summary.columns)
    for group in footer.rowGroups {
      for chunk in group.chunks {
        let range = try #require(chunk.offsetIndex)
        let pages = try PageIndex.locations(Array(bytes[range]), filePosition: range.lowerBound)
        #expect(pages[0].filePosition == chunk.firstDataPagePosition && chunk.columnIndex != nil)
      }
      #expect(group.chunks[0].bloomFilterPosition != nil)
    }
  }

  @Test func `a column that came later is absent in the rows copied`() throws {
    let old = Self.file(devices: 0..<20)
    let grown = ParquetSchema(
      columns: [ParquetColumn(name: "extra", type: .double)] + Self.schema.columns
        + [ParquetColumn(name: "note", type: .string)])
    let file = try ParquetFile(bytes: old)
    #expect(ParquetFileWriter.obstacle(toCopying: file, into: grown) == nil)
    var writer = ParquetFileWriter(
      schema: grown, options: ParquetWriterOptions(createdBy: "downlink version 1.2.3"))
    try writer.copyRowGroup(0, of: file)
    let (bytes, summary) = writer.finish()
    #expect(bytes.count < old.count + 500)
    #expect(try Self.rows(bytes, 0).allSatisfy { $0 == nil })
    #expect(try Self.rows(bytes, 1) == Self.rows(old, 0))
    #expect(summary.columns[5].nullCount == 800 && summary.columns[5].min == nil)
  }

  @Test func `what cannot be copied is named`() throws {
    let file = try ParquetFile(bytes: Self.file(devices: 0..<2))
    func obstacle(_ columns: [ParquetColumn]) -> String? {
      ParquetFileWriter.obstacle(toCopying: file, into: ParquetSchema(columns: columns))
    }
    var columns = Self.schema.columns
    #expect(obstacle(Array(columns.dropLast())) == "column 'topic' is not wanted")
    columns[2] = ParquetColumn(name: "value", type: .float)
    #expect(obstacle(columns) == "column 'value' is double, not float")
    columns[2] = ParquetColumn(name: "value", type: .double, isOptional: false)
    #expect(obstacle(columns) == "column 'value' is optional")
    columns = Self.schema.columns + [ParquetColumn(name: "n", type: .int32, isOptional: false)]
    #expect(obstacle(columns) == "column 'n' is required and not there")
  }

  /// DuckDB probes the filters, pyarrow and Polars prune; all find every device's rows.
  @Test func `other readers prune by index and filter and find the right rows`() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("index-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let written = Self.file(devices: 0..<60, rowGroups: 3)
    try Data(written).write(to: folder.appendingPathComponent("written.parquet"))
    var writer = ParquetFileWriter(
      schema: Self.schema, options: ParquetWriterOptions(createdBy: "downlink version 1.2.3"))
    let file = try ParquetFile(bytes: written)
    for group in file.footer.rowGroups.indices { try writer.copyRowGroup(group, of: file) }
    try Data(writer.finish().output).write(to: folder.appendingPathComponent("copied.parquet"))
    let outcome = try Python.run("page_index.py", [folder.path])
    #expect(outcome.code == 0, "\(outcome.text)")
  }
}
