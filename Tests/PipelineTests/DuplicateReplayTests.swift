import Base
import Devices
import Duplicates
import Ledger
import Storage
import Telemetry
import Testing
import Windows

@testable import Pipeline

/// Duplicates and limits across snapshots and replays: wherever a partition changes hands, the rows
/// are those of an undisturbed run.
@Suite struct DuplicateReplayTests {
  private static let rules = [DuplicateRule.Key.sequence, .payload]

  private static func source(by key: DuplicateRule.Key) throws -> SourceOptions {
    var source = try TestSources.wide(detectors: TestSources.wideDetectors)
    // Less room than there are records within a minute, so that the oldest go early.
    source.duplicates = DuplicateRule(by: key, withinMillis: 60_000, recordCountMax: 70)
    source.limits.deviceCountMax = 9
    return source
  }

  /// Devices that send again, soon and late, one that is silent for long, and too many of them.
  private static func records(seed: UInt64, count: Int) -> [TestRecord] {
    var random = SplitMix64(seed: seed)
    var records: [TestRecord] = []
    var second = 0.0
    for index in 0..<count {
      second += Double.random(in: 0..<2, using: &random)
      if random.chance(oneIn: 80) { second += Double.random(in: 50..<500, using: &random) }
      if random.chance(oneIn: 3), var again = random.chance(oneIn: 2)
        ? records.randomElement(using: &random) : records.suffix(15).randomElement(using: &random)
      {
        again.timestampMicros = (TestSources.startMillis + Int64(second * 1000)) * 1000
        records.append(again)
        continue
      }
      if random.chance(oneIn: 25) {
        records.append(.bytes([0xFF], second: second))
        continue
      }
      records.append(
        .wide(
          "sat-\(random.below(11))", second: second - (random.chance(oneIn: 9) ? 25 : 0),
          sequence: UInt64(index + 1), region: random.chance(oneIn: 3) ? "r\(index % 4)" : nil,
          metrics: [Double.random(in: -5..<5, using: &random), 1], kafkaSecond: second))
    }
    return records
  }

  private static func text(_ cut: PartitionCut) -> String {
    let output = cut.output
    let devices = output.readings.recordDevices.map {
      $0 == WordTable.none ? "" : cut.vocabulary.devices.text(of: $0)
    }
    let doubles = (output.firings.means + output.firings.lasts).map { $0.bitPattern }
    return """
      \(cut.from)..<\(cut.to) \(output.readings.recordOutcomes) \(devices)
      \(output.readings.rowEventTimes) \(output.readings.metricWords)
      \(output.firings.windowStarts) \(output.firings.revisions) \(output.firings.counts)
      \(doubles) \(output.anomalies.count)
      \(output.deadLetters.map { "\($0.record.offset) \($0.reason) \($0.detail)" }) \(cut.counts)
      \(cut.forgottenEarlyCount)
      """
  }

  private func offer(_ records: ArraySlice<TestRecord>, _ harness: PartitionHarness, run: Int) {
    var start = records.startIndex
    while start < records.endIndex {
      let end = min(records.endIndex, start + run)
      harness.offer(Array(records[start..<end]), from: Int64(start))
      start = end
    }
  }

