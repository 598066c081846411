import Base
import DeltaLog
import Ledger
import Storage
import Testing

@testable import Audit

extension AuditReport {
  var noteText: String {
    findings.filter { $0.severity == .note }.map(\.sentence).joined(separator: "\n")
  }
}

private func audit(_ storage: any Storage) throws -> AuditReport {
  try RootAudit.run(storage, .init(pipeline: "p"))
}

/// Puts other bytes in a file's place.
private func replace(_ storage: MemoryStorage, _ path: String, _ bytes: [UInt8]) throws {
  try storage.delete(path)
  _ = try storage.putIfAbsent(path, bytes)
}

@Suite struct ChainAuditTests {
  private func root(commits: Int) throws -> (MemoryStorage, ChainMaker) {
    let storage = MemoryStorage()
    let maker = try ChainMaker(storage)
    for _ in 0..<commits { try maker.commit() }
    return (storage, maker)
  }

  @Test(arguments: [0, 1, 3, 9, 30])
  func `a chain holds at any age, retired or not`(commits: Int) throws {
    let (storage, maker) = try root(commits: commits)
    let report = try audit(storage)
    #expect(report.lines == [])
    #expect(report.figures.partitions.map(\.to) == [Int64(commits * 3)])
    #expect(report.figures.tables.map(\.rowCount) == [Int64(commits * 3)])
    #expect(report.figures.lastVersion == maker.ledger.state.lastVersion)
    #expect(report.figures.contents.count == commits)
    let isRetired = (report.figures.firstVersion ?? 0) > 0
    #expect(isRetired == (commits > 8))
    #expect(report.figures.unchecked.isEmpty == !isRetired, "\(report.figures.unchecked)")
    if isRetired { #expect(report.figures.summaryVersions.count == 2) }
  }

  @Test func `a damaged summary is a warning, both are an error`() throws {
    let (storage, _) = try root(commits: 30)
    let summaries = storage.paths.filter { $0.contains("summary-") }
    #expect(summaries.count == 2)
    try replace(storage, summaries[1], Array("{}".utf8))
    let one = try audit(storage)
    #expect(one.count(of: .error) == 0 && one.count(of: .warning) == 2, "\(one.lines)")
    try replace(storage, summaries[0], [])
    let both = try audit(storage)
    #expect(both.lines.contains { $0.contains("the chain's state is lost") }, "\(both.lines)")
  }

  @Test func `a summary that lies with a right checksum is found by replaying`() throws {
    let (storage, _) = try root(commits: 30)
    let path = try #require(storage.paths.last { $0.contains("summary-") })
    let version = try #require(Ledger.summaryVersion(ofName: StoragePath.name(of: path)))
    let summary = try #require(
      try LedgerSummary(parsing: try storage.read(path), path: path, version: version))
    var state = summary.state
    state.partitions[ChainMaker.key]?.to += 1
    let lie = LedgerSummary(state: state, bookmarks: summary.bookmarks)
    try replace(storage, path, lie.json.bytes)
    let report = try audit(storage)
    #expect(report.lines.contains { $0.contains("says another state") }, "\(report.lines)")
  }

  @Test func `an entry between the summaries must be there, an older one need not`() throws {
    let (storage, maker) = try root(commits: 30)
    let summaries = storage.paths.filter { $0.contains("summary-") }
      .compactMap { Ledger.summaryVersion(ofName: StoragePath.name(of: $0)) }
    let older = try #require(summaries.first)
    try storage.delete(Ledger.entryPath(older + 1))
    let report = try audit(storage)
    #expect(report.count(of: .error) == 1, "\(report.lines)")
    #expect(report.lines.contains { $0.contains("entry \(older + 1) is missing") })
    // What an interrupted retirement leaves.
    let (other, _) = try root(commits: 30)
    _ = try other.putIfAbsent(Ledger.entryPath(3), try other.read(Ledger.entryPath(older + 1)))
    let left = try audit(other)
    #expect(left.count(of: .error) == 0, "\(left.lines)")
    #expect(left.lines.count == 1, "it says another version than its name")
    _ = maker
  }

