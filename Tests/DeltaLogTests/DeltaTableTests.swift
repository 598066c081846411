import Base
import DeltaLog
import Storage
import TestSupport
import Testing

@Suite struct DeltaTableTests {
  @Test func `entries enter the table once and in order, in one commit a call`() throws {
    let storage = MemoryStorage()
    let table = smallTable(storage)
    var progress = try table.apply([entry(0)], ledgerEnd: 9, after: .empty)
    #expect(progress.bookmark.deltaVersion == 0)
    progress = try table.apply(
      [entry(2), entry(5), entry(7)], ledgerEnd: 9, after: progress.bookmark)
    #expect(progress.bookmark.deltaVersion == 1)
    #expect(progress.bookmark.txnVersion == 7)
    #expect(progress.writtenCommitCount == 1)
    #expect(try addedPaths(storage) == [0, 2, 5, 7].map(path))
    let log = try readLog(storage)
    #expect(log.last { $0.action["txn"] != nil }?.action["txn"]?["appId"]?.stringValue == appID)
    let info = try #require(log.last { $0.action["commitInfo"] != nil }?.action["commitInfo"])
    #expect(info["ledgerVersionFirst"]?.int64Value == 2)
    #expect(info["ledgerVersion"]?.int64Value == 7)
    #expect(info["commitId"]?.stringValue == "incarnation-7")
  }

  @Test func `actions are copied byte for byte`() throws {
    let storage = MemoryStorage()
    let odd = #"{"add":{"path":"x","size":1.0e2,"z":1,"a":2,"stats":"{\"é\":-0}"}}"#
    let actions = [DeltaAction.protocolAction, metaData(), try JSONValue(parsing: odd)]
    _ = try smallTable(storage).apply([entry(0, actions)], ledgerEnd: 0, after: .empty)
    let bytes = try storage.read(tableFolder + "/_delta_log/00000000000000000000.json")
    #expect(String(decoding: bytes, as: UTF8.self).hasSuffix("\n" + odd + "\n"))
  }

  @Test func `repeating a call, from any older bookmark, changes nothing`() throws {
    let storage = MemoryStorage()
    let table = smallTable(storage)
    let entries = (0..<6).map { entry($0) }
    var bookmarks = [TableBookmark.empty]
    for index in entries.indices {
      let progress = try table.apply(
        Array(entries[...index]), ledgerEnd: 5, after: bookmarks[index])
      bookmarks.append(progress.bookmark)
    }
    for bookmark in bookmarks {
      let progress = try table.apply(entries, ledgerEnd: 5, after: bookmark)
      #expect(progress.bookmark == bookmarks.last)
      #expect(progress.writtenCommitCount == 0)
      #expect(try table.catchUp(after: bookmark).bookmark == bookmarks.last)
    }
    #expect(try addedPaths(storage) == (0..<6).map { path(Int64($0)) })
  }

  @Test func `a change of the table opens a commit of its own`() throws {
    let storage = MemoryStorage()
    let wider = DeltaSchema(columns: smallSchema.columns + [DeltaColumn("v", .double)])
    let entries = [entry(0), entry(1), entry(2, [metaData(wider), add("f2")]), entry(3)]
    let progress = try smallTable(storage).apply(entries, ledgerEnd: 3, after: .empty)
    #expect(progress.writtenCommitCount == 2)
    #expect(progress.bookmark.schemaFingerprint == wider.fingerprint)
    let log = try readLog(storage)
    #expect(log.filter { $0.action["metaData"] != nil }.map(\.version) == [0, 1])
    #expect(try smallTable(storage).catchUp(after: .empty).bookmark == progress.bookmark)
  }

  @Test func `a long run is cut into commits of bounded size`() throws {
    let storage = MemoryStorage()
    let many = (0..<DeltaTable.actionCountMax).map { add("g\($0)") }
    let entries = [entry(0), entry(1, many), entry(2)]
    let progress = try smallTable(storage).apply(entries, ledgerEnd: 2, after: .empty)
    #expect(progress.writtenCommitCount == 3)
    #expect(progress.bookmark.txnVersion == 2)
  }

  @Test func `a put that succeeded but reported failure is not repeated`() throws {
    let storage = MemoryStorage()
    let table = smallTable(storage)
    storage.plan(.init(.put, after: 1, kind: .ioError, takesEffect: true))
    let first = try table.apply([entry(0)], ledgerEnd: 2, after: .empty)
    let second = try table.apply([entry(1), entry(2)], ledgerEnd: 2, after: first.bookmark)
    #expect(second.bookmark.txnVersion == 2)
    #expect(second.bookmark.deltaVersion == 1)
    #expect(second.writtenCommitCount == 0)
    #expect(try addedPaths(storage) == [0, 1, 2].map(path))
  }