  @Test(arguments: rules, [1, 7, 64])
  func `a restart anywhere changes no row`(by key: DuplicateRule.Key, runLength: Int) throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SplitMix64(seed: seed)
    let source = try Self.source(by: key)
    let records = Self.records(seed: seed, count: 500)
    for _ in 0..<12 {
      let saved = random.below(300)
      let to = saved + random.below(150)
      let whole = PartitionHarness(.test(), source: source)
      offer(records[..<to], whole, run: 500)
      _ = whole.cut()
      offer(records[to...], whole, run: 500)
      let expected = try #require(whole.cut())

      let first = PartitionHarness(.test(), source: source)
      offer(records[..<saved], first, run: 11)
      let second = try PartitionHarness.restored(
        first.restorable(), to: Int64(to), source: source)
      offer(records[saved...], second, run: runLength)
      let found = try #require(second.cut())
      #expect(
        Self.text(found) == Self.text(expected), "seed \(seed), saved at \(saved), to \(to)")
      #expect(try second.restorable().bytes == whole.restorable().bytes, "seed \(seed)")
      #expect(expected.output.readings.recordOutcomes.contains(.duplicate), "seed \(seed)")
    }
  }

  // MARK: - Other options under the state

  /// What is saved, and goes on under another configuration from `to` on.
  private func goOn(
    _ records: [TestRecord], saved: Int, to: Int, from old: SourceOptions, with new: SourceOptions
  ) throws -> (first: PartitionCut, next: PartitionHarness) {
    let first = PartitionHarness(.test(), source: old)
    offer(records[..<saved], first, run: 100)
    let next = try PartitionHarness.restored(first.restorable(), to: Int64(to), source: new)
    offer(records[saved...], next, run: 3)
    return (try #require(next.cut()), next)
  }

  @Test func `a replay is judged by what the first pass was judged by`() throws {
    var old = try TestSources.wide()
    old.duplicates = DuplicateRule(by: .sequence, withinMillis: 60_000, recordCountMax: 100)
    var new = old
    new.duplicates = nil
    let records = (0..<8).map { TestRecord.wide("sat-1", second: Double($0), sequence: 1) }
    let (cut, next) = try goOn(records, saved: 2, to: 5, from: old, with: new)
    #expect(cut.from == 5 && cut.output.readings.recordOutcomes == [.read, .read, .read])
    #expect(cut.stateNeed?.reason == "its limits or its rule for duplicates were changed")
    #expect(next.partition.progress.duplicates == nil)
    // Windows hold the first, and what came after the change.
    let whole = PartitionHarness(.test(), source: old)
    offer(records[..<5], whole, run: 5)
    #expect(whole.cut()?.output.readings.recordOutcomes.filter { $0 == .duplicate }.count == 4)
  }

  /// Messages of up to 200 bytes, or rows of up to two, before; the other way round after.
  @Test(arguments: [false, true])
  func `a replay decodes by the limits of the first pass`(isRaised: Bool) throws {
    var narrow = try TestSources.narrow()
    narrow.limits.rowCountMax = 2
    var wide = try TestSources.narrow()
    wide.limits.rowCountMax = 3
    wide.limits.messageByteCountMax = 60
    let (old, new) = isRaised ? (narrow, wide) : (wide, narrow)
    let records = (0..<9).map { second in
      let name = second % 3 == 2 ? String(repeating: "long", count: 20) : "a"
      return TestRecord.narrow(
        "inv-1", (0..<1 + second % 3).map { (Double(second) + Double($0) / 10, name, 1) })
    }
    let (cut, next) = try goOn(records, saved: 2, to: 6, from: old, with: new)
    let asOld = PartitionHarness(.test(), source: old)
    offer(records[..<6], asOld, run: 6)
    let asNew = PartitionHarness(.test(), source: new)
    offer(records[..<6], asNew, run: 6)
    let (first, other) = (try #require(asOld.cut()), try #require(asNew.cut()))
    #expect(
      first.output.readings.recordOutcomes != other.output.readings.recordOutcomes,
      "the limits decide")
    // What the chain has is repeated by the old ones; from there on the new ones hold.
    let moved = try PartitionHarness.restored(asOld.restorable(), to: 6, source: new)
    offer(records[6...], moved, run: 3)
    #expect(try next.restorable().bytes == moved.restorable().bytes)
    #expect(cut.output.readings.recordOutcomes == moved.cut()?.output.readings.recordOutcomes)
    #expect(cut.stateNeed?.reason == "its limits or its rule for duplicates were changed")
  }

  @Test func `a rule that is added starts empty where the chain stands`() throws {
    let old = try TestSources.wide()
    var new = old
    new.duplicates = DuplicateRule(by: .sequence, withinMillis: 60_000, recordCountMax: 100)
    let records = (0..<8).map { TestRecord.wide("sat-1", second: Double($0), sequence: 1) }
    let (cut, next) = try goOn(records, saved: 2, to: 5, from: old, with: new)
    #expect(cut.output.readings.recordOutcomes == [.read, .duplicate, .duplicate])
    #expect(cut.stateNeed != nil)
    #expect(next.partition.progress.duplicates?.rememberedCount == 1)
  }

  @Test func `other bounds keep what is remembered`() throws {
    var old = try TestSources.wide()
    old.duplicates = DuplicateRule(by: .sequence, withinMillis: 60_000, recordCountMax: 100)
    var new = old
    new.duplicates = DuplicateRule(by: .sequence, withinMillis: 3_600_000, recordCountMax: 50)
    let records = (0..<8).map { TestRecord.wide("sat-1", second: Double($0), sequence: 1) }
    let (cut, _) = try goOn(records, saved: 2, to: 5, from: old, with: new)
    #expect(cut.output.readings.recordOutcomes == [.duplicate, .duplicate, .duplicate])
    #expect(cut.stateNeed != nil)
  }

  @Test func `the same options ask for no state`() throws {
    let source = try Self.source(by: .payload)
    let records = Self.records(seed: 1, count: 40)
    let (cut, _) = try goOn(records, saved: 10, to: 20, from: source, with: source)
    #expect(cut.stateNeed == nil)
  }

  /// A low limit of today must not refuse what was read when there was none.
  @Test func `a state of the second format is replayed without limits`() throws {
    var source = try TestSources.wide()
    let harness = PartitionHarness(.test(), source: source)
    let records = (0..<6).map { TestRecord.wide("sat-\($0)", second: Double($0)) }
    offer(records[..<2], harness, run: 5)
    var state = try harness.restorable()
    state.bytes = harness.partition.ofSecondFormat(state.bytes)
    source.limits.deviceCountMax = 3
    source.limits.messageByteCountMax = 1
    let next = try PartitionHarness.restored(state, to: 5, source: source)
    offer(records[2...], next, run: 2)
    #expect(next.cut()?.vocabulary.devices.count == 5)
  }

  /// The format of before there were limits and duplicates.
  @Test func `a state of the second format is taken over`() throws {
    let old = try TestSources.wide()
    let harness = PartitionHarness(.test(), source: old)
    let records = (0..<8).map { TestRecord.wide("sat-1", second: Double($0), sequence: 1) }
    offer(records[..<5], harness, run: 5)
    var state = try harness.restorable()
    state.bytes = harness.partition.ofSecondFormat(state.bytes)
    let same = try PartitionHarness.restored(state, to: 5, source: old)
    let bytes = try same.restorable().bytes
    #expect(same.partition.ofSecondFormat(bytes) == state.bytes)
    #expect(same.cut()?.stateNeed == nil)
    var new = old
    new.duplicates = DuplicateRule(by: .sequence, withinMillis: 60_000, recordCountMax: 100)
    let next = try PartitionHarness.restored(state, to: 5, source: new)
    offer(records[5...], next, run: 1)
    #expect(next.cut()?.output.readings.recordOutcomes == [.read, .duplicate, .duplicate])
  }
}