  @Test(arguments: [1, 5]) func `an entry put too late by somebody who was away proves nothing`(
    below: Int64
  ) throws {
    let (storage, maker) = try root(commits: 30)
    let names = try storage.list(Ledger.folder)
    let kept = try #require(names.compactMap(Ledger.entryVersion).min())
    let path = Ledger.entryPath(kept)
    // What the winner put under the number was another entry, which the table has taken.
    var late = try LedgerEntry(parsing: try storage.read(path), path: path, version: kept)
    late.version = kept - below
    late.commitID = CommitID(incarnation: "frozen", counter: 1)
    (late.tables, late.partitions, late.counters) = ([], [], [])
    _ = try storage.putIfAbsent(Ledger.entryPath(late.version), late.fileBytes)
    let report = try audit(storage)
    #expect(report.count(of: .error) == 0 && report.count(of: .warning) == 0, "\(report.lines)")
    #expect(report.findings.contains { $0.sentence.contains("put too late") })
    #expect(report.figures.firstVersion == kept)
    _ = maker
  }

  @Test func `commits that a log has lost are found though their entries are retired`() throws {
    let (storage, maker) = try root(commits: 30)
    let logs = storage.paths.filter { $0.contains("_delta_log/") }
    for path in logs.suffix(12) { try storage.delete(path) }
    let report = try audit(storage)
    #expect(report.lines.contains { $0.contains("commits of its log are lost") } == false)
    // Owed entries that are there are given to it by the next start; older ones are lost.
    #expect(report.figures.tables[0].owedEntryCount > 0)
    for path in logs.dropFirst(2) { try storage.delete(path) }
    let worse = try audit(storage)
    #expect(!worse.holds)
    #expect(worse.lines.contains { $0.contains("rows were ever added") }, "\(worse.lines)")
    _ = maker
  }

  @Test func `a table that is owed entries holds, with a note, until a file is missing`() throws {
    let (storage, maker) = try root(commits: 2)
    try maker.commit(bringsUp: false)
    let owed = try audit(storage)
    #expect(owed.lines == [])
    #expect(owed.figures.tables[0].owedEntryCount == 1)
    #expect(owed.noteText.contains("has not taken 1 entries yet"))
    let path = try #require(storage.paths.last { $0.hasSuffix(".parquet") })
    try storage.delete(path)
    let missing = try audit(storage)
    #expect(missing.lines.contains { $0.contains("which the table is still owed") })
  }

  // MARK: - A pipeline that runs meanwhile

  /// One commit, and a burst that retires entries and states, at every operation of the audit.
  @Test(arguments: [1, 12]) func `a chain that moves is never a false alarm`(
    burst: Int
  ) throws {
    let (calm, _) = try root(commits: 9)
    let counting = MovingStorage(calm)
    _ = try audit(counting)
    for place in 0..<counting.operationCount {
      let (memory, maker) = try root(commits: 9)
      let moving = MovingStorage(memory)
      let mover = Mover(maker)
      moving.move(at: place) { mover.commit(burst) }
      let report = try audit(moving)
      #expect(report.lines == [], "\(burst) commits at operation \(place)")
      #expect(mover.count == burst)
      #expect(report.figures.orphans.count == 0, "a file of a commit is never called an orphan")
      #expect(try audit(memory).lines == [], "afterwards")
    }
  }

  /// Hands the maker to the storage's callback; all on one thread.
  private final class Mover: @unchecked Sendable {
    // @unchecked because the callback runs on the thread of the audit that calls it.
    private let maker: ChainMaker
    private(set) var count = 0

    init(_ maker: ChainMaker) { self.maker = maker }

    func commit(_ burst: Int) {
      for _ in 0..<burst where (try? maker.commit()) != nil { count += 1 }
    }
  }

  // MARK: - Orphans

