import Base
import Testing

@testable import downlinkd

@Suite struct DemoTallyTests {
  private let plan = DemoFixture.plan(devices: 100)
  private var start: Int64 { plan.startMicros + 5 * DemoPlan.hour }

  private func fault(
    _ kind: InjectedFault.Kind, device: Int = 1, inPasses: Bool = false
  ) -> InjectedFault {
    InjectedFault(kind: kind, device: device, startMicros: start, isHeardInPasses: inPasses)
  }

  private func tally(
    _ faults: [InjectedFault], _ steps: [AnomalyStep], reached: Int64? = nil
  ) -> DemoTally {
    DemoTally(faults: faults, steps: steps, plan: plan, reachedMicros: reached ?? plan.endMicros)
  }

  @Test func `a fault is found by the first opening on its series, as bad as it gets`() {
    let fault = fault(.overheating)
    let tally = tally(
      [fault],
      [
        DemoFixture.step(fault, after: 18 * DemoPlan.minute),
        DemoFixture.step(fault, .escalated, after: 31 * DemoPlan.minute, severity: "critical"),
        DemoFixture.step(fault, .closed, after: 100 * DemoPlan.minute, severity: "critical"),
      ])
    #expect(
      tally.findings.map(\.verdict) == [
        .found(
          detector: "battery-temperature", severity: "critical",
          delayMicros: 18 * DemoPlan.minute)
      ])
    #expect(tally.foundCount == 1 && tally.dueCount == 1 && tally.falseAlarms.isEmpty)
  }

  @Test func `a silence is known when the wait for it is over`() {
    let fault = fault(.silence)
    // It carries the time of the last record, which was before.
    let tally = tally([fault], [DemoFixture.step(fault, after: -40_000_000)])
    #expect(
      tally.findings[0].verdict
        == .found(
          detector: "radio-silence", severity: "warning",
          delayMicros: DemoPlan.silenceAfterMicros - 40_000_000))
  }

  @Test func `another detector on the same series finds it too`() {
    let fault = fault(.drift)
    let step = DemoFixture.step(fault, after: DemoPlan.minute, detector: "something")
    guard case .found("something", _, 2 * DemoPlan.minute) = tally([fault], [step])
      .findings[0].verdict
    else {
      Issue.record("not found")
      return
    }
  }

  @Test func `other satellites, metrics and times are false alarms`() {
    let fault = fault(.spike)
    var otherDevice = DemoFixture.step(fault)
    otherDevice.device = "sat-00002"
    var otherMetric = DemoFixture.step(fault)
    otherMetric.metric = "bus_power_w"
    let before = DemoFixture.step(fault, after: -DemoPlan.hour)
    let longAfter = DemoFixture.step(fault, after: 3 * DemoPlan.hour)
    let tally = tally([fault], [otherDevice, otherMetric, before, longAfter])
    #expect(tally.findings[0].verdict == .missed)
    #expect(tally.falseAlarms.count == 4)
  }

  @Test func `a step that stays explains what is said about its series until the end`() {
    let fault = fault(.step)
    let steps = [DemoFixture.step(fault), DemoFixture.step(fault, after: 6 * DemoPlan.hour)]
    #expect(tally([fault], steps).falseAlarms.isEmpty)
  }

  @Test func `closings and escalations are no alarms of their own`() {
    let fault = fault(.step)
    var step = DemoFixture.step(fault, .closed)
    step.device = "sat-00099"
    #expect(tally([], [step]).falseAlarms.isEmpty)
  }

  @Test func `what is about many satellites is told apart`() {
    var step = DemoFixture.step(fault(.silence))
    step.device = ""
    let tally = tally([], [step])
    #expect(tally.falseAlarms.isEmpty && tally.summaries.count == 1)
  }

  @Test func `a run that ended early is no miss`() {
    let fault = fault(.silence)
    let soon = start + DemoPlan.hour
    #expect(tally([fault], [], reached: soon).findings[0].verdict == .tooEarly)
    #expect(tally([fault], [], reached: soon).dueCount == 0)
    #expect(tally([fault], [], reached: start + 3 * DemoPlan.hour).findings[0].verdict == .missed)
    // What waits for a pass may come an orbit later.
    let passing = self.fault(.spike, inPasses: true)
    #expect(tally([passing], [], reached: soon).findings[0].verdict == .tooEarly)
    #expect(tally([self.fault(.spike)], [], reached: soon).findings[0].verdict == .missed)
  }

  @Test func `series-days count what was judged`() {
    let day = Double(DemoPlan.hour * 24)
    // Two detectors from the beginning, three after their warm-up.
    let hours = 2 * 12.0 + 3 * 9.0
    #expect(abs(tally([], []).seriesDays - 100 * hours * Double(DemoPlan.hour) / day) < 1e-9)
    #expect(tally([], [], reached: plan.startMicros).seriesDays == 0)
  }
}

@Suite struct AccountingTests {
  private func accounting(
    acknowledged: Int, bad: Int = 2, failed: Int = 0, readings: Int, dead: Int,
    isComplete: Bool = true
  ) -> Accounting {
    var progress = FleetSender.Progress(eventMicros: 0)
    progress.acknowledgedCount = acknowledged
    progress.badCount = bad
    progress.failedCount = failed
    var readingTable = TableTotals.Table(name: "readings_satellites")
    readingTable.rowCount = readings
    var deadTable = TableTotals.Table(name: "dead_letters")
    deadTable.rowCount = dead
    return Accounting(progress, TableTotals([readingTable, deadTable]), isComplete: isComplete)
  }

  @Test func `every record is a reading or a dead letter`() {
    #expect(accounting(acknowledged: 10, readings: 8, dead: 2).verdict == .exact)
    #expect(accounting(acknowledged: 10, readings: 7, dead: 2).verdict == .missing(1))
    #expect(accounting(acknowledged: 10, readings: 9, dead: 2).verdict == .doubled(1))
    #expect(accounting(acknowledged: 10, readings: 7, dead: 3).verdict == .mistaken)
  }

  @Test func `stopped early, what was not read is not missing`() {
    let stopped = accounting(acknowledged: 10, readings: 5, dead: 2, isComplete: false)
    #expect(stopped.verdict == .unread(3))
    let doubled = accounting(acknowledged: 10, readings: 9, dead: 2, isComplete: false)
    #expect(doubled.verdict == .doubled(1))
  }

  @Test func `where some failed, which ones were bad is not known`() {
    #expect(
      accounting(acknowledged: 10, bad: 3, failed: 1, readings: 8, dead: 2).verdict == .exact)
  }

  @Test func `the words follow the numbers`() {
    let exact = accounting(acknowledged: 1010, readings: 1008, dead: 2).lines.joined()
    #expect(exact.contains("1,010 records acknowledged = 1,008 readings + 2 dead letters"))
    let missing = accounting(acknowledged: 10, readings: 7, dead: 2).lines.joined()
    #expect(missing.contains("1 MISSING"))
  }

  @Test func `rows are counted from the adds of a table's log`() {
    var table = TableTotals.Table(name: "t")
    let commit = #"""
      {"commitInfo":{"operation":"WRITE"}}
      {"add":{"path":"a","size":100,"stats":"{\"numRecords\":7}"}}
      {"add":{"path":"b","size":50,"stats":"{\"numRecords\":3}"}}

      """#
    table.add(commit: Array(commit.utf8))
    table.add(commit: Array(#"{"txn":{"appId":"x","version":1}}"#.utf8))
    #expect(table.rowCount == 10 && table.fileCount == 2 && table.byteCount == 150)
    #expect(table.versionCount == 2)
  }
}
