import Base
import Testing

@testable import Decode

@Suite struct ArenaTests {
  @Test func `allocations are aligned and do not overlap`() {
    let arena = Arena(firstByteCount: 256, byteCountMax: 1 << 20)
    var random = SplitMix64(seed: 1)
    for _ in 0..<3 {
      var ranges: [Range<UInt>] = []
      for _ in 0..<200 {
        let count = Int.random(in: 0...400, using: &random)
        let address = unsafe UInt(bitPattern: arena.allocate(byteCount: count))
        #expect(address != 0)
        #expect(address % 8 == 0)
        ranges.append(address..<address + UInt(count))
      }
      for (left, right) in zip(
        ranges.sorted { $0.lowerBound < $1.lowerBound },
        ranges.sorted { $0.lowerBound < $1.lowerBound }.dropFirst())
      {
        #expect(left.upperBound <= right.lowerBound)
      }
      arena.reset()
    }
  }

  @Test func `a steady stream of equal records is served from one chunk`() {
    let arena = Arena(firstByteCount: 256, byteCountMax: 1 << 20)
    func record() -> [UInt] {
      (0..<50).map { _ in unsafe UInt(bitPattern: arena.allocate(byteCount: 100)) }
    }
    _ = record()
    arena.reset()
    let second = record()
    arena.reset()
    #expect(record() == second)
    #expect(second[49] - second[0] == 49 * 104, "back to back")
  }

  @Test func `the bound holds and is told`() {
    let arena = Arena(firstByteCount: 256, byteCountMax: 4096)
    #expect(unsafe arena.allocate(byteCount: 5000) == nil)
    #expect(arena.isExhausted == true)
    arena.reset()
    #expect(arena.isExhausted == false)
    #expect(unsafe arena.allocate(byteCount: 3000) != nil)
    #expect(unsafe arena.allocate(byteCount: 3000) == nil)
    #expect(unsafe arena.allocate(byteCount: Int.max) == nil)
    #expect(unsafe arena.allocate(byteCount: -1) == nil)
  }
}
