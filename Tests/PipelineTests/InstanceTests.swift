import Base
import Ledger
import Storage
import Telemetry
import Testing

@testable import Pipeline

/// Whole instances over topics in memory: whatever happens on the way, the tables end the same.
@Suite struct InstanceTests {
  private static let complete = InstanceResult.stopped(isComplete: true)

  private struct Run {
    var lanes = 1
    var commitByteCount = 1 << 20
    var intervalMillis = 10_000
    var stateInputByteCount = 1 << 30
    var firesOpenWindows = true
    var onPositionLost = PipelineOptions.PositionLostPolicy.stop
    var seed: UInt64 = 1
  }

  private func instance(
    _ topics: RecordedTopics, _ storage: any Storage, _ run: Run = Run(),
    goal: InstanceGoal? = nil
  ) throws -> Instance {
    let options = try TestSources.options(
      lanes: run.lanes, commitByteCount: run.commitByteCount, intervalMillis: run.intervalMillis,
      stateInputByteCount: run.stateInputByteCount, onPositionLost: run.onPositionLost,
      rowGroupRowCountMax: 37)
    return Instance(
      options: options, storage: storage,
      goal: goal ?? .caughtUp(firesOpenWindows: run.firesOpenWindows), log: TestSources.silentLog
    ) { delegate in
      RecordedConsumer(topics, laneCount: run.lanes, seed: run.seed, delegate: delegate)
    }
  }

  /// Writes the roots of finished runs to disk, the undisturbed one first, and compares all rows.
  private func compare(_ storages: [MemoryStorage]) throws {
    let folder = try TableFolder()
    let roots = try storages.enumerated().map { try folder.add($1, as: "root-\($0)") }
    try TableFolder.read(["compare"] + roots)
  }

  /// One lane, one commit, no interruption.
  private func undisturbed(_ topics: RecordedTopics) throws -> MemoryStorage {
    let storage = MemoryStorage()
    #expect(try instance(topics, storage).run() == Self.complete)
    return storage
  }

  private static func fleet(_ seed: UInt64, recordCount: Int = 500) -> RecordedTopics {
    var fleet = RandomFleet(seed: seed)
    return fleet.topics(recordCount: recordCount)
  }

  // MARK: - Determinism

  @Test func `rows do not depend on lanes, commits or batches`() throws {
    let topics = Self.fleet(7)
    var storages = [try undisturbed(topics)]
    for (index, lanes) in [1, 2, 4].enumerated() {
      for commitByteCount in [3_000, 60_000] {
        let storage = MemoryStorage()
        let run = Run(
          lanes: lanes, commitByteCount: commitByteCount, intervalMillis: 15,
          seed: UInt64(index * 31 + commitByteCount))
        #expect(try instance(topics, storage, run).run() == Self.complete)
        storages.append(storage)
      }
    }
    try compare(storages)
  }

  @Test(arguments: [UInt64(1), 2])
  func `rows do not depend on stops and starts`(seed: UInt64) throws {
    let topics = Self.fleet(seed)
    var storages = [try undisturbed(topics)]
    for shares in [[0.5], [0.1, 0.3, 0.31, 0.8], [0.2, 0.2, 0.99]] {
      let storage = MemoryStorage()
      for share in shares {
        let run = Run(lanes: 2, commitByteCount: 20_000, firesOpenWindows: false, seed: seed)
        #expect(try instance(topics.prefix(share), storage, run).run() == Self.complete)
      }
      #expect(try instance(topics, storage).run() == Self.complete)
      storages.append(storage)
    }
    try compare(storages)
  }

  @Test func `firing what is open once more fires nothing`() throws {
    let topics = Self.fleet(3, recordCount: 100)
    let once = try undisturbed(topics)
    let twice = try undisturbed(topics)
    #expect(try instance(topics, twice, Run(lanes: 2)).run() == Self.complete)
    try compare([once, twice])
  }

