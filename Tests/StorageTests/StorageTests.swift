import Glibc
import Storage
import Synchronization
import Testing

/// The two implementations; what is said of one must hold of the other.
enum Implementation: CaseIterable, Sendable {
  case posix, memory

  func withStorage(_ body: (any Storage) async throws -> Void) async throws {
    switch self {
    case .posix:
      let root = TemporaryRoot()
      try await body(root.open())
      withExtendedLifetime(root) {}
    case .memory: try await body(MemoryStorage())
    }
  }
}

@Suite struct StorageTests {
  @Test(arguments: Implementation.allCases)
  func `a put file is read back and its name is taken`(
    _ implementation: Implementation
  ) async throws {
    try await implementation.withStorage { storage throws in
      let path = "tables/windows/_delta_log/00000000000000000000.json"
      #expect(try storage.putIfAbsent(path, [1, 2, 3]) == .stored)
      #expect(try storage.putIfAbsent(path, [9]) == .alreadyExists)
      #expect(try storage.read(path) == [1, 2, 3])
      #expect(try storage.size(path) == 3)
      #expect(try storage.exists(path))
      #expect(try storage.exists("tables/windows"))
      #expect(try !storage.exists("tables/win"))
      #expect(try storage.putIfAbsent("empty", []) == .stored)
      #expect(try storage.read("empty") == [])
    }
  }

  @Test(arguments: Implementation.allCases)
  func `a hint is replaced whole, and made where there is none`(
    _ implementation: Implementation
  ) async throws {
    try await implementation.withStorage { storage throws in
      let path = "tables/windows/_delta_log/_last_checkpoint"
      try storage.replace(path, [1, 2, 3])
      #expect(try storage.read(path) == [1, 2, 3])
      try storage.replace(path, [4])
      #expect(try storage.read(path) == [4])
      #expect(try storage.list("tables/windows/_delta_log") == ["_last_checkpoint"])
      #expect(try storage.unfinished(in: "tables/windows/_delta_log").isEmpty)
      #expect(throws: StorageError.self) { try storage.replace("../x", []) }
    }
  }

  @Test(arguments: Implementation.allCases)
  func `names are listed in byte order without folders of other paths`(
    _ implementation: Implementation
  ) async throws {
    try await implementation.withStorage { storage throws in
      for name in ["b", "a", "Z", "é", "10", "9"] {
        _ = try storage.putIfAbsent("x/\(name)", [])
      }
      _ = try storage.putIfAbsent("x/deep/file", [])
      _ = try storage.putIfAbsent("xy/file", [])
      #expect(try storage.list("x") == ["10", "9", "Z", "a", "b", "deep", "é"])
      #expect(try storage.list("") == ["x", "xy"])
      #expect(try storage.list("absent") == [])
    }
  }

  @Test(arguments: Implementation.allCases)
  func `a streamed file has no name until it is closed`(
    _ implementation: Implementation
  ) async throws {
    try await implementation.withStorage { storage throws in
      let file = try storage.create("data/part")
      try file.append(Array("PAR1".utf8))
      #expect(try storage.exists("data/part") == false)
      #expect(try storage.list("data") == [])
      try file.append([])
      try file.append([UInt8](repeating: 7, count: 3_000_000))
      try file.close(sync: true)
      try storage.syncFolder("data")
      #expect(try storage.size("data/part") == 3_000_004)
      #expect(try storage.read("data/part").prefix(5) == [80, 65, 82, 49, 7])
      file.discard()
      #expect(try storage.exists("data/part"))
    }
  }

  @Test(arguments: Implementation.allCases)
  func `a streamed file never replaces another`(_ implementation: Implementation) async throws {
    try await implementation.withStorage { storage throws in
      _ = try storage.putIfAbsent("a/part", [1])
      let file = try storage.create("a/part")
      try file.append([2])
      let error = #expect(throws: StorageError.self) { try file.close(sync: false) }
      #expect(error?.kind == .exists)
      #expect(try storage.read("a/part") == [1])
      #expect(try storage.list("a") == ["part"])
    }
  }

  @Test(arguments: Implementation.allCases)
  func `a discarded or dropped file leaves nothing`(
    _ implementation: Implementation
  ) async throws {
    try await implementation.withStorage { storage throws in
      let file = try storage.create("a/part")
      try file.append([1])
      file.discard()
      file.discard()
      do {
        let dropped = try storage.create("a/other")
        try dropped.append([1])
      }
      #expect(try storage.list("a") == [])
      #expect(try storage.exists("a/part") == false)
    }
  }

  @Test(arguments: Implementation.allCases)
  func `an absent file is an error to read and none to delete`(
    _ implementation: Implementation
  ) async throws {
    try await implementation.withStorage { storage throws in
      #expect(throws: StorageError.self) { try storage.read("a/b") }
      let error = #expect(throws: StorageError.self) { try storage.size("a") }
      #expect(error?.kind == .notFound)
      try storage.delete("a/b")
      _ = try storage.putIfAbsent("a/b", [1])
      try storage.delete("a/b")
      try storage.delete("a/b")
      #expect(try storage.exists("a/b") == false)
      #expect(try storage.putIfAbsent("a/b", [2]) == .stored)
    }
  }

  @Test(arguments: Implementation.allCases)
  func `paths that leave the root or hide files are refused`(
    _ implementation: Implementation
  ) async throws {
    try await implementation.withStorage { storage throws in
      let refused = ["", "/etc/passwd", "..", "a/../b", "./a", "a//b", "a/", "a\0b", ".tmp-1/x"]
      for path in refused {
        for call in [
          { _ = try storage.read(path) }, { _ = try storage.putIfAbsent(path, []) },
          { _ = try storage.create(path) }, { try storage.delete(path) },
          { _ = try storage.size(path) }, { _ = try storage.exists(path) },
        ] as [() throws -> Void] {
          let error = #expect(throws: StorageError.self, "\(path)") { try call() }
          #expect(error?.kind == .invalidPath)
        }
        if !path.isEmpty {
          #expect(throws: StorageError.self) { try storage.list(path) }
          #expect(throws: StorageError.self) { try storage.syncFolder(path) }
        }
      }
    }
  }

  @Test(arguments: Implementation.allCases)
  func `of many that race for a name exactly one wins, and its bytes stand`(
    _ implementation: Implementation
  ) async throws {
    try await implementation.withStorage { storage throws in
      for round in 0..<20 {
        let winners = Mutex<[Int]>([])
        await concurrently(4) { index in
          let outcome = try? storage.putIfAbsent("race/\(round)", Array("\(index)".utf8))
          if outcome == .stored { winners.withLock { $0.append(index) } }
        }
        let winner = winners.withLock { $0 }
        #expect(winner.count == 1)
        #expect(try storage.read("race/\(round)") == Array("\(winner.first ?? -1)".utf8))
      }
    }
  }

  @Test(arguments: Implementation.allCases)
  func `free space is a positive number`(_ implementation: Implementation) async throws {
    try await implementation.withStorage { storage throws in
      #expect(try storage.freeByteCount() > 0)
    }
  }
}

@Suite struct StoragePathTests {
  @Test func `a path splits into folder and name`() {
    #expect(StoragePath.folder(of: "a/b/c") == "a/b")
    #expect(StoragePath.name(of: "a/b/c") == "c")
    #expect(StoragePath.folder(of: "c") == "")
    #expect(StoragePath.name(of: "c") == "c")
  }
}
