import Base
import DeltaLog
import Storage
import Testing

/// What other programs do to a table of ours between two of our commits.
@Suite struct ForeignCommitTests {
  private let storage = MemoryStorage()

  private func made() throws -> TableBookmark {
    try smallTable(storage).apply([entry(0), entry(1)], ledgerEnd: 9, after: .empty).bookmark
  }

  private func remove(_ name: String, dataChange: Bool) -> JSONValue {
    ["remove": ["path": .string(name), "dataChange": .bool(dataChange)]]
  }

  private func info(_ operation: String) -> JSONValue {
    ["commitInfo": ["operation": .string(operation)]]
  }

  @Test func `compaction, deletion, appending and vacuum are named and written past`() throws {
    let bookmark = try made()
    let compacted: JSONValue = ["add": ["path": "c", "dataChange": false]]
    try putForeign(storage, 1, [info("OPTIMIZE"), remove("f0", dataChange: false), compacted])
    try putForeign(storage, 2, [info("DELETE"), remove("c", dataChange: true), add("d")])
    try putForeign(storage, 3, [info("WRITE"), add("e")])
    try putForeign(storage, 4, [info("VACUUM START")])
    try putForeign(storage, 5, [["txn": ["appId": "somebody", "version": 900]], ["new": [:]]])
    let progress = try smallTable(storage).apply([entry(2)], ledgerEnd: 9, after: bookmark)
    #expect(
      progress.foreignCommits.map(\.kind)
        == [.rearranged, .rowsChanged, .appended, .bookkeeping, .bookkeeping])
    #expect(progress.foreignCommits.map(\.version) == [1, 2, 3, 4, 5])
    #expect(progress.foreignCommits[0].operation == "OPTIMIZE")
    #expect(progress.bookmark.deltaVersion == 6)
    #expect(progress.bookmark.txnVersion == 2)
  }

  @Test func `a changed schema is a stop until it is changed back`() throws {
    let bookmark = try made()
    let wider = DeltaSchema(columns: smallSchema.columns + [DeltaColumn("x", .long)])
    try putForeign(storage, 1, [metaData(wider)])
    let error = #expect(throws: DeltaError.self) {
      try smallTable(storage).apply([entry(2)], ledgerEnd: 9, after: bookmark)
    }
    guard case .schemaChanged(_, version: 1) = error else {
      Issue.record("expected schemaChanged, got \(String(describing: error))")
      return
    }
    #expect(throws: DeltaError.self) { try smallTable(storage).catchUp(after: .empty) }
    try putForeign(storage, 2, [metaData()])
    let progress = try smallTable(storage).apply([entry(2)], ledgerEnd: 9, after: bookmark)
    #expect(progress.bookmark.deltaVersion == 3)
    #expect(progress.foreignCommits.map(\.kind) == [.tableChanged, .tableChanged])
  }

  @Test func `comments and harmless properties may be changed by others`() throws {
    let bookmark = try made()
    let commented = DeltaSchema(columns: [
      DeltaColumn("id", .long, comment: "set by a person"), DeltaColumn("event_date", .date),
    ])
    let action = DeltaAction.metaData(
      id: "7b2d5b9a-0c7e-4f6e-9f6a-0d6a5a1f4d11", name: "x", schema: commented,
      configuration: [("delta.appendOnly", "true")], createdTimeMillis: 1)
    try putForeign(storage, 1, [action])
    #expect(
      try smallTable(storage).apply([entry(2)], ledgerEnd: 9, after: bookmark)
        .bookmark.txnVersion == 2)
  }

  @Test func `a property that lets the log forget our txn is a stop`() throws {
    let bookmark = try made()
    let action = DeltaAction.metaData(
      id: "7b2d5b9a-0c7e-4f6e-9f6a-0d6a5a1f4d11", name: "x", schema: smallSchema,
      configuration: [("delta.setTransactionRetentionDuration", "interval 1 day")],
      createdTimeMillis: 1)
    try putForeign(storage, 1, [action])
    let error = #expect(throws: DeltaError.self) {
      try smallTable(storage).catchUp(after: bookmark)
    }
    guard case .refusedProperty = error else {
      Issue.record("expected refusedProperty, got \(String(describing: error))")
      return
    }
  }

  @Test func `a protocol we cannot honour is a stop, a respelled one is not`() throws {
    let bookmark = try made()
    try putForeign(
      storage, 1,
      [
        [
          "protocol": [
            "minReaderVersion": 1, "minWriterVersion": 7,
            "writerFeatures": ["appendOnly", "invariants"],
          ]
        ]
      ])
    let found = try smallTable(storage).catchUp(after: bookmark).bookmark
    #expect(found.tableProtocol?.features == ["appendOnly", "invariants"])
    try putForeign(
      storage, 2,
      [
        [
          "protocol": [
            "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["deletionVectors"],
            "writerFeatures": ["deletionVectors"],
          ]
        ]
      ])
    let error = #expect(throws: DeltaError.self) {
      try smallTable(storage).catchUp(after: bookmark)
    }
    guard case .unsupportedFeatures(_, version: 2, let features) = error else {
      Issue.record("expected unsupportedFeatures, got \(String(describing: error))")
      return
    }
    #expect(features.map(\.name) == ["deletionVectors"])
  }

  @Test func `another ledger of this pipeline, or a table of somebody else, is a stop`() throws {
    _ = try made()
    let otherLedger = #expect(throws: DeltaError.self) {
      try smallTable(storage, appID: "solar/ledger-2").catchUp(after: .empty)
    }
    guard case .foreignLedger(_, appID: "solar/ledger-1") = otherLedger else {
      Issue.record("expected foreignLedger, got \(String(describing: otherLedger))")
      return
    }
    let otherPipeline = #expect(throws: DeltaError.self) {
      try smallTable(storage, appID: "wind/ledger-1").apply([entry(0)], ledgerEnd: 0, after: .empty)
    }
    guard case .notOurs = otherPipeline else {
      Issue.record("expected notOurs, got \(String(describing: otherPipeline))")
      return
    }
  }

  @Test func `a table ahead of the ledger is a stop`() throws {
    _ = try made()
    let error = #expect(throws: DeltaError.self) {
      try smallTable(storage).apply([entry(0)], ledgerEnd: 0, after: .empty)
    }
    guard case .aheadOfLedger(_, txnVersion: 1, ledgerEnd: 0) = error else {
      Issue.record("expected aheadOfLedger, got \(String(describing: error))")
      return
    }
  }

  @Test func `a log cleaned up beyond the bookmark is a stop, and nothing fills the hole`() throws {
    let old = try made()
    for version in 2...5 {
      _ = try smallTable(storage).apply([entry(Int64(version))], ledgerEnd: 9, after: old)
    }
    let logFolder = tableFolder + "/_delta_log"
    for name in try storage.list(logFolder).prefix(3) { try storage.delete(logFolder + "/" + name) }
    let before = storage.paths
    for bookmark in [old, .empty] {
      let error = #expect(throws: DeltaError.self) {
        try smallTable(storage).apply([entry(2), entry(6)], ledgerEnd: 9, after: bookmark)
      }
      guard case .logTruncated(_, _, newest: 4) = error else {
        Issue.record("expected logTruncated, got \(String(describing: error))")
        return
      }
    }
    #expect(storage.paths == before)
  }

  @Test func `a newest commit kept only as a checkpoint is still the end of the log`() throws {
    let bookmark = try made()
    let logFolder = tableFolder + "/_delta_log"
    _ = try storage.putIfAbsent(logFolder + "/00000000000000000000.checkpoint.parquet", [])
    _ = try storage.putIfAbsent(logFolder + "/_last_checkpoint", [])
    try storage.delete(logFolder + "/00000000000000000000.json")
    let progress = try smallTable(storage).apply([entry(2)], ledgerEnd: 9, after: bookmark)
    #expect(progress.bookmark.deltaVersion == 1)
  }

  @Test func `a log that lost commits is a stop`() throws {
    let old = try made()
    let new = try smallTable(storage).apply([entry(2)], ledgerEnd: 9, after: old).bookmark
    try storage.delete(tableFolder + "/_delta_log/00000000000000000001.json")
    let error = #expect(throws: DeltaError.self) {
      try smallTable(storage).apply([entry(3)], ledgerEnd: 9, after: new)
    }
    guard case .logRewound(_, bookmark: 1, newest: 0) = error else {
      Issue.record("expected logRewound, got \(String(describing: error))")
      return
    }
  }

  @Test(arguments: ["", "\n", "{", "{\"add\":{}}\n{\"tx"])
  func `a commit that is not whole is a stop with its version`(text: String) throws {
    let bookmark = try made()
    _ = try storage.putIfAbsent(
      tableFolder + "/_delta_log/00000000000000000001.json", Array(text.utf8))
    let error = #expect(throws: DeltaError.self) {
      try smallTable(storage).catchUp(after: bookmark)
    }
    guard case .malformedCommit(_, version: 1, _) = error else {
      Issue.record("expected malformedCommit, got \(String(describing: error))")
      return
    }
  }
}