  @Test func `a put that failed leaves the table as it was, and a repetition succeeds`() throws {
    let storage = MemoryStorage()
    let table = smallTable(storage)
    let first = try table.apply([entry(0)], ledgerEnd: 1, after: .empty)
    storage.plan(.init(.put, kind: .noSpace))
    let error = #expect(throws: DeltaError.self) {
      try table.apply([entry(1)], ledgerEnd: 1, after: first.bookmark)
    }
    guard case .storage(let cause, _) = error else {
      Issue.record("expected a storage error, got \(String(describing: error))")
      return
    }
    #expect(cause.kind == .noSpace)
    _ = try table.apply([entry(1)], ledgerEnd: 1, after: first.bookmark)
    #expect(try addedPaths(storage) == [0, 1].map(path))
  }

  @Test func `a failed sync is passed on, whatever is there`() throws {
    let storage = MemoryStorage()
    storage.plan(.init(.put, kind: .syncFailed, takesEffect: true))
    let error = #expect(throws: DeltaError.self) {
      try smallTable(storage).apply([entry(0)], ledgerEnd: 0, after: .empty)
    }
    guard case .storage(let cause, _) = error else {
      Issue.record("expected a storage error, got \(String(describing: error))")
      return
    }
    #expect(cause.kind == .syncFailed)
  }

  @Test(arguments: [StorageError.Kind.ioError, .noSpace, .other], [false, true])
  func `whatever fails wherever, repeating gives every entry once and in order`(
    kind: StorageError.Kind, takesEffect: Bool
  ) throws {
    let entries = (0..<4).map { entry($0) }
    for position in 0... {
      let storage = MemoryStorage()
      let table = smallTable(storage)
      storage.plan(.init(after: position, kind: kind, takesEffect: takesEffect))
      var bookmark = TableBookmark.empty
      var index = 0
      while index < entries.count {
        do {
          bookmark = try table.apply(
            Array(entries[...index]), ledgerEnd: 3, after: bookmark
          ).bookmark
          index += 1
        } catch {
          guard case .storage = error else { throw error }
          // As after a crash: everything is read again.
          bookmark = .empty
        }
      }
      if storage.plannedFaultCount > 0 {
        // Past the last operation; a call has at least a look and a put.
        #expect(position >= 8)
        return
      }
      #expect(try addedPaths(storage) == (0..<4).map { path(Int64($0)) })
    }
  }

  @Test func `a found commit is made durable before it is reported`() throws {
    let storage = MemoryStorage()
    let table = smallTable(storage)
    _ = try table.apply([entry(0)], ledgerEnd: 0, after: .empty)
    #expect(storage.count(of: .syncFolder) == 0)
    let found = try table.catchUp(after: .empty)
    #expect(storage.count(of: .syncFolder) == 1)
    _ = try table.catchUp(after: found.bookmark)
    #expect(storage.count(of: .syncFolder) == 1)
  }

  @Test func `a bookmark survives JSON`() throws {
    let bookmark = try smallTable(MemoryStorage()).apply(
      [entry(0)], ledgerEnd: 0, after: .empty
    ).bookmark
    #expect(bookmark.schemaFingerprint == smallSchema.fingerprint)
    #expect(bookmark.tableProtocol?.obstacles(metaData: bookmark.metaData) == [])
    #expect(TableBookmark(try JSONValue(parsing: bookmark.json.text)) == bookmark)
    #expect(TableBookmark(TableBookmark.empty.json) == .empty)
    #expect(TableBookmark(["deltaVersion": 1]) == nil)
    #expect(TableBookmark(.null) == nil)
  }

  @Test(arguments: 0..<4)
  func `appenders that race give every entry once and in order`(round: Int) async throws {
    let root = try TemporaryRoot()
    let storages: [any Storage] = [MemoryStorage(), root.storage]
    for storage in storages {
      let entries = (0..<40).map { entry($0) }
      try await withThrowingTaskGroup(of: TableBookmark.self) { group in
        for appender in 0..<3 {
          group.addTask {
            let table = smallTable(storage)
            var bookmark = TableBookmark.empty
            var taken = 0
            while taken < entries.count {
              taken = min(entries.count, taken + 1 + (appender + taken + round) % 3)
              bookmark = try table.apply(
                Array(entries[..<taken]), ledgerEnd: 39, after: bookmark
              ).bookmark
            }
            return bookmark
          }
        }
        for try await bookmark in group { #expect(bookmark.txnVersion == 39) }
      }
      #expect(try addedPaths(storage) == (0..<40).map { path(Int64($0)) })
      let txns = try readLog(storage).compactMap { $0.action["txn"]?["version"]?.int64Value }
      #expect(txns == Array(Set(txns)).sorted())
    }
  }
}
