import Decode
import Ledger
import Storage
import Testing

@testable import Pipeline

@Suite struct DeadLetterReplayTests {
  /// Readings and marks of a root whose letters came back undisturbed.
  private struct Outcome: Equatable {
    var readings: [String]
    var marks: [String]

    init(_ storage: MemoryStorage) throws {
      readings = try LetterRoot.readings(storage)
      marks = try LetterRoot.marks(storage)
    }
  }

  private static func made() throws -> MemoryStorage {
    let storage = MemoryStorage()
    try LetterRoot.make(storage)
    return storage
  }

  /// A root of its own with the same files.
  private static func copy(_ storage: MemoryStorage) throws -> MemoryStorage {
    let copy = MemoryStorage()
    for path in storage.paths { _ = try copy.putIfAbsent(path, try storage.read(path)) }
    return copy
  }

  @Test func `what can be read now comes back, once, flagged`() throws {
    let storage = try Self.made()
    let before = try LetterRoot.readings(storage)
    let report = try LetterRoot.replay(storage).run(.init())
    #expect(report.readCount == Int64(LetterRoot.mendableCount + LetterRoot.sampleCount))
    #expect(report.readingCount == report.readCount)
    #expect(report.stillDead.mapValues(\.count) == ["null_payload": 1])
    #expect(report.versions.count == 1)
    let after = try LetterRoot.readings(storage)
    let back = after.filter { !before.contains($0) }
    #expect(after.count == before.count + Int(report.readCount))
    #expect(back.allSatisfy { $0.hasSuffix(" 16") })
    #expect(back.contains("telemetry 1 0 sat-1 16"))
    // The middle row alone: its neighbours were read the first time.
    #expect(back.filter { $0.hasPrefix("samples 3 ") } == ["samples 3 1 inv-1 16"])
    let again = try LetterRoot.replay(storage).run(.init())
    #expect(again.letterCount == 1 && again.readCount == 0)
    #expect(again.versions.isEmpty, "a letter that stays dead is marked once")
    #expect(try LetterRoot.readings(storage) == after)
  }

  @Test func `a dry run counts the same and writes nothing`() throws {
    let storage = try Self.made()
    let paths = storage.paths
    let dry = try LetterRoot.replay(storage).run(.init(), isDry: true)
    #expect(storage.paths == paths)
    var report = try LetterRoot.replay(storage).run(.init())
    report.versions = []
    #expect(dry == report)
  }

  @Test func `small entries bring back the same as a large one`() throws {
    let large = try Self.made()
    let small = try Self.copy(large)
    _ = try LetterRoot.replay(large).run(.init())
    let report = try LetterRoot.replay(small, commitByteCount: 1).run(.init())
    #expect(report.versions.count == LetterRoot.mendableCount + LetterRoot.sampleCount + 1)
    #expect(try Outcome(small) == Outcome(large))
  }

