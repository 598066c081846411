import Base
import Testing

@testable import Pipeline

/// The two readers below all others, over bytes that nobody wrote.
@Suite struct PoisonTextTests {
  private static let documents = [
    #"{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00\n",null,true,{"b":{},"c":[]}],"d":""}"#,
    #"[[[[[[[[]]]]]]]]"#, #"{"add":{"path":"p","stats":"{\"numRecords\":1}"}}"#, "0", #""""#,
  ].map { Array($0.utf8) }

  @Test(.timeLimit(.minutes(5))) func `JSON is read or refused, and what was read reads back`() {
    Poison.run("JSON", cases: 20_000) { random, trail in
      let bytes = ByteMutation.mutate(random.pick(Self.documents), &random)
      guard let value = try? JSONValue(parsing: bytes) else { return }
      let again = try? JSONValue(parsing: value.bytes)
      #expect(again == value, "\(trail)")
      #expect(again?.bytes == value.bytes, "\(trail)")
    }
  }

  @Test func `nesting has an end, and so have its costs`() {
    for open in ["[", "{\"a\":"] {
      let bytes = Array(String(repeating: open, count: 1_000_000).utf8)
      #expect(throws: JSONError.self) { _ = try JSONValue(parsing: bytes) }
    }
  }

  @Test(.timeLimit(.minutes(5))) func `every read of bytes stays within them`() {
    Poison.run("ByteReader", cases: 20_000) { random, trail in
      let bytes = (0..<random.below(64)).map { _ in
        random.chance(oneIn: 3) ? UInt8(255) : UInt8(random.below(256))
      }
      var reader = ByteReader(bytes)
      for _ in 0..<20 {
        let before = reader.filePosition
        var heldByteCount = 0
        do {
          switch random.below(9) {
          case 0: _ = try reader.readByte()
          case 1: _ = try reader.read(UInt32.self)
          case 2: _ = try reader.readDouble()
          case 3: _ = try reader.readVarint()
          case 4: _ = try reader.readZigzag()
          case 5: heldByteCount = try reader.readCount(elementByteCount: 1 + random.below(9))
          case 6: heldByteCount = try reader.readText().unicodeScalars.count
          case 7:
            let count = Int(truncatingIfNeeded: random.extreme())
            heldByteCount = try reader.readMemory(of: UInt64.self, count: count).count * 8
          default:
            let count = Int(truncatingIfNeeded: random.extreme())
            heldByteCount = try reader.readBytes(count: count).count
          }
        } catch {
          break
        }
        #expect(reader.filePosition >= before && reader.filePosition <= bytes.count, "\(trail)")
        #expect(heldByteCount <= bytes.count, "\(trail)")
      }
    }
  }
}
