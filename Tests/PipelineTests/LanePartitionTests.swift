import Ledger
import Telemetry
import Testing
import Windows

@testable import Pipeline

/// Delivery: which records a partition takes, believes or asks for again.
@Suite struct LanePartitionTests {
  private func harness(to: Int64 = 0, witness: Witness? = nil) throws -> PartitionHarness {
    PartitionHarness(
      .test(to: to, openedAt: to, witness: witness), source: try TestSources.wide())
  }

  private func record(_ second: Double) -> TestRecord { .wide("sat-1", second: second) }

  private func offsets(_ harness: PartitionHarness) -> [Int64] {
    harness.partition.output.readings.recordOffsets
  }

  @Test func `records in order are taken`() throws {
    let harness = try harness()
    #expect(harness.offer([record(0), record(1)], from: 0) == ["", ""])
    #expect(harness.offer([record(2)], from: 2) == [""])
    #expect(offsets(harness) == [0, 1, 2])
    #expect(harness.partition.expected == 3)
  }

  @Test func `records below the expected offset are dropped`() throws {
    let harness = try harness()
    harness.offer([record(0), record(1)], from: 0)
    harness.offer([.record(1, record(9)), .record(0, record(9)), .record(2, record(2))])
    #expect(offsets(harness) == [0, 1, 2])
  }

  @Test func `a jump right after a start is asked for again once, then believed`() throws {
    let harness = try harness()
    #expect(harness.offer([.record(5, record(0)), .record(6, record(1))]) == ["refetch", ""])
    #expect(offsets(harness).isEmpty)
    #expect(harness.partition.expected == 0)
    harness.partition.didRefetch()
    #expect(harness.offer([.record(5, record(0)), .record(6, record(1))]) == ["", ""])
    #expect(offsets(harness) == [5, 6])
    let cut = try #require(harness.cut())
    #expect((cut.from, cut.to, cut.notDelivered) == (0, 7, 5))
  }

  @Test func `a hole that the second fetch fills was none`() throws {
    let harness = try harness()
    #expect(harness.offer([.record(5, record(0))]) == ["refetch"])
    harness.partition.didRefetch()
    harness.offer((0..<6).map { record(Double($0)) }, from: 0)
    #expect(offsets(harness) == [0, 1, 2, 3, 4, 5])
    #expect(harness.cut()?.notDelivered == 0)
  }

  @Test func `what comes while the offset is asked for again is ignored`() throws {
    let harness = try harness()
    harness.offer([.record(5, record(0))])
    #expect(harness.offer([.record(0, record(0)), .end(9)]) == ["", ""])
    #expect(harness.partition.expected == 0)
  }

  @Test func `a jump in steady state is believed and counted`() throws {
    let harness = try harness()
    harness.offer([record(0)], from: 0)
    #expect(harness.offer([.record(4, record(1))]) == [""])
    #expect(harness.cut()?.notDelivered == 3)
  }

  @Test func `the end of the partition moves the position over trailing markers`() throws {
    let harness = try harness()
    harness.offer([.record(0, record(0)), .end(3)])
    let cut = try #require(harness.cut())
    #expect((cut.from, cut.to, cut.notDelivered) == (0, 3, 2))
    #expect(cut.witness?.offset == 0)
    harness.offer([.end(3)])
    #expect(harness.cut() == nil)
  }

  @Test func `an end that lies ahead right after a start is asked for again once`() throws {
    let harness = try harness()
    #expect(harness.offer([.end(3)]) == ["refetch"])
    harness.partition.didRefetch()
    #expect(harness.offer([.end(3)]) == [""])
    #expect(harness.partition.expected == 3)
  }

  @Test func `a lost position stops the partition until the session decides`() throws {
    let harness = try harness(to: 7)
    let answer = harness.offer([.lost])[0]
    #expect(answer == "lost: Kafka has no offset 7 (any more)")
    #expect(harness.offer([.lost, .record(7, record(0)), .end(9)]) == ["", "", ""])
    #expect(harness.partition.isLost)
    #expect(harness.cut() == nil)
  }

  // MARK: - Witness

