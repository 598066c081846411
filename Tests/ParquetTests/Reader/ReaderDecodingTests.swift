import Base
import Testing

@testable import Parquet

/// The decoders against examples of the specification and bytes put together by hand.
@Suite struct ReaderDecodingTests {
  private func indexes(
    _ bytes: [UInt8], width: Int, count: Int, below bound: Int = 1 << 33
  ) throws(PageFault) -> [UInt32] {
    var page = PageInput(bytes)
    var values: [UInt32] = []
    try RunLengthDecoding.appendIndexes(
      of: &page, width: width, count: count, below: bound, to: &values)
    try page.requireEnd(of: "indexes")
    return values
  }

  @Test func `the specification's packed run is unpacked`() throws {
    // Encodings.md: 0 … 7 in three bits are 10001000 11000110 11111010.
    #expect(try indexes([0x03, 0x88, 0xC6, 0xFA], width: 3, count: 8) == Array(0..<8))
  }

  @Test func `repeated and packed runs follow each other`() throws {
    let bytes: [UInt8] = [0x10, 0x2C, 0x01, 0x03, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    let expected = Array(repeating: UInt32(300), count: 8) + [1, 0, 0]
    #expect(try indexes(bytes, width: 9, count: 11) == expected)
  }

  @Test func `runs that contradict their page are refused`() {
    let cases: [(String, [UInt8], width: Int, count: Int)] = [
      ("too many", [0x12, 1], 1, 8), ("none", [0x00, 1], 1, 8), ("too few", [0x0E, 1], 1, 8),
      ("cut", [0x03, 1], 2, 8),
      ("huge", [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 1], 32, 8),
      ("endless", Array(repeating: 0xFF, count: 12), 1, 8), ("wide", [0x10, 1], 33, 8),
      ("bound", [0x10, 9], 4, 8),
    ]
    for (name, bytes, width, count) in cases {
      #expect(throws: PageFault.self, "\(name)") {
        try indexes(bytes, width: width, count: count, below: 8)
      }
    }
  }

  @Test(arguments: 0...32)
  func `packed indexes of every width come back`(width: Int) throws {
    var random = SplitMix64(seed: UInt64(width))
    for count in [1, 7, 8, 9, 63, 64, 65, 500, 1009] {
      let values = (0..<count).map { _ in
        width == 0 ? 0 : UInt32(truncatingIfNeeded: random.next() >> UInt64(64 - width))
      }
      var page = PageBuffer()
      RunLengthEncoding.append(values.span, width: width, to: &page)
      #expect(try indexes(page.bytes, width: width, count: count) == values)
    }
  }

  @Test(arguments: 0...64)
  func `deltas of every width come back`(width: Int) throws {
    var random = SplitMix64(seed: UInt64(width) + 100)
    for count in [0, 1, 2, 32, 33, 128, 129, 130, 700] {
      var value = Int64(bitPattern: random.next())
      let values = (0..<count).map { _ -> Int64 in
        let step = width == 0 ? 3 : random.next() >> UInt64(64 - width)
        value = value &+ Int64(bitPattern: step)
        return value
      }
      let narrow = values.map { Int32(truncatingIfNeeded: $0) }
      #expect(try deltas(encoded(values), count: count) == values)
      #expect(try deltas(encoded(narrow), count: count) == narrow)
    }
  }

  private func encoded<Value: FixedWidthInteger & SignedInteger & BitwiseCopyable>(
    _ values: [Value]
  ) -> [UInt8] where Value.Magnitude: BitwiseCopyable {
    var page = PageBuffer()
    DeltaBinaryPacking.append(values.span, to: &page)
    return page.bytes
  }

  private func deltas<Value: FixedWidthInteger & SignedInteger & BitwiseCopyable>(
    _ bytes: [UInt8], count: Int
  ) throws(PageFault) -> [Value] {
    var page = PageInput(bytes)
    var values: [Value] = []
    try DeltaBinaryUnpacking.append(of: &page, count: count, to: &values)
    try page.requireEnd(of: "deltas")
    return values
  }

  @Test func `the specification's deltas are unpacked`() throws {
    // 7, 5, 3, 1, 2, 3, 4, 5: smallest delta −2, the others relative to it in two bits.
    let bytes: [UInt8] =
      [0x80, 0x01, 4, 8, 14, 3, 2, 0, 0, 0] + [0b1100_0000, 0b0011_1111] + [0, 0, 0, 0, 0, 0]
    let values: [Int64] = try deltas(bytes, count: 8)
    #expect(values == [7, 5, 3, 1, 2, 3, 4, 5])
  }

  @Test func `deltas that contradict their page are refused`() {
    let cases: [(String, [UInt8])] = [
      ("count", [0x80, 0x01, 4, 2, 14, 3, 0, 0, 0, 0]), ("cut", [0x80, 0x01, 4, 16, 14, 3, 2, 0]),
      ("width", [0x80, 0x01, 4, 16, 14, 3, 65, 0, 0, 0]),
      ("shape", [0x80, 0x02, 4, 16, 14, 3, 0, 0, 0, 0]),
      ("first", [0x80, 0x01, 4, 16, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 3, 0, 0, 0, 0]),
    ]
    for (name, bytes) in cases {
      #expect(throws: PageFault.self, "\(name)") {
        let _: [Int32] = try deltas(bytes, count: 8)
      }
    }
  }

  @Test func `definition levels become bits across words`() throws {
    var random = SplitMix64(seed: 3)
    for _ in 0..<50 {
      var builder = ValidityBuilder()
      var expected: [Bool] = []
      for _ in 0..<Int.random(in: 1...9, using: &random) {
        let count = Int.random(in: 1...200, using: &random)
        let share = Int.random(in: 0...2, using: &random)
        let levels = (0..<count).map { _ in
          share == 0 ? true : share == 1 ? false : Bool.random(using: &random)
        }
        var page = PageBuffer()
        let words = levels.map { $0 ? UInt32(1) : 0 }
        RunLengthEncoding.append(words.span, width: 1, to: &page)
        var input = PageInput(page.bytes)
        let presentCount = try builder.append(levels: &input, count: count)
        #expect(presentCount == levels.count { $0 })
        expected += levels
      }
      #expect(builder.rowCount == expected.count)
      let bits = builder.validity
      #expect((bits == nil) == expected.allSatisfy { $0 })
      if let bits {
        let found = expected.indices.map { bits[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }
        #expect(found == expected)
      }
    }
  }
}
