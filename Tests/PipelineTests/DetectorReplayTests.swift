import Base
import Detectors
import Ledger
import Storage
import Testing

@testable import Pipeline

/// Detectors in a partition: what replays, restarts and changes of the configuration may do to the
/// rows, which is nothing but what the configuration says.
@Suite struct DetectorReplayTests {
  private static let hot = TestSources.limits("hot", metric: "battery_voltage_v", warningAbove: 5)
  private static let hotter = TestSources.limits(
    "hot", metric: "battery_voltage_v", warningAbove: 7)

  /// A value that rises by one a second, then falls.
  private static let records: [TestRecord] = (0..<20).map { second in
    .wide("sat-1", second: Double(second), metrics: [Double(second < 10 ? second : 20 - second)])
  }

  private static func source(_ detectors: [DetectorDefinition]) throws -> SourceOptions {
    try TestSources.wide(detectors: detectors)
  }

  private static func steps(_ events: [AnomalyEvent]) -> [String] {
    events.map { "\($0.detector) \($0.state.rawValue) \($0.offset)" }
  }

  private static func steps(_ cut: PartitionCut?) -> [String] {
    steps(cut?.output.anomalies ?? [])
  }

  @Test func `rows of an anomaly go with the cut of their record`() throws {
    let harness = PartitionHarness(.test(), source: try Self.source([Self.hot]))
    harness.offer(Array(Self.records[..<6]), from: 0)
    #expect(Self.steps(harness.cut()) == [])
    harness.offer(Array(Self.records[6..<12]), from: 6)
    #expect(Self.steps(harness.cut()) == ["hot opened 6"])
    harness.offer(Array(Self.records[12...]), from: 12)
    #expect(Self.steps(harness.cut()) == ["hot closed 16"])
  }

  @Test func `a replay repeats no row, and ends with the same anomalies open`() throws {
    let harness = PartitionHarness(.test(to: 10), source: try Self.source([Self.hot]))
    harness.offer(Array(Self.records[..<10]), from: 0)
    #expect(harness.cut() == nil)
    #expect(harness.partition.detectors.openCounts.map(\.count).reduce(0, +) == 1)
    harness.offer(Array(Self.records[10...]), from: 10)
    #expect(Self.steps(harness.cut()) == ["hot closed 16"])
  }

  /// Writes the state after `count` records with the first limit.
  private func state(
    after count: Int, _ storage: any Storage
  ) throws -> StateReference {
    let harness = PartitionHarness(.test(), source: try Self.source([Self.hot]))
    harness.offer(Array(Self.records[..<count]), from: 0)
    let file = try harness.stateFile(storage, id: CommitID(incarnation: "i", counter: 1))
    try file.closeOnce(in: storage)
    return file.reference
  }

  private func restart(
    at to: Int64, from reference: StateReference, _ storage: any Storage,
    detectors: [DetectorDefinition]
  ) throws -> PartitionHarness {
    let start = PartitionStart.test(to: to, state: reference)
    let source = try Self.source(detectors)
    let restored = try StateSnapshot.restore(
      reference, key: start.key, source: source, storage: storage)
    return PartitionHarness(start, source: source, state: restored)
  }

  @Test func `a changed limit takes effect where the replay ends, and brings its state`() throws {
    let storage = MemoryStorage()
    let reference = try state(after: 4, storage)
    let harness = try restart(at: 8, from: reference, storage, detectors: [Self.hotter])
    harness.offer(Array(Self.records[4..<8]), from: 4)
    // Up to the chain's `to` the old limit has judged: its anomaly is open, as the table says.
    #expect(harness.partition.detectors.openCounts.map(\.count).reduce(0, +) == 1)
    #expect(harness.partition.detectors.definitions == [Self.hotter])
    let options = try TestSources.options().commit
    #expect(harness.partition.isStateDue(options, wanted: false, nowNanos: 0))
    let cut = try #require(harness.cut())
    #expect((cut.from, cut.to) == (8, 8))
    #expect(cut.stateNeed?.reason == "its detectors were changed")
    #expect(!harness.partition.isStateDue(options, wanted: false, nowNanos: 0))
    harness.offer(Array(Self.records[8...]), from: 8)
    let next = try #require(harness.cut())
    #expect(Self.steps(next) == ["hot closed 14"], "inside 7 by the margin")
    #expect(next.stateNeed == nil)
  }

  @Test func `an unchanged configuration changes nothing at a restart`() throws {
    let storage = MemoryStorage()
    let reference = try state(after: 8, storage)
    let harness = try restart(at: 8, from: reference, storage, detectors: [Self.hot])
    let options = try TestSources.options().commit
    #expect(!harness.partition.isStateDue(options, wanted: false, nowNanos: 0))
    #expect(harness.cut() == nil)
    harness.offer(Array(Self.records[8...]), from: 8)
    let cut = try #require(harness.cut())
    #expect(Self.steps(cut) == ["hot closed 16"])
    #expect(cut.stateNeed == nil)
  }

  @Test func `a detector that is gone closes what it had open, once`() throws {
    let harness = PartitionHarness(.test(), source: try Self.source([Self.hot]))
    harness.offer(Array(Self.records[..<8]), from: 0)
    #expect(Self.steps(harness.cut()) == ["hot opened 6"])
    harness.partition.reconfigure([])
    let cut = try #require(harness.cut())
    #expect(Self.steps(cut) == ["hot closed 8"])
    #expect(cut.stateNeed != nil)
    harness.offer(Array(Self.records[8...]), from: 8)
    #expect(Self.steps(harness.cut()) == [])
  }

  @Test func `anomalies that a change closes right behind a cut stay when records come`() throws {
    let harness = PartitionHarness(.test(), source: try Self.source([Self.hot]))
    harness.offer(Array(Self.records[..<8]), from: 0)
    let first = try #require(harness.cut())
    #expect(Self.steps(first) == ["hot opened 6"])
    let pool = OutputPool.test
    pool.giveBack(first.output, source: harness.partition.sourceIndex)
    harness.partition.reconfigure([])
    harness.partition.equip(from: pool)
    harness.offer(Array(Self.records[8...]), from: 8)
    #expect(Self.steps(harness.cut()) == ["hot closed 8"])
  }

  @Test func `while a partition replays a reload waits for its end`() throws {
    let harness = PartitionHarness(.test(to: 8), source: try Self.source([Self.hot]))
    harness.offer(Array(Self.records[..<3]), from: 0)
    harness.partition.reconfigure([Self.hotter])
    #expect(harness.partition.detectors.definitions == [Self.hot])
    #expect(harness.cut() == nil)
    harness.offer(Array(Self.records[3..<8]), from: 3)
    #expect(harness.partition.detectors.definitions == [Self.hotter])
    #expect(harness.cut()?.stateNeed != nil)
  }

  @Test func `a change of detectors is not committed without its state`() throws {
    let storage = MemoryStorage()
    let driver = try CommitDriver(storage)
    let harness = PartitionHarness(
      .test(), source: try Self.source([Self.hot]))
    harness.offer(Array(Self.records[..<8]), from: 0)
    harness.partition.reconfigure([Self.hotter])
    let cut = try #require(harness.cut(state: nil))
    let before = try RootContent(storage)
    do throws(CommitFailure) {
      _ = try driver.committer.commit([cut], id: driver.committer.nextCommitID())
      Issue.record("a commit without the state went in")
    } catch {
      guard case .mustRecover(let reason) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(reason.contains("its detectors were changed"))
    }
    #expect(try RootContent(storage) == before)
  }
}
