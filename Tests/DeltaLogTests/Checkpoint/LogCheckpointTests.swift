import Base
import DeltaLog
import Storage
import Testing

/// Log checkpoints of ours: what goes in comes out, and nothing is ever half there.
@Suite struct LogCheckpointTests {
  private let storage = RivalStorage()
  private static let options = LogCheckpointOptions(
    nowMillis: 1_790_000_100_000, deletedFileRetentionMillis: 3_600_000)

  private func fresh() throws -> TableSnapshot {
    var table = TableSnapshot(storage: storage, folder: tableFolder, engine: "downlink 1")
    try table.follow()
    return table
  }

  private func logPath(_ name: String) -> String { "\(tableFolder)/_delta_log/\(name)" }

  private func dropCommits(below version: Int64) throws {
    for name in try storage.list(tableFolder + "/_delta_log") where name.hasSuffix(".json") {
      guard let found = Int64(name.dropLast(5)), found < version else { continue }
      try storage.delete(logPath(name))
    }
  }

  private func make(_ count: Int64) throws {
    var bookmark = TableBookmark.empty
    for version in 0..<count {
      bookmark = try smallTable(storage.memory).apply(
        [entry(version)], ledgerEnd: 99, after: bookmark).bookmark
    }
  }

  private func remove(_ path: String, at millis: Int64?) -> JSONValue {
    [
      "remove": [
        "path": .string(path), "dataChange": false, "size": 7,
        "deletionTimestamp": millis.map { .int($0) } ?? .null,
      ]
    ]
  }

