import Base
import Testing

@testable import Parquet

@Suite struct BitPackingTests {
  @Test func `packs the specification's example`() {
    // Encodings.md: 0 … 7 in three bits are 10001000 11000110 11111010.
    let values: [UInt32] = [0, 1, 2, 3, 4, 5, 6, 7]
    var words = [UInt64](repeating: 0, count: 1)
    var span = words.mutableSpan
    #expect(BitPacking.pack(values.span, width: 3, into: &span) == 1)
    #expect(words == [0b11111010_11000110_10001000])
  }

  @Test(arguments: 0...64)
  func `every width comes back`(width: Int) {
    var random = SplitMix64(seed: UInt64(width))
    let mask = width == 64 ? UInt64.max : (1 << UInt64(width)) - 1
    let values = (0..<100).map { index in
      index % 10 == 0 ? mask : random.next() & mask
    }
    var words = [UInt64](repeating: 0, count: 100)
    var span = words.mutableSpan
    let used = BitPacking.pack(values.span, width: width, into: &span)
    #expect(used == (100 * width + 63) / 64)
    var reader = BitReader(bytes: words.flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64($0 * 8)) }
    })
    for value in values { #expect(reader.read(width: width) == value) }
  }

  @Test func `width counts the bits of the largest value`() {
    #expect(BitPacking.width(of: 0) == 0)
    #expect(BitPacking.width(of: 1) == 1)
    #expect(BitPacking.width(of: 255) == 8)
    #expect(BitPacking.width(of: 256) == 9)
    #expect(BitPacking.width(of: .max) == 64)
  }
}

@Suite struct RunLengthEncodingTests {
  private func encoded(_ values: [UInt32], width: Int) -> [UInt8] {
    var page = PageBuffer()
    RunLengthEncoding.append(values.span, width: width, to: &page)
    return page.bytes
  }

  @Test func `a group of different values is packed`() {
    #expect(encoded([0, 1, 2, 3, 4, 5, 6, 7], width: 3) == [0x03, 0x88, 0xC6, 0xFA])
  }

  @Test func `a repetition is a run`() {
    #expect(encoded(Array(repeating: 4, count: 100), width: 3) == [0xC8, 0x01, 0x04])
    #expect(encoded(Array(repeating: 300, count: 8), width: 9) == [0x10, 0x2C, 0x01])
  }

  @Test func `literals before a run borrow from it to fill their group`() {
    // 1, 2 and six of the nines are one group; the other ten nines are a run.
    let bytes = encoded([1, 2] + Array(repeating: 9, count: 16), width: 4)
    #expect(bytes == [0x03, 0x21, 0x99, 0x99, 0x99, 0x14, 0x09])
  }

  @Test func `the last group is filled with zeros`() {
    #expect(encoded([1, 2, 3], width: 2) == [0x03, 0b00_11_10_01, 0x00])
  }

  @Test func `an index without bits has a run without bytes`() {
    #expect(encoded(Array(repeating: 0, count: 20), width: 0) == [0x28])
  }

  @Test func `nothing is nothing`() { #expect(encoded([], width: 5) == []) }

  @Test(arguments: 0...32)
  func `random mixtures of runs and literals come back`(width: Int) {
    var random = SplitMix64(seed: UInt64(width) + 77)
    for _ in 0..<20 {
      var values: [UInt32] = []
      while values.count < 1500 {
        let value = width == 0 ? 0 : UInt32(truncatingIfNeeded: random.next() >> UInt64(64 - width))
        let count = random.next() % 3 == 0 ? Int(random.next() % 40) : 1
        values += Array(repeating: value, count: count)
      }
      let decoded = decodeRuns(encoded(values, width: width), width: width)
      #expect(decoded.prefix(values.count) == values[...])
      #expect(decoded.count - values.count < 8)
    }
  }

  @Test func `packed runs keep a header of one byte`() {
    let bytes = encoded((0..<2000).map { UInt32($0 % 2) }, width: 1)
    #expect(bytes[0] == 63 << 1 | 1)
    #expect(bytes[64] == 63 << 1 | 1)
  }
}

@Suite struct DefinitionLevelTests {
  private func encoded(_ presence: [Bool], rows: Range<Int>) -> [UInt8] {
    var words = [UInt64](repeating: 0, count: (presence.count + 63) / 64)
    for (row, isPresent) in presence.enumerated() where isPresent {
      words[row / 64] |= 1 << (row % 64)
    }
    var page = PageBuffer()
    RunLengthEncoding.appendPresence(
      of: rows, in: ValidityBitmap(words: words, rowCount: presence.count), to: &page)
    return page.bytes
  }

  @Test func `all present is one run`() {
    #expect(encoded(Array(repeating: true, count: 1000), rows: 0..<1000) == [0xD0, 0x0F, 0x01])
  }

  @Test func `all absent is one run, whatever the length of the last word`() {
    #expect(encoded(Array(repeating: false, count: 70), rows: 0..<70) == [0x8C, 0x01, 0x00])
  }

  @Test func `levels of any stretch of rows come back`() {
    for seed in 0..<200 as Range<UInt64> {
      var random = SplitMix64(seed: seed)
      var presence: [Bool] = []
      while presence.count < 700 {
        let count = random.next() % 4 == 0 ? Int(random.next() % 300) : 1
        presence += Array(repeating: random.next() % 2 == 0, count: count)
      }
      let start = Int(random.next() % 300)
      let end = start + 1 + Int(random.next() % UInt64(presence.count - start))
      let decoded = decodeRuns(encoded(presence, rows: start..<end), width: 1)
      #expect(
        decoded.prefix(end - start).map { $0 == 1 } == Array(presence[start..<end]), "seed \(seed)")
    }
  }
}

