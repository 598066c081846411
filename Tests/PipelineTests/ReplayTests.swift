import Ledger
import Telemetry
import Testing
import Windows

@testable import Pipeline

/// Replay below the chain's `to`: the state moves, nothing comes out.
@Suite struct ReplayTests {
  /// One device at 1 Hz, with a late and a dead one among them.
  private static let records: [TestRecord] = (0..<40).map { second in
    switch second {
    case 17: .wide("sat-1", second: 3)
    case 23: .bytes([0xFF])
    default: .wide("sat-1", second: Double(second), metrics: [Double(second) / 3])
    }
  }

  /// Everything an undisturbed partition says of offsets `from...`, as text.
  private static func undisturbed(
    from offset: Int
  ) throws -> (output: String, counts: EventTimeCounts) {
    let harness = PartitionHarness(.test(), source: try TestSources.wide())
    harness.offer(Array(records[..<offset]), from: 0)
    _ = harness.cut()
    harness.offer(Array(records[offset...]), from: Int64(offset))
    let cut = try #require(harness.cut())
    return (text(cut), cut.counts)
  }

  private static func text(_ cut: PartitionCut) -> String {
    let output = cut.output
    let doubles = (output.firings.means + output.firings.lasts).map { $0.bitPattern }
    return """
      \(cut.from)..<\(cut.to) \(output.readings.recordOffsets) \(output.readings.rowEventTimes)
      \(output.firings.windowStarts) \(output.firings.windowEnds) \(output.firings.metrics)
      \(output.firings.revisions) \(output.firings.counts) \(doubles)
      \(output.deadLetters.map { $0.offset })
      """
  }

  /// Every way a lane may cut the stream into batches around the end of the replay.
  @Test(arguments: [1, 2, 5, 7, 20, 40])
  func `rows and counts after a replay are those of an undisturbed run`(runLength: Int) throws {
    for to in [1, 7, 17, 18, 24, 39] {
      let harness = PartitionHarness(
        .test(to: Int64(to)), source: try TestSources.wide())
      for start in stride(from: 0, to: 40, by: runLength) {
        let end = min(40, start + runLength)
        harness.offer(Array(Self.records[start..<end]), from: Int64(start))
        if end <= to {
          let output = harness.partition.output
          let rowCounts = [
            output.readings.recordCount, output.deadLetters.count, output.firings.rowCount,
          ]
          #expect(rowCounts == [0, 0, 0], "replayed rows are dropped")
          #expect(harness.cut() == nil, "nothing to commit at \(end) of \(to)")
        }
      }
      let cut = try #require(harness.cut())
      let expected = try Self.undisturbed(from: to)
      #expect(Self.text(cut) == expected.output, "replayed to \(to) in runs of \(runLength)")
      #expect(cut.counts == expected.counts, "replayed to \(to) in runs of \(runLength)")
    }
  }

  @Test func `holes below the end of the replay were counted before`() throws {
    let harness = PartitionHarness(.test(to: 10), source: try TestSources.wide())
    harness.offer([.record(0, Self.records[0]), .record(15, Self.records[15])])
    let cut = try #require(harness.cut())
    #expect((cut.from, cut.to, cut.notDelivered) == (10, 16, 5))
    #expect(cut.output.readings.recordOffsets == [15])
  }

  @Test func `an end of partition ends the replay too`() throws {
    let harness = PartitionHarness(.test(to: 10), source: try TestSources.wide())
    harness.offer([.record(0, Self.records[0]), .end(10)])
    #expect(!harness.partition.isReplaying)
    #expect(harness.cut() == nil)
    harness.offer([Self.records[10]], from: 10)
    #expect(harness.cut()?.output.readings.recordOffsets == [10])
  }

  @Test func `nothing is decided while replaying`() throws {
    let harness = PartitionHarness(.test(to: 10), source: try TestSources.wide())
    harness.offer([Self.records[0]], from: 0)
    harness.partition.fireOpenWindows()
    #expect(harness.cut() == nil)
  }

  // MARK: - Gaps

  private func gaps(_ harness: PartitionHarness) throws -> [String] {
    let cut = try #require(harness.cut())
    return ["\(cut.from)-\(cut.to)"] + cut.gaps.map { "\($0.from)-\($0.to) \($0.reason)" }
  }

  @Test func `a gap after the replay is a gap with its reason`() throws {
    let harness = PartitionHarness(.test(to: 10, openedAt: 10), source: try TestSources.wide())
    harness.partition.skipGap(to: 25, reason: "retention")
    #expect(try gaps(harness) == ["10-25", "10-25 retention"])
    harness.offer([Self.records[25]], from: 25)
    #expect(harness.cut()?.output.readings.recordOffsets == [25])
  }

  @Test func `a gap within the replay costs state only`() throws {
    let harness = PartitionHarness(.test(to: 10), source: try TestSources.wide())
    harness.offer([Self.records[0], Self.records[1]], from: 0)
    harness.partition.skipGap(to: 6, reason: "retention")
    #expect(try gaps(harness) == ["10-10", "2-6 state"])
    harness.offer(Array(Self.records[6..<12]), from: 6)
    let cut = try #require(harness.cut())
    #expect((cut.from, cut.to) == (10, 12))
    #expect(cut.output.readings.recordOffsets == [10, 11])
  }

  @Test func `a gap over the end of the replay is told apart`() throws {
    let harness = PartitionHarness(.test(to: 10), source: try TestSources.wide())
    harness.offer([Self.records[0]], from: 0)
    harness.partition.skipGap(to: 15, reason: "retention")
    #expect(try gaps(harness) == ["10-15", "1-10 state", "10-15 retention"])
    harness.offer([Self.records[15]], from: 15)
    #expect(harness.cut()?.output.readings.recordOffsets == [15])
  }

  @Test func `after a gap the next hole is asked for again`() throws {
    let harness = PartitionHarness(.test(), source: try TestSources.wide())
    harness.partition.skipGap(to: 5, reason: "retention")
    #expect(harness.offer([.record(8, Self.records[8])]) == ["refetch"])
  }
}
