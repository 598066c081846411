import Base
import Ledger
import Storage
import Telemetry
import Testing
import Windows

@testable import Pipeline

/// A partition in which nobody speaks: when it may be found idle, what fires, and what a replay
/// repeats.
@Suite struct PartitionSilenceTests {
  private static let records: [TestRecord] = (0..<30).map { second in
    .wide("sat-\(second % 3)", second: Double(second))
  }

  private func harness(_ start: PartitionStart = .test()) throws -> PartitionHarness {
    PartitionHarness(start, source: try TestSources.wide())
  }

  private func decision(at offset: Int64) -> Decision {
    Decision(kind: .partitionIdle, key: PartitionStart.test().key, offset: offset)
  }

  private func firings(_ cut: PartitionCut?) -> [String] {
    guard let output = cut?.output else { return [] }
    return (0..<output.firings.rowCount).map { row in
      "\(output.firings.windowIndexes[row]) \(output.firings.devices[row]) "
        + "\(output.firings.windowStarts[row]) "
        + "r\(output.firings.revisions[row]) n\(output.firings.counts[row])"
    }
  }

  // MARK: - When

  @Test func `only at an end that Kafka has told, with nothing behind it`() throws {
    let harness = try harness()
    let partition = harness.partition
    #expect(partition.silentSinceNanos == nil, "nobody has said that this is the end")
    harness.offer(Array(Self.records[..<5]), from: 0)
    #expect(partition.silentSinceNanos == nil)
    harness.offer([.end(4)])
    #expect(partition.silentSinceNanos == nil, "that was the end before the last record")
    harness.offer([.end(5)])
    #expect(partition.silentSinceNanos != nil)
    harness.offer([.record(5, Self.records[5])])
    #expect(partition.silentSinceNanos == nil)
    harness.offer([.end(6)])
    partition.hold()
    #expect(partition.silentSinceNanos == nil, "what is held back is not silent")
    #expect(partition.release())
    partition.didRefetch()
    #expect(partition.silentSinceNanos == nil, "the end is told again behind a seek")
    harness.offer([.end(6)])
    #expect(partition.silentSinceNanos != nil)
  }

  @Test func `silence begins with the last record, and again with the next`() throws {
    var silence = Silence()
    silence.note(nowNanos: 5)
    let start = silence.sinceNanos
    #expect(start != 5, "nothing came")
    silence.end()
    silence.note(nowNanos: start + 7)
    silence.note(nowNanos: start + 9)
    #expect(silence.sinceNanos == start + 7)
    silence.reachEnd()
    silence.beIdle()
    #expect(silence.idleSinceMicros != nil)
    silence.end()
    silence.note(nowNanos: start + 11)
    #expect(silence.idleSinceMicros == nil && !silence.isAtEnd)
  }

  @Test func `not while it replays, nor where a record came in between`() throws {
    let replaying = try harness(.test(to: 20))
    replaying.offer(Array(Self.records[..<10]), from: 0)
    replaying.offer([.end(10)])
    replaying.partition.becomeIdle(at: 10)
    #expect(replaying.cut() == nil)
    let harness = try harness()
    harness.offer(Array(Self.records[..<5]), from: 0)
    harness.offer([.end(5)])
    harness.partition.becomeIdle(at: 4)
    #expect(harness.cut()?.decisions == [])
  }

  // MARK: - What

