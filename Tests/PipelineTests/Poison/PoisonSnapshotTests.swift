import Base
import Detectors
import Duplicates
import Ledger
import Storage
import Telemetry
import Testing

@testable import Pipeline

/// State snapshots whose checksum is true and whose content is not: every one is refused with its
/// name, or goes on without harm.
@Suite struct PoisonSnapshotTests {
  /// A source, what is read before the snapshot and what after it.
  private struct Case {
    let source: SourceOptions
    let key: PartitionKey
    let before: [TestRecord]
    let after: [TestRecord]
    let snapshot: [UInt8]

    init(_ topic: String, _ partition: Int32, _ source: SourceOptions, seed: UInt64) throws {
      var fleet = RandomFleet(seed: seed)
      let records = fleet.topics(recordCount: 260)
        .partitions[TopicPartition(topic: topic, partition: partition)] ?? []
      self.source = source
      key = PartitionKey(topic: topic, incarnation: 0, partition: partition)
      before = Array(records.prefix(180))
      after = Array(records.suffix(80))
      let harness = PartitionHarness(.test(topic, partition), source: source)
      harness.offer(before, from: 0)
      var writer = ByteWriter()
      harness.partition.encodeState(into: &writer)
      snapshot = writer.bytes
    }

    var cut: Int64 { Int64(before.count) }

    /// Restores from bytes under a true checksum, reads on, and saves again.
    /// - Returns: whether the bytes were taken.
    func goOn(with bytes: [UInt8]) throws(StateError) -> Bool {
      let storage = MemoryStorage()
      let path = FileNames.state(
        pipeline: "fleet", baseVersion: 0, commitID: CommitID(incarnation: "i", counter: 1),
        key: key)
      let reference = StateReference(
        path: path, cut: cut, byteCount: Int64(bytes.count), checksum: XXHash64.hash(bytes))
      guard (try? storage.putIfAbsent(path, bytes)) != nil else { return false }
      let state = try StateSnapshot.restore(reference, key: key, source: source, storage: storage)
      let harness = PartitionHarness(
        .test(key.topic, key.partition, to: cut, state: reference), source: source, state: state)
      harness.offer(after, from: cut)
      harness.partition.fireOpenWindows()
      _ = harness.cut()
      var writer = ByteWriter()
      harness.partition.encodeState(into: &writer)
      return true
    }
  }

  private static func cases() throws -> [Case] {
    [
      try Case(
        "telemetry", 0, TestSources.wide(detectors: TestSources.wideDetectors), seed: 1),
      try Case("telemetry", 1, remembering(TestSources.wide(), by: .sequence), seed: 2),
      try Case("samples", 0, TestSources.narrow(detectors: TestSources.narrowDetectors), seed: 3),
      try Case("samples", 0, remembering(TestSources.narrow(), by: .payload), seed: 4),
    ]
  }

  private static func remembering(
    _ source: SourceOptions, by key: DuplicateRule.Key
  ) -> SourceOptions {
    var source = source
    source.duplicates = DuplicateRule(by: key, withinMillis: 30_000, recordCountMax: 60)
    return source
  }

  private func poison(
    _ name: String, _ cases: [Case], count: Int,
    _ mutate: ([UInt8], inout SplitMix64) -> [UInt8]
  ) {
    Poison.run(name, cases: count) { random, trail in
      let one = random.pick(cases)
      do throws(StateError) {
        _ = try one.goOn(with: mutate(one.snapshot, &random))
      } catch {
        #expect(error.reason.contains("_state/fleet-v0-i-1-\(one.key.topic)-0-"), "\(trail)")
      }
    }
  }

  @Test func `what is not damaged is taken`() throws {
    for one in try Self.cases() { #expect(try one.goOn(with: one.snapshot)) }
  }

  @Test(.timeLimit(.minutes(10))) func `damaged bytes`() throws {
    poison("snapshots", try Self.cases(), count: 500) { ByteMutation.mutate($0, &$1) }
  }

  /// Most bytes of a state are numbers: one of them at a time, so that those behind it are reached.
  @Test(.timeLimit(.minutes(10))) func `one number that lies`() throws {
    poison("numbers in snapshots", try Self.cases(), count: 1000) { original, random in
      var bytes = original
      let place = random.below(bytes.count)
      let value = random.extreme()
      for index in 0..<min(random.pick([1, 4, 8]), bytes.count - place) {
        bytes[place + index] = UInt8(truncatingIfNeeded: value >> Int64(index * 8))
      }
      return bytes
    }
  }

  @Test func `cut short anywhere, or with something behind it`() throws {
    for one in try Self.cases() {
      for count in stride(from: 0, to: one.snapshot.count, by: 97) {
        let short = Array(one.snapshot.prefix(count))
        #expect(throws: StateError.self) { _ = try one.goOn(with: short) }
      }
      #expect(throws: StateError.self) { _ = try one.goOn(with: one.snapshot + [0]) }
    }
  }

  @Test func `the state of another partition, source or cut is refused`() throws {
    let cases = try Self.cases()
    // Another partition's words and devices fit; what proves it is the name.
    let storage = MemoryStorage()
    let bytes = cases[0].snapshot
    let path = FileNames.state(
      pipeline: "fleet", baseVersion: 0, commitID: CommitID(incarnation: "i", counter: 1),
      key: cases[0].key)
    _ = try storage.putIfAbsent(path, bytes)
    func reason(cut: Int64, key: PartitionKey, source: SourceOptions) -> String? {
      let reference = StateReference(
        path: path, cut: cut, byteCount: Int64(bytes.count), checksum: XXHash64.hash(bytes))
      do throws(StateError) {
        _ = try StateSnapshot.restore(reference, key: key, source: source, storage: storage)
        return nil
      } catch {
        return error.reason
      }
    }
    let (cut, key, source) = (cases[0].cut, cases[0].key, cases[0].source)
    #expect(reason(cut: cut, key: key, source: source) == nil)
    #expect(reason(cut: cut + 1, key: key, source: source)?.contains("offset") == true)
    #expect(reason(cut: cut, key: cases[1].key, source: source)?.contains(path) == true)
    let again = PartitionKey(topic: key.topic, incarnation: 1, partition: key.partition)
    #expect(reason(cut: cut, key: again, source: source)?.contains(path) == true)
    #expect(reason(cut: cut, key: key, source: cases[2].source)?.contains(path) == true)
  }
}
