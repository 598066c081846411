import Testing

@testable import Pipeline
@testable import Status

@Suite struct VerdictTests {
  private func verdict(
    history: [StatusHistory.Point] = Example.history(), _ change: (inout PipelineStatus) -> Void
  ) -> Verdict {
    var status = Example.busy()
    change(&status)
    return Verdict(StatusView(status, history: history))
  }

  @Test func `all is well`() {
    let verdict = verdict { _ in }
    #expect(verdict.tone == .good)
    #expect(verdict.headline == "Running")
    #expect(verdict.sentence == "2 partitions, 120 records/s, 340 records behind.")
    #expect(verdict.meaning == nil)
    #expect(verdict.sinceMicros == Example.now - Example.second(50))
  }

  @Test func `a stall is worse than everything else`() {
    for phase in PipelineStatus.Phase.allCases {
      let verdict = verdict { status in
        status.phase = phase
        status.stall = "no commit for 130 s"
        status.wait = .init(cause: .diskFull, sinceMicros: 0, detail: "full")
      }
      #expect(verdict.tone == .bad)
      #expect(verdict.headline == "Not progressing")
      #expect(verdict.sentence == "No commit for 130 s.")
      #expect(verdict.meaning?.contains("exit code 74") == true)
    }
  }

  @Test func `every phase has words`() {
    let said = PipelineStatus.Phase.allCases.map { phase in verdict { $0.phase = phase } }
    #expect(
      said.map(\.headline) == ["Starting", "Joining the group", "Running", "Stopping", "Stopped"])
    #expect(said.map(\.tone) == [.busy, .busy, .good, .busy, .bad])
    #expect(said.filter { $0.tone != .good }.allSatisfy { $0.meaning != nil })
  }

  @Test(arguments: PipelineStatus.ExternalWait.Cause.allCases)
  func `a wait says for what, since when and how it ends`(
    _ cause: PipelineStatus.ExternalWait.Cause
  ) {
    for phase in [PipelineStatus.Phase.starting, .running] {
      let verdict = verdict {
        $0.phase = phase
        $0.wait = .init(cause: cause, sinceMicros: 17, detail: "kafka-1:9092 DOWN")
      }
      #expect(verdict.tone == .warning)
      #expect(verdict.sentence == "Kafka-1:9092 DOWN.")
      #expect(verdict.sinceMicros == 17)
      #expect(verdict.meaning?.isEmpty == false)
    }
  }

  @Test func `what recovers says why`() {
    let verdict = verdict {
      $0.phase = .starting
      $0.trouble = "the chain cannot be read"
    }
    #expect(verdict.headline == "Recovering" && verdict.tone == .warning)
    #expect(verdict.sentence == "The chain cannot be read.")
  }

  @Test func `no partition is no fault where the group is settled`() {
    let settled = verdict {
      $0.partitions = []
      $0.joinState = "steady"
    }
    #expect(settled.headline == "Standing by" && settled.tone == .good)
    let joining = verdict {
      $0.partitions = []
      $0.joinState = "wait-sync"
    }
    #expect(joining.headline == "Joining the group again" && joining.tone == .busy)
  }

  @Test func `a paused source and state being rebuilt are said`() {
    let flooded = verdict {
      $0.floods = [.init(source: "buses")]
      $0.floods[0].isPaused = true
      $0.floods[0].sinceMicros = 5
    }
    #expect(flooded.headline == "A source is paused" && flooded.sinceMicros == 5)
    let replaying = verdict { $0.partitions[0].isReplaying = true }
    #expect(replaying.headline == "Rebuilding state" && replaying.tone == .busy)
    #expect(replaying.sentence.hasPrefix("1 of 2 partitions"))
  }

  // MARK: - Keeping up

  private func behind(_ lag: @escaping (Int64) -> Int64) -> Verdict {
    verdict(history: Example.history(lag: lag)) { status in
      status.partitions[1].endOffset = 5000 + lag(0)
      status.partitions[1].clockMicros = Example.now - Example.second(600)
    }
  }

  @Test func `fewer, more and as many behind are three things`() {
    let fewer = behind { 10_000 + $0 * 100 }
    #expect(fewer.headline == "Catching up" && fewer.tone == .busy)
    #expect(fewer.sentence.contains("about 1 min 40 s"))
    let more = behind { 22_000 - $0 * 100 }
    #expect(more.headline == "Falling behind" && more.tone == .warning)
    let same = behind { 10_000 + $0 % 3 }
    #expect(same.headline == "Running, but behind" && same.tone == .warning)
  }

  @Test func `what is only some seconds behind keeps up`() {
    // 340 records at 120 a second.
    #expect(behind { _ in 340 }.headline == "Running")
    let young = verdict(history: Example.history(lag: { 22_000 - $0 * 100 })) {
      $0.partitions[1].endOffset = 27_000
    }
    #expect(young.headline == "Running")
  }

  @Test func `in the first seconds nothing is said about a trend`() {
    let verdict = verdict(history: Array(Example.history().suffix(3))) { status in
      status.partitions[1].endOffset = 50_000
      status.partitions[1].clockMicros = Example.now - Example.second(600)
    }
    #expect(verdict.headline == "Running, but behind")
    #expect(self.verdict(history: []) { _ in }.headline == "Running")
  }

  // MARK: - Beside the verdict

  private func findings(_ change: (inout PipelineStatus) -> Void) -> [Finding] {
    var status = Example.busy()
    change(&status)
    return Finding.all(StatusView(status, history: Example.history()))
  }

  @Test func `findings are there, the worst first`() {
    let found = findings { _ in }
    #expect(found.first?.text == "In the fleet: 1 critical anomaly open.")
    #expect(found.map(\.tone) == [.bad, .warning, .warning, .warning, .warning, .busy, .busy])
    let text = found.map(\.text).joined(separator: " ")
    #expect(text.contains("1 of 2 brokers cannot be reached: kafka-2:9092/2."))
    #expect(text.contains("1 dead letter in the last 15 min."))
    #expect(text.contains("The configuration file was refused 30 s ago."))
    #expect(text.contains("Alerts do not leave: 4 steps for pager wait."))
    #expect(text.contains("1 partition held back"))
    #expect(text.contains("Records of buses have what the schema does not."))
  }

  @Test func `without anything wrong there is none`() {
    let found = findings { status in
      status.openAnomalies[0].count = 0
      status.brokers.removeLast()
      status.lastReload?.isAccepted = true
      status.partitions[1].isPaused = false
      status.drift = []
      status.webhooks[0].trouble = nil
      status.labelledTotals = []
    }
    #expect(found == [])
  }

  @Test func `a figure in a finding is no change that is announced`() {
    let page = VerdictSection.markup(Example.view(Example.busy())).text
    #expect(page.contains(#"data-said="fleet: Running""#))
  }
}