  @Test func `what is open fires once, as a decision at this offset that brings the state`()
    throws
  {
    let harness = try harness()
    harness.offer(Array(Self.records[..<5]), from: 0)
    harness.offer([.end(5)])
    harness.partition.becomeIdle(at: 5)
    #expect(harness.partition.progress.idleSinceMicros != nil)
    #expect(
      harness.partition.isStateDue(
        try TestSources.options().commit, wanted: false, nowNanos: 0))
    let cut = try #require(harness.cut())
    #expect(cut.decisions == [decision(at: 5)])
    #expect(cut.stateNeed == StateNeed(reason: "it was found idle", forbidsOlder: false))
    #expect(cut.output.firings.rowCount > 0)
    #expect(cut.counts.idleDevices == 3)
    harness.partition.becomeIdle(at: 5)
    #expect(harness.cut() == nil, "until something comes")
  }

  @Test func `the next silence fires again, revisions included`() throws {
    let harness = try harness()
    harness.offer([.record(0, .wide("sat-1", second: 3)), .end(1)])
    harness.partition.becomeIdle(at: 1)
    #expect(firings(harness.cut()).allSatisfy { $0.contains(" r0 ") })
    harness.offer([.record(1, .wide("sat-1", second: 5)), .end(2)])
    harness.partition.becomeIdle(at: 2)
    let second = try #require(harness.cut())
    #expect(second.decisions == [decision(at: 2)])
    #expect(!firings(second).isEmpty && firings(second).allSatisfy { $0.contains(" r1 ") })
  }

  /// sat-1 at 1000 s, then long before that: too late for any window, but awake again.
  private static let wakingRecords: [TestRecord] = [
    .wide("sat-1", second: 1000), .wide("sat-1", second: 10, kafkaSecond: 1010),
  ]

  @Test func `devices that woke without opening a window are found idle, too, once`() throws {
    let harness = try harness()
    harness.offer([.record(0, Self.wakingRecords[0]), .end(1)])
    harness.partition.becomeIdle(at: 1)
    #expect(harness.cut()?.decisions == [decision(at: 1)])
    harness.offer([.record(1, Self.wakingRecords[1]), .end(2)])
    #expect(harness.partition.windows.times(ofDevice: 0).isAwake)
    harness.partition.becomeIdle(at: 2)
    let cut = try #require(harness.cut())
    #expect(cut.decisions == [decision(at: 2)] && cut.output.firings.rowCount == 0)
    #expect(!harness.partition.windows.times(ofDevice: 0).isAwake)
    harness.partition.becomeIdle(at: 2)
    #expect(harness.cut() == nil)
  }

  /// Taken up again at the end, from a snapshot of before the decision or of behind it.
  @Test(arguments: [false, true])
  func `nor is such a silence decided again by whoever comes afterwards`(isDecided: Bool) throws {
    let storage = MemoryStorage()
    let before = try harness()
    before.offer([.record(0, Self.wakingRecords[0]), .end(1)])
    before.partition.becomeIdle(at: 1)
    before.offer([.record(1, Self.wakingRecords[1]), .end(2)])
    if isDecided { before.partition.becomeIdle(at: 2) }
    let file = try before.stateFile(storage, id: CommitID(incarnation: "i", counter: 1))
    try file.closeOnce(in: storage)
    if !isDecided { before.partition.becomeIdle(at: 2) }
    var start = PartitionStart.test(to: 2, state: file.reference)
    start.idleOffsets = [1, 2]
    let restored = try StateSnapshot.restore(
      file.reference, key: start.key, source: TestSources.wide(), storage: storage)
    let harness = PartitionHarness(start, source: try TestSources.wide(), state: restored)
    harness.offer([.end(2)])
    harness.partition.becomeIdle(at: 2)
    #expect(harness.cut() == nil, "the chain has that decision")
    let next = TestRecord.wide("sat-1", second: 1020)
    for harness in [before, harness] { harness.offer([next], from: 2) }
    var (state, other) = (ByteWriter(), ByteWriter())
    before.partition.encodeState(into: &state)
    harness.partition.encodeState(into: &other)
    #expect(state.bytes == other.bytes)
  }

  @Test func `where nobody is awake nothing is decided`() throws {
    let harness = try harness()
    harness.offer([.end(0)])
    harness.partition.becomeIdle(at: 0)
    #expect(harness.partition.progress.idleSinceMicros != nil)
    #expect(harness.cut() == nil)
    // A record that wakes nobody: it is dead.
    harness.offer([.record(0, .bytes([0xFF], second: 1)), .end(1)])
    harness.partition.becomeIdle(at: 1)
    #expect(harness.cut()?.decisions == [])
  }

  // MARK: - Replays

  /// The firings of all records, cut where `cuts` says; found idle at 10 and 20.
  private func firingsUndisturbed() throws -> [String] {
    let harness = try harness()
    var all: [String] = []
    for end in [10, 20, 30] {
      harness.offer(Array(Self.records[(end - 10)..<end]), from: Int64(end - 10))
      harness.offer([.end(Int64(end))])
      if end < 30 { harness.partition.becomeIdle(at: Int64(end)) }
      all += firings(harness.cut())
    }
    return all
  }

  /// From whatever snapshot, whatever the chain stands at: behind it come the rows that an
  /// undisturbed run has there, and no others.
  @Test(arguments: [0, 5, 10, 15, 20] as [Int64], [10, 13, 20, 25] as [Int64])
  func `a replay from an older snapshot repeats the decisions`(cut: Int64, to: Int64) throws {
    if cut > to { return }
    let storage = MemoryStorage()
    let before = try harness()
    before.offer(Array(Self.records[..<Int(min(cut, 10))]), from: 0)
    if cut > 10 {
      before.offer([.end(10)])
      before.partition.becomeIdle(at: 10)
      before.offer(Array(Self.records[10..<Int(cut)]), from: 10)
    }
    // At 10 and 20 themselves: of before the decision that falls there.
    let file = try before.stateFile(storage, id: CommitID(incarnation: "i", counter: 1))
    try file.closeOnce(in: storage)
    var start = PartitionStart.test(to: to, state: file.reference)
    start.idleOffsets = [10, 20].filter { $0 <= to }
    let restored = try StateSnapshot.restore(
      file.reference, key: start.key, source: TestSources.wide(), storage: storage)
    let harness = PartitionHarness(start, source: try TestSources.wide(), state: restored)
    harness.offer(Array(Self.records[Int(cut)..<Int(to)]), from: cut)
    #expect(harness.cut() == nil, "the chain has all that")
    var found: [String] = []
    if to < 20 {
      harness.offer(Array(Self.records[Int(to)..<20]), from: to)
      harness.offer([.end(20)])
      harness.partition.becomeIdle(at: 20)
      let next = try #require(harness.cut())
      #expect(next.decisions == [decision(at: 20)])
      found += firings(next)
    }
    let rest = max(20, to)
    harness.offer(Array(Self.records[Int(rest)...]), from: rest)
    found += firings(harness.cut())
    let all = try firingsUndisturbed()
    #expect(Array(all.suffix(found.count)) == found)
    // Nothing twice, nothing missing: the rows before are those that the chain has.
    let shorter = try self.harness()
    var known: [String] = []
    for offset in 0..<Int(to) {
      shorter.offer([Self.records[offset]], from: Int64(offset))
      if [10, 20].contains(offset + 1) {
        shorter.offer([.end(Int64(offset + 1))])
        shorter.partition.becomeIdle(at: Int64(offset + 1))
      }
    }
    known = firings(shorter.cut())
    #expect(known + found == all)
  }

  @Test func `decisions are repeated across what is not delivered, and across gaps`() throws {
    var start = PartitionStart.test(to: 20)
    start.idleOffsets = [10]
    start.gaps = [OffsetGap(from: 8, to: 14, reason: OffsetGap.retention)]
    let harness = try harness(start)
    harness.offer(Array(Self.records[..<8]), from: 0)
    harness.offer(Array(Self.records[14..<20]), from: 14)
    let direct = try self.harness()
    direct.offer(Array(Self.records[..<8]), from: 0)
    direct.partition.skipGap(to: 14, reason: OffsetGap.retention)
    direct.partition.windows.fireOpenWindows(
      vocabulary: direct.partition.vocabulary, into: &direct.partition.output.firings)
    direct.offer(Array(Self.records[14..<20]), from: 14)
    var (state, other) = (ByteWriter(), ByteWriter())
    harness.partition.encodeState(into: &state)
    direct.partition.encodeState(into: &other)
    #expect(state.bytes == other.bytes)
  }

  /// Decisions of another run are this one's own: they are recorded, and their rows are there.
  @Test func `decisions that are given from outside are made where they say`() throws {
    var start = PartitionStart.test()
    start.idleOffsets = [10, 20]
    let harness = try harness(start)
    harness.offer(Self.records, from: 0)
    let cut = try #require(harness.cut())
    #expect(cut.decisions == [decision(at: 10), decision(at: 20)])
    #expect(firings(cut) == (try firingsUndisturbed()))
  }
}
