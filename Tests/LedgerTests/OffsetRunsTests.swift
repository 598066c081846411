import Testing

@testable import Ledger

@Suite struct OffsetRunsTests {
  @Test func `runs hold what a set holds, and never touch`() {
    for seed in UInt64(1)...200 {
      var state = seed
      func next(_ bound: Int64) -> Int64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int64(state >> 33) % bound
      }
      var runs = OffsetRuns()
      var set: Set<Int64> = []
      for _ in 0..<200 {
        let offset = next(120)
        #expect(runs.insert(offset) == set.insert(offset).inserted, "seed \(seed)")
      }
      #expect((-1...121).allSatisfy { runs.contains($0) == set.contains($0) }, "seed \(seed)")
      #expect(runs.count == Int64(set.count))
      let cut = next(130)
      var upper = runs
      upper.removeAll(below: cut)
      #expect((-1...131).allSatisfy { upper.contains($0) == (set.contains($0) && $0 >= cut) })
      var whole = OffsetRuns()
      for offset in set.sorted() where offset < cut { whole.insert(offset) }
      whole.append(upper)
      #expect(whole == runs, "seed \(seed)")
      for (left, right) in zip(runs.runs, runs.runs.dropFirst()) {
        #expect(left.upperBound < right.lowerBound, "seed \(seed)")
      }
    }
  }

  @Test func `the largest offset has one behind it`() {
    var runs = OffsetRuns()
    runs.insert(OffsetRuns.offsetMax)
    runs.insert(OffsetRuns.offsetMax - 1)
    #expect(runs.runs == [Int64.max - 2..<Int64.max])
    #expect(runs.contains(OffsetRuns.offsetMax) && !runs.contains(.max))
  }
}