  @Test func `of two replays at once each letter comes back by one`() throws {
    let alone = try Self.made()
    let storage = try Self.copy(alone)
    _ = try LetterRoot.replay(alone).run(.init())
    var other: ReplayReport?
    let report = try LetterRoot.replay(storage, commitByteCount: 1).run(.init()) { _ in
      // In the middle of the first, the second takes all that is left.
      if other == nil { other = try? LetterRoot.replay(storage).run(.init()) }
    }
    let second = try #require(other)
    #expect(second.readCount > 0)
    #expect(report.conflictCount == 1)
    #expect(
      report.readCount + second.readCount
        == Int64(LetterRoot.mendableCount + LetterRoot.sampleCount))
    #expect(try Outcome(storage) == Outcome(alone))
  }

  @Test func `letters that came in meanwhile wait for the next replay`() throws {
    let storage = try Self.made()
    let filter = DeadLetterFilter(topic: "samples")
    let report = try LetterRoot.replay(storage).run(filter)
    #expect(report.readCount == Int64(LetterRoot.sampleCount))
    #expect(try LetterRoot.summary(storage).total.pending == Int64(LetterRoot.mendableCount + 1))
  }

  @Test func `a topic that no source reads any more is left as it is`() throws {
    let storage = try Self.made()
    var options = try LetterRoot.options(isMended: true)
    options.sources[1].topics = ["elsewhere"]
    let report = try DeadLetterReplay(
      options: options, storage: storage, log: TestSources.silentLog
    ).run(.init())
    #expect(report.withoutSource == ["samples": Int64(LetterRoot.sampleCount)])
    #expect(try LetterRoot.summary(storage, .init(topic: "samples")).total.replayed == 0)
  }

  @Test func `where nothing was read, nothing is begun`() throws {
    for isDry in [false, true] {
      let storage = MemoryStorage()
      let replay = try LetterRoot.replay(storage)
      let error = #expect(throws: ReplayRefusal.self) { try replay.run(.init(), isDry: isDry) }
      #expect(error == .nothingWasRead)
      #expect(storage.paths == [])
    }
  }

  /// One of three schemas has come up since, one is still not there, one is not served.
  @Test func `a schema that is not served leaves its letters, and no others`() throws {
    let storage = MemoryStorage()
    let directory = TestDirectory()
    let options = try LetterRoot.envelopedOptions(directory)
    for id in [Int32(7), 8, 9] { directory.say(.notFound, of: id) }
    try LetterRoot.makeEnveloped(storage, options, ids: [7, 8, 9, 8, 7, 9])
    try directory.know(7)
    directory.say(nil, of: 8)
    func replay() throws -> ReplayReport {
      try DeadLetterReplay(
        options: options, storage: storage, log: TestSources.silentLog, schemaMillisMax: 0
      ).run(.init())
    }
    let report = try replay()
    #expect(report.readCount == 2)
    #expect(report.withoutSchema == [8: 2])
    #expect(report.stillDead.mapValues(\.count) == ["unknown_schema": 2])
    #expect(try LetterRoot.marks(storage).count == 4, "what waits has no mark")
    try directory.know(8)
    let later = try replay()
    #expect(later.readCount == 2 && later.withoutSchema.isEmpty)
    #expect(try LetterRoot.summary(storage).total.pending == 2)
  }

  @Test func `a letter that stays dead for another reason is marked anew`() throws {
    let storage = try Self.made()
    func replay(_ fingerprint: String) throws -> ReplayReport {
      try DeadLetterReplay(
        options: LetterRoot.options(isMended: false, fingerprint: fingerprint), storage: storage,
        log: TestSources.silentLog
      ).run(.init())
    }
    #expect(try replay("a").versions.count == 1)
    #expect(try replay("a").versions.isEmpty)
    #expect(try replay("b").versions.count == 1)
    #expect(try LetterRoot.summary(storage).total.pending == 16)
    #expect(try LetterRoot.summary(storage).total.stillDead == 16)
  }

  @Test func `the pipeline goes on beside a replay`() throws {
    let storage = try Self.made()
    let options = try LetterRoot.options(isMended: false)
    let committer = Committer(
      options: options, storage: storage, pool: .test, incarnation: "other",
      log: TestSources.silentLog)
    try committer.recover(clusterID: "cluster")
    let key = PartitionKey(topic: "telemetry", incarnation: 0, partition: 0)
    committer.own(key)
    _ = try LetterRoot.replay(storage).run(.init())
    let to = Int64(LetterRoot.recordCount)
    let harness = PartitionHarness(
      .test("telemetry", source: 0, to: to, openedAt: to), source: options.sources[0])
    harness.offer([.wide("sat-2", second: 200_000)], from: to)
    let report = try committer.commit(
      [try #require(harness.cut())], id: committer.nextCommitID())
    #expect(report != nil)
    #expect(committer.state.lastReplay >= 0)
    #expect(try LetterRoot.readings(storage).contains { $0.hasPrefix("telemetry 20 0 sat-2") })
  }
}

/// A replay that ends at every single operation of its storage, and is started again.
@Suite struct DeadLetterReplayFaultTests {
  private static func undisturbed() throws -> (
    made: MemoryStorage, readings: [String], marks: [String], operationCount: Int
  ) {
    let made = MemoryStorage()
    try LetterRoot.make(made)
    let storage = TestStorage(try copy(made))
    _ = try LetterRoot.replay(storage, commitByteCount: 1500).run(.init())
    return (
      made, try LetterRoot.readings(storage.memory), try LetterRoot.marks(storage.memory),
      storage.operations.count
    )
  }

  private static func copy(_ storage: MemoryStorage) throws -> MemoryStorage {
    let copy = MemoryStorage()
    for path in storage.paths { _ = try copy.putIfAbsent(path, try storage.read(path)) }
    return copy
  }

  @Test func `a death at any operation loses and doubles nothing`() throws {
    let (made, readings, marks, operationCount) = try Self.undisturbed()
    #expect(operationCount > 60)
    for operation in 0..<operationCount {
      let storage = TestStorage(try Self.copy(made))
      storage.die(after: operation)
      #expect(throws: (any Error).self) {
        _ = try LetterRoot.replay(storage, commitByteCount: 1500).run(.init())
      }
      if operation.isMultiple(of: 2) { storage.memory.losePower() }
      _ = try LetterRoot.replay(storage.memory, commitByteCount: 1500).run(.init())
      #expect(try LetterRoot.readings(storage.memory) == readings, "operation \(operation)")
      #expect(try LetterRoot.marks(storage.memory) == marks, "operation \(operation)")
    }
  }

  /// Every operation fails once, each in one of the ways.
  @Test func `one failed operation loses and doubles nothing`() throws {
    let (made, readings, marks, operationCount) = try Self.undisturbed()
    for operation in 0..<operationCount {
      let fault = CommitterFaultTests.faults[operation % CommitterFaultTests.faults.count]
      let storage = try Self.copy(made)
      storage.plan(.init(nil, after: operation, kind: fault.kind, takesEffect: fault.takesEffect))
      _ = try? LetterRoot.replay(storage, commitByteCount: 1500).run(.init())
      _ = try LetterRoot.replay(storage, commitByteCount: 1500).run(.init())
      #expect(try LetterRoot.readings(storage) == readings, "operation \(operation)")
      #expect(try LetterRoot.marks(storage) == marks, "operation \(operation)")
    }
  }
}
