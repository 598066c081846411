import Base
import Pipeline
import Testing

@testable import Alerts

@Suite struct AlertQueueTests {
  @Test func `steps of one anomaly go out one after the other, those of many together`() {
    var queue = AlertQueue(options(), delivered: -1)
    queue.take(
      commit(
        0, step("a", "opened"), step("a", "escalated", "critical", at: 101), step("b", "opened"),
        step("a", "closed", "critical", at: 102)))
    #expect(
      queue.sendAll() == [
        ["a opened warning firing", "b opened warning firing"],
        ["a escalated warning resolved", "a escalated critical firing"],
        ["a closed critical resolved"],
      ])
    #expect(queue.counts.sent == 4)
    #expect(queue.delivered == 0)
    #expect(queue.firingCount == 1)
  }

  @Test func `what was told is behind the cursor, and nothing else`() {
    var queue = AlertQueue(options(), delivered: 6)
    #expect(queue.delivered == 6)
    queue.take(commit(7, step("a", "opened"), step("a", "closed")))
    queue.take(commit(8))
    #expect(queue.delivered == 6)
    queue.settle(queue.nextBatch(nowNanos: 0), .failed, nowNanos: 0)
    #expect(queue.delivered == 6)
    queue.settle(queue.nextBatch(nowNanos: 0), .accepted, nowNanos: 0)
    #expect(queue.delivered == 6, "the closing of version 7 waits")
    queue.settle(queue.nextBatch(nowNanos: 0), .accepted, nowNanos: 0)
    #expect(queue.delivered == 8)
    #expect(queue.nextBatch(nowNanos: 0).isEmpty)
  }

  @Test func `an alert ends under the labels and with the start under which it fired`() throws {
    var queue = AlertQueue(options(), delivered: -1)
    queue.take(commit(0, step("a", "opened", at: 100), step("a", "closed", at: 90)))
    queue.settle(queue.nextBatch(nowNanos: 0), .accepted, nowNanos: 0)
    let alert = try #require(queue.nextBatch(nowNanos: 0).alerts.first)
    #expect(alert.startMicros == 100_000_000)
    #expect(alert.endMicros == 100_000_000, "a clock that jumped back does not end it before")
  }

  @Test func `a step that nobody wants is not sent`() {
    let chosen = options {
      $0.isCriticalOnly = true
      $0.detectors = [Glob("low-*")]
    }
    var queue = AlertQueue(chosen, delivered: -1)
    queue.take(
      commit(
        0, step("a", "opened"), step("b", "opened", "critical"),
        step("a", "escalated", "critical"), step("c", "opened", "critical", detector: "other")))
    #expect(
      queue.sendAll() == [["b opened critical firing", "a escalated critical firing"]])
    #expect(queue.counts == .init(sent: 2))
  }

  @Test func `what fires is told again after the interval, and no longer when it is over`() {
    let second: Int64 = 1_000_000_000
    var queue = AlertQueue(options(resendMillis: 60_000), delivered: -1)
    queue.take(commit(0, step("a", "opened"), step("b", "opened")))
    _ = queue.sendAll(nowNanos: 5 * second)
    #expect(queue.nextDueNanos == 65 * second)
    #expect(queue.nextBatch(nowNanos: 64 * second).isEmpty)
    queue.take(commit(1, step("b", "closed")))
    #expect(
      queue.sendAll(nowNanos: 65 * second) == [
        ["b closed warning resolved", "a opened warning firing"]
      ])
    #expect(queue.nextDueNanos == 125 * second)
  }

  @Test func `of a refused batch only the alert that is to blame is left out`() {
    var queue = AlertQueue(options(), delivered: -1)
    let ids = (0..<10).map { "id-\($0)" }
    for (version, id) in ids.enumerated() {
      queue.take(commit(Int64(version), step(id, "opened")))
    }
    var accepted: [String] = []
    while true {
      let batch = queue.nextBatch(nowNanos: 0)
      if batch.isEmpty { break }
      let told = batch.alerts.map(\.step.id)
      if told.contains("id-6") {
        queue.settle(batch, .refused, nowNanos: 0)
      } else {
        accepted += told
        queue.settle(batch, .accepted, nowNanos: 0)
      }
    }
    #expect(accepted.sorted() == ids.filter { $0 != "id-6" })
    #expect(queue.counts == .init(sent: 9, refused: 1))
    #expect(queue.firingCount == 9)
  }

  @Test func `an alert that is told again and refused is not told for ever`() {
    var queue = AlertQueue(options(resendMillis: 1000), delivered: -1)
    queue.take(commit(0, step("a", "opened")))
    _ = queue.sendAll()
    let batch = queue.nextBatch(nowNanos: 2_000_000_000)
    #expect(batch.repeated == ["a"])
    queue.settle(batch, .refused, nowNanos: 2_000_000_000)
    #expect(queue.nextBatch(nowNanos: 9_000_000_000).isEmpty)
    #expect(queue.counts.refused == 0, "the step was sent")
  }
}

