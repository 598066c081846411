import Storage
import Testing

@testable import Pipeline

/// A fault at every single operation of a run, of every kind: whoever starts next finishes with the
/// rows, the positions and the counters of a run that nothing disturbed.
@Suite struct CommitterFaultTests {
  struct Fault: Sendable, CustomStringConvertible {
    var kind: StorageError.Kind
    var takesEffect: Bool

    var description: String { "\(kind), takes effect: \(takesEffect)" }
  }

  static let faults = [StorageError.Kind.ioError, .noSpace, .syncFailed].flatMap { kind in
    [Fault(kind: kind, takesEffect: false), Fault(kind: kind, takesEffect: true)]
  }

  /// The content and the operations of an undisturbed run.
  private static func undisturbed() throws -> (content: RootContent, operationCount: Int) {
    let storage = TestStorage()
    #expect(try CommitDriver.run(storage) == 1)
    let content = try RootContent(storage.memory)
    #expect(content.faults.isEmpty)
    #expect(content.files.count >= 8)
    return (content, storage.operations.count)
  }

  @Test(arguments: faults)
  func `one failed operation loses and doubles nothing`(fault: Fault) throws {
    let (expected, operationCount) = try Self.undisturbed()
    for operation in 0..<operationCount {
      let storage = MemoryStorage()
      storage.plan(
        .init(nil, after: operation, kind: fault.kind, takesEffect: fault.takesEffect))
      _ = try CommitDriver.run(storage)
      #expect(storage.plannedFaultCount == 0, "operation \(operation) was reached")
      #expect(try RootContent(storage) == expected, "operation \(operation)")
    }
  }

  @Test(arguments: [true, false])
  func `a death at any operation loses and doubles nothing`(losesPower: Bool) throws {
    let (expected, operationCount) = try Self.undisturbed()
    for operation in 0..<operationCount {
      let storage = TestStorage()
      storage.die(after: operation)
      #expect(throws: (any Error).self) { _ = try CommitDriver.run(storage) }
      if losesPower { storage.memory.losePower() }
      let survivor = TestStorage(storage.memory)
      #expect(try CommitDriver.run(survivor, incarnation: "later") == 1)
      #expect(try RootContent(survivor.memory) == expected, "operation \(operation)")
    }
  }

  /// Found by chaos.py: the table came to name a file that nobody has.
  @Test func `a file that a table is owed and that is gone stops the start by its name`() throws {
    let (expected, _) = try Self.undisturbed()
    let rehearsal = TestStorage()
    _ = try CommitDriver.run(rehearsal)
    let commit = try #require(rehearsal.operations.lastIndex { $0.hasPrefix("put _ledger/0") })
    let storage = TestStorage()
    storage.die(after: commit + 1)
    #expect(throws: (any Error).self) { _ = try CommitDriver.run(storage) }
    let created = try #require(storage.operations.last { $0.hasSuffix(".parquet") })
    let path = String(try #require(created.split(separator: " ").last))
    let bytes = try storage.memory.read(path)
    try storage.memory.delete(path)
    let failure = #expect(throws: CommitFailure.self) {
      _ = try CommitDriver(TestStorage(storage.memory), incarnation: "later")
    }
    let name = try #require(path.split(separator: "/").last)
    #expect("\(try #require(failure))".contains(name))
    #expect(try storage.memory.putIfAbsent(path, bytes) == .stored)
    #expect(try CommitDriver.run(TestStorage(storage.memory), incarnation: "last") == 1)
    #expect(try RootContent(storage.memory) == expected)
  }

  /// Found by the simulator, seed 157: rows of a commit stayed out of the tables for as long as the
  /// brokers were those of another cluster.
  @Test func `tables get what they are owed before another cluster is refused`() throws {
    let (expected, _) = try Self.undisturbed()
    let rehearsal = TestStorage()
    _ = try CommitDriver.run(rehearsal)
    let commit = try #require(rehearsal.operations.lastIndex { $0.hasPrefix("put _ledger/0") })
    let storage = TestStorage()
    storage.die(after: commit + 1)
    #expect(throws: (any Error).self) { _ = try CommitDriver.run(storage) }
    #expect(try RootContent(storage.memory) != expected)
    let committer = Committer(
      options: try TestSources.options(), storage: storage.memory, pool: OutputPool.test,
      incarnation: "later", log: TestSources.silentLog)
    #expect(throws: CommitFailure.self) { try committer.recover(clusterID: "another") }
    #expect(try RootContent(storage.memory) == expected)
  }

  @Test func `a second death during recovery changes nothing`() throws {
    let (expected, operationCount) = try Self.undisturbed()
    for operation in stride(from: 3, to: operationCount, by: 7) {
      let storage = TestStorage()
      storage.die(after: operation)
      #expect(throws: (any Error).self) { _ = try CommitDriver.run(storage) }
      storage.memory.losePower()
      for again in [5, 11, 23] {
        let second = TestStorage(storage.memory)
        second.die(after: again)
        _ = try? CommitDriver.run(second, incarnation: "second\(again)-")
        second.memory.losePower()
      }
      _ = try CommitDriver.run(storage.memory, incarnation: "last")
      #expect(try RootContent(storage.memory) == expected, "operation \(operation)")
    }
  }
}
