import Base
import Telemetry
import Testing

@testable import Windows

@Suite struct SeriesIndexTests {
  @Test func `finds what a dictionary finds`() {
    var random = SplitMix64(seed: 3)
    var index = SeriesIndex()
    var expected: [[UInt32]: Int] = [:]
    for step in 0..<20_000 {
      let key = [UInt32.random(in: 0..<40, using: &random), .random(in: 0..<40, using: &random)]
      let known = index.block(device: key[0], metric: key[1])
      #expect(known == expected[key])
      if known == nil {
        index.insert(device: key[0], metric: key[1], block: step)
        expected[key] = step
      } else if random.chance(0.6) {
        index.remove(device: key[0], metric: key[1])
        expected[key] = nil
      }
    }
  }
}

@Suite struct RecencyListTests {
  @Test func `keeps the order of plain arrays`() {
    var random = SplitMix64(seed: 4)
    var list = RecencyList()
    list.grow(to: 20)
    var expected: [RecencyList.Queue: [UInt32]] = [.awake: [], .idle: []]
    for _ in 0..<5000 {
      let device = UInt32.random(in: 0..<20, using: &random)
      for queue in [RecencyList.Queue.awake, .idle] {
        expected[queue]!.removeAll { $0 == device }
      }
      switch Int.random(in: 0..<3, using: &random) {
      case 0: list.remove(device)
      case 1:
        list.append(device, to: .awake)
        expected[.awake]!.append(device)
      default:
        list.append(device, to: .idle)
        expected[.idle]!.append(device)
      }
      #expect(list.devices(in: .awake) == expected[.awake])
      #expect(list.devices(in: .idle) == expected[.idle])
    }
  }
}
