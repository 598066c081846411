import Base
import Testing

@Suite struct XXHash64Tests {
  /// Texts whose hashes are widely published.
  @Test(arguments: [
    ("", UInt64(0xEF46_DB37_51D8_E999)), ("a", 0xD24E_C4F1_A98C_6E5B),
    ("abc", 0x44BC_2CF5_AD77_0999),
    ("Nobody inspects the spammish repetition", 0xFBCE_A83C_8A37_8BF1),
  ])
  func `texts have their published hashes`(text: String, hash: UInt64) {
    #expect(XXHash64.hash(Array(text.utf8)) == hash)
  }

  /// The sanity check of xxHash's own tool: a generated buffer, cut to several lengths, with the
  /// seeds 0 and 2654435761.
  @Test(arguments: [
    (0, UInt64(0xEF46_DB37_51D8_E999), UInt64(0xAC75_FDA2_929B_17EF)),
    (1, 0xE934_A84A_DB05_2768, 0x5014_6076_43A9_B4C3),
    (14, 0x8282_DCC4_994E_35C8, 0xC3BD_6BF6_3DEB_6DF0),
    (222, 0xB641_AE8C_B691_C174, 0x20CB_8AB7_AE10_C14A),
  ])
  func `the reference buffer has the reference hashes`(
    count: Int, hash: UInt64, seeded: UInt64
  ) {
    var generator: UInt64 = 2_654_435_761
    var buffer: [UInt8] = []
    for _ in 0..<count {
      buffer.append(UInt8(truncatingIfNeeded: generator >> 56))
      generator &*= 11_400_714_785_074_694_797
    }
    #expect(XXHash64.hash(buffer) == hash)
    #expect(unsafe XXHash64.hash(buffer.span.bytes, seed: 2_654_435_761) == seeded)
  }

  @Test func `every byte and the length count, at every length up to three stripes`() {
    var seen: Set<UInt64> = []
    for count in 0...96 {
      var bytes = [UInt8](repeating: 0, count: count)
      #expect(seen.insert(XXHash64.hash(bytes)).inserted, "\(count) zero bytes")
      for index in bytes.indices {
        bytes[index] = 1
        #expect(seen.insert(XXHash64.hash(bytes)).inserted, "byte \(index) of \(count)")
        bytes[index] = 0
      }
    }
  }

  @Test func `parts of any lengths have the hash of the whole`() {
    let seed = UInt64.random(in: 0 ... .max)
    var generator = seed
    func next(_ bound: Int) -> Int {
      generator = generator &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(generator >> 33) % bound
    }
    for _ in 0..<200 {
      let bytes = (0..<next(300)).map { _ in UInt8(truncatingIfNeeded: next(256)) }
      var stream = StreamingXXHash64()
      var position = 0
      while position < bytes.count {
        let end = min(bytes.count, position + next(80))
        stream.update(Array(bytes[position..<end]))
        position = end
      }
      #expect(stream.value == XXHash64.hash(bytes), "seed \(seed), \(bytes.count) bytes")
      #expect(stream.byteCount == UInt64(bytes.count))
    }
  }
}
