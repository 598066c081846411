import Audit
import Base
import DeltaLog
import Ledger
import Storage
import TableReading
import Testing

@testable import Pipeline

/// What `verify` says of dead letters that came back (I12).
@Suite struct ReplayAuditTests {
  private static func made() throws -> MemoryStorage {
    let storage = MemoryStorage()
    try LetterRoot.make(storage)
    return storage
  }

  private static func mark(_ offset: Int64, row: UInt32? = nil) -> ReplayMark {
    ReplayMark(
      place: LetterPlace(
        key: PartitionKey(topic: "telemetry", incarnation: 0, partition: 0), offset: offset,
        rowIndex: row),
      timestampMicros: TestSources.startMillis * 1000 + offset * 1_000_000, source: "snapshots",
      outcome: .read, readingCount: 1)
  }

  /// Puts marks that no replay of ours would put.
  private static func put(_ marks: [ReplayMark], _ storage: MemoryStorage) throws {
    let committer = Committer(
      options: try LetterRoot.options(isMended: true), storage: storage, pool: .test,
      incarnation: RandomID.make(), log: TestSources.silentLog)
    try committer.recover(clusterID: nil)
    var batch = ReplayBatch(options: committer.options)
    for mark in marks { batch.append(mark) }
    _ = try committer.put(batch, after: committer.state.lastReplay)
  }

  @Test func `a root whose letters came back holds`() throws {
    let storage = try Self.made()
    #expect(try AuditedRoot(storage).audit().lines == [])
    let report = try LetterRoot.replay(storage, commitByteCount: 1500).run(.init())
    #expect(report.versions.count >= 3)
    let audit = try AuditedRoot(storage).audit()
    #expect(audit.lines == [])
    #expect(audit.figures.unchecked.allSatisfy { !$0.contains("replayed") })
    #expect(audit.figures.orphans.count == 0 && audit.figures.undecided.count == 0)
  }

  @Test func `a root holds after a crash of a replay at any operation`() throws {
    let made = try Self.made()
    func copy() throws -> MemoryStorage {
      let copy = MemoryStorage()
      for path in made.paths { _ = try copy.putIfAbsent(path, try made.read(path)) }
      return copy
    }
    let whole = TestStorage(try copy())
    _ = try LetterRoot.replay(whole, commitByteCount: 1500).run(.init())
    var orphanCount = 0
    for count in stride(from: 0, to: whole.operations.count, by: 5) {
      let memory = try copy()
      let storage = TestStorage(memory)
      storage.die(after: count)
      _ = try? LetterRoot.replay(storage, commitByteCount: 1500).run(.init())
      #expect(try AuditedRoot(memory).audit().lines == [], "after \(count) operations")
      _ = try LetterRoot.replay(memory, commitByteCount: 1500).run(.init())
      let recovered = try AuditedRoot(memory).audit()
      #expect(recovered.lines == [], "recovered after \(count) operations")
      orphanCount += recovered.figures.orphans.count
    }
    #expect(orphanCount > 0, "files of a replay that died are known to be orphans")
  }

  @Test func `marks without their readings are found`() throws {
    let storage = try Self.made()
    try Self.put([Self.mark(1)], storage)
    let lines = try AuditedRoot(storage).audit().lines
    #expect(lines.count == 1)
    #expect(lines.first?.contains("the marks speak of 1 readings that came back, 0") == true)
  }

  /// Seed 1378 of the simulator: retention takes every date of a table, and its log begins with a
  /// checkpoint that names no file.
  @Test(arguments: ["readings_snapshots", "dead_letters"])
  func `rows of which the log no longer says that they were removed are not missed`(
    name: String
  ) throws {
    let storage = try Self.made()
    _ = try LetterRoot.replay(storage).run(.init())
    var table = TableSnapshot(storage: storage, folder: "tables/" + name, engine: "tests 1")
    try table.follow()
    let removed = table.files.map { $0.removal(atMillis: 1, changesRows: true) }
    #expect(!removed.isEmpty)
    let commit = MaintenanceCommit(
      operation: "DELETE", atMillis: 1, basedOn: table.version, actions: removed)
    guard case .committed(let version) = try table.commitMaintenance(commit) else {
      Issue.record("nobody else writes")
      return
    }
    #expect(try AuditedRoot(storage).audit().lines == [], "as long as the log says it")
    _ = try table.writeCheckpoint(
      LogCheckpointOptions(nowMillis: 1 << 40, deletedFileRetentionMillis: 1 << 41))
    let log = "tables/\(name)/_delta_log"
    for file in try storage.list(log) where file.hasSuffix(".json") {
      guard let found = Int64(file.dropLast(5)), found <= version else { continue }
      try storage.delete("\(log)/\(file)")
    }
    #expect(try AuditedRoot(storage).audit().lines == [], "and when it does no longer")
  }

  @Test func `a letter that came back twice is found`() throws {
    let storage = try Self.made()
    _ = try LetterRoot.replay(storage).run(.init())
    var mark = Self.mark(1)
    mark.outcome = .empty
    mark.readingCount = 0
    try Self.put([mark], storage)
    let lines = try AuditedRoot(storage).audit().lines
    #expect(lines.contains { $0.contains("I12") && $0.contains("marked as come back twice") })
  }

  /// Neither `verify` nor a replay may die of what no program of ours would write.
  @Test func `a mark of an offset that none can be is found`() throws {
    let storage = try Self.made()
    var mark = Self.mark(1)
    mark.place.offset = .max
    try Self.put([mark], storage)
    let lines = try AuditedRoot(storage).audit().lines
    #expect(lines.contains { $0.contains("row 0 does not say which letter it marks") }, "\(lines)")
    let error = #expect(throws: StoredTableError.self) { _ = try LetterRoot.summary(storage) }
    #expect("\(String(describing: error))".contains("row 0 does not say which letter it marks"))
  }

  @Test func `a mark of no letter is found`() throws {
    let storage = try Self.made()
    var mark = Self.mark(2)
    mark.outcome = .empty
    mark.readingCount = 0
    try Self.put([mark], storage)
    let lines = try AuditedRoot(storage).audit().lines
    #expect(lines.contains { $0.contains("1 letters are marked as come back, 0 of them") })
  }
}