  private func witness(_ record: TestRecord, at offset: Int64) throws -> Witness {
    let harness = PartitionHarness(
      .test(to: offset, openedAt: offset), source: try TestSources.wide())
    harness.offer([record], from: offset)
    let cut = try #require(harness.cut())
    return try #require(cut.witness)
  }

  @Test func `the witness is the last record of the cut`() throws {
    let last = try witness(record(3), at: 9)
    #expect(last.offset == 9)
    #expect(last.timestampMicros == record(3).timestampMicros)
    #expect(last != (try witness(record(4), at: 9)))
  }

  @Test func `the same record at the witness's offset proves the topic`() throws {
    let known = try witness(record(3), at: 9)
    let harness = try harness(to: 10, witness: known)
    #expect(harness.offer([record(3), record(4)], from: 9) == ["", ""])
    #expect(offsets(harness) == [10])
  }

  @Test func `another record there is another topic`() throws {
    let known = try witness(record(3), at: 9)
    var otherStamp = record(3)
    otherStamp.timestampMicros += 1
    var otherKey = record(3)
    otherKey.key = nil
    for other in [record(3.5), otherStamp, otherKey] {
      let harness = try harness(to: 10, witness: known)
      let answers = harness.offer([other, record(4)], from: 9)
      #expect(answers[0].hasPrefix("lost to another topic: offset 9 holds another record"))
      #expect(offsets(harness).isEmpty)
    }
  }

  @Test func `a witness that compaction removed proves nothing and hinders nothing`() throws {
    let known = try witness(record(3), at: 9)
    let harness = try harness(to: 10, witness: known)
    // Asked for once more, from the witness on, before it is believed to be gone.
    #expect(harness.offer([record(4)], from: 10) == ["refetch"])
    #expect(offsets(harness).isEmpty)
    #expect(harness.partition.refetchOffset == 9)
    harness.partition.didRefetch()
    #expect(harness.offer([record(4)], from: 10) == [""])
    #expect(offsets(harness) == [10])
  }

  // MARK: - Dead letters

  @Test func `a dead record is kept with its bytes, key and headers`() throws {
    let harness = try harness()
    harness.offer([.bytes([0xFF, 1]), .bytes(nil), record(0)], from: 0)
    let letters = harness.partition.output.deadLetters
    #expect(letters.map(\.record.offset) == [0, 1])
    #expect(letters.map(\.record.payload) == [[0xFF, 1], nil])
    #expect(letters.map(\.record.key) == [[1, 2], [1, 2]])
    #expect(letters.map(\.rowIndex) == [nil, nil])
    #expect(letters[1].reason == "null_payload")
    #expect(letters[0].record.headersJSON == #"[{"key":"h","value":"AQ=="}]"#)
    #expect(letters.allSatisfy { $0.stage == .decode && !$0.detail.isEmpty })
    let cut = try #require(harness.cut())
    #expect(cut.to == 3)
    #expect(cut.output.readings.recordOutcomes == [.dead, .dead, .read])
  }

  @Test func `a bad row is a letter beside the rows of its record`() throws {
    let harness = PartitionHarness(
      .test("samples", source: 1), source: try TestSources.narrow())
    let record = TestRecord.narrow("inv-1", [(0, "a", 1), (1, nil, 2), (2, "b", 3)])
    harness.offer([record], from: 0)
    let output = harness.partition.output
    #expect(output.readings.rowIndexes == [0, 2])
    #expect(output.deadLetters.map(\.rowIndex) == [1])
    #expect(output.deadLetters.map(\.reason) == ["no_metric_name"])
    #expect(output.deadLetters.map(\.record.payload) == [record.payload])
    #expect(output.byteCount > output.readings.byteCount + 100)
  }

  // MARK: - Cut