  @Test(arguments: [1 << 16, 3, 1])
  func `a table that is read from its checkpoint is the one it was`(rowGroup: Int) throws {
    try make(5)
    try putForeign(
      storage, 5,
      [
        [
          "add": [
            "path": "event_date=2026-11-21/t%20x.parquet", "partitionValues": ["event_date": .null],
            "size": 3, "modificationTime": 4, "dataChange": true,
            "tags": ["a": "b", "downlink.xxh64": "00ff"], "unknown": ["x": 1],
          ]
        ], remove(path(2), at: 1_790_000_099_000),
        ["txn": ["appId": "other", "version": 12]],
      ])
    var table = try fresh()
    var options = Self.options
    options.rowGroupRowCountMax = rowGroup
    let written = try #require(try table.writeCheckpoint(options))
    #expect(written.addCount == 5 && written.tombstoneCount == 1 && !written.wasThere)
    #expect(table.checkpointVersion == 5)
    try dropCommits(below: 6)
    let again = try fresh()
    #expect(again.version == 5 && again.checkpointVersion == 5)
    #expect(again.files.map(\.path) == table.files.map(\.path))
    for (left, right) in zip(again.files, table.files) {
      #expect(left.encodedPath == right.encodedPath)
      #expect(left.partitionValues == right.partitionValues)
      #expect(left.byteCount == right.byteCount && left.rowCount == right.rowCount)
      #expect(left.modificationTimeMillis == right.modificationTimeMillis)
      #expect(again.statistics(of: left) == table.statistics(of: right))
      #expect(again.tags(of: left).map(\.value) == table.tags(of: right).map(\.value))
    }
    #expect(again.tombstones.map(\.path) == [path(2)])
    #expect(again.tombstones.map(\.deletionTimeMillis) == [1_790_000_099_000])
    #expect(again.transactions == table.transactions)
    #expect(again.transactions["other"]?.version == 12)
    #expect(again.tableProtocol == table.tableProtocol)
    #expect(again.metaData == table.metaData)
    let hint = try JSONValue(parsing: storage.read(logPath("_last_checkpoint")))
    #expect(hint["version"]?.int64Value == 5 && hint["numOfAddFiles"]?.int64Value == 5)
    #expect(hint["size"]?.int64Value == 10, "adds, a remove, two txns, metaData, protocol")
    #expect(
      hint["sizeInBytes"]?.int64Value
        == Int64(try storage.size(logPath("00000000000000000005.checkpoint.parquet"))))
  }

  @Test func `a tombstone stays until it is expired and its file is gone`() throws {
    try make(4)
    let old: Int64 = 1_780_000_000_000
    try putForeign(storage, 4, [remove(path(0), at: old), remove(path(1), at: old)])
    try putForeign(
      storage, 5, [remove(path(2), at: 1_790_000_099_000), remove("s3://b/x", at: old)])
    _ = try storage.putIfAbsent(tableFolder + "/" + path(0), [1])
    var table = try fresh()
    let written = try #require(try table.writeCheckpoint(Self.options))
    #expect(written.tombstoneCount == 2 && written.droppedTombstoneCount == 2)
    // Who wrote it knows no more than who begins with it: else a process would grow for years.
    let left: Set<String> = [path(0), path(2)]
    #expect(Set(table.tombstones.map(\.path)) == left && table.tombstoneCount == 2)
    try dropCommits(below: 5)
    let reader = try fresh()
    #expect(Set(reader.tombstones.map(\.path)) == left)
    #expect(table.removedByteCount == reader.removedByteCount)
  }

  @Test func `somebody else's checkpoint of the same version is as good, and stays`() throws {
    try make(3)
    var table = try fresh()
    var other = table
    let memory = storage.memory
    #expect(try other.writeCheckpoint(Self.options) != nil)
    let theirs = try memory.read(logPath("00000000000000000002.checkpoint.parquet"))
    let written = try #require(try table.writeCheckpoint(Self.options))
    #expect(written.wasThere && table.checkpointVersion == 2)
    #expect(try memory.read(logPath("00000000000000000002.checkpoint.parquet")) == theirs)
  }

  @Test func `the hint goes forward only, and the newest checkpoint is found without it`() throws {
    try make(3)
    var early = try fresh()
    _ = try smallTable(storage).apply([entry(3)], ledgerEnd: 9, after: .empty)
    var late = try fresh()
    _ = try late.writeCheckpoint(Self.options)
    _ = try early.writeCheckpoint(Self.options)
    let hint = try JSONValue(parsing: storage.read(logPath("_last_checkpoint")))
    #expect(hint["version"]?.int64Value == 3)
    try storage.replace(logPath("_last_checkpoint"), Array("{".utf8))
    try dropCommits(below: 3)
    #expect(try fresh().checkpointVersion == 3)
  }

  @Test func `what is given up or fails leaves no checkpoint and no hint`() throws {
    try make(3)
    var table = try fresh()
    #expect(try table.writeCheckpoint(Self.options) { _ in false } == nil)
    for operation in [StorageOperation.create, .append, .close] {
      storage.memory.plan(.init(operation, pathPart: "checkpoint", kind: .noSpace))
      #expect(throws: DeltaError.self) { try table.writeCheckpoint(Self.options) }
    }
    #expect(try storage.list(tableFolder + "/_delta_log").count == 3)
    #expect(table.checkpointVersion == -1)
  }

  @Test func `a part of many is passed over, all parts are one checkpoint`() throws {
    try make(3)
    var table = try fresh()
    _ = try table.writeCheckpoint(Self.options)
    let bytes = try storage.read(logPath("00000000000000000002.checkpoint.parquet"))
    try storage.delete(logPath("00000000000000000002.checkpoint.parquet"))
    _ = try smallTable(storage).apply([entry(3)], ledgerEnd: 9, after: .empty)
    let part = "00000000000000000002.checkpoint.000000000"
    _ = try storage.putIfAbsent(logPath("\(part)1.0000000002.parquet"), bytes)
    #expect(try fresh().checkpointVersion == -1)
    _ = try storage.putIfAbsent(logPath("\(part)2.0000000002.parquet"), bytes)
    try dropCommits(below: 3)
    let again = try fresh()
    #expect(again.checkpointVersion == 2 && again.version == 3 && again.fileCount == 4)
  }

  @Test func `a damaged checkpoint and one of the second kind are named`() throws {
    try make(4)
    _ = try storage.putIfAbsent(logPath("00000000000000000002.checkpoint.parquet"), [1, 2])
    let error = #expect(throws: DeltaError.self) { try fresh() }
    guard case .malformedCheckpoint(_, version: 2, _) = error else {
      Issue.record("expected malformedCheckpoint, got \(String(describing: error))")
      return
    }
    try storage.delete(logPath("00000000000000000002.checkpoint.parquet"))
    _ = try storage.putIfAbsent(logPath("00000000000000000002.checkpoint.80a083e8.parquet"), [1])
    #expect(try fresh().version == 3, "the commits are still there")
    try dropCommits(below: 3)
    let second = #expect(throws: DeltaError.self) { try fresh() }
    #expect("\(try #require(second))".contains("v2Checkpoint"))
  }

  // MARK: - Going on behind a clean-up

  /// What another engine does while one of our puts hangs: three commits, a log checkpoint, and all
  /// before it is cleaned up, the number of our put as well.
  private func overtake(_ version: Int) throws {
    let memory = RivalStorage(storage.memory)
    for next in version..<version + 3 { try putForeign(memory, next, [add("foreign\(next)")]) }
    var table = TableSnapshot(storage: memory, folder: tableFolder, engine: "Spark")
    try table.follow()
    _ = try table.writeCheckpoint(Self.options)
    for old in 0..<version + 2 {
      try memory.delete(logPath("\(String(repeating: "0", count: 19))\(old).json"))
    }
  }

  @Test func `an entry that is put behind a clean-up is put again at the log's end`() throws {
    try make(3)
    let bookmark = try smallTable(storage).catchUp(after: .empty).bookmark
    storage.before(.put, "00000003.json") { try? overtake(3) }
    let progress = try smallTable(storage).apply([entry(3)], ledgerEnd: 9, after: bookmark)
    #expect(storage.waitingCount == 0)
    #expect(progress.bookmark.deltaVersion == 6 && progress.bookmark.txnVersion == 3)
    #expect(try !storage.exists(logPath("00000000000000000003.json")))
    let table = try fresh()
    #expect(table.version == 6 && table.fileCount == 7)
    #expect(Set(table.files.map(\.path)).contains(path(3)))
  }

  @Test func `a commit of maintenance that is put behind a clean-up is put again at the end`()
    throws
  {
    try make(3)
    var table = try fresh()
    let merged: JSONValue = [
      "add": [
        "path": "merged.parquet", "partitionValues": ["event_date": "2026-11-21"], "size": 1,
        "modificationTime": 1, "dataChange": false,
      ]
    ]
    let commit = MaintenanceCommit(
      operation: "OPTIMIZE", atMillis: 1_790_000_099_000, basedOn: table.version,
      actions: [remove(path(0), at: 1_790_000_099_000), merged])
    storage.before(.put, "00000003.json") { try? overtake(3) }
    #expect(try table.commitMaintenance(commit) == .committed(version: 6))
    #expect(storage.waitingCount == 0)
    #expect(try !storage.exists(logPath("00000000000000000003.json")))
    #expect(try fresh().fileCount == 6)
  }

  @Test func `what a dead process left behind a clean-up is not taken for the log's end`() throws {
    try make(3)
    let bookmark = try smallTable(storage).catchUp(after: .empty).bookmark
    var follower = try fresh()
    try overtake(3)
    try putForeign(storage, 3, [add("never")])
    try follower.follow()
    #expect(follower.version == 5)
    #expect(follower.file(at: "event_date=2026-11-21/never.parquet") == nil)
    let progress = try smallTable(storage).catchUp(after: bookmark)
    #expect(progress.bookmark.deltaVersion == 5 && progress.bookmark.txnVersion == 2)
  }

  @Test func `the ledger goes on from a checkpoint where its next commits are gone`() throws {
    try make(6)
    let table = smallTable(storage)
    let old = try smallTable(storage).catchUp(after: .empty).bookmark
    var early = old
    early.deltaVersion = 1
    early.txnVersion = 1
    var state = try fresh()
    _ = try state.writeCheckpoint(Self.options)
    _ = try table.apply([entry(6)], ledgerEnd: 9, after: old)
    try dropCommits(below: 6)
    for bookmark in [early, .empty] {
      let found = try table.catchUp(after: bookmark)
      #expect(found.bookmark.deltaVersion == 6 && found.bookmark.txnVersion == 6)
      #expect(found.bookmark.schemaFingerprint == old.schemaFingerprint)
      #expect(found.bookmark.tableID == old.tableID)
      let progress = try table.apply([entry(2), entry(6)], ledgerEnd: 9, after: bookmark)
      #expect(progress.writtenCommitCount == 0)
    }
    let progress = try table.apply([entry(2), entry(7)], ledgerEnd: 9, after: early)
    #expect(progress.bookmark.deltaVersion == 7 && progress.writtenCommitCount == 1)
    #expect(progress.foreignCommits.map(\.kind) == [.cleanedUp])
  }

  @Test func `a checkpoint without our txn, or with another ledger's, is a named stop`() throws {
    try make(3)
    var state = try fresh()
    _ = try state.writeCheckpoint(Self.options)
    let bookmark = TableBookmark(
      deltaVersion: 0, txnVersion: 0, schemaFingerprint: smallSchema.fingerprint, tableID: nil,
      tableProtocol: nil)
    _ = try smallTable(storage).apply([entry(3)], ledgerEnd: 9, after: .empty)
    try dropCommits(below: 3)
    let other = #expect(throws: DeltaError.self) {
      try smallTable(storage, appID: "wind/ledger-1").catchUp(after: bookmark)
    }
    guard case .transactionForgotten(_, checkpoint: 2, _) = other else {
      Issue.record("expected transactionForgotten, got \(String(describing: other))")
      return
    }
    let ledger = #expect(throws: DeltaError.self) {
      try smallTable(storage, appID: "solar/ledger-2").catchUp(after: .empty)
    }
    guard case .foreignLedger = ledger else {
      Issue.record("expected foreignLedger, got \(String(describing: ledger))")
      return
    }
  }

  @Test func `a snapshot whose next commits were cleaned up takes the newest checkpoint`() throws {
    try make(2)
    var table = try fresh()
    let commit = MaintenanceCommit(
      operation: "DELETE", atMillis: 1, basedOn: table.version,
      actions: table.files.filter { $0.path == path(0) }
        .map { $0.removal(atMillis: 1, changesRows: true) })
    for version in 2...4 as ClosedRange<Int64> {
      _ = try smallTable(storage).apply([entry(version)], ledgerEnd: 9, after: .empty)
    }
    var writer = try fresh()
    _ = try writer.writeCheckpoint(Self.options)
    try dropCommits(below: 5)
    #expect(try table.commitMaintenance(commit) == .committed(version: 5))
    #expect(table.checkpointVersion == 4 && table.fileCount == 4)
  }
}
