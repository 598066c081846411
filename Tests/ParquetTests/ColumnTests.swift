import Base
import Testing

@testable import Parquet

@Suite struct ValidityBitmapTests {
  @Test func `no bitmap where every row is present, whatever lies beyond the rows`() {
    #expect(ValidityBitmap(words: [.max, 0b111], rowCount: 67) == nil)
    #expect(ValidityBitmap(words: [.max, 0b011], rowCount: 67)?.presentCount == 66)
    #expect(ValidityBitmap(words: [.max, .max, 5], rowCount: 128) == nil)
    #expect(ValidityBitmap(words: [0, .max], rowCount: 65)?.presentCount == 1)
  }

  @Test func `bits are read across words and cut at the end`() throws {
    let bitmap = try #require(ValidityBitmap(words: [0xF000_0000_0000_000F, 0b101], rowCount: 70))
    #expect(bitmap.bits(from: 60, to: 70) == 0b101_1111)
    #expect(bitmap.bits(from: 60, to: 66) == 0b01_1111)
    #expect(bitmap.bits(from: 0, to: 70) == 0xF000_0000_0000_000F)
    #expect(bitmap.bits(from: 64, to: 70) == 0b101)
  }

  @Test func `advancing stops at whichever limit comes first`() {
    for seed in 0..<300 as Range<UInt64> {
      var random = SplitMix64(seed: seed)
      let rowCount = 1 + Int(random.next() % 300)
      let presence = (0..<rowCount).map { _ in random.next() % 3 == 0 }
      var words = [UInt64](repeating: 0, count: 5)
      for row in 0..<rowCount where presence[row] { words[row / 64] |= 1 << (row % 64) }
      guard let bitmap = ValidityBitmap(words: words, rowCount: rowCount) else { continue }
      let start = Int(random.next() % UInt64(rowCount))
      let rowCountMax = 1 + Int(random.next() % 200)
      let valueCountMax = 1 + Int(random.next() % 50)
      var (rowEnd, valueCount) = (start, 0)
      while rowEnd < min(rowCount, start + rowCountMax) {
        if presence[rowEnd] && valueCount == valueCountMax { break }
        valueCount += presence[rowEnd] ? 1 : 0
        rowEnd += 1
      }
      let found = bitmap.advance(
        from: start, rowCountMax: rowCountMax, valueCountMax: valueCountMax)
      #expect(found.rowEnd == rowEnd && found.valueCount == valueCount, "seed \(seed)")
    }
  }

  @Test func `compacting keeps the values of present rows`() {
    let bitmap = ValidityBitmap(words: [0b1011], rowCount: 4)
    #expect(bitmap?.compact([10, 20, 30, 40]) == [10, 20, 40])
  }
}

@Suite struct ValueTableTests {
  @Test func `values get numbers in order of first use, and the table grows`() {
    var table = ValueTable()
    table.reset(expecting: 1)
    let values = (0..<10_000).map { Double(($0 * 7919) % 3000) / 8 }
    var indexes: [UInt32] = []
    table.number(values.span, entryCountMax: 100_000, into: &indexes)
    #expect(indexes.count == values.count && table.entries.count == 3000)
    #expect(indexes.map { Double(bitPattern: table.entries[Int($0)]) } == values)
    var next: UInt32 = 0
    for index in indexes {
      #expect(index <= next)
      next = max(next, index + 1)
    }
  }

  @Test func `numbering stops at the limit`() {
    var table = ValueTable()
    table.reset(expecting: 10)
    var indexes: [UInt32] = []
    table.number(([1, 2, 1, 3, 2, 4, 1] as [Int64]).span, entryCountMax: 3, into: &indexes)
    #expect(indexes == [0, 1, 0, 2, 1])
  }

  @Test func `zeros and NaNs of different bits are different entries`() {
    var table = ValueTable()
    table.reset(expecting: 4)
    var indexes: [UInt32] = []
    let payload = Double(bitPattern: 0x7FF8_0000_0000_0001)
    table.number([0.0, -0.0, .nan, payload, 0.0].span, entryCountMax: 9, into: &indexes)
    #expect(indexes == [0, 1, 2, 3, 0])
  }
}

@Suite struct EncodingChoiceTests {
  private let options = ParquetWriterOptions(createdBy: "test version 1")

  private func doubles(_ values: [Double]) -> EncodingChoice {
    var table = ValueTable()
    return EncodingChoice(floatingPoint: values.span, options: options, table: &table)
  }

  private func integers(_ values: [Int64]) -> EncodingChoice {
    var table = ValueTable()
    return EncodingChoice(integers: values.span, options: options, table: &table)
  }

  @Test func `unique doubles are plain`() {
    var random = SplitMix64(seed: 1)
    let choice = doubles((0..<50_000).map { _ in Double.random(in: 0..<1, using: &random) })
    #expect(choice.expectedEntryCount == nil && choice.fallback == .plain)
  }

  @Test func `rounded doubles get a dictionary of about the right size`() throws {
    var random = SplitMix64(seed: 2)
    let choice = doubles(
      (0..<200_000).map { _ in Double(Int.random(in: 0..<10_000, using: &random)) / 100 })
    let expected = try #require(choice.expectedEntryCount)
    #expect((7_000...14_000).contains(expected))
  }

