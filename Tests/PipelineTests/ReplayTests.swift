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
      \(output.deadLetters.map { $0.record.offset })
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

  // MARK: - Gaps that the chain knows

  private func replay(
    to: Int64, over gaps: [OffsetGap], from first: Int = 0
  ) throws -> PartitionHarness {
    var start = PartitionStart.test(to: to)
    start.gaps = gaps
    return PartitionHarness(start, source: try TestSources.wide())
  }

  /// The first pass reads up to 12, is told to go on at 20, and commits; a restart begins at 0 with
  /// every record still there, or with those of the gap gone.
  @Test(arguments: [1, 3, 40], [true, false])
  func `a replay crosses a known gap as the first pass did`(
    runLength: Int, isStillThere: Bool
  ) throws {
    let first = PartitionHarness(.test(), source: try TestSources.wide())
    first.offer(Array(Self.records[..<12]), from: 0)
    first.partition.skipGap(to: 20, reason: OffsetGap.retention)
    _ = first.cut()
    first.offer(Array(Self.records[20..<30]), from: 20)
    _ = first.cut()
    first.offer(Array(Self.records[30...]), from: 30)
    let expected = try #require(first.cut())

    for to in [Int64(20), 25, 30] {
      let second = try replay(
        to: to, over: [OffsetGap(from: 12, to: 20, reason: OffsetGap.retention)])
      let offsets = (0..<40).filter { isStillThere || !(12..<20).contains($0) }
      for part in stride(from: 0, to: offsets.count, by: runLength) {
        let run = offsets[part..<min(offsets.count, part + runLength)]
        second.offer(run.map { .record(Int64($0), Self.records[$0]) })
        if run.contains(29) && to < 30 { _ = second.cut() }
      }
      // What lies between `to` and 30 belongs to an earlier cut.
      if runLength == 40 && to < 30 { continue }
      let found = try #require(second.cut())
      if found.from == 30 { #expect(Self.text(found) == Self.text(expected), "to \(to)") }
    }
  }

  @Test func `a known gap is not recorded again, what is lost beside it is`() throws {
    let harness = try replay(
      to: 20, over: [OffsetGap(from: 5, to: 10, reason: OffsetGap.state)])
    harness.offer([Self.records[0]], from: 0)
    harness.partition.skipGap(to: 25, reason: "retention")
    #expect(try gaps(harness) == ["20-25", "1-5 state", "10-20 state", "20-25 retention"])
  }

  @Test func `a state that ends where a gap begins is up to date`() throws {
    let harness = try replay(
      to: 30, over: [OffsetGap(from: 0, to: 30, reason: OffsetGap.skipped)])
    #expect(!harness.partition.isReplaying)
    #expect(harness.partition.expected == 30)
    harness.offer([Self.records[30]], from: 30)
    #expect(harness.cut()?.output.readings.recordOffsets == [30])
  }

  @Test func `a wide gap is sought across, and a hole behind it is asked for again`() throws {
    let wide = OffsetGap(from: 2, to: 50_000, reason: OffsetGap.skipped)
    let harness = try replay(to: 50_000, over: [wide])
    let answers = harness.offer([
      .record(0, Self.records[0]), .record(1, Self.records[1]), .record(2, Self.records[2]),
    ])
    #expect(answers == ["", "refetch", ""])
    #expect(harness.partition.refetchOffset == 50_000)
    harness.partition.didRefetch()
    #expect(harness.offer([.record(50_003, Self.records[3])]) == ["refetch"])
    harness.partition.didRefetch()
    #expect(harness.offer([.record(50_003, Self.records[3])]) == [""])
    #expect(harness.cut()?.notDelivered == 3)
  }

  @Test func `from a witness far behind the position is sought at once`() throws {
    let known = PartitionHarness(.test(), source: try TestSources.wide())
    known.offer([Self.records[0], Self.records[1]], from: 0)
    let cut = try #require(known.cut())
    var start = PartitionStart.test(to: 50_000, witness: cut.witness)
    start.gaps = [OffsetGap(from: 0, to: 50_000, reason: OffsetGap.skipped)]
    let harness = PartitionHarness(start, source: try TestSources.wide())
    let answers = harness.offer([.record(1, Self.records[1]), .record(2, Self.records[2])])
    #expect(answers == ["refetch", ""])
    #expect(harness.partition.refetchOffset == 50_000)
  }

  @Test func `after a gap the next hole is asked for again`() throws {
    let harness = PartitionHarness(.test(), source: try TestSources.wide())
    harness.partition.skipGap(to: 5, reason: "retention")
    #expect(harness.offer([.record(8, Self.records[8])]) == ["refetch"])
  }
}