  @Test func `an orphan is proven by the chain, not by age`() throws {
    let (storage, maker) = try root(commits: 3)
    let base = try #require(maker.ledger.state.partitions[ChainMaker.key]).lastVersion
    _ = try maker.write("p-v\(base)-dead-1-0.parquet", rowCount: 1)
    let before = try audit(storage)
    #expect(before.holds)
    #expect(before.figures.undecided.count == 1 && before.figures.orphans.count == 0)
    try maker.commit()
    let after = try audit(storage)
    #expect(after.holds)
    #expect(after.figures.orphans.count == 1 && after.figures.undecided.count == 0)
    #expect(after.noteText.contains("no entry ever can"))
    _ = try maker.write("q-v\(base)-dead-1-0.parquet", rowCount: 1)
    #expect(try audit(storage).figures.foreign.count == 1, "of another pipeline")
  }

  @Test func `a state snapshot that was pushed out is an orphan, another one undecided`() throws {
    let (storage, maker) = try root(commits: 3)
    _ = try storage.putIfAbsent("_state/p-dead-9-t-0-0.state", [1, 2, 3])
    _ = try storage.putIfAbsent("_state/p-i-4-t-0-0.state", [1, 2, 3])
    _ = try storage.putIfAbsent("_state/readme", [1])
    let report = try audit(storage)
    #expect(report.holds)
    #expect(report.figures.orphans.count == 1)
    #expect(report.figures.undecided.count == 1)
    #expect(report.figures.foreign.count == 1)
    _ = maker
  }

  @Test func `names of ours are read back`() {
    let id = CommitID(incarnation: "0f89204e-3ceb-443c-98f4-91e008eede9e", counter: 12)
    #expect(
      OwnName.data("a-b-v41-\(id)-3.parquet", pipeline: "a-b")
        == OwnName.Data(baseVersion: 41, commitID: id))
    for name in [
      "a-v1-i-1-1.parquet", "a-b-v-\(id)-3.parquet", "a-b-v041-\(id)-3.parquet",
      "a-b-v41--3.parquet",
      "a-b-v41-\(id)-3.parquet.crc", "a-b-v99999999999999999999-\(id)-3.parquet", "",
      "a-b-v41-\(id)-x.parquet", "a-b-v.parquet",
    ] {
      #expect(OwnName.data(name, pipeline: "a-b") == nil, "\(name)")
    }
    let key = PartitionKey(topic: "fleet-eu-7", incarnation: 1, partition: 30)
    let state = OwnName.state("a-\(id)-fleet-eu-7-1-30.state", pipeline: "a")
    #expect(state?.belongs(to: id, key) == true)
    #expect(state?.belongs(to: CommitID(incarnation: "i", counter: 12), key) == false)
    #expect(OwnName.state("a-\(id)-fleet-1.state", pipeline: "a") == nil)
  }
}

/// Other programs that work on our tables, and files that are made to mislead.
@Suite struct ForeignAuditTests {
  private func root() throws -> (MemoryStorage, ChainMaker) {
    let storage = MemoryStorage()
    let maker = try ChainMaker(storage)
    for _ in 0..<3 { try maker.commit() }
    return (storage, maker)
  }

  private func adds(_ storage: MemoryStorage) throws -> [JSONValue] {
    try storage.paths.filter { $0.contains("_delta_log/") }.flatMap { path in
      try storage.read(path).split(separator: UInt8(ascii: "\n"))
        .map { try JSONValue(parsing: $0) }.filter { $0["add"] != nil }
    }
  }

  @Test func `what another program compacts and vacuums is not missing`() throws {
    let (storage, maker) = try root()
    let old = try adds(storage)
    let merged = try maker.write("part-0.parquet", rowCount: 9, checksum: false)
    try maker.foreignCommit(old.map(ChainMaker.remove) + [merged])
    let optimized = try audit(storage)
    #expect(optimized.lines == [])
    #expect(optimized.figures.tables[0].removedFileCount == 3)
    #expect(optimized.figures.tables[0].foreignCommitCount == 1)
    #expect(optimized.figures.tables[0].rowCount == 9)
    for path in storage.paths where path.contains("/p-v") { try storage.delete(path) }
    #expect(try audit(storage).lines == [], "vacuumed")
    try maker.commit()
    #expect(try audit(storage).lines == [], "and the pipeline goes on")
    let part = try #require(storage.paths.first { $0.hasSuffix("part-0.parquet") })
    try storage.delete(part)
    #expect(try audit(storage).lines.contains { $0.contains("it is missing") })
  }