@Suite struct AlertQueueBoundTests {
  @Test func `of what is too old anomalies that are over are left out, and open ones are not`() {
    let day: Int64 = 86_400
    var queue = AlertQueue(options(), delivered: -1)
    queue.take(commit(0, at: 0, step("over", "opened"), step("open", "opened")))
    queue.take(commit(1, at: 10, step("over", "closed")))
    #expect(queue.leaveOut(nowMicros: day * 1_000_000) == 0, "not older than a day yet")
    #expect(queue.leaveOut(nowMicros: (day + 1) * 1_000_000) == 2)
    #expect(queue.counts.leftOut == 2)
    #expect(queue.sendAll() == [["open opened warning firing"]])
    #expect(queue.delivered == 1)
  }

  @Test func `the end of what the receiver was told of is never left out`() {
    var queue = AlertQueue(options(), delivered: -1)
    queue.take(commit(0, at: 0, step("a", "opened")))
    _ = queue.sendAll()
    queue.take(commit(1, at: 0, step("a", "closed")))
    #expect(queue.leaveOut(nowMicros: 90_000 * 1_000_000) == 0)
    #expect(queue.sendAll() == [["a closed warning resolved"]])
  }

  @Test func `too many leave out the oldest that are over, and no more than need be`() {
    var queue = AlertQueue(options { $0.queueCountMax = 4 }, delivered: -1)
    for index in 0..<3 {
      let version = Int64(index) * 2
      queue.take(commit(version, step("id-\(index)", "opened")))
      queue.take(commit(version + 1, step("id-\(index)", "closed")))
    }
    #expect(!queue.wantsMore)
    #expect(queue.leaveOut(nowMicros: 0) == 2)
    #expect(queue.items.map(\.step.id) == ["id-1", "id-1", "id-2", "id-2"])
    #expect(!queue.wantsMore)
  }

  @Test func `where all are open nothing is left out, and no more is read`() {
    var queue = AlertQueue(options { $0.queueCountMax = 2 }, delivered: -1)
    queue.take(commit(0, step("a", "opened"), step("b", "opened"), step("c", "opened")))
    #expect(queue.leaveOut(nowMicros: .max / 2) == 0)
    #expect(!queue.wantsMore)
    #expect(queue.sendAll().joined().count == 3)
    #expect(queue.wantsMore)
  }

  @Test func `rows that are gone are counted`() {
    var queue = AlertQueue(options(), delivered: -1)
    queue.take(.init(version: 0, atMicros: 0, steps: [], lostCount: 5))
    queue.skip(to: 7)
    #expect(queue.counts.lost == 5)
    #expect(queue.delivered == 6)
  }

  @Test func `commits of a log that was cleaned up beyond are counted, once`() {
    var queue = AlertQueue(options(), delivered: 10)
    queue.take(commit(11, step("a", "opened")))
    queue.skip(to: 20)
    #expect(queue.counts.missedCommits == 8)
    queue.skip(to: 20)
    queue.skip(to: 5)
    #expect(queue.counts.missedCommits == 8)
    // What was read before waits as it did.
    #expect(queue.delivered == 10)
    #expect(queue.sendAll() == [["a opened warning firing"]])
    #expect(queue.delivered == 19)
  }

