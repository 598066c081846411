import Base
import Ledger
import Storage
import Telemetry
import Testing

@testable import Pipeline

/// Whole instances over topics that end: partitions that fall silent, and deaths around what is
/// decided then.
@Suite struct IdleInstanceTests {
  private static func options(idleMillis: Int?) throws -> PipelineOptions {
    var options = try TestSources.options(
      lanes: 2, intervalMillis: 20, stateInputByteCount: 6_000, rowGroupRowCountMax: 37)
    for index in options.sources.indices { options.sources[index].partitionIdleMillis = idleMillis }
    // All entries stay: the test reads the decisions from them.
    options.commit.summaryInterval = 100_000
    return options
  }

  private static func instance(
    _ topics: RecordedTopics, _ storage: any Storage, _ options: PipelineOptions,
    goal: InstanceGoal = .run
  ) -> Instance {
    Instance(options: options, storage: storage, goal: goal, log: TestSources.silentLog) {
      RecordedConsumer(topics, laneCount: options.laneCount, seed: 1, delegate: $0)
    }
  }

  private static func topics(_ seed: UInt64) -> RecordedTopics {
    var fleet = RandomFleet(seed: seed)
    return fleet.topics(recordCount: 200)
  }

  private static func decisions(_ storage: MemoryStorage) throws -> [Decision] {
    var decisions: [Decision] = []
    var version: Int64 = 0
    while let bytes = try? storage.read(Ledger.entryPath(version)) {
      let path = Ledger.entryPath(version)
      decisions += try LedgerEntry(parsing: bytes, path: path, version: version).decisions
      version += 1
    }
    return decisions
  }

  private static func idleOffsets(_ storage: MemoryStorage) throws -> [TopicPartition: [Int64]] {
    var offsets: [TopicPartition: [Int64]] = [:]
    for decision in try decisions(storage) where decision.kind == .partitionIdle {
      let partition = TopicPartition(
        topic: decision.key.topic, partition: decision.key.partition)
      offsets[partition, default: []].append(decision.offset)
    }
    return offsets
  }

  /// Runs as a service until `isDone`, or until it ends by itself.
  private static func serve(
    _ topics: RecordedTopics, _ storage: any Storage, _ options: PipelineOptions,
    until isDone: @escaping () throws -> Bool
  ) rethrows {
    let instance = instance(topics, storage, options)
    let ended = Monitor<InstanceResult?>(nil)
    let thread = WorkerThread(name: "instance") {
      let result = instance.run()
      ended.update { $0 = result }
    }
    for _ in 0..<1_000 {
      if ended.wait(timeoutMillis: 20, for: { $0 }) != nil { break }
      if try isDone() { break }
    }
    instance.stop()
    thread.join()
  }

  /// Whether all records are committed and every partition was found idle where it ends.
  private static func isIdle(_ storage: MemoryStorage, _ topics: RecordedTopics) throws -> Bool {
    let idle = try idleOffsets(storage)
    return topics.partitions.allSatisfy { partition, records in
      // A partition may have ended with nothing open: then nothing is decided.
      (idle[partition]?.last ?? 0) >= Int64(records.count) - 5
    }
  }

  @Test func `a service fires the last windows of silent partitions, a finite run does not`()
    throws
  {
    let topics = Self.topics(1)
    let storage = MemoryStorage()
    let options = try Self.options(idleMillis: 60)
    #expect(
      Self.instance(topics, storage, options, goal: .caughtUp(firesOpenWindows: false)).run()
        == .stopped(isComplete: true))
    #expect(try Self.decisions(storage) == [])
    try Self.serve(topics, storage, options) { try Self.isIdle(storage, topics) }
    let idle = try Self.idleOffsets(storage)
    #expect(try Self.isIdle(storage, topics))
    #expect(idle.values.allSatisfy { $0.count == 1 }, "once a silence")
    // The same as firing what is open at the end, since nothing came behind it.
    let finite = MemoryStorage()
    let end = InstanceGoal.caughtUp(firesOpenWindows: true)
    let never = try Self.options(idleMillis: nil)
    #expect(Self.instance(topics, finite, never, goal: end).run() == .stopped(isComplete: true))
    try Self.compare(finite, storage)
    // Another owner measures for itself, and the state says that there is nothing to fire.
    let endNanos = MonotonicClock.nowNanos() + 400_000_000
    Self.serve(topics, storage, options) { MonotonicClock.nowNanos() > endNanos }
    #expect(try Self.idleOffsets(storage) == idle)
  }

  @Test func `a partition without a leader keeps no other from being found idle`() throws {
    var topics = Self.topics(1)
    let leaderless = topics.names[0]
    topics.leaderless = [leaderless]
    var others = topics
    others.partitions[leaderless] = nil
    let storage = MemoryStorage()
    try Self.serve(topics, storage, Self.options(idleMillis: 60)) {
      try Self.isIdle(storage, others)
    }
    #expect(try Self.isIdle(storage, others) && !others.partitions.isEmpty)
    #expect(try Self.idleOffsets(storage)[leaderless] == nil)
  }

  private static func compare(_ storages: MemoryStorage...) throws {
    let folder = try TableFolder()
    let roots = try storages.enumerated().map { try folder.add($1, as: "root-\($0)") }
    try TableFolder.read(["compare"] + roots)
  }

  /// Records come in three bursts with silence between; the process dies anywhere in it. Whatever
  /// was decided, an undisturbed run that is told the same has the same rows.
  @Test(arguments: [21, 22] as [UInt64])
  func `rows do not depend on where a process dies around a silence`(seed: UInt64) throws {
    let topics = Self.topics(seed)
    let options = try Self.options(idleMillis: 40)
    var random = SplitMix64(seed: seed)
    for _ in 0..<4 {
      let memory = MemoryStorage()
      for share in [0.4, 0.8] {
        let part = topics.prefix(share)
        let storage = TestStorage(memory)
        storage.die(after: Int.random(in: 20..<160, using: &random))
        try Self.serve(part, storage, options) { try Self.isIdle(memory, part) }
        if Bool.random(using: &random) { memory.losePower() }
        try Self.serve(part, memory, options) { try Self.isIdle(memory, part) }
      }
      let end = InstanceGoal.caughtUp(firesOpenWindows: true)
      #expect(
        Self.instance(topics, memory, options, goal: end).run() == .stopped(isComplete: true),
        "seed \(seed)")
      let idle = try Self.idleOffsets(memory)
      #expect(!idle.isEmpty)
      var told = try Self.options(idleMillis: nil)
      told.decidedIdleOffsets = idle
      let undisturbed = MemoryStorage()
      #expect(
        Self.instance(topics, undisturbed, told, goal: end).run() == .stopped(isComplete: true))
      #expect(try Self.idleOffsets(undisturbed) == idle)
      try Self.compare(undisturbed, memory)
    }
  }
}