  @Test func `a cut hands everything over and the next one begins where it ended`() throws {
    let harness = try harness()
    #expect(harness.cut() == nil)
    harness.offer([record(0), record(20)], from: 0)
    let first = try #require(harness.cut())
    #expect((first.from, first.to) == (0, 2))
    #expect(first.output.readings.recordOffsets == [0, 1])
    // The watermark, a second behind, has passed [0, 10) and [-20, 10).
    #expect(first.output.firings.rowCount == 2)
    #expect(first.counts.fired == 2)
    #expect(first.clockMicros == record(20).timestampMicros)
    #expect(harness.cut() == nil)
    harness.offer([record(21)], from: 2)
    let second = try #require(harness.cut())
    #expect((second.from, second.to) == (2, 3))
    #expect(second.output.readings.recordOffsets == [2])
    // [-10, 20).
    #expect(second.counts.fired == 1)
    #expect(second.output !== first.output)
  }

  @Test func `accounting that does not add up is our bug and stops the process`() async {
    await #expect(processExitsWith: .failure) {
      let harness = PartitionHarness(.test(), source: try TestSources.wide())
      harness.offer([TestRecord.wide("sat-1", second: 0)], from: 0)
      harness.partition.output.readings.recordOutcomes.append(.read)
      _ = harness.cut()
    }
  }

  @Test func `open windows fire once, as a decision at this offset`() throws {
    let harness = try harness()
    harness.offer([record(0), record(1)], from: 0)
    harness.partition.fireOpenWindows()
    let cut = try #require(harness.cut())
    #expect(
      cut.decisions == [Decision(kind: .fireOpenWindows, key: harness.partition.key, offset: 2)])
    // The window of 10 s and the three of 30 s that hold the readings.
    #expect(cut.output.firings.rowCount == 4)
    #expect(harness.cut() == nil)
  }

  // MARK: - When state is due

  private func isDue(
    _ harness: PartitionHarness, wanted: Bool = false, afterMillis: Int64 = 0,
    inputByteCount: Int = 1 << 30
  ) -> Bool {
    harness.partition.isStateDue(
      CommitOptions(
        intervalMillis: 1, byteCount: 1, stateIntervalMillis: 60_000,
        stateInputByteCount: inputByteCount, openDateCount: 1),
      wanted: wanted,
      nowNanos: harness.partition.stateTakenAtNanos + afterMillis * 1_000_000)
  }

  @Test func `state is due after its time, its input, at an orderly stop or with a decision`()
    throws
  {
    let harness = try harness()
    #expect(!isDue(harness, wanted: true, afterMillis: 100_000), "nothing moved")
    harness.offer([record(0)], from: 0)
    #expect(!isDue(harness, afterMillis: 59_999))
    #expect(isDue(harness, afterMillis: 60_000))
    #expect(isDue(harness, wanted: true))
    let payload = try #require(record(0).payload)
    let inputByteCount = payload.count + "sat-1".utf8.count
    #expect(isDue(harness, inputByteCount: inputByteCount))
    #expect(!isDue(harness, inputByteCount: inputByteCount + 1))
    harness.partition.fireOpenWindows()
    #expect(isDue(harness))
  }

  @Test func `a state that was taken is due again only for what came after`() throws {
    let harness = try harness()
    harness.offer([record(0)], from: 0)
    let file = try harness.stateFile(TestStorage(), id: CommitID(incarnation: "i", counter: 1))
    #expect(harness.cut(state: file)?.state === file)
    #expect(!isDue(harness, wanted: true, afterMillis: 100_000))
    harness.offer([record(1)], from: 1)
    #expect(isDue(harness, wanted: true))
    #expect(!isDue(harness, inputByteCount: 1000))
  }

  @Test func `no state is due while replaying`() throws {
    let replaying = PartitionHarness(.test(to: 5), source: try TestSources.wide())
    replaying.offer([record(0)], from: 0)
    #expect(!isDue(replaying, wanted: true, afterMillis: 100_000))
  }

  /// What would be done again or otherwise without it does not go away with the position.
  @Test func `a lost position keeps its state, and why it is needed`() throws {
    let lost = try harness()
    lost.offer([.record(0, record(0))])
    lost.partition.reconfigure(TestSources.wideDetectors)
    lost.offer([.lost])
    #expect(isDue(lost))
    let file = try lost.stateFile(TestStorage(), id: CommitID(incarnation: "i", counter: 1))
    #expect(file.reference.cut == 1)
    #expect(lost.cut(state: file)?.stateNeed?.reason == "its detectors were changed")
    #expect(lost.cut() == nil)
  }
}
