import Base
import Glibc
import Storage
import Synchronization
import Testing

@testable import Simulator

@Suite struct SimulatedDiskTests {
  /// One random trail of operations on both; every answer must be the same.
  @Test(arguments: 0..<60)
  func `storage on it answers as storage in memory does`(seed: Int) throws {
    let fixture = DiskFixture(seed: seed)
    let both: [any Storage] = [try fixture.open(), MemoryStorage()]
    var random = SplitMix64(seed: UInt64(seed))
    var open: [[any StorageFile]] = []
    let paths = ["a", "b/c", "b/d", "e/f/g", "e/f/h"]
    for step in 0..<120 {
      let path = paths[Int.random(in: 0..<paths.count, using: &random)]
      let bytes = [UInt8](
        repeating: UInt8(step), count: Int.random(in: 0..<4, using: &random))
      let operation = Int.random(in: 0..<9, using: &random)
      if operation == 0 { open.append(try both.map { try $0.create(path) }) }
      let file = open.indices.randomElement(using: &random)
      let answers = both.indices.map { index in
        answer {
          let storage = both[index]
          switch operation {
          case 1: return "\(try storage.putIfAbsent(path, bytes))"
          case 2: return "\(try storage.read(path))"
          case 3: return "\(try storage.size(path))"
          case 4: return "\(try storage.exists(path))"
          case 5: return "\(try ["b", "e/f", "absent"].map { try storage.list($0) })"
          case 6: try storage.delete(path)
          case 7: if let file { try open[file][index].append(bytes) }
          case 8: if let file { try open[file][index].close(sync: step.isMultiple(of: 2)) }
          default: break
          }
          return ""
        }
      }
      if operation == 8, let file { open.remove(at: file) }
      #expect(answers[0] == answers[1], "seed \(seed), step \(step), operation \(operation)")
    }
  }

  private func answer(_ call: () throws -> String) -> String {
    do {
      return try call()
    } catch {
      return "\((error as? StorageError)?.kind, default: "?")"
    }
  }

  @Test func `processes see each other's names and bytes at once`() throws {
    let fixture = DiskFixture()
    let first = try fixture.open(process: 1)
    let second = try fixture.open(process: 2)
    #expect(try first.putIfAbsent("l/0", [1]) == .stored)
    #expect(try second.putIfAbsent("l/0", [2]) == .alreadyExists)
    #expect(try second.read("l/0") == [1])
  }

