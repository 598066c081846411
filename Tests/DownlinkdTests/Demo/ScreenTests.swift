import Testing

@testable import downlinkd

@Suite struct LiveBlockTests {
  @Test func `a block is drawn over the one before`() {
    var block = LiveBlock()
    #expect(block.text(showing: ["a", "b"], columnCount: 80) == "a\nb\n")
    #expect(block.text(showing: ["c"], columnCount: 80) == "\r\u{1B}[2A\u{1B}[Jc\n")
    #expect(block.text(above: ["x"]) == "\r\u{1B}[1A\u{1B}[Jx\n")
    // The block is gone: nothing to erase.
    #expect(block.text(above: ["y"]) == "y\n")
    #expect(block.erased() == "")
  }

  @Test func `lines are cut to the terminal's width`() {
    var block = LiveBlock()
    let long = String(repeating: "█", count: 200)
    let text = block.text(showing: [long], columnCount: 40)
    #expect(text == String(repeating: "█", count: 39) + "\n")
  }
}

@Suite struct RateMeterTests {
  private static let second: Int64 = 1_000_000_000

  @Test func `a rate is what came over the last seconds`() {
    var meter = RateMeter()
    #expect(meter.perSecond == 0)
    for tick in 0...100 as ClosedRange<Int64> {
      // 100 a second for five seconds, then 300.
      let total = tick <= 50 ? tick * 10 : 500 + (tick - 50) * 30
      meter.note(Int(total), nowNanos: tick * Self.second / 10)
      if tick == 50 { #expect(abs(meter.perSecond - 100) < 1) }
    }
    #expect(abs(meter.perSecond - 300) < 1)
  }

  @Test func `a total that begins again is no negative rate`() {
    var meter = RateMeter()
    meter.note(1000, nowNanos: 0)
    meter.note(2000, nowNanos: Self.second)
    meter.note(10, nowNanos: 2 * Self.second)
    #expect(meter.perSecond == 0)
    meter.note(60, nowNanos: 3 * Self.second)
    #expect(meter.perSecond == 50)
  }
}

@Suite struct RunningCountsTests {
  @Test func `totals of a process that was replaced stay`() {
    var counts = RunningCounts()
    counts.note(StatusSample(firingCount: 100, deadCount: 3))
    counts.carry()
    #expect(counts.firingCount == 100)
    counts.note(StatusSample(firingCount: 20, deadCount: 1))
    #expect(counts.firingCount == 120 && counts.deadCount == 4)
  }

  @Test func `lag is what Kafka has and the pipeline has not taken in`() {
    var counts = RunningCounts()
    #expect(counts.lag(acknowledgedCount: 50) == 50)
    counts.note(
      StatusSample(
        phase: "running", takenCount: 90, committedCount: 60, acknowledgedCount: 100))
    // By what was acknowledged when the pipeline was asked, not since.
    #expect(counts.lag(acknowledgedCount: 130) == 10)
  }

  @Test func `while nothing runs, what was not committed is to be read again`() {
    var counts = RunningCounts()
    counts.note(
      StatusSample(
        phase: "running", takenCount: 90, committedCount: 60, acknowledgedCount: 100))
    counts.carry()
    #expect(counts.lag(acknowledgedCount: 200) == 140)
    counts.note(StatusSample(phase: "joining", acknowledgedCount: 210))
    #expect(counts.lag(acknowledgedCount: 220) == 160)
    // Half of the partitions are back.
    counts.note(
      StatusSample(phase: "running", takenCount: 30, committedCount: 30, acknowledgedCount: 230))
    #expect(counts.lag(acknowledgedCount: 230) == 170)
    counts.note(
      StatusSample(phase: "running", takenCount: 60, committedCount: 60, acknowledgedCount: 240))
    #expect(counts.lag(acknowledgedCount: 250) == 180)
  }
}

@Suite struct StepTextTests {
  private let fault = InjectedFault(
    kind: .overheating, device: 17, startMicros: DemoFixture.midnight, isHeardInPasses: false)

  @Test func `a step is one line`() {
    var step = DemoFixture.step(
      fault, .escalated, after: 33 * DemoPlan.minute, severity: "critical")
    step.value = 55.4
    step.expected = 55
    #expect(
      StepText.line(step)
        == "11-21 00:33  escalated  critical  sat-00017  "
        + "battery_temperature_c 55.4 against 55 (battery-temperature)")
    step.metric = nil
    step.value = 9015.3
    #expect(StepText.line(step).hasSuffix("sat-00017  for 2 h 30 min (battery-temperature)"))
    step.value = nil
    #expect(StepText.line(step).hasSuffix("sat-00017  (battery-temperature)"))
    step.device = ""
    #expect(StepText.line(step).contains("many satellites"))
  }

  @Test func `spans and numbers are short`() {
    #expect(StepText.span(59 * DemoPlan.minute) == "59 min")
    #expect(StepText.span(3 * DemoPlan.hour) == "3 h")
    #expect(StepText.span(200 * DemoPlan.minute) == "3 h 20 min")
    #expect(StepText.number(55) == "55" && StepText.number(-2.4) == "-2.4")
    #expect(StepText.number(0.0004) == "0" && StepText.number(-0.0004) == "0")
    #expect(StepText.number(1234.5678) == "1234.568" && StepText.number(1e300) == "1e+300")
  }
}

@Suite struct DemoFiguresTests {
  private func figures(_ status: StatusSample?) -> DemoFigures {
    let plan = DemoFixture.plan()
    var sender = FleetSender.Progress(eventMicros: plan.startMicros + plan.lengthMicros / 2)
    sender.sentCount = 12_345
    sender.acknowledgedCount = 12_300
    var counts = RunningCounts()
    if let status { counts.note(status) }
    return DemoFigures(
      plan: plan, sender: sender, status: status, inPerSecond: 2400, committedPerSecond: 2300,
      counts: counts, commitCount: 3, openAnomalies: status?.openAnomalies ?? [])
  }

  @Test func `the block shows where everything stands`() {
    var status = StatusSample(
      phase: "running", takenCount: 796, acknowledgedCount: 2000, firingCount: 777)
    status.watermarkMicros = figures(nil).sender.eventMicros - 14 * DemoPlan.minute
    status.openAnomalies = [.init(detector: "radio-silence", severity: "warning", count: 2)]
    let text = figures(status).lines.joined(separator: "\n")
    for part in [
      "6 h of 12 h", "12,345 sent", "2,400/s in", "2,300/s committed", "lag 1,204",
      "watermarks 14 min behind",
      "777 windows", "3 commits", "2 open: 2 radio-silence (warning)", "████████████░░░░░░░░░░░░",
    ] {
      #expect(text.contains(part), "\(part) in:\n\(text)")
    }
  }

  @Test func `a pipeline that does not answer is said to be not ready`() {
    #expect(figures(nil).line.contains("not ready: starting"))
    #expect(figures(StatusSample(phase: "joining")).line.contains("not ready: joining"))
    #expect(!figures(StatusSample(phase: "running")).line.contains("not ready"))
    var ending = figures(nil)
    ending.stage = .ending
    #expect(!ending.line.contains("not ready"))
  }
}
