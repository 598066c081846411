import Base
import Testing

@testable import downlinkd

@Suite struct DemoReportTests {
  /// The report of a run that sent ten records, two of them bad.
  private func report(
    readings: Int = 8, anomalyRows: Int = 3, told: Int = 3, restarts: Int = 0,
    steps: [AnomalyStep] = [], isStoppedEarly: Bool = false
  ) throws -> String {
    let plan = DemoFixture.plan()
    var progress = FleetSender.Progress(eventMicros: plan.endMicros)
    progress.sentCount = 10
    progress.acknowledgedCount = 10
    progress.badCount = 2
    let totals = TableTotals(
      [("anomalies", anomalyRows), ("dead_letters", 2), ("readings_satellites", readings)].map {
        var table = TableTotals.Table(name: $0)
        table.rowCount = $1
        return table
      })
    let folder = TemporaryFolder()
    return DemoReport(
      plan: plan, folder: try DemoFolder(folder.path), progress: progress, totals: totals,
      accounting: Accounting(progress, totals, isComplete: true),
      tally: DemoTally(
        faults: DemoFleet(plan).faults, steps: steps, plan: plan, reachedMicros: plan.endMicros),
      stepCount: told, restartCount: restarts, isStoppedEarly: isStoppedEarly
    ).lines.joined(separator: "\n")
  }

  @Test func `it says what was written, what adds up and what was found`() throws {
    let text = try report()
    for part in [
      "Sent: 10 records over 12 h", "readings_satellites  ", "8 rows",
      "10 records acknowledged = 8 readings + 2 dead letters: every record is there, once.",
      "Faults found: 0 of 10 injected", "MISSED (radio-silence should have said so)",
      "False alarms: 0 in ", "INSTALL delta; LOAD delta;", "/tables/anomalies'",
    ] {
      #expect(text.contains(part), "\(part) in:\n\(text)")
    }
    #expect(!text.contains("restart") && !text.contains("did not tell"))
  }

  @Test func `a found fault is told with its detector and delay`() throws {
    let fault = try #require(
      DemoFleet(DemoFixture.plan()).faults.first { $0.kind == .overheating })
    let step = DemoFixture.step(fault, after: 21 * DemoPlan.minute, severity: "critical")
    let text = try report(steps: [step])
    #expect(text.contains("Faults found: 1 of 10"))
    #expect(text.contains("found by battery-temperature after 21 min (critical)"))
  }

  @Test func `false alarms are counted by detector and rate`() throws {
    let fault = InjectedFault(
      kind: .spike, device: 119, startMicros: DemoFixture.midnight, isHeardInPasses: false)
    let steps = [DemoFixture.step(fault), DemoFixture.step(fault)]
    let text = try report(steps: steps)
    #expect(text.contains("False alarms: 2 in 255 series-days (0.008 a series-day)"))
    #expect(text.contains("  2 by wheel-spike"))
  }

  @Test func `where log and table differ it says so`() throws {
    #expect(try report(anomalyRows: 5).contains("has 2 rows that the log did not tell of"))
    #expect(try report(anomalyRows: 2).contains("told of 1 step"))
  }

  @Test func `restarts and early stops are told`() throws {
    #expect(try report(restarts: 2).contains("Exactly once, over 2 restarts of the pipeline:"))
    #expect(try report(isStoppedEarly: true).contains("stopped before the fleet's 12 h were over"))
  }

  @Test func `missing rows are a fault of ours`() throws {
    #expect(try report(readings: 7).contains("1 MISSING. This is a fault of downlinkd."))
  }
}

@Suite struct DemoFolderTests {
  @Test func `a folder is new or empty`() throws {
    let folder = TemporaryFolder()
    #expect(try DemoFolder(folder.path).path == folder.path)
    _ = folder.write("x", as: "something")
    #expect(throws: DemoFault.self) { try DemoFolder(folder.path) }
    #expect(throws: DemoFault.self) { try DemoFolder(folder.path + "/none/at/all") }
    #expect(throws: DemoFault.self) { try DemoFolder(folder.path + "/something") }
  }

  @Test func `a free port is one that can be had`() throws {
    let port = try LoopbackPort.unused()
    #expect((1024...65_535).contains(port))
  }
}
