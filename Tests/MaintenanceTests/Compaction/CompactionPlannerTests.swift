import Base
import Testing

@testable import Maintenance

@Suite struct CompactionPlannerTests {
  private static let mebi: Int64 = 1 << 20
  private static let hour: Int64 = 3_600_000
  private static let now: Int64 = 20_001 * 86_400_000 + 12 * 3_600_000

  private func planner(isForced: Bool = false, now: Int64 = now) -> CompactionPlanner {
    CompactionPlanner(
      fileByteCount: 256 * Self.mebi, settleMillis: Self.hour, nowMillis: now,
      today: Int32(now / 86_400_000), isForced: isForced)
  }

  private func files(
    _ sizes: [Int64], day: Int32 = 20_000, modified: Int64 = now - 10 * hour, isOurs: Bool = true
  ) -> [CompactionCandidate] {
    sizes.enumerated().map { index, size in
      CompactionCandidate(
        index: index, day: day, byteCount: size, rowCount: nil, modifiedMillis: modified,
        isMerged: false, isOurs: isOurs)
    }
  }

  @Test func `small files of a closed date become one`() {
    let groups = planner().groups(files(Array(repeating: 50_000, count: 40)))
    #expect(groups.map(\.members) == [Array(0..<40)])
  }

  @Test func `a date is cut into files of about the same size`() {
    let groups = planner().groups(files(Array(repeating: 10 * Self.mebi, count: 60)))
    #expect(groups.count == 3)
    #expect(groups.allSatisfy { $0.byteCount == 200 * Self.mebi })
    #expect(groups.flatMap(\.members) == Array(0..<60))
  }

  @Test func `an open date, and one that something came into, waits`() {
    let sizes = Array(repeating: Int64(50_000), count: 40)
    #expect(planner().groups(files(sizes, day: 20_001)).isEmpty)
    var late = files(sizes)
    late[3] = CompactionCandidate(
      index: 3, day: 20_000, byteCount: 50_000, rowCount: nil,
      modifiedMillis: Self.now - Self.hour / 2, isMerged: false, isOurs: true)
    #expect(planner().groups(late).isEmpty)
    #expect(planner(isForced: true).groups(late).count == 1)
  }

  @Test func `an open date with very many settled files is merged, the newest are spared`() {
    let sizes = Array(repeating: Int64(50_000), count: 100)
    let old = files(sizes, day: 20_001, modified: Self.now - 5 * Self.hour)
    let new = files(Array(sizes.prefix(30)), day: 20_001, modified: Self.now - 60_000)
      .map {
        CompactionCandidate(
          index: $0.index + 100, day: $0.day, byteCount: $0.byteCount, rowCount: nil,
          modifiedMillis: $0.modifiedMillis, isMerged: false, isOurs: true)
      }
    #expect(planner().groups(old + new).map(\.members) == [Array(0..<100)])
  }

  @Test func `large files, files of others, and tables of few files are left alone`() {
    #expect(planner().groups(files(Array(repeating: 64 * Self.mebi, count: 40))).isEmpty)
    #expect(planner().groups(files(Array(repeating: 50_000, count: 40), isOurs: false)).isEmpty)
    #expect(planner().groups(files(Array(repeating: 50_000, count: 31))).isEmpty)
    #expect(planner(isForced: true).groups(files(Array(repeating: 50_000, count: 31))).count == 1)
  }

  @Test func `a larger file waits until the smaller ones weigh as much`() {
    let few = files([40 * Self.mebi] + Array(repeating: 100_000, count: 35))
    #expect(planner().groups(few).map(\.members) == [Array(1...35)])
    let many = files([40 * Self.mebi] + Array(repeating: 100_000, count: 45))
    #expect(planner().groups(many).map(\.members) == [Array(0...45)])
  }

  /// Arrivals of all sizes over many days: what is written again stays within the bound, and every
  /// plan comes to an end.
  @Test(arguments: 0..<20) func `write amplification is bounded`(seed: Int) {
    var random = SplitMix64(seed: UInt64(seed))
    var live: [CompactionCandidate] = []
    var rewrites: [Int: Int] = [:]  // Of a file: how often its oldest bytes were rewritten.
    var next = 0
    var cheap: Int64 = 0
    var now = Self.now
    for _ in 0..<60 {
      now += 2 * Self.hour
      for _ in 0..<(5 + Int(random.next() % 60)) {
        let size = Int64(1000 << (random.next() % 15)) + Int64(random.next() % 1000)
        live.append(
          CompactionCandidate(
            index: next, day: 20_000 + Int32(random.next() % 2), byteCount: size, rowCount: nil,
            modifiedMillis: now - Int64(random.next() % 7_200_000), isMerged: false, isOurs: true))
        rewrites[next] = 0
        next += 1
      }
      for round in 0... {
        #expect(round < 50, "seed \(seed): plans do not come to an end")
        let groups = planner(now: now).groups(live)
        if groups.isEmpty || round == 50 { break }
        for group in groups {
          let members = live.filter { group.members.contains($0.index) }
          #expect(members.count == group.members.count && members.count > 1)
          #expect(Set(members.map(\.day)).count == 1 && members.count <= CompactionPlanner.fanInMax)
          #expect(members.allSatisfy { planner(now: now).isSmall($0) })
          live.removeAll { group.members.contains($0.index) }
          live.append(
            CompactionCandidate(
              index: next, day: group.day, byteCount: group.byteCount, rowCount: nil,
              modifiedMillis: now, isMerged: true, isOurs: true))
          // A merge of what is below 1 MiB counts by itself: it is paid by the files taken away.
          let dear = members.filter { $0.byteCount >= Self.mebi }
          cheap += members.filter { $0.byteCount < Self.mebi }.reduce(0) { $0 + $1.byteCount }
          rewrites[next] = (dear.compactMap { rewrites[$0.index] }.max() ?? 0) + 1
          next += 1
        }
      }
    }
    #expect(rewrites.values.max() ?? 0 <= 7, "seed \(seed)")
    #expect(cheap <= Int64(next) * Self.mebi, "seed \(seed)")
  }
}
