import Base
import Ledger
import Metrics
import Storage
import Testing

@testable import Pipeline

/// A whole instance as others see it while it runs: its status, and a reload.
@Suite struct InstanceStatusTests {
  private struct Running {
    let instance: Instance
    let storage: MemoryStorage
    let thread: WorkerThread
    let result: Monitor<InstanceResult?>

    /// Waits for a status that fits, a minute at most.
    func status(_ what: String, where isWanted: (PipelineStatus) -> Bool) throws -> PipelineStatus {
      let nothing = Monitor(false)
      for _ in 0..<1200 {
        let status = instance.status()
        if isWanted(status) { return status }
        _ = nothing.wait(timeoutMillis: 50) { $0 ? true : nil }
      }
      Issue.record("waited in vain: \(what): \(instance.status())")
      throw CancellationError()
    }

    func stop() -> InstanceResult? {
      instance.stop()
      thread.join()
      return result.update { $0 }
    }
  }

  private func start(
    _ topics: RecordedTopics, _ options: PipelineOptions? = nil, lanes: Int = 2
  ) throws -> Running {
    let storage = MemoryStorage()
    let instance = Instance(
      options: try options ?? TestSources.options(lanes: lanes, intervalMillis: 30),
      storage: storage, goal: .run, log: TestSources.silentLog
    ) { RecordedConsumer(topics, laneCount: lanes, seed: 1, delegate: $0) }
    #expect(instance.status().phase == .starting)
    let result = Monitor<InstanceResult?>(nil)
    let thread = WorkerThread(name: "control") {
      let end = instance.run()
      result.update { $0 = end }
    }
    return Running(instance: instance, storage: storage, thread: thread, result: result)
  }

  private static func topics() -> RecordedTopics {
    var fleet = RandomFleet(seed: 5)
    return fleet.topics(recordCount: 200)
  }

  /// Everything there is has been committed.
  private static func isCaughtUp(_ status: PipelineStatus) -> Bool {
    status.partitions.count == 4
      && status.partitions.allSatisfy { $0.committedOffset == 200 && $0.nextOffset == 200 }
  }

  @Test func `the status of an instance is what it has done`() throws {
    let running = try start(Self.topics())
    let status = try running.status("caught up", where: Self.isCaughtUp)
    #expect(status.phase == .running)
    #expect(status.stall == nil)
    #expect(status.trouble == nil)
    #expect(status.sessionCount == 1)
    let consumed = ["read", "empty", "dead", "duplicate", "filtered", "not_delivered"]
      .map { status.totals["records_\($0)"] ?? 0 }.reduce(0, +)
    #expect(consumed == 800, "every offset of four partitions")
    #expect(status.commitCount > 0)
    #expect(status.commitSeconds.count == status.commitCount)
    #expect(Set(status.partitions.map(\.lane)) == [0, 1])
    #expect(status.partitions.allSatisfy { $0.deviceCount > 0 && $0.clockMicros != nil })
    let steps = status.labelledTotals.filter { $0.name == "anomalies" }
    let opened = steps.filter { $0.labels.contains { $0.value == "opened" } }
    #expect(opened.map(\.value).reduce(0, +) == status.totals["anomalies_opened"])
    #expect((status.totals["anomalies_opened"] ?? 0) > 0)
    #expect(!status.recentAnomalies.isEmpty)
    #expect(running.stop() == .stopped(isComplete: true))
    #expect(running.instance.status().phase == .stopped)
  }

  @Test func `a reload takes effect at a cut that brings every state`() throws {
    let running = try start(Self.topics())
    _ = try running.status("caught up", where: Self.isCaughtUp)
    let open = running.instance.status().openAnomalies
    #expect(open.contains { $0.count > 0 })
    running.instance.reload(
      PipelineReload(detectors: [[], []], configFingerprint: "no detectors"))
    let status = try running.status("closed") { $0.openAnomalies.isEmpty }
    #expect(status.sessionCount == 1, "nothing was restarted")
    // The rows of the closing are committed with the next cut.
    _ = try running.status("committed") {
      $0.totals["anomalies_closed"] == $0.totals["anomalies_opened"]
    }
    #expect(running.stop() == .stopped(isComplete: true))
    let ledger = Ledger(storage: running.storage, pipeline: "fleet", incarnation: "reader")
    try ledger.open()
    let last = try #require(ledger.recentEntries.last { $0.kind == .commit })
    #expect(last.configFingerprint == "no detectors")
    #expect(last.partitions.allSatisfy { $0.state != nil })
  }

  @Test func `another session takes over new metrics, from the state of the one before`() throws {
    let few = try TestSources.options(
      sources: [TestSources.wide(metrics: ["battery_voltage_v"]), TestSources.narrow()], lanes: 2,
      intervalMillis: 30)
    let topics = Self.topics()
    let running = try start(topics, few)
    _ = try running.status("caught up", where: Self.isCaughtUp)
    var more = few
    more.sources[0] = try TestSources.wide(metrics: ["battery_current_a", "battery_voltage_v"])
    more.configFingerprint = "more"
    var gone = few
    gone.sources[0] = try TestSources.wide(metrics: ["battery_current_a"])
    var mixed = few
    mixed.sources[0] = try TestSources.wide(
      metrics: ["battery_voltage_v"], types: ["battery_voltage_v": "sequence"])
    #expect(running.instance.obstacles(to: more) == [])
    #expect(running.instance.obstacles(to: gone) == [])
    #expect(running.instance.obstacles(to: mixed).contains { $0.contains("keeps its type") })
    running.instance.reload(
      PipelineReload(detectors: [[], []], configFingerprint: "more", reopening: more))
    let status = try running.status("opened again") {
      $0.sessionCount == 2 && $0.phase == .running && Self.isCaughtUp($0)
    }
    #expect(status.trouble == nil && status.stall == nil)
    #expect(running.stop() == .stopped(isComplete: true))
    let ledger = Ledger(storage: running.storage, pipeline: "fleet", incarnation: "reader")
    try ledger.open()
    let schema = try #require(ledger.state.tables["readings_snapshots"]?.schemaText)
    #expect(schema.contains("battery_current_a"))
    let growth = try #require(ledger.recentEntries.last { $0.kind == .configure })
    #expect(growth.configFingerprint == "more")
    let before = ledger.recentEntries.filter { $0.version < growth.version && $0.kind == .commit }
    #expect(before.contains { $0.partitions.contains { $0.state != nil } })
    // What was saved with fewer metrics is saved once more, with them.
    let after = ledger.recentEntries.filter { $0.version > growth.version }
    let saved = after.flatMap(\.partitions).filter { $0.state?.isNeeded == true }
    #expect(Set(saved.map(\.key.topic)) == ["telemetry"])
  }

  @Test func `what became of a reload is part of the status`() throws {
    let running = try start(Self.topics())
    running.instance.noteReload(isAccepted: false, detail: "windows: needs a restart")
    #expect(running.instance.status().reloadRefusedCount == 1)
    #expect(running.instance.status().lastReload?.detail == "windows: needs a restart")
    #expect(running.stop() == .stopped(isComplete: true))
  }
}
