import Base
import Storage
import Testing

@testable import Ledger

@Suite struct LedgerTests {
  @Test func `a fresh root has an empty chain, and the first entry makes it`() throws {
    let storage = MemoryStorage()
    let writer = Writer(storage)
    try writer.ledger.open()
    #expect(writer.ledger.state.isEmpty)
    try writer.begin()
    #expect(writer.ledger.state.ledgerID == "ledger-of-a")
    #expect(writer.ledger.state.lastVersion == 1)
    #expect(
      storage.paths == [
        "_ledger/00000000000000000000.json", "_ledger/00000000000000000001.json",
      ])
  }

  @Test func `two first starts agree on one ledger`() throws {
    let storage = MemoryStorage()
    let (first, second) = (Writer(storage), Writer(storage, name: "b"))
    try first.ledger.open()
    try second.ledger.open()
    _ = try first.ledger.put(first.draft(.create))
    let winner = try #require(try second.ledger.put(second.draft(.create)))
    #expect(winner.ledgerID == "ledger-of-a")
    #expect(second.ledger.state == first.ledger.state)
  }

  // MARK: - Putting

  @Test func `losing the race for a number means taking the next`() throws {
    let storage = MemoryStorage()
    let (first, second) = (Writer(storage), Writer(storage, name: "b"))
    try first.begin()
    try second.begin()
    try first.commit([first.move(0, by: 10)])
    let entry = try #require(try second.commit([second.move(1, by: 5)]))
    #expect(entry.version == 3)
    #expect(second.ledger.state.partitions[Fixtures.key(0)]?.to == 10)
    #expect(second.ledger.recentEntries.map(\.version) == [0, 1, 2, 3])
  }

  @Test func `a partition moved by somebody else is a conflict, and nothing is put`() throws {
    let storage = MemoryStorage()
    let (first, zombie) = (Writer(storage), Writer(storage, name: "b"))
    try first.begin()
    try zombie.begin()
    try first.commit([first.move(0, by: 10)])
    let error = #expect(throws: LedgerError.self) { try zombie.commit([zombie.move(0, by: 10)]) }
    guard case .conflict(let conflict) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(conflict.key == Fixtures.key(0))
    #expect(storage.paths.count == 3)
  }

  @Test func `an entry that must have its number gives way to a winner`() throws {
    let storage = MemoryStorage()
    let (first, second) = (Writer(storage), Writer(storage, name: "b"))
    try first.begin()
    try second.begin()
    let wanted = second.ledger.state.nextVersion
    try first.commit([first.move(0, by: 1)])
    #expect(try second.ledger.put(second.draft(.configure), onlyAt: wanted) == nil)
    #expect(second.ledger.state.nextVersion == wanted + 1)
    #expect(storage.paths.count == 3)
    let entry = try second.ledger.put(second.draft(.configure), onlyAt: wanted + 1)
    #expect(entry?.version == wanted + 1)
  }

  @Test(arguments: [StorageError.Kind.ioError, .noSpace, .other])
  func `a put that took effect and reported failure counts as put`(
    kind: StorageError.Kind
  ) throws {
    let storage = MemoryStorage()
    let writer = Writer(storage)
    try writer.begin()
    storage.plan(.init(.put, kind: kind, takesEffect: true))
    let syncCount = storage.count(of: .syncFolder)
    let entry = try #require(try writer.commit([writer.move(0, by: 10)]))
    #expect(entry.version == 2)
    #expect(writer.ledger.state.partitions[Fixtures.key(0)]?.to == 10)
    // What was found is synced before anybody acts on it.
    #expect(storage.count(of: .syncFolder) == syncCount + 1)
  }

  @Test func `a put that failed is reported, and the same entry may be put again`() throws {
    let storage = MemoryStorage()
    let writer = Writer(storage)
    try writer.begin()
    var entry = writer.draft(.commit)
    entry.partitions = [writer.move(0, by: 10)]
    storage.plan(.init(.put, kind: .noSpace))
    #expect(throws: LedgerError.self) { try writer.ledger.put(entry) }
    #expect(writer.ledger.state.lastVersion == 1)
    #expect(try writer.ledger.put(entry)?.version == 2)
  }

  @Test func `an entry that is in the chain already is found, not put twice`() throws {
    let storage = MemoryStorage()
    let writer = Writer(storage)
    try writer.begin()
    var entry = writer.draft(.commit)
    entry.partitions = [writer.move(0, by: 10)]
    // The put works; looking for summaries fails, so that its outcome is not known here.
    storage.plan(.init(.list))
    #expect(throws: LedgerError.self) { try writer.ledger.put(entry) }
    let found = try #require(try writer.ledger.put(entry))
    #expect(found.version == 2)
    #expect(storage.paths.count == 3)
  }

  @Test(arguments: [true, false])
  func `a failed sync is passed on and nothing is concluded`(takesEffect: Bool) throws {
    let storage = MemoryStorage()
    let writer = Writer(storage)
    try writer.begin()
    storage.plan(.init(.put, kind: .syncFailed, takesEffect: takesEffect))
    let readCount = storage.count(of: .read)
    let error = #expect(throws: LedgerError.self) { try writer.commit([writer.move(0, by: 10)]) }
    guard case .storage(let fault) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(fault.kind == .syncFailed)
    #expect(storage.count(of: .read) == readCount)
    #expect(writer.ledger.state.lastVersion == 1)
  }

  @Test func `a failed sync of what others put is passed on`() throws {
    let storage = MemoryStorage()
    let (first, second) = (Writer(storage), Writer(storage, name: "b"))
    try first.begin()
    try second.begin()
    try first.commit([first.move(0, by: 1)])
    storage.plan(.init(.syncFolder, kind: .syncFailed))
    #expect(throws: LedgerError.self) { try second.ledger.refresh() }
    try first.commit([first.move(0, by: 1)])
    storage.plan(.init(.syncFolder, kind: .syncFailed))
    #expect(throws: LedgerError.self) { try second.commit([second.move(1, by: 1)]) }
  }

  @Test func `commit ids count within their incarnation`() {
    let ledger = Ledger(storage: MemoryStorage(), pipeline: "p", incarnation: "i")
    #expect([ledger.nextCommitID(), ledger.nextCommitID()].map(\.description) == ["i-1", "i-2"])
  }

  // MARK: - Refusals

  private func openError(_ storage: MemoryStorage, pipeline: String = "fleet") -> LedgerError? {
    do {
      try Writer(storage, name: "x", pipeline: pipeline).ledger.open()
      return nil
    } catch {
      return error
    }
  }

  private func begun() throws -> MemoryStorage {
    let storage = MemoryStorage()
    let writer = Writer(storage)
    try writer.begin()
    try writer.commit([writer.move(0, by: 10)])
    return storage
  }

  /// Replaces a file's bytes, as damage does.
  private func replace(
    _ path: String, in storage: MemoryStorage, by bytes: [UInt8]
  ) throws(StorageError) {
    try storage.delete(path)
    _ = try storage.putIfAbsent(path, bytes)
  }

  @Test func `a root of another pipeline is refused`() throws {
    guard case .otherPipeline(_, "fleet", "other") = openError(try begun(), pipeline: "other")
    else {
      Issue.record("another pipeline was let in")
      return
    }
  }

  @Test func `an entry of another ledger is refused`() throws {
    let storage = try begun()
    var alien = Fixtures.commit([])
    alien.version = 3
    alien.ledgerID = "elsewhere"
    _ = try storage.putIfAbsent(Ledger.entryPath(3), alien.json.bytes)
    let error = openError(storage)
    guard case .unreadable(Ledger.entryPath(3), _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func `a second beginning is refused`() throws {
    let storage = try begun()
    var again = Fixtures.entry(.create)
    again.version = 3
    again.ledgerID = "second"
    _ = try storage.putIfAbsent(Ledger.entryPath(3), again.json.bytes)
    guard case .unreadable(Ledger.entryPath(3), _) = openError(storage) else {
      Issue.record("a chain began twice")
      return
    }
  }

  @Test func `an entry that breaks the chain is refused`() throws {
    let storage = try begun()
    var wrong = Fixtures.commit([
      PartitionMove(key: Fixtures.key(0), previous: 2, from: 11, to: 12)
    ])
    wrong.version = 3
    wrong.ledgerID = "ledger-of-a"
    _ = try storage.putIfAbsent(Ledger.entryPath(3), wrong.json.bytes)
    guard case .unreadable(Ledger.entryPath(3), let detail) = openError(storage) else {
      Issue.record("a broken chain was accepted")
      return
    }
    #expect(detail.contains("breaks the chain"))
  }

  @Test func `a damaged entry is a named stop`() throws {
    let storage = try begun()
    try replace(Ledger.entryPath(2), in: storage, by: Array("{\"format\":1".utf8))
    guard case .unreadable(Ledger.entryPath(2), _) = openError(storage) else {
      Issue.record("damage was accepted")
      return
    }
  }

  @Test(arguments: [Int64(0), 1])
  func `a missing entry is a named stop, not the chain's end`(version: Int64) throws {
    let storage = try begun()
    try storage.delete(Ledger.entryPath(version))
    guard case .missingEntry(version) = openError(storage) else {
      Issue.record("a hole was taken for the end")
      return
    }
  }
}
