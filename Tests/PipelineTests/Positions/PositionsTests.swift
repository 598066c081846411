import Base
import Ledger
import Storage
import Telemetry
import Testing

@testable import Pipeline

/// Positions of a pipeline that has run, from outside, and what runs make of decisions.
@Suite struct PositionsTests {
  private static let complete = InstanceResult.stopped(isComplete: true)
  private static let partition = TopicPartition(topic: "telemetry", partition: 1)

  private func instance(
    _ topics: RecordedTopics, _ storage: any Storage, fires: Bool = false, lanes: Int = 1,
    commitByteCount: Int = 1 << 20, stateInputByteCount: Int = 1 << 30, seed: UInt64 = 1
  ) throws -> Instance {
    let options = try TestSources.options(
      lanes: lanes, commitByteCount: commitByteCount, intervalMillis: 20,
      stateInputByteCount: stateInputByteCount)
    return Instance(
      options: options, storage: storage, goal: .caughtUp(firesOpenWindows: fires),
      log: TestSources.silentLog
    ) { RecordedConsumer(topics, laneCount: lanes, seed: seed, delegate: $0) }
  }

  private func positions(_ storage: any Storage) throws -> Positions {
    Positions(options: try TestSources.options(), storage: storage, log: TestSources.silentLog)
  }

  @discardableResult
  private func decide(
    _ wish: PositionWish, _ topics: RecordedTopics, _ storage: any Storage
  ) throws -> Int64 {
    try positions(storage).carryOut(wish, RecordedConsumer(asking: topics))
  }

  private func look(_ topics: RecordedTopics, _ storage: any Storage) throws -> PositionReport {
    try positions(storage).look(RecordedConsumer(asking: topics))
  }

  private static func fleet(_ seed: UInt64, recordCount: Int = 300) -> RecordedTopics {
    var fleet = RandomFleet(seed: seed)
    return fleet.topics(recordCount: recordCount)
  }

  private func rows(_ storage: MemoryStorage) throws -> [String] {
    let folder = try TableFolder()
    return try TableFolder.rows(try folder.add(storage, as: "root"))
  }

  private func copy(_ storage: MemoryStorage) throws -> MemoryStorage {
    let copy = MemoryStorage()
    for path in storage.paths { _ = try copy.putIfAbsent(path, try storage.read(path)) }
    return copy
  }

  // MARK: - Looking

  @Test func `a pipeline that stands where Kafka does is fine`() throws {
    let topics = Self.fleet(31)
    let storage = MemoryStorage()
    #expect(throws: PositionRefusal.self) { try look(topics, storage) }
    #expect(try instance(topics.prefix(0.5), storage).run() == Self.complete)
    let report = try look(topics, storage)
    #expect(report.isFine, "\(report.sentences)")
    #expect(report.rows.map(\.lag) == [150, 150, 150, 150])
    #expect(report.rows.map(\.stateCut) == [150, 150, 150, 150])
    #expect(report.rows.allSatisfy { $0.witness == .same })
    let alone = try positions(storage).look(nil)
    #expect(alone.isFine && !alone.isOfBrokers && alone.rows.count == 4)
  }

