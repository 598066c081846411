import Telemetry
import Testing

@testable import Pipeline

/// Whom the brokers are asked about where some partitions have no leader.
@Suite struct SilenceInquiryTests {
  private static let all = (0..<100 as Range<Int32>).map {
    TopicPartition(topic: "t", partition: $0)
  }

  /// Looks until nobody but `leaderless` is silent; the number of looks.
  private func looks(
    _ inquiry: inout SilenceInquiry, _ silent: inout [TopicPartition],
    leaderless: Set<TopicPartition>, atMost: Int = 1_000
  ) -> Int {
    for look in 1...atMost {
      let asked = inquiry.next(of: silent)
      #expect(Set(asked).isSubset(of: silent) && Set(asked).count == asked.count)
      if leaderless.isDisjoint(with: asked) {
        inquiry.wasAnswered(asked)
        silent.removeAll(where: asked.contains)
      } else {
        inquiry.failed(asked)
      }
      if leaderless.isSuperset(of: silent) { return look }
    }
    return .max
  }

  @Test func `all are asked at once while that is answered`() {
    var inquiry = SilenceInquiry()
    var silent = Self.all
    #expect(looks(&inquiry, &silent, leaderless: []) == 1)
    #expect(inquiry.next(of: []) == [])
  }

  @Test(arguments: [[0], [57], [99], [3, 4], [0, 50, 99]] as [[Int]])
  func `a few without a leader keep the others waiting for some looks`(places: [Int]) {
    var inquiry = SilenceInquiry()
    var silent = Self.all
    let leaderless = Set(places.map { Self.all[$0] })
    #expect(looks(&inquiry, &silent, leaderless: leaderless) <= 16 * places.count)
    // Who falls silent later does not wait for them.
    let later = TopicPartition(topic: "u", partition: 0)
    silent = leaderless.sorted() + [later]
    #expect(looks(&inquiry, &silent, leaderless: leaderless) <= 16)
  }

  @Test func `each without a leader is asked again and again, and all when one has one`() {
    var inquiry = SilenceInquiry()
    var silent = Self.all
    let leaderless = Set(Self.all.prefix(3))
    _ = looks(&inquiry, &silent, leaderless: leaderless)
    for _ in 0..<10 { inquiry.failed(inquiry.next(of: silent)) }
    var alone: [[TopicPartition]] = []
    for _ in 0..<3 {
      alone.append(inquiry.next(of: silent))
      inquiry.failed(alone[alone.count - 1])
    }
    #expect(Set(alone) == Set(leaderless.map { [$0] }))
    let asked = inquiry.next(of: silent)
    inquiry.wasAnswered(asked)
    #expect(inquiry.next(of: silent) == silent)
  }

  @Test func `while some without a leader and others are silent both are asked`() {
    var inquiry = SilenceInquiry()
    for partition in Self.all.prefix(2) { inquiry.failed([partition]) }
    // The others hold more than was read, so they stay silent.
    var asked: [[TopicPartition]] = []
    for _ in 0..<4 {
      asked.append(inquiry.next(of: Self.all))
      if asked[asked.count - 1].count == 1 { inquiry.failed(asked[asked.count - 1]) }
    }
    let others = Array(Self.all.dropFirst(2))
    #expect(asked == [[Self.all[0]], others, [Self.all[1]], others])
  }
}
