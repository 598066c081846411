import Base
import Duplicates
import Ledger
import Storage
import Telemetry
import Testing
import Windows

@testable import Pipeline

@Suite struct LaneTests {
  private func record(_ second: Int) -> TestRecord { .wide("sat-1", second: Double(second)) }

  private func records(_ offsets: Range<Int>, partition: Int = 0) -> [LaneHarness.Delivery] {
    offsets.map { .record(partition, Int64($0), record($0)) }
  }

  private func offsets(_ cuts: [PartitionCut]) -> [String] {
    cuts.map { "\($0.key) \($0.from)-\($0.to) \($0.output.readings.recordOffsets)" }
  }

  @Test func `records of started partitions come out of the next cut`() throws {
    let lane = try LaneHarness(partitionCount: 2)
    lane.start(0)
    lane.start(1, to: 5, openedAt: 5)
    lane.deliver(records(0..<3) + records(5..<7, partition: 1) + records(3..<4))
    #expect(
      offsets(try lane.cut()) == [
        "telemetry[0] 0-4 [0, 1, 2, 3]", "telemetry[1] 5-7 [5, 6]",
      ])
    #expect(try lane.cut().isEmpty)
    #expect(lane.progress?.partitions.count == 2)
    #expect(lane.progress?.partitions[lane.topicPartition(1)]?.position == 7)
  }

  @Test func `records of partitions that are not ours are ignored`() throws {
    let lane = try LaneHarness(partitionCount: 2)
    lane.start(0)
    lane.deliver(records(0..<2) + records(0..<2, partition: 1))
    #expect(offsets(try lane.cut()) == ["telemetry[0] 0-2 [0, 1]"])
  }

  @Test func `a forgotten partition is gone with what it held`() throws {
    let lane = try LaneHarness(partitionCount: 2)
    lane.start(0)
    lane.start(1)
    lane.deliver(records(0..<2) + records(0..<2, partition: 1))
    lane.forget([0])
    lane.deliver(records(2..<4) + records(2..<4, partition: 1))
    #expect(offsets(try lane.cut()) == ["telemetry[1] 0-4 [0, 1, 2, 3]"])
    lane.start(0)
    lane.deliver(records(0..<1))
    #expect(offsets(try lane.cut()) == ["telemetry[0] 0-1 [0]"])
  }

  @Test func `a hole after a start is asked for again`() throws {
    let lane = try LaneHarness()
    lane.start(0)
    lane.deliver(records(3..<5))
    #expect(lane.refetches == ["telemetry[0] from 0"])
    lane.deliver(records(3..<5))
    #expect(offsets(try lane.cut()) == ["telemetry[0] 0-5 [3, 4]"])
    #expect(lane.refetches.count == 1)
  }

  @Test func `a refetch that fails ends the session`() throws {
    let lane = try LaneHarness()
    lane.delegate.canRefetch.update { $0 = false }
    lane.start(0)
    lane.deliver(records(3..<5))
    #expect(lane.failures == ["reopen: cannot seek telemetry[0] to 0"])
  }

  @Test func `a skip goes on at the other side of the gap`() throws {
    let lane = try LaneHarness()
    lane.start(0)
    lane.skip(0, to: 10)
    lane.deliver(records(10..<12))
    let cuts = try lane.cut()
    #expect(offsets(cuts) == ["telemetry[0] 0-12 [10, 11]"])
    #expect(cuts[0].gaps == [OffsetGap(from: 0, to: 10, reason: "retention")])
  }

  @Test func `a lost position is reported once`() throws {
    let lane = try LaneHarness()
    lane.start(0)
    lane.deliver([.lost(0), .lost(0), .record(0, 0, record(0))])
    #expect(lane.losses == ["telemetry[0] at 0"])
    #expect(try lane.cut().isEmpty)
  }

  @Test func `full buffers stop draining until a cut empties them`() throws {
    let lane = try LaneHarness(commitByteCount: 1000)
    lane.start(0)
    lane.deliver(records(0..<40))
    #expect((lane.progress?.bufferedByteCount ?? 0) >= 2000)
    let drainCount = lane.drainCount
    lane.deliverLater(records(40..<41))
    lane.settle()
    lane.settle()
    #expect(lane.drainCount == drainCount, "the lane is full and must not read")
    var cuts = try lane.cut()
    while cuts.last?.to != 41 {
      lane.settle()
      cuts += try lane.cut()
    }
    #expect(offsets(cuts).last?.hasSuffix("40]") == true)
  }

  @Test func `a batch that fills the buffers is worked through in parts, in order`() throws {
    let lane = try LaneHarness(partitionCount: 2, commitByteCount: 1000)
    lane.start(0)
    lane.start(1)
    let large = TestRecord.bytes(Array(repeating: 0xFF, count: 1500))
    lane.deliver(
      (0..<10).flatMap { [.record(0, $0, large), .record(1, $0, record(Int($0)))] })
    var offsets: [String: [Int64]] = [:]
    var partCount = 0
    while offsets.values.reduce(0, { $0 + $1.count }) < 20, partCount < 20 {
      let buffered = lane.progress?.bufferedByteCount ?? 0
      #expect(buffered < 2000 + 2000, "one record beyond the bound at most")
      for cut in try lane.cut() {
        offsets["\(cut.key)", default: []] += cut.output.readings.recordOffsets
      }
      partCount += 1
      lane.settle()
    }
    #expect(partCount >= 5, "two large records fill the lane")
    #expect(offsets == ["telemetry[0]": Array(0..<10), "telemetry[1]": Array(0..<10)])
  }

  @Test func `a lane with full buffers still stops, forgets and starts`() throws {
    let lane = try LaneHarness(partitionCount: 2, commitByteCount: 1000)
    lane.start(0)
    lane.deliver(records(0..<40))
    lane.forget([0])
    lane.start(1)
    lane.deliver(records(0..<1, partition: 1))
    #expect(offsets(try lane.cut()) == ["telemetry[1] 0-1 [0]"])
    lane.stop()
  }

  @Test func `an orderly cut brings state, and a lane starts from it`() throws {
    let lane = try LaneHarness(partitionCount: 2)
    lane.start(0)
    lane.deliver(records(0..<25))
    let cut = try #require(try lane.cut(wantsState: true).first)
    let state = try #require(cut.state)
    try state.closeOnce(in: lane.storage)
    #expect(state.reference.cut == 25)
    lane.forget([0])
    lane.start(0, to: 25, state: state.reference)
    lane.deliver(records(25..<32))
    let next = try #require(try lane.cut().first)
    #expect(next.from == 25)
    #expect(next.output.firings.counts.first == 10, "[20, 30) holds readings of both lives")
  }

  @Test func `a damaged state is reported by its path`() throws {
    let lane = try LaneHarness()
    lane.start(
      0, to: 5, state: StateReference(path: "_state/gone", cut: 5, byteCount: 1, checksum: 0))
    lane.settle()
    #expect(lane.failures == ["damaged: _state/gone"])
  }

  @Test func `a state that cannot be written is a warning, and the cut goes without`() throws {
    let lane = try LaneHarness()
    lane.start(0)
    lane.deliver(records(0..<1))
    #expect(try lane.cut().first?.state?.reference.cut == 1)
    lane.deliver(records(1..<2))
    lane.storage.plan(.init(.append, pathPart: "_state", kind: .noSpace))
    let cut = try #require(try lane.cut(wantsState: true).first)
    #expect(cut.state == nil)
    #expect(cut.to == 2)
    #expect(lane.warnings.first?.contains("cannot write the state of telemetry[0]") == true)
    #expect(try lane.cut(wantsState: true).first?.state != nil, "the next one tries again")
  }

  @Test func `the first entry of a partition brings its state, for what it is judged by`() throws {
    let lane = try LaneHarness(partitionCount: 2)
    lane.start(0)
    lane.start(1, to: 3, openedAt: 3)
    #expect(try lane.cut().isEmpty, "nothing was read")
    lane.deliver(records(0..<2))
    let cut = try #require(try lane.cut().first)
    #expect(cut.stateNeed?.forbidsOlder == false)
    #expect(cut.state?.reference.cut == 2)
    lane.deliver(records(2..<4))
    let next = try #require(try lane.cut().first)
    #expect(next.stateNeed == nil)
    #expect(next.state == nil)
  }

  /// A commit waits for space; that a state needs it too is no other case.
  @Test func `a state that must be there is written as soon as there is space`() throws {
    let lane = try LaneHarness()
    lane.start(0)
    lane.deliver(records(0..<2))
    for _ in 0..<2 {
      lane.storage.plan(.init(.append, pathPart: "_state", kind: .noSpace))
    }
    let cut = try #require(try lane.cut().first)
    let state = try #require(cut.state)
    let found = #expect(throws: StorageError.self) { try state.closeOnce(in: lane.storage) }
    #expect(found?.kind == .noSpace)
    #expect(!state.isClosed)
    try state.closeOnce(in: lane.storage)
    #expect(state.isClosed)
    lane.forget([0])
    lane.start(0, to: 2, state: state.reference)
    lane.deliver(records(2..<3))
    #expect(offsets(try lane.cut()) == ["telemetry[0] 2-3 [2]"])
    #expect(lane.failures == [])
  }

  /// Records of before there were rules for duplicates, by a program that wrote no first state.
  @Test func `what was read without ever a state was judged by nothing`() throws {
    var source = try TestSources.wide()
    source.duplicates = DuplicateRule(by: .sequence, withinMillis: 60_000, recordCountMax: 10)
    source.limits.deviceCountMax = 1
    let same = (0..<6).map {
      LaneHarness.Delivery.record(
        0, $0, .wide("sat-\($0 % 2)", second: Double($0), sequence: UInt64($0 / 4)))
    }
    let lane = try LaneHarness(options: try TestSources.options(sources: [source]))
    lane.start(0, to: 4)
    lane.deliver(same)
    let cut = try #require(try lane.cut().first)
    // The devices and sequences of the first four were known; both sequences are new to the rule.
    #expect(cut.vocabulary.devices.count == 2)
    #expect(cut.output.readings.recordOutcomes == [.read, .read])
    #expect(cut.stateNeed?.forbidsOlder == true)
  }

  @Test func `bytes of a batch are not used after the next drain`() throws {
    let lane = try LaneHarness()
    lane.start(0)
    var dead = TestRecord.bytes([0xFF, 0xFE])
    dead.headersJSON = "[]"
    lane.deliver([.record(0, 0, dead), .record(0, 1, record(1))])
    lane.deliver(records(2..<3))
    let cut = try #require(try lane.cut().first)
    #expect(cut.output.deadLetters.map(\.record.payload) == [[0xFF, 0xFE]])
    #expect(cut.output.deadLetters.map(\.record.headersJSON) == ["[]"])
    let expected = PartitionHarness(.test(), source: try TestSources.wide())
    expected.offer([record(2)], from: 2)
    expected.partition.didRefetch()
    expected.offer([record(2)], from: 2)
    #expect(cut.witness == expected.cut()?.witness)
  }
}
