import Base
import Testing

@testable import Parquet

/// What the writer wrote comes back, and written again gives the same bytes.
@Suite struct WriteReadTests {
  @Test(arguments: 0..<4)
  func `random tables come back, and written again are the same file`(batch: Int) throws {
    for number in 0..<10 {
      let seed = UInt64(31_000 + batch * 10 + number)
      var tables = RandomTables(seed: seed)
      try expectIdentity(tables.table(), "seed \(seed)")
    }
  }

  @Test func `every encoding comes back with every codec`() throws {
    let codecs: [(Compression, Codec)] = [
      (.none, .uncompressed), (.snappy, .snappy), (.zstd(level: 1), .zstd), (.lz4, .lz4Raw),
    ]
    for (compression, codec) in codecs {
      for splits in [false, true] {
        let table = everyEncoding(
          ParquetWriterOptions(
            compression: compression, pageByteCountMax: 5000, splitsFloatingPointBytes: splits,
            createdBy: "downlink version 1.2.3"))
        try expectIdentity(table, "\(codec)")
        let chunks = try ParquetFile(bytes: table.file()).footer.rowGroups[0].chunks
        #expect(chunks.allSatisfy { $0.codec == codec })
        let fallback = splits ? Encoding.byteStreamSplit : .plain
        #expect(
          chunks.map(\.encodings) == [
            [.runLength, .deltaBinaryPacked], [.plain, .runLength, .dictionary],
            splits ? [.runLength, fallback] : [fallback, .runLength],
            splits ? [.runLength, fallback] : [fallback, .runLength],
            [.plain, .runLength, .dictionary], [.plain, .runLength], [.plain, .runLength],
            [.plain, .runLength], [.runLength, .deltaBinaryPacked],
          ])
      }
    }
  }

  @Test func `a dictionary that is left midway comes back`() throws {
    func number(_ row: Int) -> Int { row < 19_000 ? row % 10 : row * 7919 }
    let columns = [
      column("text", .string, (0..<20_000).map {
        $0 % 11 == 0 ? nil : .bytes(Array("device-\(number($0))".utf8))
      }, .words),
      column("double", .double, (0..<20_000).map { .double(Double(number($0)) / 4) }),
    ]
    let table = TestTable(
      columns: columns, rowGroups: [20_000],
      options: ParquetWriterOptions(
        pageByteCountMax: 500, dictionaryByteCountMax: 4800, createdBy: "test version 1"))
    try expectIdentity(table, "fallback")
  }

  /// The dictionary has room for one entry: its values were counted, and are stored after all.
  @Test func `a dictionary of one entry that is left midway comes back`() throws {
    let words = (0..<2000).map { row -> ParquetValue? in
      row % 7 == 3 ? nil : .bytes(row < 1900 ? Array("0123456789".utf8) : Array("x\(row)".utf8))
    }
    let options = ParquetWriterOptions(
      pageRowCountMax: 300, dictionaryByteCountMax: 14, createdBy: "test version 1")
    let table = TestTable(
      columns: [column("text", .string, words, .words)], rowGroups: [2000], options: options)
    try expectIdentity(table, "text")
    let chunk = try ParquetFile(bytes: table.file()).footer.rowGroups[0].chunks[0]
    #expect(chunk.dictionaryPagePosition != nil)
  }

  @Test func `the same number in every row comes back`() throws {
    let values: [ParquetValue?] = (0..<5000).map { $0 % 3 == 1 ? nil : .double(1.25) }
    let table = TestTable(
      columns: [
        column("gaps", .double, values),
        column("double", .double, Array(repeating: .double(-0.0), count: 5000)),
        column("float", .float, Array(repeating: .float(2), count: 5000)),
        column("integer", .int64, Array(repeating: .integer(7), count: 5000)),
      ], rowGroups: [2000, 3000], options: ParquetWriterOptions(createdBy: "test version 1"))
    try expectIdentity(table, "the same number")
    let file = try ParquetFile(bytes: table.file())
    guard case .constantInteger(7) = try file.readColumn(3, rowGroup: 1).values else {
      Issue.record("a dictionary of one entry is a constant")
      return
    }
  }

  /// Found by the random tables: the writer made empty pages for ever.
  @Test func `a page limit of less than one index still holds one`() throws {
    let values = (0..<4000).map { row -> ParquetValue? in .double(Double(row % 300) / 4) }
    let table = TestTable(
      columns: [column("double", .double, values)], rowGroups: [4000],
      options: ParquetWriterOptions(pageByteCountMax: 1, createdBy: "test version 1"))
    try expectIdentity(table, "tiny pages")
  }

  @Test func `numbers come back bit for bit`() throws {
    let doubles: [UInt64] = [
      0, 1, 1 << 63, 0x7FF0_0000_0000_0000, 0xFFF0_0000_0000_0000, 0x7FF8_0000_0000_0000,
      0x7FF0_0000_0000_0001, 0xFFFF_FFFF_FFFF_FFFF, 0x7FEF_FFFF_FFFF_FFFF,
    ]
    let floats: [UInt32] = [
      0, 1, 1 << 31, 0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0x7F80_0001, .max,
    ]
    let integers: [Int64] = [.min, .max, 0, -1, 1, .min, .max]
    for repetitions in [1, 400] {
      for splits in [false, true] {
        let options = ParquetWriterOptions(
          splitsFloatingPointBytes: splits, createdBy: "test version 1")
        let table = TestTable(
          columns: [
            column("double", .double, repeated(
              doubles.map { .double(Double(bitPattern: $0)) }, repetitions * 63)),
            column("float", .float, repeated(
              floats.map { .float(Float(bitPattern: $0)) }, repetitions * 63)),
            column("int64", .int64, repeated(
              integers.map { .integer($0) }, repetitions * 63)),
            column("int32", .int32, repeated(
              integers.map { .integer(Int64(Int32(truncatingIfNeeded: $0 >> 32))) },
              repetitions * 63)),
          ], rowGroups: [repetitions * 63], options: options)
        try expectIdentity(table, "repeated \(repetitions) times")
      }
    }
  }

  @Test func `columns without a value come back`() throws {
    let columns = ParquetType.allCases.map { type in
      column("\(type)", type, Array(repeating: nil, count: 130))
    }
    let table = TestTable(
      columns: columns, rowGroups: [1, 64, 65],
      options: ParquetWriterOptions(createdBy: "test version 1"))
    try expectIdentity(table, "absent")
  }

  @Test func `long strings come back`() throws {
    let sizes = [0, 1, 63, 64, 65, 100_000, 3_000_000, 5]
    let values = sizes.map { size -> ParquetValue? in
      .bytes(Array(repeating: UInt8(ascii: "x"), count: size))
    }
    let table = TestTable(
      columns: [
        column("text", .string, values, .byteStrings), column("binary", .binary, values, .words),
        column("constant", .string, Array(repeating: values[5], count: sizes.count), .constant),
      ], rowGroups: [3, 5], options: ParquetWriterOptions(createdBy: "test version 1"))
    try expectIdentity(table, "long")
  }

  @Test func `a file without rows has a footer`() throws {
    let table = TestTable(
      columns: [column("text", .string, [])], rowGroups: [],
      options: ParquetWriterOptions(createdBy: "test version 1"))
    let footer = try ParquetFile(bytes: table.file()).footer
    #expect(footer.rowCount == 0 && footer.rowGroups.isEmpty && footer.filePosition == 4)
    #expect(footer.schema.columns == table.columns.map(\.column))
    #expect(footer.columnSummaries?.map(\.nullCount) == [0, 0])
  }

  @Test func `a constant costs no memory a row`() throws {
    var writer = ParquetFileWriter(
      schema: ParquetSchema(columns: [
        ParquetColumn(name: "topic", type: .string), ParquetColumn(name: "partition", type: .int32),
      ]), options: ParquetWriterOptions(createdBy: "test version 1"))
    writer.beginRowGroup(rowCount: 2_000_000_000)
    writer.writeColumn(.constantWord(Array("telemetry".utf8)))
    writer.writeColumn(.constantInteger(7))
    writer.endRowGroup()
    let file = try ParquetFile(
      bytes: writer.finish().output,
      limits: ParquetReaderLimits(rowGroupRowCountMax: 2_000_000_000))
    #expect(try file.readColumn(0, rowGroup: 0)[1_999_999_999] == .bytes(Array("telemetry".utf8)))
    #expect(try file.readColumn(1, rowGroup: 0)[0] == .integer(7))
  }

  // MARK: - Tables

  private func everyEncoding(_ options: ParquetWriterOptions) -> TestTable {
    var random = SplitMix64(seed: 5)
    let rows = 0..<3000
    func gaps(_ values: [ParquetValue]) -> [ParquetValue?] {
      values.enumerated().map { $0 % 13 == 0 || (500..<900).contains($0) ? nil : $1 }
    }
    let noise = rows.map { _ in Double.random(in: 0..<1, using: &random) }
    return TestTable(
      columns: [
        column("time", .timestampMicros, gaps(rows.map { .integer(Int64($0) * 1_000_003) })),
        column("rounded", .double, gaps(rows.map { .double(Double($0 % 50) / 100) })),
        column("noise", .double, gaps(noise.map { .double($0) })),
        column("float", .float, gaps(noise.map { .float(Float($0)) })),
        column("word", .string, gaps(rows.map { .bytes(Array("w\($0 % 90)".utf8)) }), .words),
        column("unique", .binary, gaps(rows.map { .bytes(Array("id-\($0)".utf8)) }), .words),
        column("flag", .boolean, gaps(rows.map { .boolean($0 % 5 < 2) })),
        column("hash", .int64, gaps(rows.map { _ in
          .integer(Int64.random(in: .min ... .max, using: &random))
        })),
      ], rowGroups: [rows.count], options: options)
  }

  private func repeated(_ values: [ParquetValue], _ count: Int) -> [ParquetValue?] {
    (0..<count).map { values[$0 % values.count] }
  }

  private func column(
    _ name: String, _ type: ParquetType, _ values: [ParquetValue?],
    _ form: TestTable.Form = .values
  ) -> TestTable.Column {
    TestTable.Column(
      column: ParquetColumn(name: name, type: type), values: values, form: form)
  }
}