extension LanePartition {
  /// This partition's state as programs wrote it before there were limits, duplicates and the
  /// directory of devices: those come last.
  fileprivate func ofSecondFormat(_ bytes: [UInt8]) -> [UInt8] {
    var later = ByteWriter()
    admission.encode(into: &later)
    devices.encode(into: &later)
    var old = Array(bytes.dropLast(later.count))
    old[7] = UInt8(ascii: "2")
    return old
  }
}

/// A state as bytes.
struct RestorableState {
  var cut: Int64
  var key: PartitionKey
  var bytes: [UInt8]
}

extension PartitionHarness {
  /// The state behind everything that was offered.
  func restorable() throws -> RestorableState {
    var writer = ByteWriter()
    partition.encodeState(into: &writer)
    return RestorableState(cut: partition.expected, key: partition.key, bytes: writer.bytes)
  }

  /// A partition that begins with a state and that the chain has at `to`.
  static func restored(
    _ state: RestorableState, to: Int64, source: SourceOptions
  ) throws -> PartitionHarness {
    let storage = MemoryStorage()
    let path = FileNames.state(
      pipeline: "fleet", baseVersion: 0, commitID: CommitID(incarnation: "i", counter: 1),
      key: state.key)
    let reference = StateReference(
      path: path, cut: state.cut, byteCount: Int64(state.bytes.count),
      checksum: XXHash64.hash(state.bytes))
    _ = try storage.putIfAbsent(path, state.bytes)
    return PartitionHarness(
      .test(state.key.topic, state.key.partition, to: to, state: reference), source: source,
      state: try StateSnapshot.restore(
        reference, key: state.key, source: source, storage: storage))
  }
}
