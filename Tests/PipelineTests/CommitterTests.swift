import Base
import Ledger
import Storage
import Telemetry
import Testing

@testable import Pipeline

@Suite struct CommitterTests {
  private func failure(_ body: () throws -> Void) -> String? {
    do {
      try body()
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test func `the first start creates the ledger and the tables, the second nothing`() throws {
    let storage = TestStorage()
    let driver = try CommitDriver(storage)
    #expect(
      driver.committer.state.tables.keys.sorted() == [
        "anomalies", "dead_letter_replays", "dead_letters", "devices", "gaps",
        "readings_samples", "readings_snapshots", "windows",
      ])
    #expect(driver.committer.state.lastVersion == 3, "create, configure, two topics")
    let paths = storage.memory.paths
    #expect(paths.filter { $0.hasSuffix("_delta_log/00000000000000000000.json") }.count == 8)
    _ = try CommitDriver(storage, incarnation: "second")
    #expect(storage.memory.paths == paths)
  }

  @Test func `two first starts at once make one of everything`() throws {
    let storage = MemoryStorage()
    let options = try TestSources.options()
    let committers = ["a", "b"].map {
      Committer(
        options: options, storage: storage, pool: .test, incarnation: $0,
        log: TestSources.silentLog)
    }
    for committer in committers { try committer.recover(clusterID: "cluster") }
    try committers[0].refresh()
    #expect(committers[0].state.ledgerID == committers[1].state.ledgerID)
    #expect(committers[1].state.lastVersion == 1)
    let opening = TopicOpening(
      topic: "telemetry", incarnation: 0, partitionCount: 1, firstPartition: 0, startOffsets: [4])
    for committer in committers { try committer.open(opening, clusterID: "cluster") }
    #expect(committers[1].state.lastVersion == 2)
  }

  @Test func `columns of another type than the table's are refused`() throws {
    let storage = MemoryStorage()
    _ = try CommitDriver(storage)
    let paths = storage.paths
    let changed = try TestSources.wide(
      metrics: ["battery_voltage_v"], types: ["battery_voltage_v": "sequence"])
    let options = try TestSources.options(sources: [changed, TestSources.narrow()])
    let error = failure { _ = try CommitDriver(storage, incarnation: "b", options: options) }
    #expect(
      error?.contains("battery_voltage_v is double there and would be long") == true,
      "\(error ?? "-")")
    #expect(storage.paths == paths)
  }

  @Test func `another cluster or pipeline is refused`() throws {
    let storage = MemoryStorage()
    _ = try CommitDriver(storage)
    func recover(_ pipeline: String, _ cluster: String) throws -> String? {
      var options = try TestSources.options()
      options.pipeline = pipeline
      let committer = Committer(
        options: options, storage: storage, pool: .test, incarnation: "b",
        log: TestSources.silentLog)
      return failure { try committer.recover(clusterID: cluster) }
    }
    #expect(try recover("fleet", "cluster") == nil)
    #expect(try recover("fleet", "elsewhere")?.contains("cluster elsewhere") == true)
    #expect(try recover("ships", "cluster")?.contains("belongs to pipeline") == true)
  }

  // MARK: - Order

  /// Invariant I5 as it happens on storage.
  @Test func `files are durable before the entry, the entry before the table logs`() throws {
    let storage = TestStorage()
    let driver = try CommitDriver(storage)
    let first = storage.operations.count
    try driver.commitNext()
    let operations = Array(storage.operations[first...])
    func places(_ parts: String...) -> [Int] {
      operations.indices.filter { index in parts.allSatisfy { operations[index].contains($0) } }
    }
    let closes = places("close ")
    let dataSyncs = places("sync folder", "event_date=") + places("sync folder", "_state")
    let entry = try #require(places("put _ledger/").first)
    let logs = places("put tables/")
    #expect(closes.count == 7, "two states; two sources' readings and the three tables of all")
    #expect(dataSyncs.count == 6)
    #expect(logs.count == 5)
    let lastClose = try #require(closes.max())
    let firstSync = try #require(dataSyncs.min())
    let lastSync = try #require(dataSyncs.max())
    #expect(lastClose < firstSync)
    #expect(lastSync < entry)
    #expect(entry < (logs.min() ?? 0))
    #expect(places("list _ledger").first == entry + 1, "summaries are looked for after the put")
    #expect(places("put _ledger/").count == 1)
  }