  @Test func `descriptors of one process mean nothing to another`() throws {
    let disk = DiskFixture().disk
    let first = disk.mount(process: 1)
    let descriptor = try first.make("x")
    let error = #expect(throws: Errno.self) {
      try disk.mount(process: 2).write([1], to: descriptor)
    }
    #expect(error == Errno(code: EBADF))
    try first.close(descriptor)
    #expect(throws: Errno(code: EBADF)) { try first.write([1], to: descriptor) }
  }

  @Test func `a killed process changes nothing any more and leaves what it wrote`() throws {
    let fixture = DiskFixture()
    let storage = try fixture.open(process: 1)
    let other = try fixture.open(process: 2)
    _ = try storage.putIfAbsent("a/kept", [1])
    let file = try storage.create("a/open")
    try file.append([1, 2])
    fixture.disk.kill(process: 1)
    let before = fixture.disk.paths
    #expect(before.count == 2)
    let calls: [() throws -> Void] = [
      { _ = try storage.putIfAbsent("a/new", []) }, { _ = try storage.create("a/new") },
      { try file.append([3]) }, { try file.close(sync: true) }, { try storage.delete("a/kept") },
      { _ = try storage.read("a/kept") }, { _ = try storage.list("a") },
      { try storage.syncFolder("a") }, { _ = try storage.freeByteCount() },
      { _ = try storage.removeUnfinished(in: "a", ageSecondsMin: 0) },
    ]
    for call in calls {
      let error = #expect(throws: StorageError.self) { try call() }
      #expect(error?.code == EIO)
    }
    #expect(fixture.disk.paths == before)
    #expect(try other.list("a") == ["kept"])
    #expect(try other.removeUnfinished(in: "a", ageSecondsMin: 0) == 1)
    let again = try fixture.open(process: 1)
    #expect(try again.read("a/kept") == [1])
    #expect(throws: StorageError.self) { try storage.read("a/kept") }
  }

  @Test func `an armed process dies once, before, in the midst of or after its call`() throws {
    var lengths: Set<Int> = []
    for seed in 0..<64 {
      let fixture = DiskFixture(seed: seed)
      let mount = fixture.disk.mount(process: 7)
      let descriptor = try mount.make("x", [1])
      let deaths = Mutex<[Int]>([])
      fixture.disk.arm(process: 7, afterCalls: 2) { [disk = fixture.disk] process in
        // The dead process's lock is free: the environment may look, restart, crash.
        deaths.withLock { $0.append(process + disk.paths.count) }
      }
      try mount.write([2], to: descriptor)
      #expect(throws: Errno(code: EIO)) {
        try mount.write([UInt8](repeating: 3, count: 8), to: descriptor)
      }
      #expect(throws: Errno(code: EIO)) { try mount.write([4], to: descriptor) }
      #expect(deaths.withLock { $0 } == [8])
      #expect(fixture.count(.processKilled) == 1)
      let bytes = fixture.disk.read("x") ?? []
      #expect([1, 2, 3, 3, 3, 3, 3, 3, 3, 3].starts(with: bytes))
      lengths.insert(bytes.count)
    }
    #expect(lengths.isSuperset(of: [2, 10]))
    #expect(lengths.count > 4)
  }

  @Test func `a kill cancels an armed death`() throws {
    let fixture = DiskFixture()
    fixture.disk.arm(process: 1, afterCalls: 1) { _ in Issue.record("it was not armed any more") }
    fixture.disk.kill(process: 1)
    _ = try fixture.open(process: 1).putIfAbsent("x", [])
    fixture.disk.arm(process: 1, afterCalls: 1) { _ in Issue.record("it was not armed any more") }
    fixture.disk.disarm(process: 1)
    _ = try fixture.open(process: 1).putIfAbsent("y", [])
    #expect(fixture.tally.taken.isEmpty)
  }

  @Test func `a full disk takes what fits, and more once there is room`() throws {
    let fixture = DiskFixture()
    let mount = fixture.disk.mount(process: 1)
    let descriptor = try mount.make("x", [1, 2])
    fixture.set { $0.capacityByteCount = 5 }
    #expect(try mount.freeByteCount(descriptor) == 3)
    #expect(throws: Errno(code: ENOSPC)) { try mount.write([3, 4, 5, 6], to: descriptor) }
    #expect(fixture.disk.read("x") == [1, 2, 3, 4, 5])
    #expect(throws: Errno(code: ENOSPC)) { try mount.makeFolder("d", in: AT_FDCWD) }
    #expect(throws: Errno(code: ENOSPC)) { try mount.create("y", in: AT_FDCWD) }
    #expect(fixture.count(.outOfSpace) == 3)
    // An open file takes space without a name.
    try mount.unlink("x", in: AT_FDCWD)
    #expect(fixture.disk.usedByteCount == 5)
    try mount.close(descriptor)
    #expect(fixture.disk.usedByteCount == 0)
    _ = try mount.make("y", [1, 2, 3, 4, 5])
  }

  @Test func `a link may be done and reported as failed`() throws {
    var codes: Set<Int32> = []
    for seed in 0..<32 {
      let fixture = DiskFixture(seed: seed)
      let mount = fixture.disk.mount(process: 1)
      _ = try mount.make("x", [1])
      fixture.set { $0.linkReportFailureOneIn = 1 }
      let error = #expect(throws: Errno.self) { try mount.link("x", as: "y", in: AT_FDCWD) }
      #expect(fixture.disk.read("y") == [1])
      #expect(fixture.count(.putReportedAsFailure) == 1)
      codes.insert(error?.code ?? 0)
    }
    #expect(codes == [EIO, ETIMEDOUT, EEXIST])
  }

  @Test func `any call may fail with an input or output error`() throws {
    let fixture = DiskFixture()
    let mount = fixture.disk.mount(process: 1)
    let descriptor = try mount.make("x", [1])
    fixture.set { $0.inputOutputErrorOneIn = 1 }
    let calls: [() throws -> Void] = [
      { _ = try mount.open("x", in: AT_FDCWD) }, { _ = try mount.create("y", in: AT_FDCWD) },
      { _ = try mount.openFolder("", in: AT_FDCWD) }, { try mount.write([2], to: descriptor) },
      { _ = try mount.readAll(descriptor, sizeHint: 0) }, { try mount.unlink("x", in: AT_FDCWD) },
      { try mount.makeFolder("d", in: AT_FDCWD) }, { try mount.link("x", as: "z", in: AT_FDCWD) },
      { _ = try mount.status("x", in: AT_FDCWD) }, { _ = try mount.status(descriptor) },
      { _ = try mount.wallClockSeconds() }, { _ = try mount.freeByteCount(descriptor) },
      { _ = try mount.names(in: "", of: AT_FDCWD) }, { try mount.close(descriptor) },
    ]
    for call in calls { #expect(throws: Errno(code: EIO)) { try call() } }
    #expect(fixture.count(.inputOutputError) == calls.count)
    #expect(fixture.disk.paths == ["x"])
    fixture.set()
    #expect(throws: Errno(code: EBADF)) { try mount.close(descriptor) }
  }

  @Test func `slow calls take the time they say and are counted, pauses are not`() throws {
    let fixture = DiskFixture()
    let mount = fixture.disk.mount(process: 1)
    fixture.set {
      $0.slowOneIn = 1
      $0.slowMillisMax = 3
    }
    let start = MonotonicClock.nowNanos()
    for index in 0..<8 { _ = try mount.make("\(index)") }
    #expect(MonotonicClock.nowNanos() - start >= 16_000_000)
    #expect(fixture.count(.slowStorage) == 16)
    fixture.set { $0.pauseOneIn = 1 }
    for index in 8..<12 { _ = try mount.make("\(index)") }
    #expect(fixture.count(.slowStorage) == 16)
  }

  @Test func `a process killed while a call is slow never hears of success`() throws {
    for seed in 0..<6 {
      let fixture = DiskFixture(seed: seed) {
        $0.slowOneIn = 1
        $0.slowMillisMax = 500
      }
      let mount = fixture.disk.mount(process: 1)
      let outcome = Monitor<Errno?>(nil)
      let thread = WorkerThread(name: "slow") {
        do throws(Errno) {
          _ = try mount.create("x", in: AT_FDCWD)
        } catch {
          outcome.update { $0 = error }
        }
      }
      while fixture.count(.slowStorage) == 0 { sched_yield() }
      fixture.set()
      fixture.disk.kill(process: 1)
      thread.join()
      #expect(outcome.update { $0 } == Errno(code: EIO))
    }
  }

  @Test func `a damaged file differs by one bit, also after a crash`() throws {
    let fixture = DiskFixture()
    let storage = try fixture.open()
    let bytes = [UInt8](0..<100)
    _ = try storage.putIfAbsent("a/x", bytes)
    #expect(fixture.disk.damage("data/a/x"))
    #expect(!fixture.disk.damage("data/a"))
    #expect(!fixture.disk.damage("absent"))
    fixture.disk.crashMachine()
    let read = try #require(fixture.read("a/x"))
    let differing = zip(read, bytes).filter { $0 != $1 }
    #expect(differing.map { ($0 ^ $1).nonzeroBitCount } == [1])
  }
}