  /// Everything was committed, but nobody fired the windows: the next run does.
  @Test func `windows left open by a run are fired by the next`() throws {
    let topics = Self.fleet(4, recordCount: 200)
    let storage = MemoryStorage()
    #expect(
      try instance(topics, storage, Run(firesOpenWindows: false)).run() == Self.complete)
    #expect(try instance(topics, storage).run() == Self.complete)
    try compare([try undisturbed(topics), storage])
  }

  // MARK: - Deaths

  /// Kills the process at many points of its life, losing power, and lets the next one finish.
  @Test(arguments: [UInt64(11), 12])
  func `rows do not depend on where a process dies`(seed: UInt64) throws {
    let topics = Self.fleet(seed, recordCount: 300)
    let run = Run(
      lanes: 2, commitByteCount: 4_000, intervalMillis: 5, stateInputByteCount: 6_000, seed: seed)
    let whole = TestStorage()
    #expect(try instance(topics, whole, run).run() == Self.complete)
    let operationCount = whole.operations.count
    var storages = [try undisturbed(topics), whole.memory]
    var random = SplitMix64(seed: seed)
    for _ in 0..<12 {
      let storage = TestStorage()
      storage.die(after: Int.random(in: 0..<operationCount, using: &random))
      _ = try instance(topics, storage, run).run()
      if Bool.random(using: &random) { storage.memory.losePower() }
      let survivor = TestStorage(storage.memory)
      #expect(try instance(topics, survivor, run).run() == Self.complete, "seed \(seed)")
      storages.append(survivor.memory)
    }
    try compare(storages)
  }

  @Test func `a damaged snapshot gives way to the one before`() throws {
    let topics = Self.fleet(5, recordCount: 300)
    let storage = MemoryStorage()
    for share in [0.3, 0.6] {
      let run = Run(firesOpenWindows: false)
      #expect(try instance(topics.prefix(share), storage, run).run() == Self.complete)
    }
    var last: [Substring: String] = [:]
    for path in storage.paths where path.hasPrefix("_state/") {
      last[path.split(separator: "-").suffix(3).joined()[...]] = path
    }
    #expect(last.count == 4)
    for path in last.values {
      let bytes = try storage.read(path)
      try storage.delete(path)
      _ = try storage.putIfAbsent(path, Array(bytes.dropLast()))
    }
    #expect(try instance(topics, storage, Run(lanes: 2)).run() == Self.complete)
    try compare([try undisturbed(topics), storage])
  }

  /// Damages what `isMeant` names, after two runs that each left a snapshot of every partition.
  private func afterDamage(
    of isMeant: (String) -> Bool
  ) throws -> (result: InstanceResult, damaged: [String]) {
    let topics = Self.fleet(5, recordCount: 300)
    let storage = MemoryStorage()
    for share in [0.3, 0.6] {
      let run = Run(firesOpenWindows: false)
      #expect(try instance(topics.prefix(share), storage, run).run() == Self.complete)
    }
    let damaged = storage.paths.filter(isMeant)
    for path in damaged {
      var bytes = try storage.read(path)
      bytes[bytes.count / 3] ^= 1
      try storage.delete(path)
      _ = try storage.putIfAbsent(path, bytes)
    }
    return (try instance(topics, storage, Run(lanes: 2)).run(), damaged)
  }

  @Test func `both snapshots damaged is a stop that names them, never a start from zero`() throws {
    let (result, damaged) = try afterDamage {
      $0.hasPrefix("_state/") && $0.hasSuffix("-telemetry-0-1.state")
    }
    #expect(damaged.count == 2)
    guard case .failed(let reason) = result else {
      Issue.record("\(result)")
      return
    }
    for path in damaged { #expect(reason.contains(path), "\(reason)") }
    #expect(reason.contains("restore one of them"))
  }

  @Test func `a damaged entry is a stop that names it`() throws {
    let (result, damaged) = try afterDamage { $0 == Ledger.entryPath(4) }
    #expect(damaged.count == 1)
    guard case .refused(let reason) = result else {
      Issue.record("\(result)")
      return
    }
    #expect(reason.contains(damaged[0]) && reason.contains("downlinkd verify"), "\(reason)")
  }

  // MARK: - Two instances

  /// Both believe to own everything, as a zombie and its successor do.
  @Test(arguments: [UInt64(21), 22])
  func `two owners of the same partitions double nothing`(seed: UInt64) throws {
    let topics = Self.fleet(seed, recordCount: 300)
    let storage = MemoryStorage()
    let run = Run(lanes: 2, commitByteCount: 4_000, intervalMillis: 20, seed: seed)
    let results = Monitor<[InstanceResult]>([])
    let instances = try (0..<2).map { index in
      var run = run
      run.seed += UInt64(index)
      return try instance(topics, storage, run)
    }
    let threads = instances.enumerated().map { index, instance in
      WorkerThread(name: "instance-\(index)") {
        let result = instance.run()
        results.update { $0.append(result) }
      }
    }
    for thread in threads { thread.join() }
    #expect(results.update { $0 } == [Self.complete, Self.complete])
    try compare([try undisturbed(topics), storage])
  }

  // MARK: - Ends

  @Test func `a stop is orderly and the next start goes on`() throws {
    let topics = Self.fleet(6, recordCount: 300)
    let storage = MemoryStorage()
    let run = Run(lanes: 2, commitByteCount: 4_000, intervalMillis: 5)
    let first = try instance(topics, storage, run, goal: .run)
    let result = Monitor<InstanceResult?>(nil)
    let thread = WorkerThread(name: "instance") {
      let end = first.run()
      result.update { $0 = end }
    }
    _ = Monitor(0).wait(timeoutMillis: 60) { _ -> Bool? in nil }
    first.stop()
    thread.join()
    #expect(result.update { $0 } == .stopped(isComplete: true))
    #expect(try instance(topics, storage).run() == Self.complete)
    try compare([try undisturbed(topics), storage])
  }

  @Test func `a stop before the goal is not complete`() throws {
    let instance = try instance(Self.fleet(6, recordCount: 50), MemoryStorage())
    instance.stop()
    #expect(instance.run() == .stopped(isComplete: false))
  }

  @Test func `a root of another pipeline is refused before anything is read`() throws {
    let topics = Self.fleet(6, recordCount: 50)
    let storage = MemoryStorage()
    #expect(try instance(topics, storage).run() == Self.complete)
    var options = try TestSources.options()
    options.pipeline = "ships"
    let other = Instance(
      options: options, storage: storage, goal: .run, log: TestSources.silentLog
    ) { RecordedConsumer(topics, laneCount: 1, seed: 1, delegate: $0) }
    guard case .refused(let reason) = other.run() else {
      Issue.record("another pipeline's root was taken")
      return
    }
    #expect(reason.contains("belongs to pipeline"))
  }

  @Test func `a failed sync ends the instance`() throws {
    let storage = MemoryStorage()
    storage.plan(.init(.close, pathPart: "tables/", kind: .syncFailed))
    guard case .failed = try instance(Self.fleet(6, recordCount: 50), storage).run() else {
      Issue.record("the instance went on after a failed sync")
      return
    }
    #expect(storage.plannedFaultCount == 0)
  }

  @Test func `a full disk is waited out`() throws {
    let topics = Self.fleet(6, recordCount: 100)
    let storage = MemoryStorage()
    for (operation, part) in [
      (StorageOperation.append, "tables/"), (.put, "_ledger/0000000000000000000"),
      (.put, "_delta_log"),
    ] {
      // Behind the creation of eight tables.
      storage.plan(.init(operation, pathPart: part, after: 8, kind: .noSpace))
    }
    #expect(try instance(topics, storage, Run(commitByteCount: 4_000)).run() == Self.complete)
    try compare([try undisturbed(topics), storage])
  }

  // MARK: - Lost positions

  @Test func `offsets deleted before they were read stop, or are recorded as a gap`() throws {
    var topics = Self.fleet(8, recordCount: 200)
    let storage = MemoryStorage()
    let run = Run(firesOpenWindows: false)
    #expect(try instance(topics.prefix(0.3), storage, run).run() == Self.complete)
    topics.beginnings[TopicPartition(topic: "telemetry", partition: 1)] = 100
    guard case .failed(let reason) = try instance(topics, storage).run() else {
      Issue.record("lost offsets were passed over")
      return
    }
    #expect(reason.contains("offsets 60 to 100 were deleted before they were read"))
    #expect(
      try instance(topics, storage, Run(onPositionLost: .skipAndRecord)).run() == Self.complete)
    let folder = try TableFolder()
    let rows = try TableFolder.rows(try folder.add(storage, as: "root"))
    let gaps = rows.filter { $0.contains(#""table":"gaps""#) }
    #expect(gaps.count == 1)
    #expect(gaps.first?.contains(#""from_offset":60"#) == true)
    #expect(gaps.first?.contains(#""to_offset":100"#) == true)
  }

  @Test func `a topic that was re-created is a stop`() throws {
    let storage = MemoryStorage()
    let run = Run(firesOpenWindows: false)
    #expect(
      try instance(Self.fleet(8, recordCount: 100), storage, run).run() == Self.complete)
    guard case .failed(let reason) = try instance(Self.fleet(9), storage).run() else {
      Issue.record("another topic was taken for the known one")
      return
    }
    #expect(reason.contains("re-created"))
  }
}
