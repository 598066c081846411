import Base
import Devices
import Ledger
import Storage
import Telemetry
import Testing
import Windows

@testable import Pipeline

@Suite struct StateSnapshotTests {
  private static let records: [TestRecord] = (0..<60).map { second in
    .wide(
      "sat-\(second % 3)", second: Double(second), region: second % 5 == 0 ? nil : "r\(second % 2)",
      metrics: [Double(second) / 7, -0.0])
  }

  /// Writes the state after the first `count` records.
  private func snapshot(
    after count: Int, _ storage: any Storage
  ) throws -> (reference: StateReference, harness: PartitionHarness) {
    let harness = PartitionHarness(.test(), source: try TestSources.wide())
    harness.offer(Array(Self.records[..<count]), from: 0)
    let file = try harness.stateFile(storage, id: CommitID(incarnation: "i", counter: 1))
    try file.closeOnce(in: storage)
    _ = harness.cut(state: file)
    return (file.reference, harness)
  }

  private func bytes(_ harness: PartitionHarness) -> [UInt8] {
    var writer = ByteWriter()
    harness.partition.encodeState(into: &writer)
    return writer.bytes
  }

  @Test(arguments: [0, 1, 17, 45])
  func `a restored state is the one that was written, and goes on like it`(count: Int) throws {
    let storage = MemoryStorage()
    let (reference, original) = try snapshot(after: count, storage)
    let state = try StateSnapshot.restore(
      reference, key: original.partition.key, source: try TestSources.wide(),
      storage: storage)
    let cut = state.cut
    #expect(cut == Int64(count))
    let restored = PartitionHarness(
      .test(to: cut, state: reference), source: try TestSources.wide(), state: state)
    #expect(bytes(restored) == bytes(original))
    for harness in [original, restored] {
      harness.offer(Array(Self.records[count...]), from: Int64(count))
    }
    #expect(bytes(restored) == bytes(original))
    let (left, right) = (try #require(original.cut()), try #require(restored.cut()))
    #expect(left.output.firings.windowStarts == right.output.firings.windowStarts)
    #expect(
      left.output.firings.means.map(\.bitPattern) == right.output.firings.means.map(\.bitPattern))
    #expect(left.counts == right.counts)
  }

  /// What a program wrote that kept no directory of devices.
  @Test func `a state of the fourth format goes on, and counts devices from there`() throws {
    let storage = MemoryStorage()
    let (reference, original) = try snapshot(after: 17, storage)
    var directory = ByteWriter()
    original.partition.devices.encode(into: &directory)
    var old = Array(try storage.read(reference.path).dropLast(directory.count))
    old[7] = UInt8(ascii: "4")
    let state = try StateSnapshot.restore(
      try store(old, storage, cut: 17), key: original.partition.key,
      source: try TestSources.wide(), storage: storage)
    let restored = PartitionHarness(
      .test(to: 17), source: try TestSources.wide(), state: state)
    let known = restored.partition.devices
    #expect(known.deviceCount > 0)
    #expect((0..<known.deviceCount).allSatisfy { !known[$0].isMet })
    for harness in [original, restored] { harness.offer(Array(Self.records[17...]), from: 17) }
    let (whole, later) = (original.partition.devices, restored.partition.devices)
    for device in 0..<known.deviceCount where later[device].isMet {
      #expect(later[device].firstSeenTime == nil, "nobody can say")
      #expect(later[device].readingCount < whole[device].readingCount)
      let words = [later, whole].map { $0.attribute(0, ofDevice: device).word }
      #expect(words[0] == words[1])
    }
    _ = restored.cut()
    let rows = try #require(
      restored.partition.takeDeviceRows(everyMillis: 0, wanted: false, nowNanos: 0))
    #expect(rows.devices.count >= known.deviceCount, "also those that were not heard again")
  }

  private func error(
    _ reference: StateReference, _ storage: any Storage, source: SourceOptions? = nil
  ) throws -> StateError? {
    let source = try source ?? TestSources.wide()
    do throws(StateError) {
      let key = PartitionKey(topic: "telemetry", incarnation: 0, partition: 0)
      _ = try StateSnapshot.restore(reference, key: key, source: source, storage: storage)
      return nil
    } catch {
      return error
    }
  }

  @Test func `a missing or damaged file is damaged, so that an older one may stand in`() throws {
    let storage = MemoryStorage()
    let (reference, _) = try snapshot(after: 20, storage)
    let whole = try storage.read(reference.path)
    for position in stride(from: 0, to: whole.count, by: 41) {
      var bytes = whole
      bytes[position] ^= 4
      try storage.delete(reference.path)
      _ = try storage.putIfAbsent(reference.path, bytes)
      guard case .damaged(let reason) = try error(reference, storage) else {
        Issue.record("damage at byte \(position) was accepted")
        return
      }
      #expect(reason.contains(reference.path))
    }
    try storage.delete(reference.path)
    guard case .damaged = try error(reference, storage) else {
      Issue.record("a missing file was accepted")
      return
    }
  }

  /// A whole file with a true checksum.
  private func store(
    _ bytes: [UInt8], _ storage: any Storage, cut: Int64 = 20
  ) throws -> StateReference {
    let path = "_state/x-telemetry-0-0.state"
    _ = try storage.putIfAbsent(path, bytes)
    return StateReference(
      path: path, cut: cut, byteCount: Int64(bytes.count), checksum: XXHash64.hash(bytes))
  }

  @Test func `other windows are incompatible, with both told`() throws {
    let storage = MemoryStorage()
    let (reference, _) = try snapshot(after: 20, storage)
    let other = try TestSources.wide(windows: [TestSources.tenSeconds])
    guard case .incompatible(let reason) = try error(reference, storage, source: other) else {
      Issue.record("state of other windows was taken over")
      return
    }
    #expect(reason.contains(reference.path))
  }

  @Test func `another format is incompatible, a short file is not a crash`() throws {
    let whole = try { () -> [UInt8] in
      let storage = MemoryStorage()
      return try storage.read(try snapshot(after: 20, storage).reference.path)
    }()
    var other = whole
    other[7] = UInt8(ascii: "9")
    let storage = MemoryStorage()
    guard case .incompatible = try error(store(other, storage), storage) else {
      Issue.record("another format was taken over")
      return
    }
    for count in stride(from: 0, to: whole.count, by: 13) {
      let storage = MemoryStorage()
      let reference = try store(Array(whole.prefix(count)), storage)
      #expect(try error(reference, storage) != nil, "\(count) of \(whole.count) bytes")
    }
  }

  @Test func `a state file is closed once, and says whether it could be`() throws {
    let storage = MemoryStorage()
    let harness = PartitionHarness(.test(), source: try TestSources.wide())
    let file = try harness.stateFile(storage, id: CommitID(incarnation: "i", counter: 1))
    storage.plan(.init(.close, kind: .noSpace))
    #expect(throws: StorageError.self) { try file.closeOnce(in: storage) }
    try file.closeOnce(in: storage)
    #expect(!file.isClosed)
    let other = try harness.stateFile(storage, id: CommitID(incarnation: "i", counter: 2))
    try other.closeOnce(in: storage)
    try other.closeOnce(in: storage)
    #expect(other.isClosed)
  }
}
