import Testing

@testable import Pipeline

/// When an instance counts as stuck, second by second.
@Suite struct ProgressRuleTests {
  private static let second: Int64 = 1_000_000_000

  /// An instance that runs since second 0 and owes nothing.
  private static func idle(at now: Int64) -> ProgressRule.Facts {
    ProgressRule.Facts(
      phase: .running, phaseSince: 0, wait: nil, waitSince: 0, controlSeen: now * second,
      outOfGroupSince: nil, lastCommit: nil, commitSince: nil, owedRecordCount: 0,
      replayPosition: nil)
  }

  /// Asks once a second; the sentences by second at which they began.
  private func sentences(
    until end: Int64, intervalMillis: Int = 10_000,
    _ change: (inout ProgressRule.Facts, Int64) -> Void
  ) -> [Int64: String] {
    var rule = ProgressRule(commitIntervalMillis: intervalMillis)
    var found: [Int64: String] = [:]
    var wasStuck = false
    for now in 0...end {
      var facts = Self.idle(at: now)
      change(&facts, now)
      let sentence = rule.stall(facts, now: now * Self.second)
      if let sentence, !wasStuck { found[now] = sentence }
      wasStuck = sentence != nil
    }
    return found
  }

  @Test func `an idle topic is progress for ever`() {
    #expect(sentences(until: 10_000) { _, _ in }.isEmpty)
  }

  @Test func `records that wait without a commit are none`() {
    let found = sentences(until: 1000) { facts, now in
      facts.owedRecordCount = now >= 100 ? 7 : 0
    }
    #expect(found == [221: "no commit for 121 s while 7 records wait"])
  }

  @Test func `a long commit interval has three intervals`() {
    let found = sentences(until: 1000, intervalMillis: 100_000) { facts, _ in
      facts.owedRecordCount = 1
    }
    #expect(found.keys.sorted() == [301])
  }

  @Test func `every commit begins the span anew`() {
    let found = sentences(until: 1000) { facts, now in
      facts.owedRecordCount = 1
      facts.lastCommit = min(now, 500) / 100 * 100 * Self.second
    }
    #expect(found.keys.sorted() == [621])
  }

  @Test func `a commit of long ago does not count against work that has just come`() {
    let found = sentences(until: 3100) { facts, now in
      facts.lastCommit = 0
      facts.owedRecordCount = now >= 3000 ? 1 : 0
    }
    #expect(found.isEmpty)
  }

  @Test func `state that is rebuilt is progress while its position moves`() {
    let found = sentences(until: 2000) { facts, now in
      facts.owedRecordCount = 1
      facts.replayPosition = min(now, 1000)
    }
    #expect(found == [1121: "rebuilding state has not moved for 121 s"])
  }

  @Test func `a wait is borne up to its own limit`() {
    for (cause, limit) in [
      (PipelineStatus.ExternalWait.Cause.brokersAway, Int64(1800)), (.diskFull, 3600),
    ] {
      let found = sentences(until: 5000) { facts, now in
        facts.owedRecordCount = 1
        facts.wait = now >= 50 ? cause : nil
        facts.waitSince = 50 * Self.second
      }
      #expect(found.keys.sorted() == [51 + limit], "\(cause)")
    }
  }

  /// The other lanes commit, and nothing else is wrong.
  @Test func `a lane that waits for a schema for ever is overdue in the end`() {
    let found = sentences(until: 5000) { facts, now in
      facts.owedRecordCount = 1
      facts.lastCommit = now / 10 * 10 * Self.second
      facts.schemaWaitSince = now >= 50 ? 50 * Self.second : nil
    }
    #expect(found == [1851: "waiting for the schema registry for 1801 s"])
  }

  @Test func `a wait for a schema hides nothing else`() {
    func stall(_ change: (inout ProgressRule.Facts, Int64) -> Void) -> [Int64: String] {
      sentences(until: 1000) { facts, now in
        facts.schemaWaitSince = 0
        change(&facts, now)
      }
    }
    #expect(stall { $0.commitSince = $1 >= 20 ? 20 * Self.second : nil }.keys.sorted() == [141])
    #expect(stall { $0.controlSeen = min($1, 300) * Self.second }.keys.sorted() == [421])
    #expect(stall { facts, _ in facts.owedRecordCount = 1 }.keys.sorted() == [121])
    #expect(stall { $0.replayPosition = min($1, 500) }.keys.sorted() == [621])
    #expect(stall { facts, _ in facts.outOfGroupSince = 0 }.keys.sorted() == [421])
  }

  @Test func `brokers that are away are waited for, whoever waits for a schema`() {
    let found = sentences(until: 2500) { facts, now in
      facts.schemaWaitSince = 0
      facts.wait = now < 1000 ? .brokersAway : nil
      facts.owedRecordCount = now < 1000 ? 1 : 0
    }
    // From the end of the outage the schema has all its time.
    #expect(found.isEmpty)
  }

  @Test func `after a wait the span for a commit begins anew`() {
    let found = sentences(until: 1000) { facts, now in
      facts.owedRecordCount = 1
      facts.wait = now < 600 ? .diskFull : nil
    }
    #expect(found.keys.sorted() == [721])
  }

