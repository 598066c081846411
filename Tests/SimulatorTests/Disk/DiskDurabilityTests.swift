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

  @Test func `bytes of removed files are freed, but not what a crash may bring back`() throws {
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
}