/// Reads the table's file back, compares every row, and writes what was read once more.
private func expectIdentity(
  _ table: TestTable, _ name: String, at location: SourceLocation = #_sourceLocation
) throws {
  let bytes = table.file()
  let file = try ParquetFile(bytes: bytes)
  #expect(file.footer.schema.columns == table.columns.map(\.column), sourceLocation: location)
  #expect(file.footer.rowGroups.map(\.rowCount) == table.rowGroups, sourceLocation: location)
  #expect(file.footer.createdBy == table.options.createdBy, sourceLocation: location)
  #expect(
    file.footer.keyValueMetadata == table.options.keyValueMetadata, sourceLocation: location)
  var writer = ParquetFileWriter(schema: file.footer.schema, options: table.options)
  var start = 0
  for (index, rowCount) in table.rowGroups.enumerated() {
    writer.beginRowGroup(rowCount: rowCount)
    for (columnIndex, column) in table.columns.enumerated() {
      let read = try file.readColumn(columnIndex, rowGroup: index)
      let differing = (0..<rowCount).first { row in
        !areSame(read[row], column.values[start + row])
      }
      #expect(
        differing == nil, "\(name), column \(column.column.name), row group \(index)",
        sourceLocation: location)
      writer.writeColumn(read.values, validity: read.validity)
    }
    writer.endRowGroup()
    start += rowCount
  }
  let (rewritten, summary) = writer.finish()
  // Named, for a failed comparison of long arrays in the macro computes their difference for hours.
  let isSame = rewritten == bytes
  #expect(isSame, "\(name)", sourceLocation: location)
  #expect(file.footer.columnSummaries == summary.columns, "\(name)", sourceLocation: location)
  #expect(file.footer.rowCount == summary.rowCount, "\(name)", sourceLocation: location)
}

/// Equal bit for bit.
private func areSame(_ left: ParquetValue?, _ right: ParquetValue?) -> Bool {
  switch (left, right) {
  case (.float(let left)?, .float(let right)?): left.bitPattern == right.bitPattern
  case (.double(let left)?, .double(let right)?): left.bitPattern == right.bitPattern
  default: left == right
  }
}
