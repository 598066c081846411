import Testing

@testable import Pipeline

@Suite struct FloodRuleTests {
  private static let options = FloodOptions(share: 0.9, forMillis: 60_000, retryMillis: 300_000)
  private static let second: Int64 = 1_000_000_000

  /// Observes `records` a second with `dead` of them dead, for so many seconds from `start` on;
  /// returns the changes by second.
  private static func run(
    _ rule: inout FloodRule, from start: Int64 = 0, seconds: Int64, records: Int64, dead: Int64
  ) -> [Int64: FloodRule.Change] {
    var changes: [Int64: FloodRule.Change] = [:]
    for now in start..<start + seconds {
      let news = DeadShare(recordCount: records, deadCount: dead)
      if let change = rule.observe(news, nowNanos: now * second) { changes[now] = change }
    }
    return changes
  }

  @Test func `a share that stays high for a time pauses`() throws {
    var rule = FloodRule(Self.options)
    let changes = Self.run(&rule, seconds: 120, records: 10, dead: 9)
    #expect(changes.count == 1)
    let (second, change) = try #require(changes.first)
    #expect((60...64).contains(second), "after \(second) s")
    guard case .paused(let flood) = change else {
      Issue.record("\(change)")
      return
    }
    #expect(flood.recordCount >= 600 && flood.isAtLeast(0.9))
    #expect(rule.state == .paused)
  }

  @Test func `a lower share, or a good while in between, does not`() {
    var rule = FloodRule(Self.options)
    #expect(Self.run(&rule, seconds: 600, records: 100, dead: 89).isEmpty)
    rule = FloodRule(Self.options)
    for round in Int64(0)..<10 {
      #expect(Self.run(&rule, from: round * 60, seconds: 50, records: 10, dead: 10).isEmpty)
      #expect(Self.run(&rule, from: round * 60 + 50, seconds: 10, records: 10, dead: 0).isEmpty)
    }
  }

  @Test func `a few bad records in a quiet night are no flood`() {
    var rule = FloodRule(Self.options)
    var bad: Int64 = 0
    for now in Int64(0)..<8 * 3600 {
      let isBad = now % 3600 == 17
      bad += isBad ? 1 : 0
      let news = DeadShare(recordCount: isBad ? 1 : 0, deadCount: isBad ? 1 : 0)
      #expect(rule.observe(news, nowNanos: now * Self.second) == nil)
    }
    #expect(bad == 8)
  }

  @Test func `a paused source is tried again, and paused at once while it is still bad`() {
    var rule = FloodRule(Self.options)
    _ = Self.run(&rule, seconds: 70, records: 10, dead: 10)
    let silent = Self.run(&rule, from: 70, seconds: 400, records: 0, dead: 0)
    #expect(silent.values.filter { $0 == .probed }.count == 1)
    #expect(rule.state == .probing)
    let again = Self.run(&rule, from: 470, seconds: 20, records: 10, dead: 10)
    #expect(again.count == 1 && again[479] != nil, "after 100 records, not after a minute")
    #expect(rule.state == .paused && rule.pauseCount == 2)
  }

  @Test func `a source that reads well again flows, whoever had it tried`() {
    var rule = FloodRule(Self.options)
    #expect(rule.resume() == nil, "nothing is paused")
    _ = Self.run(&rule, seconds: 70, records: 10, dead: 10)
    #expect(rule.resume() == .probed)
    let changes = Self.run(&rule, from: 70, seconds: 20, records: 10, dead: 1)
    #expect(changes == [79: .recovered(pauseCount: 1)])
    #expect(rule.state == .flowing && rule.pauseCount == 0)
  }
}
