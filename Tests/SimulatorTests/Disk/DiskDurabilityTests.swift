import Base
import Glibc
import Storage
import Testing

@testable import Simulator

/// What a crash of the machine leaves.
@Suite struct DiskDurabilityTests {
  /// How often each of the outcomes came in many crashes of the same doing.
  private func outcomes(
    crashes: Int = 200, _ body: (DiskFixture) throws -> Void
  ) rethrows -> [[UInt8]?: Int] {
    var outcomes: [[UInt8]?: Int] = [:]
    for seed in 0..<crashes {
      let fixture = DiskFixture(seed: seed)
      try body(fixture)
      fixture.disk.crashMachine()
      outcomes[fixture.read("x"), default: 0] += 1
    }
    return outcomes
  }

  @Test func `a name that was not synced is kept or lost, its synced bytes are whole`() throws {
    var lostCount = 0
    let outcomes = try outcomes { fixture in
      let file = try fixture.open().create("x")
      try file.append([1, 2, 3])
      try file.close(sync: true)
      fixture.disk.crashMachine()
      lostCount += fixture.count(.nameLost)
      #expect(fixture.count(.writeTorn) == 0)
    }
    #expect(Set(outcomes.keys) == [nil, [1, 2, 3]])
    #expect(outcomes[nil] == lostCount)
  }

  @Test func `synced name, unsynced bytes: torn in every way`() throws {
    var tornCount = 0
    let outcomes = try outcomes { fixture in
      let storage = try fixture.open()
      let file = try storage.create("x")
      try file.append([1, 2, 3])
      try file.close(sync: false)
      try storage.syncFolder("")
      fixture.disk.crashMachine()
      tornCount += fixture.count(.writeTorn)
    }
    #expect(outcomes[nil] == nil)
    #expect(Set(outcomes.keys).isSuperset(of: [[], [1], [1, 2], [1, 0, 0], [0, 0, 0], [1, 2, 3]]))
    #expect(outcomes.keys.contains { $0?.count == 3 && $0 != [1, 2, 3] && $0?.last != 0 })
    #expect(tornCount == 200 - (outcomes[[1, 2, 3]] ?? 0))
  }

  @Test func `bytes before the last sync stand whatever follows them`() throws {
    for seed in 0..<100 {
      let disk = DiskFixture(seed: seed).disk
      let mount = disk.mount(process: 1)
      let descriptor = try mount.make("x", [1, 2])
      try mount.sync(descriptor)
      try mount.syncFolder("")
      try mount.write([3, 4], to: descriptor)
      disk.crashMachine()
      #expect(disk.read("x")?.starts(with: [1, 2]) == true)
    }
  }

  @Test func `a removal that was not synced may be undone`() throws {
    let outcomes = try outcomes { fixture in
      let storage = try fixture.open()
      _ = try storage.putIfAbsent("x", [1])
      try storage.delete("x")
    }
    #expect(Set(outcomes.keys) == [nil, [1]])
  }

  @Test func `a synced file is lost with a folder whose own name was not synced`() throws {
    var lostCount = 0
    for seed in 0..<100 {
      let fixture = DiskFixture(seed: seed)
      let mount = fixture.disk.mount(process: 1)
      try mount.makeFolder("d", in: AT_FDCWD)
      try mount.sync(mount.make("d/x", [1]))
      try mount.syncFolder("d")
      fixture.disk.crashMachine()
      #expect(fixture.disk.read("d/x") == (fixture.count(.nameLost) == 0 ? [1] : nil))
      lostCount += fixture.count(.nameLost)
    }
    #expect((1..<100).contains(lostCount))
  }

  @Test func `after a failed sync a second one says success, and the bytes may be gone`() throws {
    var intactCount = 0
    for seed in 0..<100 {
      let fixture = DiskFixture(seed: seed)
      let mount = fixture.disk.mount(process: 1)
      let descriptor = try mount.make("x", [1, 2])
      try mount.syncFolder("")
      fixture.set { $0.syncFailureOneIn = 1 }
      #expect(throws: Errno(code: EIO)) { try mount.sync(descriptor) }
      #expect(fixture.count(.syncFailed) == 1)
      fixture.set()
      try mount.sync(descriptor)
      fixture.disk.crashMachine()
      let bytes = fixture.disk.read("x")
      #expect(bytes == [1, 2] || bytes == [0, 0])
      intactCount += bytes == [1, 2] ? 1 : 0
    }
    #expect((10..<90).contains(intactCount))
  }

  @Test func `a crash kills every process and frees what no name reaches`() throws {
    let fixture = DiskFixture()
    let first = try fixture.open(process: 1)
    let second = try fixture.open(process: 2)
    _ = try first.putIfAbsent("x", [1, 2])
    let file = try second.create("y")
    try file.append([1, 2, 3])
    try second.delete("x")
    try second.syncFolder("")
    fixture.disk.crashMachine()
    #expect(throws: StorageError.self) { try first.list("") }
    #expect(throws: StorageError.self) { try second.list("") }
    let left = fixture.disk.paths.compactMap { fixture.disk.read($0)?.count }.reduce(0, +)
    #expect(fixture.disk.usedByteCount == Int64(left))
    #expect(fixture.names.isEmpty)
    #expect(fixture.count(.machineCrashed) == 1)
  }

  @Test func `bytes of files removed long ago are freed, those a crash may bring back are not`()
    throws
  {
    let fixture = DiskFixture(seed: 3)
    let storage = try fixture.open()
    _ = try storage.putIfAbsent("a/x", [1])
    try storage.delete("a/x")
    for index in 0..<600 {
      _ = try storage.putIfAbsent("b/\(index)", [2])
      try storage.delete("b/\(index)")
    }
    #expect(fixture.disk.usedByteCount == 0)
    fixture.disk.crashMachine()
    #expect(fixture.read("a/x").map { $0 == [1] } ?? true)
  }

  /// The promise the ledger rests on, under everything at once.
  @Test(arguments: 0..<150)
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
      var trail = StorageTrail(fixture: fixture, seed: 99, tellsNames: false)
      for _ in 0..<12 { trail.live() }
      return (fixture.names.map { [UInt8]($0.utf8) + (fixture.read($0) ?? []) }, fixture.tally.taken)
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

  init(fixture: DiskFixture, seed: UInt64, tellsNames: Bool = true) {
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