  @Test func `every fault is found from outside, with what to run`() throws {
    let topics = Self.fleet(32)
    let storage = MemoryStorage()
    #expect(try instance(topics.prefix(0.5), storage).run() == Self.complete)
    var retained = topics
    retained.beginnings[Self.partition] = 200
    var cluster = topics
    cluster.clusterID = "other"
    var gone = topics
    gone.partitions[TopicPartition(topic: "samples", partition: 0)] = nil
    var fewer = topics
    fewer.partitions[TopicPartition(topic: "telemetry", partition: 2)] = nil
    let cases: [(RecordedTopics, String)] = [
      (retained, "telemetry[1]: offsets 150 to 200 were deleted before they were read"),
      (topics.prefix(0.4), "samples[0]: it ends at offset 120, but 150 is committed"),
      (Self.fleet(33), "samples[0]: offset 149 holds another record"),
      (cluster, "the brokers are cluster other"), (gone, "samples: the brokers know no such"),
      (fewer, "telemetry: it has 2 partitions, but 3 are open"),
    ]
    for (topics, sentence) in cases {
      let report = try look(topics, storage)
      #expect(
        report.sentences.first?.hasPrefix(sentence) == true, "\(report.sentences) for \(sentence)")
    }
  }

  // MARK: - Skipping

  /// What is left of each partition is the snapshot before, or none.
  private func deleteNewestStates(_ storage: MemoryStorage) throws {
    let ledger = Ledger(storage: storage, pipeline: "fleet", incarnation: "reader")
    try ledger.open()
    let newest = ledger.state.partitions.values.compactMap(\.states.last?.path)
    #expect(!newest.isEmpty)
    for path in newest { try storage.delete(path) }
  }

  /// What was skipped is skipped by every later run, whatever it has to rebuild its state from.
  @Test(arguments: [UInt64(41), 42])
  func `rows behind a skip do not depend on stops, deaths or damaged states`(seed: UInt64) throws {
    let topics = Self.fleet(seed)
    let begun = MemoryStorage()
    #expect(try instance(topics.prefix(0.3), begun).run() == Self.complete)
    let middle = topics.prefix(0.6)
    try decide(.skip(topic: "telemetry", partition: 1, .offset(130)), middle, begun)

    let whole = try copy(begun)
    #expect(try instance(topics, whole, fires: true).run() == Self.complete)
    var storages = [whole]
    // Rebuilt from the first state of all, and, once it has run on, from before the gap.
    for runsOn in [false, true] {
      let storage = try copy(begun)
      if runsOn { #expect(try instance(middle, storage).run() == Self.complete) }
      try deleteNewestStates(storage)
      #expect(try instance(topics, storage, fires: true, lanes: 2).run() == Self.complete)
      storages.append(storage)
    }
    var random = SplitMix64(seed: seed)
    for _ in 0..<4 {
      let storage = TestStorage(try copy(begun))
      storage.die(after: Int.random(in: 20..<400, using: &random))
      _ = try instance(
        topics, storage, fires: true, lanes: 2, commitByteCount: 4_000, stateInputByteCount: 6_000,
        seed: seed
      ).run()
      let survivor = storage.memory
      #expect(try instance(topics, survivor, fires: true).run() == Self.complete)
      storages.append(survivor)
    }
    let folder = try TableFolder()
    let roots = try storages.enumerated().map { try folder.add($1, as: "root-\($0)") }
    try TableFolder.read(["compare"] + roots)
    let gaps = try rows(whole).filter { $0.contains(#""table":"gaps""#) }
    #expect(gaps.count == 1)
    for part in [
      #""from_offset":90"#, #""to_offset":130"#, #""reason":"skipped""#,
      #""decided_by":"operator""#,
    ] { #expect(gaps[0].contains(part), "\(gaps)") }
  }

  @Test func `retention that took the state's records too is passed in one decision`() throws {
    var topics = Self.fleet(43)
    let storage = MemoryStorage()
    #expect(try instance(topics.prefix(0.3), storage).run() == Self.complete)
    try deleteNewestStates(storage)
    topics.beginnings[Self.partition] = 120
    try decide(.skip(topic: "telemetry", partition: 1, .beginning), topics, storage)
    #expect(try look(topics, storage).isFine)
    #expect(try instance(topics, storage, fires: true).run() == Self.complete)
    let gaps = try rows(storage).filter { $0.contains(#""table":"gaps""#) }.sorted()
    #expect(gaps.count == 2)
    #expect(gaps.filter { $0.contains(#""reason":"state""#) }.count == 1)
    #expect(gaps.filter { $0.contains(#""from_offset":90"#) }.count == 1)
  }

  @Test func `an instance that was running loses its next commit to a decision`() throws {
    let storage = MemoryStorage()
    let driver = try CommitDriver(storage, incarnation: "running")
    try driver.commitNext()
    let id = driver.committer.nextCommitID()
    let cuts = try driver.nextCuts(id: id)
    let topics = RecordedTopics(partitions: [
      TopicPartition(topic: "telemetry", partition: 0): [TestRecord](
        repeating: .wide("sat-1", second: 1), count: 12)
    ])
    var asked = topics
    asked.clusterID = "cluster"
    asked.partitions[TopicPartition(topic: "samples", partition: 0)] = [TestRecord](
      repeating: .narrow("inv-1", []), count: 12)
    // Its records are not those of the witness: a re-creation, as far as anybody can see.
    try decide(.recreated(topic: "telemetry"), asked, storage)
    #expect(throws: CommitFailure.self) { try driver.committer.commit(cuts, id: id) }
    let ledger = Ledger(storage: storage, pipeline: "fleet", incarnation: "reader")
    try ledger.open()
    #expect(ledger.state.partitions[CommitDriver.keys[0]]?.to == 6)
    #expect(ledger.state.topics["telemetry"]?.incarnation == 1)
  }

  // MARK: - Next incarnations

  @Test func `a re-created topic is read as its next incarnation, from the beginning`() throws {
    let old = Self.fleet(51)
    let new = Self.fleet(52, recordCount: 200)
    let storage = MemoryStorage()
    #expect(try instance(old.prefix(0.5), storage, lanes: 2).run() == Self.complete)
    guard case .failed(let reason) = try instance(new, storage).run() else {
      Issue.record("another topic was taken for the known one")
      return
    }
    #expect(reason.contains("--recreated"), "\(reason)")
    let before = try rows(storage)
    for topic in ["telemetry", "samples"] { try decide(.recreated(topic: topic), new, storage) }
    #expect(try look(new, storage).isFine)
    #expect(try instance(new, storage, fires: true, lanes: 2).run() == Self.complete)

    let fresh = MemoryStorage()
    #expect(try instance(new, fresh, fires: true).run() == Self.complete)
    func plain(_ rows: [String], _ incarnation: Int) -> [String] {
      rows.filter {
        ($0.contains(#""table":"readings"#) || $0.contains(#""table":"windows""#))
          && $0.contains(#""topic_incarnation":\#(incarnation)"#)
      }.map { $0.replacing(#""topic_incarnation":\#(incarnation)"#, with: "") }.sorted()
    }
    let after = try rows(storage)
    #expect(plain(after, 1) == plain(try rows(fresh), 0))
    #expect(plain(after, 0) == plain(before, 0), "nothing is added to the old incarnation")
    let ends = after.filter { $0.contains(#""reason":"recreated""#) }
    #expect(ends.count == 4)
    #expect(ends.allSatisfy { $0.contains(#""from_offset":150"#) && !$0.contains("to_offset") })
  }

  @Test func `a truncated topic goes on at its end, the others where they stood`() throws {
    let topics = Self.fleet(53)
    let storage = MemoryStorage()
    #expect(try instance(topics.prefix(0.5), storage).run() == Self.complete)
    var cut = topics.prefix(0.8)
    cut.partitions[Self.partition] = Array(cut.partitions[Self.partition]?.prefix(100) ?? [])
    try decide(.truncated(topic: "telemetry"), cut, storage)
    let report = try look(cut, storage)
    #expect(report.rows.map(\.chain.to) == [150, 150, 100, 150])
    #expect(report.rows.map(\.key.incarnation) == [0, 1, 1, 1])
    #expect(try instance(topics, storage, fires: true).run() == Self.complete)
  }

  @Test func `another cluster is refused until a person accepts it`() throws {
    let storage = MemoryStorage()
    #expect(try instance(Self.fleet(54).prefix(0.5), storage).run() == Self.complete)
    var new = Self.fleet(55, recordCount: 100)
    new.clusterID = "second"
    guard case .refused(let reason) = try instance(new, storage).run() else {
      Issue.record("another cluster's offsets were taken for the known ones")
      return
    }
    #expect(reason.contains("--other-cluster"), "\(reason)")
    #expect(throws: PositionRefusal.self) {
      try decide(.skip(topic: "telemetry", partition: 1, .end), new, storage)
    }
    try decide(.otherCluster, new, storage)
    #expect(try instance(new, storage, fires: true).run() == Self.complete)
    guard case .refused = try instance(Self.fleet(54), storage).run() else {
      Issue.record("the old cluster was taken up again")
      return
    }
  }

  @Test func `a topic that grew and shrank below its position opens nothing`() throws {
    let topics = Self.fleet(56)
    let storage = MemoryStorage()
    #expect(try instance(topics.prefix(0.5), storage).run() == Self.complete)
    var grown = topics.prefix(0.1)
    grown.partitions[TopicPartition(topic: "telemetry", partition: 3)] = [.wide("x", second: 1)]
    guard case .failed(let reason) = try instance(grown, storage).run() else {
      Issue.record("partitions of another topic were opened")
      return
    }
    #expect(reason.contains("ends at offset 30, but 150 is committed"))
    #expect(try look(topics, storage).rows.count == 4)
  }

  @Test func `fewer partitions, or none, are named before anything is read`() throws {
    let topics = Self.fleet(57)
    let storage = MemoryStorage()
    #expect(try instance(topics.prefix(0.5), storage).run() == Self.complete)
    for (partition, sentence) in [
      (TopicPartition(topic: "telemetry", partition: 2), "2 partitions, but 3 are open"),
      (TopicPartition(topic: "samples", partition: 0), "UNKNOWN_TOPIC_OR_PART"),
    ] {
      var less = topics
      less.partitions[partition] = nil
      switch try instance(less, storage).run() {
      case .failed(let reason), .refused(let reason): #expect(reason.contains(sentence))
      case .stopped: Issue.record("a missing partition went unnoticed")
      }
    }
  }
}
