import Base
import Ledger
import Storage
import Telemetry
import Testing

@testable import Pipeline

/// A lane on its own thread over scripted drains, told and watched in lock step.
final class LaneHarness {
  enum Delivery: Sendable {
    case record(Int, Int64, TestRecord)
    case lost(Int)
  }

  let storage = MemoryStorage()
  let delegate: TestLaneDelegate
  private let source: ScriptedSource
  private let commands = Monitor<[LaneCommand]>([])
  private let thread: WorkerThread
  private var isStopped = false

  init(
    partitionCount: Int = 1, commitByteCount: Int = 1 << 20, options: PipelineOptions? = nil
  ) throws {
    let options = try options ?? TestSources.options(commitByteCount: commitByteCount)
    let delegate = TestLaneDelegate()
    let source = ScriptedSource(
      (0..<partitionCount).map { TopicPartition(topic: "telemetry", partition: Int32($0)) })
    let (storage, commands) = (storage, commands)
    self.delegate = delegate
    self.source = source
    thread = WorkerThread(name: "lane-test") {
      Lane(
        index: 0, records: source, options: options, storage: storage, pool: .test,
        commands: commands, delegate: delegate
      ).run()
    }
  }

  deinit { stop() }

  func topicPartition(_ partition: Int) -> TopicPartition { source.partitions[partition] }

  // MARK: - Telling

  func start(
    _ partition: Int, to: Int64 = 0, openedAt: Int64 = 0, state: StateReference? = nil
  ) {
    send(
      .start(.test("telemetry", Int32(partition), to: to, openedAt: openedAt, state: state)))
  }

  func skip(_ partition: Int, to offset: Int64) {
    send(.skip(topicPartition(partition), to: offset, reason: "retention"))
  }

  func forget(_ partitions: [Int]) {
    let done = Monitor(0)
    send(.forget(partitions.map { topicPartition($0) }, done: done))
    #expect(done.wait(timeoutMillis: 10_000) { $0 == 1 ? true : nil } == true)
  }

  func cut(wantsState: Bool = false) throws -> [PartitionCut] {
    let request = CutRequest(
      commitID: CommitID(incarnation: RandomID.make(), counter: 1), laneCount: 1,
      wantsState: wantsState, firesOpenWindows: false)
    send(.cut(request))
    return try #require(request.collect(timeoutMillis: 10_000))
  }

  func stop() {
    if isStopped { return }
    isStopped = true
    send(.stop)
    thread.join()
  }

  /// One drain's worth, and waits until the lane has worked through it.
  func deliver(_ deliveries: [Delivery]) {
    deliverLater(deliveries)
    #expect(source.waitUntilDrained(), "the lane takes what it is given")
    settle()
  }

  func deliverLater(_ deliveries: [Delivery]) { source.script(deliveries) }

  /// Waits until the lane says so.
  func waitForProgress(_ isThere: @escaping (LaneProgress) -> Bool) {
    let found = delegate.account.wait(timeoutMillis: 10_000) {
      $0.progress.map(isThere) == true ? true : nil
    }
    #expect(found == true, "the lane gets there")
  }

  /// Waits until the lane has gone round twice.
  func settle() {
    let rounds = delegate.account.update { $0.rounds }
    let answer = delegate.account.wait(timeoutMillis: 10_000) {
      $0.rounds >= rounds + 2 ? true : nil
    }
    #expect(answer == true, "the lane goes round")
  }

  private func send(_ command: LaneCommand) { commands.update { $0.append(command) } }

  // MARK: - Watching

  var progress: LaneProgress? { delegate.account.update { $0.progress } }
  var refetches: [String] { delegate.account.update { $0.refetches } }
  var failures: [String] { delegate.account.update { $0.failures } }
  var warnings: [String] { delegate.account.update { $0.warnings } }
  var losses: [String] { delegate.account.update { $0.losses } }
  var drift: [DriftNews] { delegate.account.update { $0.drift } }
  /// Drains that the lane asked for.
  var drainCount: Int { source.drainCount }
}

/// Writes down what a lane reports.
final class TestLaneDelegate: LaneDelegate {
  struct Account: Sendable {
    var progress: LaneProgress?
    var rounds = 0
    var refetches: [String] = []
    var failures: [String] = []
    var warnings: [String] = []
    var losses: [String] = []
    var drift: [DriftNews] = []
  }

  let account = Monitor(Account())
  let canRefetch = Monitor(true)

  func refetch(_ partition: TopicPartition, from offset: Int64) -> Bool {
    account.update { $0.refetches.append("\(partition) from \(offset)") }
    return canRefetch.update { $0 }
  }

  func positionLost(_ loss: PositionLoss) {
    account.update { $0.losses.append("\(loss.topicPartition) at \(loss.offset)") }
  }

  func laneFailed(_ failure: SessionFailure) {
    let text =
      switch failure {
      case .reopen(let reason): "reopen: \(reason)"
      case .damagedState(let path, _): "damaged: \(path)"
      case .stop(let reason): "stop: \(reason)"
      case .syncFailed(let reason): "sync: \(reason)"
      }
    account.update { $0.failures.append(text) }
  }

  func laneWarned(_ message: String) { account.update { $0.warnings.append(message) } }

  func laneMet(_ drift: DriftNews) { account.update { $0.drift.append(drift) } }

  func laneProgressed(_ lane: Int, _ progress: LaneProgress) {
    account.update { account in
      account.progress = progress
      account.rounds += 1
    }
  }
}

/// A source whose drains are given one by one.
private final class ScriptedSource: RecordSource, @unchecked Sendable {
  // @unchecked because bytes and headers are the lane's own; the script is behind a Monitor.
  let partitions: [TopicPartition]
  private let script = Monitor(Script())
  private let bytes = BatchBytes()
  private var headers: [String?] = []

  private struct Script: Sendable {
    var drains: [[LaneHarness.Delivery]] = []
    var drainCount = 0
  }

  init(_ partitions: [TopicPartition]) { self.partitions = partitions }

  var drainCount: Int { script.update { $0.drainCount } }

  func script(_ deliveries: [LaneHarness.Delivery]) {
    script.update { $0.drains.append(deliveries) }
  }

  func waitUntilDrained() -> Bool {
    script.wait(timeoutMillis: 10_000) { $0.drains.isEmpty ? true : nil } ?? false
  }

  func drain(into batch: inout RecordBatch, countMax: Int, timeoutMillis: Int32) {
    bytes.takeAway()
    batch.removeAll()
    headers = []
    script.update { $0.drainCount += 1 }
    let deliveries = script.wait(timeoutMillis: 2) { script in
      script.drains.isEmpty ? nil : script.drains.removeFirst()
    }
    // Taking one off wakes nobody; the harness waits for it.
    script.update { _ in }
    for delivery in deliveries ?? [] {
      switch delivery {
      case .record(let partition, let offset, let record):
        bytes.append(record, partitionIndex: partition, offset: offset, to: &batch)
        headers.append(record.headersJSON)
      case .lost(let partition):
        bytes.append(.positionLost, partitionIndex: partition, offset: 0, to: &batch)
        headers.append(nil)
      }
    }
  }

  func headersJSON(at index: Int) -> String? { headers[index] }
}
