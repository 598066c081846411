import Base
import Testing

@testable import Decode

@Suite struct ConfluentHeaderTests {
  private func read(_ bytes: [UInt8]) throws(ConfluentHeader.Fault) -> ConfluentHeader {
    unsafe try ConfluentHeader(reading: bytes.span.bytes)
  }

  private func fault(_ bytes: [UInt8]) -> ConfluentHeader.Fault? {
    do {
      _ = try read(bytes)
      return nil
    } catch {
      return error
    }
  }

  @Test func `one byte 0 stands for the first message of the file`() throws {
    let header = try read([0, 0, 0, 1, 2, 0, 0x0A, 0x01])
    #expect(header.schemaID == 258)
    #expect(header.messageIndexes == [0])
    #expect(header.byteCount == 6)
  }

  @Test func `indexes are zigzag numbers behind their count`() throws {
    // 2 indexes: 1 and 300.
    let header = try read([0, 0x7F, 0xFF, 0xFF, 0xFF, 4, 2, 0xD8, 0x04])
    #expect(header.schemaID == Int32.max)
    #expect(header.messageIndexes == [1, 300])
    #expect(header.byteCount == 9)
    #expect(try read([0, 0, 0, 0, 9, 2, 0]).messageIndexes == [0])
  }

  @Test func `a value that begins otherwise has no envelope`() {
    #expect(fault([])?.reason == .notEnveloped)
    #expect(fault([0x0A, 0, 0, 0, 1, 0])?.reason == .notEnveloped)
  }

  @Test(arguments: 1...6) func `a header that is cut short is a bad one`(count: Int) {
    let whole: [UInt8] = [0, 0, 0, 0, 7, 2, 2]
    #expect(fault(Array(whole.prefix(count)))?.reason == .badEnvelope)
  }

  @Test(arguments: [
    // An id of 32 bits.
    [0, 0x80, 0, 0, 0, 0],
    // −1 indexes, as the older Python format writes one; 65 of them.
    [0, 0, 0, 0, 7, 1, 0], [0, 0, 0, 0, 7, 0x82, 1, 0],
    // A negative index.
    [0, 0, 0, 0, 7, 2, 1],
    // A number of more than 32 bits, and one that never ends.
    [0, 0, 0, 0, 7, 2, 0xFE, 0xFF, 0xFF, 0xFF, 0x1F],
    [0, 0, 0, 0, 7, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
  ] as [[UInt8]])
  func `numbers that cannot be are a bad header`(bytes: [UInt8]) {
    #expect(fault(bytes)?.reason == .badEnvelope)
  }

  @Test func `the largest index and the longest path are read`() throws {
    let largest: [UInt8] = [0, 0, 0, 0, 7, 2, 0xFE, 0xFF, 0xFF, 0xFF, 0x0F]
    #expect(try read(largest).messageIndexes == [Int(Int32.max)])
    let longest = [0, 0, 0, 0, 7, 0x80, 1] + [UInt8](repeating: 2, count: 64)
    #expect(try read(longest).messageIndexes == Array(repeating: 1, count: 64))
  }

  @Test func `no bytes make the parser read beyond them`() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix64(seed: seed)
    for _ in 0..<100_000 {
      let count = Int(random.next() % 20)
      var bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next() >> 32) }
      if !bytes.isEmpty, random.next() % 4 != 0 { bytes[0] = 0 }
      if bytes.count > 5, random.next() % 2 == 0 { bytes[5] = UInt8(random.next() % 8) }
      guard let header = try? read(bytes) else { continue }
      #expect(header.byteCount <= bytes.count, "seed \(seed)")
      #expect(header.messageIndexes.allSatisfy { $0 >= 0 }, "seed \(seed)")
      // A prefix code: what follows changes nothing.
      #expect((try? read(Array(bytes.prefix(header.byteCount)))) == header, "seed \(seed)")
    }
  }
}