@Suite struct DeltaBinaryPackingTests {
  private func encoded64(_ values: [Int64]) -> [UInt8] {
    var page = PageBuffer()
    DeltaBinaryPacking.append(values.span, to: &page)
    return page.bytes
  }

  private func encoded32(_ values: [Int32]) -> [UInt8] {
    var page = PageBuffer()
    DeltaBinaryPacking.append(values.span, to: &page)
    return page.bytes
  }

  // The specification's examples, with the block size of 128 it requires instead of its 8.
  @Test func `equal differences take no bits`() {
    #expect(encoded64([1, 2, 3, 4, 5]) == [0x80, 0x01, 4, 5, 2, 2, 0, 0, 0, 0])
  }

  @Test func `differences are packed relative to the smallest`() {
    let header: [UInt8] = [0x80, 0x01, 4, 8, 14]
    let block: [UInt8] = [3, 2, 0, 0, 0, 0b11_00_00_00, 0b00_11_11_11, 0, 0, 0, 0, 0, 0]
    #expect(encoded64([7, 5, 3, 1, 2, 3, 4, 5]) == header + block)
    #expect(encoded32([7, 5, 3, 1, 2, 3, 4, 5]) == header + block)
  }

  @Test func `one value is a header, none is a header of zero`() {
    #expect(encoded64([-1]) == [0x80, 0x01, 4, 1, 1])
    #expect(encoded64([]) == [0x80, 0x01, 4, 0, 0])
  }

  @Test func `extremes wrap around and come back`() {
    let values: [Int64] = [.min, .max, 0, .max, .min, -1, .min, .min, .max]
    #expect(decodeDelta(encoded64(values)) { $0 } == values)
    let narrow: [Int32] = [.min, .max, 0, .max, .min, -1, .min, .min, .max]
    let bytes = encoded32(narrow)
    // Header and smallest difference are five-byte varints here: the first width is byte 14.
    #expect(bytes[14] == 32, "int32 differences need 32 bits at most")
    #expect(decodeDelta(bytes) { Int64(Int32(truncatingIfNeeded: $0)) } == narrow.map { Int64($0) })
  }

  @Test(arguments: [1, 2, 32, 33, 128, 129, 130, 257, 1000])
  func `random walks of every step width come back`(count: Int) {
    for width in 0...64 as ClosedRange<UInt64> {
      var random = SplitMix64(seed: width * 1000 + UInt64(count))
      var value = Int64(bitPattern: random.next())
      let values = (0..<count).map { _ in
        let step = width == 0 ? 0 : random.next() >> (64 - width)
        value = value &+ Int64(bitPattern: step)
        return value
      }
      #expect(decodeDelta(encoded64(values)) { $0 } == values, "width \(width)")
      let narrow = values.map { Int32(truncatingIfNeeded: $0) }
      let decoded = decodeDelta(encoded32(narrow)) { Int64(Int32(truncatingIfNeeded: $0)) }
      #expect(decoded == narrow.map { Int64($0) }, "width \(width)")
    }
  }

  @Test func `the size for choosing is the size written`() {
    for seed in 0..<50 as Range<UInt64> {
      var random = SplitMix64(seed: seed)
      let values = (0..<500).map { _ in Int64(bitPattern: random.next() >> (seed + 1)) }
      let header = encoded64([values[0]]).count + 1  // the count of 500 takes two bytes
      let written = encoded64(values).count - header
      // A varint of the smallest difference may be a byte shorter than its bits suggest.
      #expect(abs(DeltaBinaryPacking.byteCount(of: values.span) - written) <= 4, "seed \(seed)")
    }
  }
}

@Suite struct FixedWidthEncodingTests {
  @Test func `byte streams are split as in the specification`() {
    let elements: [[UInt8]] = [
      [0xAA, 0xBB, 0xCC, 0xDD], [0x00, 0x11, 0x22, 0x33], [0xA3, 0xB4, 0xC5, 0xD6],
    ]
    let values = elements.map { bytes in
      Float(bitPattern: bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) })
    }
    var page = PageBuffer()
    ByteStreamSplit.append(values.span, to: &page)
    #expect(
      page.bytes == [
        0xAA, 0x00, 0xA3, 0xBB, 0x11, 0xB4, 0xCC, 0x22, 0xC5, 0xDD, 0x33, 0xD6,
      ])
  }

  @Test func `booleans are bits, the first lowest`() {
    var page = PageBuffer()
    let values = BooleanValues(values: [true, false, false, true, false, false, false, true, true])
    values.append(0..<9, to: &page)
    #expect(page.bytes == [0b10001001, 0b1])
  }

  @Test func `plain strings carry their length`() {
    var page = PageBuffer()
    let strings = ByteStrings(bytes: Array("abcdef".utf8), starts: [0, 2, 2, 6])
    ByteStringValues(references: [2, 1, 0], strings: strings).append(0..<3, to: &page)
    #expect(
      page.bytes == [4, 0, 0, 0] + Array("cdef".utf8) + [0, 0, 0, 0, 2, 0, 0, 0]
        + Array("ab".utf8))
  }

  @Test func `a page of strings ends before the byte limit, but holds one`() {
    let strings = ByteStrings(bytes: Array(repeating: 7, count: 30), starts: [0, 10, 20, 30])
    let values = ByteStringValues(references: [0, 1, 2], strings: strings)
    #expect(values.pageEnd(from: 0, byteCountMax: 28) == 2)
    #expect(values.pageEnd(from: 0, byteCountMax: 27) == 1)
    #expect(values.pageEnd(from: 1, byteCountMax: 1) == 2)
    #expect(values.pageEnd(from: 3, byteCountMax: 1) == 3)
  }
}