  @Test(arguments: [
    (PipelineStatus.Phase.starting, Int64(300)), (.joining, 420), (.draining, 300),
  ])
  func `a phase that should pass is given some minutes`(
    phase: PipelineStatus.Phase, limit: Int64
  ) {
    let found = sentences(until: 1000) { facts, _ in facts.phase = phase }
    #expect(found.keys.sorted() == [limit + 1])
    #expect(found[limit + 1]?.contains(phase.rawValue) == true)
  }

  @Test func `a commit that does not end is stuck, in whatever phase`() {
    for phase in [PipelineStatus.Phase.running, .draining, .starting, .joining] {
      let found = sentences(until: 200) { facts, now in
        facts.phase = phase
        facts.commitSince = now >= 20 ? 20 * Self.second : nil
      }
      #expect(found == [141: "a commit has been under way for 121 s"], "\(phase)")
    }
  }

  @Test func `a commit may take three intervals, and all the time it waits for space`() {
    let long = sentences(until: 1000, intervalMillis: 100_000) { facts, _ in facts.commitSince = 0 }
    #expect(long.keys.sorted() == [301])
    let waiting = sentences(until: 5000) { facts, now in
      facts.commitSince = 0
      facts.wait = now < 3000 ? .diskFull : nil
    }
    #expect(waiting.keys.sorted() == [3120])
  }

  @Test func `commits that end one after the other are progress`() {
    let found = sentences(until: 10_000) { facts, now in
      facts.commitSince = now / 100 * 100 * Self.second
      facts.lastCommit = facts.commitSince
      facts.owedRecordCount = 1
    }
    #expect(found.isEmpty)
  }

  @Test func `sessions that fail one after the other are no progress`() {
    let found = sentences(until: 1000) { facts, now in
      facts.failedSessionCount = now < 50 ? 0 : now / 10
      facts.failure = "Kafka said no"
      facts.phase = now % 10 < 5 ? .starting : .running
      facts.phaseSince = now / 5 * 5 * Self.second
    }
    #expect(
      found == [
        351: "35 sessions failed without progress in 301 s, the last because Kafka said no"
      ])
  }

  @Test func `a commit between failures is progress, and so is a minute without one`() {
    let committing = sentences(until: 5000) { facts, now in
      facts.failedSessionCount = now / 10
      facts.phaseSince = now * Self.second
      facts.lastCommit = now / 200 * 200 * Self.second
    }
    #expect(committing.isEmpty)
    let settling = sentences(until: 5000) { facts, now in
      facts.failedSessionCount = now / 100
      facts.phaseSince = now / 100 * 100 * Self.second
    }
    #expect(settling.isEmpty)
  }

  @Test func `sessions that fail for want of brokers are a wait`() {
    let found = sentences(until: 5000) { facts, now in
      facts.failedSessionCount = now / 10
      facts.phase = .starting
      facts.phaseSince = now / 10 * 10 * Self.second
      facts.wait = now < 1700 ? .brokersAway : nil
    }
    #expect(found.keys.sorted() == [2000])
  }

  @Test func `out of the group with partitions that nobody takes away is stuck`() {
    let found = sentences(until: 1000) { facts, now in
      facts.outOfGroupSince = now >= 100 ? 100 * Self.second : nil
    }
    #expect(found == [521: "out of the group for 421 s"])
  }

  @Test func `rebalances that settle are none`() {
    let found = sentences(until: 5000) { facts, now in
      facts.outOfGroupSince = now % 400 < 390 ? now / 400 * 400 * Self.second : nil
    }
    #expect(found.isEmpty)
  }

  @Test func `brokers that come and go every few seconds are away`() {
    let flapping = sentences(until: 5000) { facts, now in
      facts.wait = now % 20 < 10 ? .brokersAway : nil
      facts.waitSince = now / 20 * 20 * Self.second
    }
    #expect(flapping.keys.min() == 1801)
    let committing = sentences(until: 5000) { facts, now in
      facts.wait = now % 20 < 10 ? .brokersAway : nil
      facts.waitSince = now / 20 * 20 * Self.second
      facts.lastCommit = now / 20 * 20 * Self.second - 5 * Self.second
    }
    #expect(committing.isEmpty)
    let seldom = sentences(until: 10_000) { facts, now in
      facts.wait = now % 1000 < 900 ? .brokersAway : nil
      facts.waitSince = now / 1000 * 1000 * Self.second
    }
    #expect(seldom.isEmpty)
  }

  @Test func `another wait has a limit of its own`() {
    let found = sentences(until: 5000) { facts, now in
      facts.wait = now < 1700 ? .brokersAway : .diskFull
      facts.waitSince = now < 1700 ? 0 : 1700 * Self.second
    }
    #expect(found.isEmpty)
  }

  @Test func `limits of a test are obeyed`() throws {
    let limits = try #require(ProgressLimits(text: "commit=5,joining=7"))
    var rule = ProgressRule(limits: limits, commitIntervalMillis: 1000)
    var facts = Self.idle(at: 6)
    facts.commitSince = 0
    #expect(rule.stall(facts, now: 6 * Self.second) == "a commit has been under way for 6 s")
  }

  @Test func `a control thread that is not heard of is stuck`() {
    let found = sentences(until: 1000) { facts, now in
      facts.controlSeen = min(now, 300) * Self.second
    }
    #expect(found == [421: "the control thread has not been heard of for 121 s"])
  }

  @Test func `what has stopped cannot be stuck`() {
    let found = sentences(until: 1000) { facts, _ in
      facts.phase = .stopped
      facts.owedRecordCount = 1
    }
    #expect(found.isEmpty)
  }
}
