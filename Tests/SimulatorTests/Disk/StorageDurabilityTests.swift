import Base
import Glibc
import Storage
import Testing

@testable import Simulator

/// What `POSIXStorage` promises, on a disk that fails, among processes that die.
@Suite struct StorageDurabilityTests {
  @Test func `what is stored below a root that a killed process made is durable`() throws {
    for seed in 0..<120 {
      let fixture = DiskFixture(seed: seed)
      fixture.disk.arm(process: 1, afterCalls: 1 + seed % 6) { _ in }
      _ = try? fixture.open(process: 1)
      let storage = try fixture.open(process: 2)
      #expect(try storage.putIfAbsent("a/x", [1]) == .stored)
      fixture.disk.crashMachine()
      #expect(fixture.read("a/x") == [1], "seed \(seed)")
    }
  }

  @Test func `after a sync that failed half way to the root the next one goes all the way`() throws
  {
    var failureCount = 0
    for seed in 0..<120 {
      let fixture = DiskFixture(seed: seed)
      let storage = try fixture.open()
      fixture.set { $0.inputOutputErrorOneIn = 12 }
      failureCount += (try? storage.putIfAbsent("a/b/c/x", [1])) == nil ? 1 : 0
      fixture.set()
      #expect(try storage.putIfAbsent("a/b/c/y", [2]) == .stored)
      fixture.disk.crashMachine()
      #expect(fixture.read("a/b/c/y") == [2], "seed \(seed)")
    }
    #expect(failureCount > 30)
  }

  /// The last one that was replaced without an error, or a later one; and never a part of one.
  @Test(arguments: 0..<100)
  func `a replaced file is one of those that were put, whole, after every crash`(seed: Int) throws {
    let fixture = DiskFixture(seed: seed)
    var sure: UInt8 = 0
    var last: UInt8 = 0
    var storage = try fixture.open()
    try storage.replace("a/hint", [UInt8](repeating: 0, count: 100))
    for process in 2...6 {
      fixture.set { $0.inputOutputErrorOneIn = 20 }
      fixture.disk.arm(process: process - 1, afterCalls: 2 + seed % 17) { _ in }
      for _ in 0..<4 {
        last += 1
        if (try? storage.replace("a/hint", [UInt8](repeating: last, count: 100))) != nil {
          sure = last
        }
      }
      fixture.set()
      fixture.disk.kill(process: process - 1)
      if seed % 2 == 0 { fixture.disk.crashMachine() }
      let found = try #require(fixture.read("a/hint"))
      #expect(found.count == 100 && Set(found).count == 1, "seed \(seed)")
      #expect((sure...last).contains(found[0]), "seed \(seed): \(found[0]) of \(sure)...\(last)")
      storage = try fixture.open(process: process)
    }
  }

  /// The promise the ledger rests on, under everything at once.
  @Test(arguments: 0..<100)
  func `what putIfAbsent called stored survives every crash, whole`(seed: Int) throws {
    let fixture = DiskFixture(seed: seed)
    _ = try fixture.open(process: 0)
    var trail = StorageTrail(fixture: fixture, seed: UInt64(seed))
    for _ in 0..<12 {
      trail.live()
      trail.check()
    }
  }

  @Test func `equal seeds and equal calls give equal disks`() throws {
    let runs = try (0..<2).map { _ in
      let fixture = DiskFixture(seed: 99)
      _ = try fixture.open(process: 0)
      var trail = StorageTrail(fixture: fixture, seed: 99)
      for _ in 0..<12 { trail.live() }
      let files = fixture.names.map { [UInt8]($0.utf8) + (fixture.read($0) ?? []) }
      return (files, fixture.tally.taken)
    }
    #expect(runs[0].0 == runs[1].0)
    #expect(runs[0].1 == runs[1].1)
    #expect(!runs[0].0.isEmpty)
  }
}

/// Processes that put and stream files, fail, die and crash by chance, and what they were promised.
private struct StorageTrail {
  let fixture: DiskFixture
  let seed: UInt64
  var random: SplitMix64
  /// What was promised to be there.
  var stored: [String: [UInt8]] = [:]
  /// Everything that may be under a name.
  var attempted: [String: [[UInt8]]] = [:]
  var fileCount = 0

  init(fixture: DiskFixture, seed: UInt64) {
    self.fixture = fixture
    self.seed = seed
    random = SplitMix64(seed: seed)
  }

  /// Some processes' lives, and with some chance the machine's crash.
  mutating func live() {
    fixture.set {
      $0.inputOutputErrorOneIn = 100
      $0.syncFailureOneIn = 60
      $0.linkReportFailureOneIn = 20
      $0.capacityByteCount = fixture.disk.usedByteCount + 4_000
    }
    for process in 1...2 {
      let crashes = random.oneIn(2)
      fixture.disk.arm(
        process: process, afterCalls: .random(in: 1...80, using: &random)
      ) { [disk = fixture.disk] _ in if crashes { disk.crashMachine() } }
    }
    let storages = (1...2).map { try? fixture.open(process: $0) }
    for _ in 0..<30 {
      guard let storage = storages.randomElement(using: &random) ?? nil else { continue }
      operate(storage)
    }
    for process in 1...2 { fixture.disk.kill(process: process) }
    if random.oneIn(3) { fixture.disk.crashMachine() }
  }

  private mutating func operate(_ storage: POSIXStorage) {
    fileCount += 1
    let path = "d\(Int.random(in: 0..<6, using: &random))/e/\(fileCount / 2)"
    let bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in
      UInt8.random(in: 1...255, using: &random)
    }
    attempted[path, default: []].append(bytes)
    if random.oneIn(3) {
      try? stream(bytes, to: path, of: storage)
    } else if let outcome = try? storage.putIfAbsent(path, bytes), outcome == .stored {
      stored[path] = bytes
    }
  }

  private func stream(
    _ bytes: [UInt8], to path: String, of storage: POSIXStorage
  ) throws(StorageError) {
    let file = try storage.create(path)
    try file.append(bytes)
    try file.close(sync: true)
  }

  func check() {
    for (path, bytes) in stored {
      #expect(fixture.read(path) == bytes, "seed \(seed): “\(path)” was stored")
    }
    for name in fixture.names {
      let isWhole = attempted[name, default: []].contains {
        $0 == fixture.read(name)
      }
      #expect(isWhole, "seed \(seed): “\(name)” is not what anybody wrote")
    }
  }
}