  @Test func `an entry says what the cuts hold`() throws {
    let driver = try CommitDriver(MemoryStorage())
    let entry = try #require(try driver.commitNext())
    #expect(entry.kind == .commit)
    #expect(entry.partitions.map(\.key) == CommitDriver.keys)
    #expect(entry.partitions.map(\.from) == [0, 0])
    #expect(entry.partitions.map(\.to) == [6, 6])
    #expect(entry.partitions.map(\.previous) == [2, 3])
    #expect(entry.partitions.allSatisfy { $0.state?.cut == 6 && $0.witness?.offset == 5 })
    let tables = [
      "anomalies", "dead_letters", "readings_samples", "readings_snapshots", "windows",
    ]
    #expect(entry.tables.map(\.table).sorted() == tables)
    let counters = Dictionary(uniqueKeysWithValues: entry.counters.map { ($0.name, $0.value) })
    #expect(counters["records_read"] == 12)
    #expect(counters["readings"] == 12)
    #expect(counters["dead_letters"] == 6, "a bad row in each record of the narrow source")
    #expect(counters["files"] == Int64(entry.tables.reduce(0) { $0 + $1.actions.count }))
    for table in entry.tables {
      for action in table.actions {
        let path = try #require(action["add"]?["path"]?.stringValue)
        // Whose it is and what it was based on: the proof for orphans.
        #expect(path.hasPrefix("event_date=2026-09-21/fleet-v3-\(entry.commitID)-"))
      }
    }
  }

  @Test func `a zombie is fenced by a move that left the offsets where they were`() throws {
    let storage = MemoryStorage()
    let owner = try CommitDriver(storage)
    try owner.commitNext()
    let late = try CommitDriver(storage, incarnation: "late")
    let id = late.committer.nextCommitID()
    let cuts = try late.nextCuts(id: id)
    let stateID = owner.committer.nextCommitID()
    let entry = try owner.committer.commit(try owner.stateCuts(id: stateID), id: stateID)?.entry
    #expect(entry?.partitions.allSatisfy { $0.from == $0.to } == true)
    #expect(failure { _ = try late.committer.commit(cuts, id: id) }?.contains("conflict") == true)
  }

  @Test func `a zombie's commit is dropped whole`() throws {
    let storage = MemoryStorage()
    let (owner, zombie) = (try CommitDriver(storage), try CommitDriver(storage, incarnation: "z"))
    let id = zombie.committer.nextCommitID()
    let cuts = try zombie.nextCuts(id: id)
    try owner.commitNext()
    let before = try RootContent(storage)
    #expect(failure { _ = try zombie.committer.commit(cuts, id: id) }?.contains("conflict") == true)
    #expect(try RootContent(storage) == before)
  }

  /// The other one may give our entry and its own to a table before we come to it.
  @Test func `a table that another instance took further is not ahead of the ledger`() throws {
    let storage = MemoryStorage()
    let (left, right) = (try CommitDriver(storage), try CommitDriver(storage, incarnation: "r"))
    let id = left.committer.nextCommitID()
    let cuts = try left.nextCuts(id: id)
    storage.plan(.init(.put, pathPart: "_delta_log", kind: .noSpace))
    let error = failure { _ = try left.committer.commit([cuts[0]], id: id) }
    #expect(error?.contains("noSpace") == true)
    let otherID = right.committer.nextCommitID()
    let other = try right.committer.commit([try right.nextCuts(id: otherID)[1]], id: otherID)
    #expect(other?.entry.version == 5)
    #expect(try left.committer.commit([cuts[0]], id: id)?.entry.version == 4)
    #expect(left.committer.state.lastVersion == 5)
    #expect(try RootContent(storage).faults.isEmpty)
  }

  @Test func `a table that is ahead of the whole ledger is a stop`() throws {
    let storage = MemoryStorage()
    try CommitDriver(storage).commitNext()
    try storage.delete(Ledger.entryPath(4))
    let error = failure { _ = try CommitDriver(storage, incarnation: "later") }
    #expect(error?.contains("but the ledger ends at 3") == true, "\(error ?? "-")")
  }

  @Test func `cuts of partitions that are not ours any more are left out`() throws {
    let driver = try CommitDriver(MemoryStorage())
    let id = driver.committer.nextCommitID()
    let cuts = try driver.nextCuts(id: id)
    driver.committer.disown(CommitDriver.keys[0])
    let entry = try driver.committer.commit(cuts, id: id)?.entry
    #expect(entry?.partitions.map(\.key) == [CommitDriver.keys[1]])
    driver.committer.disown(CommitDriver.keys[1])
    #expect(try driver.committer.commit(cuts, id: driver.committer.nextCommitID()) == nil)
  }

