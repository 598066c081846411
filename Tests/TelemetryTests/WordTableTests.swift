import Base
import Testing

@testable import Telemetry

@Suite struct WordTableTests {
  @Test func `words keep the index of their first appearance`() {
    var table = WordTable()
    for index in 0..<5000 { #expect(table.intern("word-\(index)") == UInt32(index)) }
    for index in 0..<5000 { #expect(table.intern("word-\(index)") == UInt32(index)) }
    #expect(table.count == 5000)
    #expect(table.text(of: 4711) == "word-4711")
  }

  @Test func `the empty word and words that share a beginning differ`() {
    var table = WordTable()
    #expect(["", "a", "aa", "a\u{0}", ""].map { table.intern($0) } == [0, 1, 2, 3, 0])
    #expect(Array(table.bytes(of: 3)) == [0x61, 0])
  }

  @Test func `a look-up finds what is there and nothing else`() {
    var table = WordTable()
    _ = table.intern("known")
    let known = Array("known".utf8)
    let unknown = Array("unknown".utf8)
    #expect(unsafe table.index(of: known.span.bytes) == 0)
    #expect(unsafe table.index(of: unknown.span.bytes) == nil)
    #expect(table.count == 1)
  }

  @Test func `byte order is the order of UTF-8`() {
    var table = WordTable()
    for word in ["b", "é", "a", "", "ab", "z"] { _ = table.intern(word) }
    #expect(table.indexesInByteOrder().map { table.text(of: $0) } == ["", "a", "ab", "b", "z", "é"])
  }

  @Test func `a copy stays as it was while the original grows`() {
    var table = WordTable()
    _ = table.intern("first")
    let copy = table
    for index in 0..<100 { _ = table.intern("\(index)") }
    #expect(copy.count == 1)
    #expect(copy.text(of: 0) == "first")
  }

  @Test func `a snapshot gives every word its index back`() throws {
    var table = WordTable()
    for index in 0..<300 { _ = table.intern("word \(index * 7919 % 1000)") }
    var writer = ByteWriter()
    table.encode(into: &writer)
    var reader = ByteReader(writer.bytes)
    var restored = try WordTable(from: &reader)
    #expect(reader.isAtEnd)
    #expect(restored.count == table.count)
    for index in 0..<UInt32(table.count) {
      #expect(restored.bytes(of: index) == table.bytes(of: index))
    }
    #expect(restored.intern("new") == UInt32(table.count))
  }

  @Test func `a snapshot with a word twice is refused`() {
    var writer = ByteWriter()
    writer.append(varint: 2)
    writer.append(lengthPrefixed: "same")
    writer.append(lengthPrefixed: "same")
    var reader = ByteReader(writer.bytes)
    #expect(throws: ByteReaderError.self) { _ = try WordTable(from: &reader) }
  }

  @Test func `a vocabulary comes back whole`() throws {
    var vocabulary = Vocabulary(attributeCount: 2)
    _ = vocabulary.devices.intern("sat-1")
    _ = vocabulary.attributes[1].intern("eu")
    _ = vocabulary.metrics.intern("voltage")
    var writer = ByteWriter()
    vocabulary.encode(into: &writer)
    var reader = ByteReader(writer.bytes)
    let restored = try Vocabulary(from: &reader)
    #expect(restored.devices.text(of: 0) == "sat-1")
    #expect(restored.attributes.map(\.count) == [0, 1])
    #expect(restored.metrics.text(of: 0) == "voltage")
  }

  @Test func `words that are made to collide cost no more than others`() {
    // All in one place of any table of up to 512 places that has the seed 0.
    let words = Array(
      (0...).lazy.map { "sat-\($0)" }.filter { XXHash64.hash(Array($0.utf8)) & 511 == 7 }
        .prefix(200))
    var unseeded = WordTable(seed: 0)
    var table = WordTable()
    for word in words {
      _ = unseeded.intern(word)
      _ = table.intern(word)
    }
    #expect(unseeded.longestProbeCount == 200)
    #expect(table.longestProbeCount < 50)
  }

  @Test func `a snapshot has the same bytes in every process`() {
    var bytes: [[UInt8]] = []
    for seed in [0, 1, UInt64.max] {
      var table = WordTable(seed: seed)
      for index in 0..<1000 { _ = table.intern("word-\(index * 7 % 1000)") }
      table.removeWords(from: 900)
      _ = table.intern("last")
      var writer = ByteWriter()
      table.encode(into: &writer)
      bytes.append(writer.bytes)
      #expect(table.indexesInByteOrder().first.map { table.text(of: $0) } == "last")
    }
    #expect(bytes[0] == bytes[1] && bytes[1] == bytes[2])
  }
}
