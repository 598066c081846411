import Testing

@testable import Pipeline

/// When an instance counts as stuck, second by second.
@Suite struct ProgressRuleTests {
  private static let second: Int64 = 1_000_000_000

  /// An instance that runs since second 0 and owes nothing.
  private static func idle(at now: Int64) -> ProgressRule.Facts {
    ProgressRule.Facts(
      phase: .running, phaseSince: 0, wait: nil, waitSince: 0, controlSeen: now * second,
      lastCommit: nil, owedRecordCount: 0, replayPosition: nil)
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

  @Test func `after a wait the span for a commit begins anew`() {
    let found = sentences(until: 1000) { facts, now in
      facts.owedRecordCount = 1
      facts.wait = now < 600 ? .diskFull : nil
    }
    #expect(found.keys.sorted() == [721])
  }

  @Test(arguments: [PipelineStatus.Phase.starting, .joining, .draining])
  func `a phase that should pass is given five minutes`(phase: PipelineStatus.Phase) {
    let found = sentences(until: 1000) { facts, _ in facts.phase = phase }
    #expect(found.keys.sorted() == [301])
    #expect(found[301]?.contains(phase.rawValue) == true)
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