  @Test func `two snapshots a partition are kept`() throws {
    let storage = MemoryStorage()
    let driver = try CommitDriver(storage)
    for _ in 0..<4 {
      let id = driver.committer.nextCommitID()
      let cuts = try driver.nextCuts(id: id).map { cut in
        // The same rows at the next place would be refused; an empty move with state is not.
        PartitionCut(
          key: cut.key, sourceIndex: cut.sourceIndex, from: 0, to: 0, notDelivered: 0, gaps: [],
          witness: nil, clockMicros: nil, state: try Self.emptyState(storage, id, cut.key),
          decisions: [], unknownSchemas: OffsetRuns(), stateNeed: nil, counts: cut.counts,
          detectorCounts: cut.detectorCounts, vocabulary: cut.vocabulary,
          output: PartitionOutput(schema: cut.output.readings.schema))
      }
      _ = try driver.committer.commit(cuts, id: id)
    }
    let states = storage.paths.filter { $0.hasPrefix("_state/") }
    let known = driver.committer.state.partitions.values.flatMap { $0.states.map(\.path) }
    #expect(states == known.sorted())
    #expect(states.count == 4)
  }

  private static func emptyState(
    _ storage: any Storage, _ id: CommitID, _ key: PartitionKey
  ) throws(StorageError) -> StateFile {
    let path = FileNames.state(pipeline: "fleet", baseVersion: 0, commitID: id, key: key) + "-empty"
    return StateFile(
      reference: StateReference(path: path, cut: 0, byteCount: 0, checksum: 0),
      file: try storage.create(path))
  }

  // MARK: - Full disk

  @Test(arguments: [StorageOperation.append, .close, .create, .put])
  func `a commit that met a full disk goes on when there is space`(
    operation: StorageOperation
  ) throws {
    let undisturbed = MemoryStorage()
    _ = try CommitDriver.run(undisturbed)
    for after in 0..<6 {
      let storage = MemoryStorage()
      let driver = try CommitDriver(storage)
      storage.plan(.init(operation, after: after, kind: .noSpace))
      while !driver.isDone { try driver.commitNext() }
      let content = try RootContent(storage)
      #expect(storage.plannedFaultCount == 0)
      #expect(content.faults.isEmpty)
      #expect(content == (try RootContent(undisturbed)), "\(operation) \(after)")
    }
  }

  @Test func `a second try does not touch buffers that were given back`() throws {
    let storage = MemoryStorage()
    let driver = try CommitDriver(storage)
    let id = driver.committer.nextCommitID()
    let cuts = try driver.nextCuts(id: id)
    storage.plan(.init(.put, pathPart: "_delta_log", kind: .noSpace))
    #expect(failure { _ = try driver.committer.commit(cuts, id: id) }?.contains("noSpace") == true)
    // The entry is in the chain, and the lanes have the buffers again.
    var spares: [PartitionOutput] = []
    while let spare = driver.pool.takeSpare(source: 0) { spares.append(spare) }
    #expect(spares.count == 1)
    let entry = try driver.committer.commit(cuts, id: id)?.entry
    #expect(entry?.commitID == id)
    #expect(driver.pool.takeSpare(source: 0) == nil, "given back once")
    #expect(driver.position == 6)
    #expect(try RootContent(storage).faults.isEmpty)
  }

  @Test func `a state that cannot be written is left out, but never beside a decision`() throws {
    let storage = MemoryStorage()
    let driver = try CommitDriver(storage)
    storage.plan(.init(.close, pathPart: "_state", kind: .noSpace))
    let entry = try #require(try driver.commitNext())
    #expect(entry.partitions.map { $0.state == nil } == [true, false])

    let id = driver.committer.nextCommitID()
    let harness = PartitionHarness(.test(to: 6), source: try TestSources.wide())
    harness.offer((0..<7).map { TestRecord.wide("sat-1", second: Double($0)) }, from: 0)
    harness.partition.fireOpenWindows()
    let cut = try #require(harness.cut(state: nil))
    let before = try RootContent(storage)
    let error = failure { _ = try driver.committer.commit([cut], id: id) }
    #expect(error?.contains("its open windows were fired by decision") == true)
    #expect(try RootContent(storage) == before)
  }
}
