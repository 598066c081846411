import Base
import DeltaLog
import Storage
import Testing

/// Commits of maintenance among those of the ledger and of other engines, in every order.
@Suite struct MaintenanceCommitTests {
  private let storage = RivalStorage()

  /// A table with the files f0 … f3, in four commits.
  private func made(_ count: Int64 = 4) throws -> TableSnapshot {
    var bookmark = TableBookmark.empty
    for version in 0..<count {
      bookmark = try smallTable(storage.memory).apply(
        [entry(version)], ledgerEnd: 99, after: bookmark).bookmark
    }
    var table = TableSnapshot(storage: storage, folder: tableFolder, engine: "downlink/test")
    try table.follow()
    return table
  }

  /// What merges f0 and f1.
  private func merge(_ table: TableSnapshot, changesRows: Bool = false) -> MaintenanceCommit {
    let inputs = table.files.filter { [path(0), path(1)].contains($0.path) }
    let output = AddFile(
      path: "event_date=2026-11-21/merged.parquet",
      partitionValues: [("event_date", "2026-11-21")], byteCount: 2,
      modificationTimeMillis: 1_790_000_000_000,
      statistics: FileStatistics(recordCount: 2, columns: []), changesRows: false)
    return MaintenanceCommit(
      operation: "OPTIMIZE", parameters: [("targetSize", "1")], atMillis: 1_790_000_009_000,
      basedOn: table.version,
      actions: inputs.map { $0.removal(atMillis: 1_790_000_009_000, changesRows: changesRows) }
        + [output.action])
  }

  private static let merged = "event_date=2026-11-21/merged.parquet"

  private func paths(_ table: TableSnapshot) -> Set<String> { Set(table.files.map(\.path)) }

  private func fresh() throws -> TableSnapshot {
    var table = TableSnapshot(storage: storage.memory, folder: tableFolder, engine: "other")
    try table.follow()
    return table
  }

  @Test func `undisturbed it becomes the next version, and the ledger writes past it`() throws {
    var table = try made()
    let commit = merge(table)
    #expect(try table.commitMaintenance(commit) == .committed(version: 4))
    #expect(paths(table) == [path(2), path(3), Self.merged])
    #expect(try paths(fresh()) == paths(table))
    #expect(Set(table.tombstones.map(\.path)) == [path(0), path(1)])
    let progress = try smallTable(storage).apply([entry(4)], ledgerEnd: 99, after: .empty)
    #expect(progress.foreignCommits.map(\.kind) == [.rearranged])
    #expect(progress.bookmark.deltaVersion == 5 && progress.bookmark.txnVersion == 4)
    let info = try readLog(storage).filter { $0.version == 4 }
      .compactMap { $0.action["commitInfo"] }
    #expect(info.first?["operation"]?.stringValue == "OPTIMIZE")
    #expect(info.first?["commitId"]?.stringValue == commit.commitID)
  }

  @Test func `the ledger's commits in between, before and during the put, push it on`() throws {
    var table = try made()
    let commit = merge(table)
    _ = try smallTable(storage.memory).apply([entry(4)], ledgerEnd: 99, after: .empty)
    let memory = storage.memory
    for version in 5...7 as ClosedRange<Int64> {
      storage.before(.put, "_delta_log") {
        _ = try? smallTable(memory).apply([entry(version)], ledgerEnd: 99, after: .empty)
      }
    }
    #expect(try table.commitMaintenance(commit) == .committed(version: 8))
    #expect(storage.waitingCount == 0)
    #expect(try paths(fresh()) == paths(table))
    #expect(table.fileCount == 7 && table.transactions[appID]?.version == 7)
  }

  @Test func `an input that another engine merged first is a conflict, nothing is put`() throws {
    var table = try made()
    let commit = merge(table)
    let memory = storage.memory
    storage.before(.put, "_delta_log") {
      try? putForeign(
        memory, 4,
        [["remove": ["path": .string(path(1)), "dataChange": false]], add("theirs")])
    }
    #expect(try table.commitMaintenance(commit) == .conflict(.inputGone(path: path(1))))
    #expect(table.version == 4)
    #expect(try fresh().version == 4)
    #expect(try !paths(fresh()).contains(Self.merged))
  }

  @Test func `a file that came into a part that is replaced is a conflict, others are none`()
    throws
  {
    var table = try made(2)
    var commit = merge(table)
    commit.replaces = [PartitionValues([("event_date", "2026-11-20")])]
    var elsewhere = table
    commit.replaces.append(PartitionValues([("event_date", "2026-11-21")]))
    let memory = storage.memory
    storage.before(.put, "_delta_log") { try? putForeign(memory, 2, [add("theirs")]) }
    let theirs = try #require(add("theirs")["add"]?["path"]?.stringValue)
    #expect(try table.commitMaintenance(commit) == .conflict(.inputCame(path: theirs)))
    #expect(try fresh().version == 2)
    commit.replaces.removeLast()
    #expect(try elsewhere.commitMaintenance(commit) == .committed(version: 3))
  }

  @Test func `of two that merge the same files one wins`() throws {
    var one = try made()
    var other = one
    var second = merge(other)
    second.actions[2] = add("second")
    let first = merge(one)
    #expect(try one.commitMaintenance(first) == .committed(version: 4))
    #expect(try other.commitMaintenance(second) == .conflict(.inputGone(path: path(0))))
    #expect(try paths(fresh()) == [path(2), path(3), Self.merged])
  }

