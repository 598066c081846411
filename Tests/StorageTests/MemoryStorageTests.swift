import Storage
import Testing

@Suite struct MemoryStorageTests {
  @Test func `a planned fault hits the operation it counts to, once`() throws {
    let storage = MemoryStorage()
    storage.plan(.init(.put, pathPart: "_ledger", after: 1, kind: .noSpace))
    #expect(try storage.putIfAbsent("_ledger/0", []) == .stored)
    #expect(try storage.putIfAbsent("other", []) == .stored)
    let error = #expect(throws: StorageError.self) { try storage.putIfAbsent("_ledger/1", []) }
    #expect(error?.kind == .noSpace)
    #expect(try storage.exists("_ledger/1") == false)
    #expect(storage.plannedFaultCount == 0)
    #expect(try storage.putIfAbsent("_ledger/1", []) == .stored)
    #expect(storage.count(of: .put) == 4)
  }

  @Test func `a put may succeed and report failure`() throws {
    let storage = MemoryStorage()
    storage.plan(.init(.put, kind: .ioError, takesEffect: true))
    #expect(throws: StorageError.self) { try storage.putIfAbsent("x", [1]) }
    #expect(try storage.read("x") == [1])
    #expect(try storage.putIfAbsent("x", [1]) == .alreadyExists)
  }

  @Test func `losing power keeps what was synced and drops the rest`() throws {
    let storage = MemoryStorage()
    _ = try storage.putIfAbsent("put", [1])
    for (path, sync) in [("a/synced", true), ("a/not", false), ("b/nameless", true)] {
      let file = try storage.create(path)
      try file.append([1])
      try file.close(sync: sync)
    }
    try storage.syncFolder("a")
    storage.losePower()
    #expect(storage.paths == ["a/synced", "put"])
  }

  @Test func `a full storage refuses bytes and takes them again after a delete`() throws {
    let storage = MemoryStorage(capacityByteCount: 10)
    _ = try storage.putIfAbsent("a", [UInt8](repeating: 0, count: 6))
    let file = try storage.create("b")
    try file.append([1, 2, 3])
    #expect(try storage.freeByteCount() == 1)
    let error = #expect(throws: StorageError.self) { try file.append([4, 5]) }
    #expect(error?.kind == .noSpace)
    file.discard()
    #expect(try storage.freeByteCount() == 4)
    #expect(throws: StorageError.self) {
      try storage.putIfAbsent("c", [UInt8](repeating: 0, count: 5))
    }
    try storage.delete("a")
    #expect(try storage.putIfAbsent("c", [UInt8](repeating: 0, count: 10)) == .stored)
  }

  @Test func `a closed file counts once, whatever the report of its close`() throws {
    let storage = MemoryStorage(capacityByteCount: 100)
    storage.plan(.init(.close, takesEffect: true))
    let file = try storage.create("a")
    try file.append([1, 2, 3])
    #expect(throws: StorageError.self) { try file.close(sync: true) }
    #expect(try storage.read("a") == [1, 2, 3])
    #expect(try storage.freeByteCount() == 97)
  }
}