  /// Random lives, receivers that fail, and deaths at any moment, after which the memory that was
  /// kept at some earlier moment is all there is.
  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
  func `over random failures and deaths every step is told, in order for each anomaly`(
    seed: UInt64
  ) throws {
    var random = SplitMix64(seed: seed)
    let commits = Self.lives(&random)
    let wanted = commits.flatMap(\.steps).map { "\($0.id) \($0.state)" }
    var told: [String: [String]] = [:]
    var memory = AlertMemory(ledgerID: "l", delivered: -1)
    var queue = AlertQueue(options(resendMillis: 10), delivered: -1)
    var now: Int64 = 0
    while queue.delivered < Int64(commits.count) - 1 || memory.delivered < queue.delivered {
      now += 3_000_000
      switch random.next() % 8 {
      case 0:
        let text = memory.json.bytes
        memory = try #require(AlertMemory(parsing: text))
        queue = AlertQueue(
          options(resendMillis: 10), delivered: memory.delivered, firing: memory.firing)
      case 1: memory = queue.memory(ledgerID: "l")
      case 2, 3, 4:
        let next = Int(queue.taken) + 1
        if next < commits.count { queue.take(commits[next]) }
      default:
        let batch = queue.nextBatch(nowNanos: now)
        let isTaken = random.next() % 3 != 0
        // An answer may get lost behind a receiver that took them.
        if isTaken || random.next() % 2 == 0 {
          for alert in batch.alerts where alert.severity == alert.step.severity {
            told[alert.step.id, default: []].append(alert.step.state)
          }
        }
        queue.settle(batch, isTaken ? .accepted : .failed, nowNanos: now)
      }
    }
    for text in wanted {
      let parts = text.split(separator: " ").map(String.init)
      #expect(told[parts[0]]?.contains(parts[1]) == true, "seed \(seed): \(text) was not told")
    }
    let order = ["opened": 0, "escalated": 1, "closed": 2]
    for (id, states) in told {
      // First times are in order, and the last word is the last step's.
      var firsts: [String] = []
      for state in states where !firsts.contains(state) { firsts.append(state) }
      #expect(
        firsts == firsts.sorted { order[$0, default: 9] < order[$1, default: 9] },
        "seed \(seed): \(id) \(states)")
      let last = wanted.last { $0.hasPrefix(id + " ") }
      #expect(last == "\(id) \(states.last ?? "")", "seed \(seed): \(id) \(states)")
    }
    #expect(queue.firing.values.allSatisfy { $0.closedVersion == nil }, "seed \(seed)")
  }

  private static func lives(_ random: inout SplitMix64) -> [AnomalySteps.Commit] {
    var open: [(id: String, severity: String)] = []
    var count = 0
    return (0..<60).map { version in
      var steps: [AnomalyStep] = []
      for _ in 0..<Int(random.next() % 6) {
        let time = Int64(version)
        if open.isEmpty || random.next() % 2 == 0 {
          count += 1
          open.append(("id-\(count)", "warning"))
          steps.append(step("id-\(count)", "opened", at: time))
          continue
        }
        let place = Int(random.next() % UInt64(open.count))
        if open[place].severity == "warning", random.next() % 2 == 0 {
          open[place].severity = "critical"
          steps.append(step(open[place].id, "escalated", "critical", at: time))
        } else {
          let (id, severity) = open.remove(at: place)
          steps.append(step(id, "closed", severity, at: time))
        }
      }
      return .init(version: Int64(version), atMicros: 0, steps: steps, lostCount: 0)
    }
  }
}

@Suite struct AlertBackoffTests {
  @Test func `waits double up to five minutes, and begin anew after a success`() {
    var backoff = AlertBackoff()
    let waits = (0..<12).map { _ in backoff.failed(jitter: 0.999_999) }
    #expect(waits.prefix(4) == [999, 1999, 3999, 7999])
    #expect(waits.last == 299_999)
    backoff.succeeded()
    #expect(backoff.failed(jitter: 0.5) == 500)
  }

  @Test func `a receiver that asks for time is given it, up to an hour`() {
    var backoff = AlertBackoff()
    #expect(backoff.failed(jitter: 0, retryAfterSeconds: 90) == 90_000)
    #expect(backoff.failed(jitter: 0, retryAfterSeconds: 999_999) == 3_600_000)
    #expect(backoff.failed(jitter: 0, retryAfterSeconds: -5) == 0)
  }

  @Test func `only what is about the alerts refuses them`() {
    for (status, verdict) in [
      (200, AlertQueue.Verdict.accepted), (204, .accepted), (301, .failed), (400, .refused),
      (401, .failed), (404, .failed), (408, .failed), (413, .refused), (422, .refused),
      (429, .failed), (500, .failed), (503, .failed), (0, .failed),
    ] {
      #expect(AlertQueue.Verdict(status: status) == verdict, "\(status)")
    }
  }
}