  @Test func `a change of the schema on the way is a conflict, before the plan none`() throws {
    var table = try made()
    let commit = merge(table)
    let wider = DeltaSchema(columns: smallSchema.columns + [DeltaColumn("x", .long)])
    try putForeign(storage.memory, 4, [metaData(wider)])
    #expect(try table.commitMaintenance(commit) == .conflict(.tableChanged(version: 4)))
    let again = merge(table)
    #expect(try table.commitMaintenance(again) == .committed(version: 5))
  }

  @Test func `a thousand versions after the plan is the last chance`() throws {
    var table = try made()
    let commit = merge(table)
    for version in 4...1002 { try putForeign(storage.memory, version, [["note": [:]]]) }
    var late = table
    #expect(try table.commitMaintenance(commit) == .committed(version: 1003))
    #expect(
      try late.commitMaintenance(merge(late))
        == .committed(version: 1003), "the same files by name: it was committed")
    var other = merge(late)
    other.basedOn = 3
    other.actions = [add("third")]
    #expect(
      try late.commitMaintenance(other) == .conflict(.tooLate(basedOn: 3, version: 1003)))
  }

  @Test func `rows do not go from a table that only grows, but they may move`() throws {
    var table = try made()
    let action = DeltaAction.metaData(
      id: "7b2d5b9a-0c7e-4f6e-9f6a-0d6a5a1f4d11", name: "x", schema: smallSchema,
      configuration: [("delta.appendOnly", "true")], createdTimeMillis: 1)
    try putForeign(storage.memory, 4, [action])
    try table.follow()
    #expect(
      try table.commitMaintenance(merge(table, changesRows: true)) == .conflict(.appendOnly))
    #expect(try table.commitMaintenance(merge(table)) == .committed(version: 5))
  }

  @Test func `a transaction lets a later overwrite win, and its own happen once`() throws {
    var table = try made()
    var commit = merge(table)
    commit.transactions = [("devices", 7)]
    #expect(try table.commitMaintenance(commit) == .committed(version: 4))
    var older = MaintenanceCommit(
      operation: "WRITE", atMillis: 1, basedOn: table.version, actions: [add("older")])
    for version in [6, 7] as [Int64] {
      older.transactions = [("devices", version)]
      #expect(
        try table.commitMaintenance(older)
          == .conflict(.transactionTaken(appID: "devices", version: 7)))
    }
    older.transactions = [("devices", 8)]
    #expect(try table.commitMaintenance(older) == .committed(version: 5))
    #expect(try fresh().transactions["devices"]?.version == 8)
  }

  @Test(arguments: [true, false])
  func `a put whose report failed is settled by what is there`(takesEffect: Bool) throws {
    var table = try made()
    let commit = merge(table)
    storage.memory.plan(.init(.put, pathPart: "_delta_log", takesEffect: takesEffect))
    if takesEffect {
      #expect(try table.commitMaintenance(commit) == .committed(version: 4))
    } else {
      #expect(throws: DeltaError.self) { try table.commitMaintenance(commit) }
      #expect(table.version == 3)
      #expect(try table.commitMaintenance(commit) == .committed(version: 4))
    }
    #expect(try paths(fresh()) == [path(2), path(3), Self.merged])
  }

  @Test func `a put whose report failed, over a rival's commit, goes on behind it`() throws {
    var table = try made()
    let commit = merge(table)
    let memory = storage.memory
    storage.before(.put, "_delta_log") {
      _ = try? smallTable(memory).apply([entry(4)], ledgerEnd: 99, after: .empty)
      memory.plan(.init(.put, pathPart: "_delta_log", takesEffect: true))
    }
    #expect(try table.commitMaintenance(commit) == .committed(version: 5))
  }

  @Test func `a commit that an earlier call had put is found again, also when merged`() throws {
    var table = try made()
    let commit = merge(table)
    let before = table
    #expect(try table.commitMaintenance(commit) == .committed(version: 4))
    try putForeign(
      storage.memory, 5,
      [["remove": ["path": .string(Self.merged), "dataChange": false]], add("theirs")])
    var again = before
    #expect(try again.commitMaintenance(commit) == .committed(version: 5))
  }

  @Test func `a failed sync ends it, whatever is on the disk`() throws {
    var table = try made()
    let commit = merge(table)
    storage.memory.plan(
      .init(.put, pathPart: "_delta_log", kind: .syncFailed, takesEffect: true))
    let error = #expect(throws: DeltaError.self) { try table.commitMaintenance(commit) }
    guard case .storage(let fault, _) = error, fault.kind == .syncFailed else {
      Issue.record("expected a failed sync, got \(String(describing: error))")
      return
    }
  }

  @Test func `nothing is put into a hole behind a clean-up`() throws {
    var table = try made()
    let commit = merge(table)
    let memory = storage.memory
    storage.before(.list, "_delta_log") {
      for version in 4...9 { try? putForeign(memory, version, [["note": [:]]]) }
      for version in 0...8 {
        try? memory.delete("\(tableFolder)/_delta_log/0000000000000000000\(version).json")
      }
    }
    try memory.delete("\(tableFolder)/_delta_log/00000000000000000003.json")
    let error = #expect(throws: DeltaError.self) { try table.commitMaintenance(commit) }
    guard case .logTruncated(_, 3, newest: 9) = error else {
      Issue.record("expected logTruncated, got \(String(describing: error))")
      return
    }
    #expect(memory.count(of: .put) == 10, "four commits and six notes")
  }
}