  @Test func `a log that was cleaned up behind a checkpoint is judged from the bookmark on`() throws
  {
    let storage = MemoryStorage()
    let maker = try ChainMaker(storage)
    for _ in 0..<12 { try maker.commit() }
    let log = ChainMaker.folder + "/_delta_log/"
    let cleaned = storage.paths.filter { $0.hasPrefix(log) }.prefix(6)
    var table = TableSnapshot(storage: storage, folder: ChainMaker.folder, engine: "test")
    try table.follow()
    _ = try table.writeCheckpoint(
      LogCheckpointOptions(nowMillis: 0, deletedFileRetentionMillis: 1_000_000_000_000))
    for path in cleaned { try storage.delete(path) }
    let report = try audit(storage)
    #expect(report.lines == [])
    #expect(report.figures.unchecked.contains { $0.contains("rows of readings") })
    #expect(report.figures.orphans.count == 0, "files may be named where we cannot look")
  }

  @Test(arguments: [
    ("../../../etc/passwd", "leads out of the root"), ("/etc/passwd", "leads out of the root"),
    ("a%ZZ", "without a path"), ("event_date=2026-11-21/.tmp-1", "leads out of the root"),
  ])
  func `an action that names what is not ours is an error, not a look there`(
    path: String, words: String
  ) throws {
    let (storage, maker) = try root()
    try maker.foreignCommit([
      ["add": ["path": .string(path), "size": 1, "dataChange": true]]
    ])
    let report = try audit(storage)
    #expect(report.lines.contains { $0.contains(words) }, "\(report.lines)")
  }

  @Test func `numbers beyond all bounds are findings, not traps`() throws {
    let huge = Int64.max
    let changes: [@Sendable (inout LedgerEntry) -> Void] = [
      { $0.counters = [Counter(name: "readings", value: huge)] },
      { $0.counters = [Counter(name: "records_read", value: -huge)] },
      { $0.partitions[0].notDelivered = huge },
      { $0.partitions[0].gaps = [OffsetGap(from: -huge, to: huge, reason: "retention")] },
      { entry in
        let add: JSONValue = [
          "add": ["path": "x", "size": .int(huge), "stats": "{\"numRecords\":9223372036854775807}"]
        ]
        entry.tables[0].actions = [add, add, add]
      },
    ]
    for (index, change) in changes.enumerated() {
      let (storage, maker) = try root()
      var entry: LedgerEntry?
      try maker.commit(bringsUp: false) { entry = $0 }
      var bad = try #require(entry)
      bad.version = maker.ledger.state.lastVersion
      bad.ledgerID = "l"
      change(&bad)
      try replace(storage, Ledger.entryPath(bad.version), bad.json.bytes)
      #expect(try !audit(storage).holds, "change \(index)")
    }
  }

  @Test func `a log's txn beyond all bounds is a finding`() throws {
    let (storage, maker) = try root()
    try maker.foreignCommit([
      ["txn": ["appId": "p/l", "version": .int(Int64.max), "lastUpdated": 0]]
    ])
    #expect(try audit(storage).lines.contains { $0.contains("but the chain ends") })
  }

  @Test func `many faults are counted and the first of them listed`() throws {
    let storage = MemoryStorage()
    let maker = try ChainMaker(storage, summaryInterval: 1000)
    for _ in 0..<300 { try maker.commit(rowCount: 1) }
    for path in storage.paths where path.hasSuffix(".parquet") { try storage.delete(path) }
    let report = try audit(storage)
    #expect(report.count(of: .error) == 300)
    #expect(report.findings.count { $0.severity == .error } == FindingList.listedCountMax)
  }
}