  @Test func `a dictionary that the sample took for smaller than it is is given up`() throws {
    var random = SplitMix64(seed: 4)
    // By night nothing, by day another value each time: half of a sample repeats.
    let values = (0..<60_000).map { row in
      row / 500 % 2 == 0 ? 0 : Double.random(in: 0..<1000, using: &random)
    }
    let choice = doubles(values)
    #expect(choice.expectedEntryCount != nil)
    #expect(!choice.pays(entryCount: 30_001, valueCount: 60_000, entryByteCount: 8))
    #expect(choice.pays(entryCount: 8_000, valueCount: 60_000, entryByteCount: 8))
    var writer = ParquetFileWriter(
      schema: ParquetSchema(columns: [ParquetColumn(name: "power", type: .double)]),
      options: options)
    writer.beginRowGroup(rowCount: values.count)
    writer.writeColumn(.double(values))
    writer.endRowGroup()
    let chunk = try ParquetFile(bytes: writer.finish().output).footer.rowGroups[0].chunks[0]
    #expect(chunk.dictionaryPagePosition == nil && chunk.encodings == [.plain, .runLength])
  }

  @Test func `times are delta packed, flags get a dictionary, noise is plain`() {
    var random = SplitMix64(seed: 3)
    let times = (0..<50_000).map {
      Int64($0) * 1_000_000 + Int64.random(in: 0..<500, using: &random)
    }
    #expect(integers(times).expectedEntryCount == nil)
    #expect(integers(times).fallback == .deltaBinaryPacked)
    let flags = (0..<50_000).map { Int64($0 % 5000 == 0 ? 4 : 0) }
    #expect(integers(flags).expectedEntryCount != nil)
    let noise = (0..<50_000).map { _ in Int64.random(in: .min ... .max, using: &random) }
    #expect(integers(noise).expectedEntryCount == nil && integers(noise).fallback == .plain)
  }
}

@Suite struct ColumnStatisticsTests {
  private func statistics(_ values: [Double]) -> ColumnStatistics {
    ColumnStatistics(floatingPoint: values.span) { .double($0) }
  }

  @Test func `bounds are found at every position, and NaN spoils them from every position`() {
    for position in 0..<9 {
      var values: [Double] = [5, -3, 6, 1, 2, 7, 0.5, 4, 6]
      values[position] = -9
      values[(position + 5) % 9] = 11
      #expect(statistics(values).bounds == .known(min: .double(-9), max: .double(11)))
      values[position] = .nan
      #expect(statistics(values).nanCount == 1)
      #expect(statistics(values).bounds == .unknowable)
    }
  }

  @Test func `no value is no bounds, an infinity spoils them`() {
    #expect(statistics([]).bounds == .empty)
    #expect(statistics([1, .infinity]).bounds == .unknowable)
    #expect(statistics([1, -.infinity, 2, 3, 4]).bounds == .unknowable)
    #expect(statistics([.infinity]).bounds == .unknowable)
  }

  @Test func `merging keeps the outermost bounds, and an infinity for good`() {
    var all = statistics([1, 2])
    all.merge(statistics([]))
    all.merge(statistics([-5, 1]))
    #expect(all.bounds == .known(min: .double(-5), max: .double(2)))
    all.merge(statistics([.infinity]))
    all.merge(statistics([3]))
    #expect(all.bounds == .unknowable)
  }

  @Test func `integers reach both ends`() {
    let found = ColumnStatistics(integers: ([3, .min, 9, .max] as [Int64]).span)
    #expect(found.bounds == .known(min: .integer(.min), max: .integer(.max)))
  }
}

@Suite struct BoundTruncationTests {
  @Test func `short strings stay`() {
    let bytes = Array(repeating: UInt8(0xFF), count: 64)
    #expect(BoundTruncation.lower(bytes, isText: false) == bytes)
    #expect(BoundTruncation.upper(bytes, isText: false) == bytes)
  }

  @Test func `binary is raised in the last byte that can be`() {
    let bytes = [1, 2] + Array(repeating: UInt8(0xFF), count: 100)
    #expect(BoundTruncation.upper(bytes, isText: false) == [1, 3])
    let all = Array(repeating: UInt8(0xFF), count: 100)
    #expect(BoundTruncation.upper(all, isText: false) == nil)
  }

  @Test func `where nothing short is above the largest string there are no bounds`() {
    for (bytes, isText) in [
      (Array(repeating: UInt8(0xFF), count: 1 << 20), false),
      (Array(String(repeating: "\u{10FFFF}", count: 100).utf8), true),
    ] {
      let small = Array("a".utf8)
      let strings = ByteStrings(
        bytes: small + bytes, starts: [0, small.count, small.count + bytes.count])
      var bounds = ByteStringBounds(strings)
      bounds.include(0)
      #expect(
        bounds.statistics(isText: isText).bounds == .known(min: .bytes(small), max: .bytes(small)))
      bounds.include(1)
      #expect(bounds.statistics(isText: isText).bounds == .unknowable)
    }
  }

  @Test func `text is cut at a character and stays UTF-8`() throws {
    for prefix in 60...64 {
      for tail in ["é", "€", "\u{1F6F0}", "\u{D7FF}", "\u{10FFFF}", "z"] {
        let text = String(repeating: "a", count: prefix) + String(repeating: tail, count: 30)
        let bytes = Array(text.utf8)
        let lower = BoundTruncation.lower(bytes, isText: true)
        let upper = try #require(BoundTruncation.upper(bytes, isText: true))
        #expect(lower.count <= 64 && upper.count <= 64)
        #expect(Array(String(decoding: lower, as: UTF8.self).utf8) == lower)
        #expect(Array(String(decoding: upper, as: UTF8.self).utf8) == upper)
        #expect(bytes.starts(with: lower))
        #expect(bytes.lexicographicallyPrecedes(upper))
      }
    }
  }
}
