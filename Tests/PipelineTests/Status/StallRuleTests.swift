import Testing

@testable import Pipeline

/// From a stall to the end of the process, second by second.
@Suite struct StallRuleTests {
  private static let second: Int64 = 1_000_000_000

  /// Asks once a second from second 1 on; what was to be done, by second.
  private func steps(
    until end: Int64, jumps: [Int64: Int64] = [:], looks: (Int64) -> Bool = { _ in true },
    stall: (Int64) -> String?
  ) -> [Int64: StallRule.Step] {
    var rule = StallRule(monotonicNanos: 0)
    var found: [Int64: StallRule.Step] = [:]
    var now: Int64 = 0
    for tick in 1...end {
      now += Self.second + (jumps[tick] ?? 0) * Self.second
      let step = rule.observe(hasLooked: looks(tick), stall: stall(tick), monotonicNanos: now)
      if step != .none { found[tick] = step }
    }
    return found
  }

  @Test func `what progresses is left alone`() {
    #expect(steps(until: 10_000) { _ in nil }.isEmpty)
  }

  @Test func `a stall that lasts is the end, in order first and then at once`() {
    let found = steps(until: 100) { $0 >= 10 ? "stuck" : nil }
    #expect(found == [25: .leave("stuck"), 35: .exit("stuck")])
  }

  @Test func `a stall that passes is none`() {
    let found = steps(until: 1000) { $0 % 15 == 0 ? nil : "stuck" }
    #expect(found.isEmpty)
  }

  @Test func `a decision stands though the stall passes`() {
    let found = steps(until: 100) { (10...30).contains($0) ? "stuck" : nil }
    #expect(found == [25: .leave("stuck"), 35: .exit("stuck")])
  }

  @Test func `the reason is the one at the decision`() {
    let found = steps(until: 100) { $0 >= 10 ? "stuck for \($0)" : nil }
    #expect(found == [25: .leave("stuck for 25"), 35: .exit("stuck for 25")])
  }

  @Test func `a status that cannot be read is a stall`() {
    let found = steps(until: 200, looks: { $0 < 10 }, stall: { _ in nil })
    #expect(found[85] == .leave("its status could not be read for 76 s"))
    #expect(found.count == 2)
  }

  @Test func `a process that was frozen has missed the time, not wasted it`() {
    // An hour at a time, in the middle of a stall that the first look after it does not see ended.
    let jumps: [Int64: Int64] = [12: 3600, 500: 3600]
    #expect(steps(until: 1000, jumps: jumps, stall: { (11...15).contains($0) ? "s" : nil }).isEmpty)
    let blind = steps(until: 1000, jumps: [500: 3600], looks: { $0 != 500 }, stall: { _ in nil })
    #expect(blind.isEmpty)
  }

  @Test func `the clock of waking time counts steps up to five seconds, and never back`() {
    var clock = AwakeClock(monotonicNanos: 100)
    #expect(clock.now(monotonicNanos: 100) == 0)
    #expect(clock.now(monotonicNanos: 103) == 3)
    #expect(clock.now(monotonicNanos: 50) == 3)
    #expect(clock.now(monotonicNanos: 104) == 4)
    #expect(clock.now(monotonicNanos: 104 + 3600 * Self.second) == 4 + 5 * Self.second)
    #expect(clock.now(monotonicNanos: 104 + 3601 * Self.second) == 4 + 6 * Self.second)
  }

  @Test func `limits for tests are read from a text, and nothing else is`() throws {
    let limits = try #require(ProgressLimits(text: "commit=5,brokers_away=10"))
    var expected = ProgressLimits()
    expected.commit = 5 * Self.second
    expected.brokersAway = 10 * Self.second
    #expect(limits == expected)
    for text in [
      "", "commit", "commit=", "commit=0", "commit=-1", "commit=x", "other=5", "commit=5,",
    ] {
      #expect(ProgressLimits(text: text) == nil, "\(text)")
    }
  }

  @Test func `every wait is borne for longer than a group may take to settle`() {
    let limits = ProgressLimits()
    for cause in PipelineStatus.ExternalWait.Cause.allCases {
      #expect(limits.limit(of: cause) > limits.joining, "\(cause)")
    }
  }
}
