import Base
import Decode
import Duplicates
import Telemetry
import Testing
import Windows

@testable import Pipeline

/// Which records a partition lets in: outcomes, rows, dead letters and words.
@Suite struct AdmissionTests {
  private static func wide(
    by key: DuplicateRule.Key? = nil, devices: Int = .max
  ) throws -> SourceOptions {
    var source = try TestSources.wide()
    source.duplicates = key.map {
      DuplicateRule(by: $0, withinMillis: 60_000, recordCountMax: 1000)
    }
    source.limits.deviceCountMax = devices
    return source
  }

  private static func narrow(metrics: Int = .max, devices: Int = .max) throws -> SourceOptions {
    var source = try TestSources.narrow()
    source.limits.metricCountMax = metrics
    source.limits.deviceCountMax = devices
    return source
  }

  private func words(_ table: WordTable) -> [String] {
    (0..<UInt32(table.count)).map { table.text(of: $0) }
  }

  // MARK: - Duplicates

  @Test func `by sequence the second copy leaves nothing but its outcome`() throws {
    let harness = PartitionHarness(.test(), source: try Self.wide(by: .sequence))
    harness.offer(
      [
        .wide("sat-1", second: 0, sequence: 5, metrics: [1]),
        .wide("sat-2", second: 1, sequence: 5, metrics: [2]),
        // Another region and another value: the sequence decides.
        .wide("sat-1", second: 2, sequence: 5, region: "us", metrics: [3]),
        .wide("sat-1", second: 3, sequence: 6, metrics: [4]),
      ], from: 0)
    let cut = try #require(harness.cut())
    let readings = cut.output
    #expect(readings.readings.recordOutcomes == [.read, .read, .duplicate, .read])
    #expect(readings.readings.rowEventTimes.count == 3)
    #expect(readings.readings.recordDevices == [0, 1, WordTable.none, 0])
    #expect(words(cut.vocabulary.attributes[0]) == ["eu"])
    #expect(cut.counts.accepted == 3)
    let counted = harness.partition.progress.duplicates
    #expect(counted?.foundCount == 1 && counted?.rememberedCount == 3)
  }

  @Test func `by payload key and value decide, headers and Kafka's time do not`() throws {
    let harness = PartitionHarness(.test(), source: try Self.wide(by: .payload))
    let first = TestRecord.wide("sat-1", second: 0, sequence: 5)
    var again = first
    again.timestampMicros += 5_000_000
    again.headersJSON = #"[{"key":"retry","value":"MQ=="}]"#
    var otherKey = first
    otherKey.key = Array("sat-9".utf8)
    harness.offer([first, again, otherKey, .wide("sat-1", second: 0, sequence: 6)], from: 0)
    let cut = try #require(harness.cut())
    #expect(cut.output.readings.recordOutcomes == [.read, .duplicate, .read, .read])
    #expect(harness.partition.progress.duplicates?.rememberedCount == 3)
  }

  @Test func `a record without a sequence is never a duplicate`() throws {
    let harness = PartitionHarness(.test(), source: try Self.wide(by: .sequence))
    // It has one that its column cannot hold.
    harness.offer(
      (0..<3).map { .wide("sat-1", second: Double($0), sequence: .max) }, from: 0)
    #expect(harness.cut()?.output.readings.recordOutcomes == [.read, .read, .read])
  }

  @Test func `a dead record is no first copy`() throws {
    let dead = TestRecord.bytes([0xFF])
    for key in [DuplicateRule.Key.sequence, .payload] {
      let harness = PartitionHarness(.test(), source: try Self.wide(by: key))
      harness.offer([dead, dead, .bytes(nil), .bytes(nil)], from: 0)
      let cut = try #require(harness.cut())
      #expect(cut.output.readings.recordOutcomes == [.dead, .dead, .dead, .dead])
      #expect(cut.output.deadLetters.count == 4)
    }
  }

  @Test func `bad rows of a duplicate are no dead letters a second time`() throws {
    var source = try TestSources.narrow()
    source.duplicates = DuplicateRule(by: .payload, withinMillis: 60_000, recordCountMax: 10)
    let harness = PartitionHarness(.test(), source: source)
    let record = TestRecord.narrow("inv-1", [(0, "a", 1), (1, nil, 2)])
    harness.offer([record, record], from: 0)
    let cut = try #require(harness.cut())
    #expect(cut.output.readings.recordOutcomes == [.read, .duplicate])
    #expect(cut.output.deadLetters.map(\.rowIndex) == [1])
  }

  @Test func `a duplicate moves no device's clock`() throws {
    let harness = PartitionHarness(.test(), source: try Self.wide(by: .sequence))
    // What claims to be later than all others is a copy: no window is over.
    harness.offer(
      [
        .wide("sat-1", second: 0, sequence: 1), .wide("sat-1", second: 50, sequence: 1),
        .wide("sat-1", second: 1, sequence: 2),
      ], from: 0)
    let cut = try #require(harness.cut())
    #expect(cut.output.firings.rowCount == 0)
    #expect(cut.counts.late == 0)
  }

  @Test func `what is forgotten early is counted and said once`() throws {
    var source = try Self.wide(by: .sequence)
    source.duplicates?.recordCountMax = 2
    let harness = PartitionHarness(.test(), source: source)
    harness.offer((1...5).map { .wide("sat-1", second: 0, sequence: $0) }, from: 0)
    let cut = try #require(harness.cut())
    #expect(cut.forgottenEarlyCount == 3)
    #expect(
      harness.partition.takeForgettingWarning()
        == "telemetry[0] has more than 2 records within 60 s and forgets the oldest early, so that "
        + "copies of them count again: raise deduplicate.records of source snapshots")
    #expect(harness.partition.takeForgettingWarning() == nil)
    harness.offer([.wide("sat-1", second: 0, sequence: 6)], from: 5)
    #expect(harness.cut()?.forgottenEarlyCount == 1)
    #expect(harness.partition.progress.duplicates?.forgottenEarlyCount == 4)
  }

  // MARK: - Limits

  @Test func `a device beyond the limit leaves no word, the known ones go on`() throws {
    let harness = PartitionHarness(.test(), source: try Self.wide(devices: 2))
    harness.offer(
      [
        .wide("sat-1", second: 0, region: "eu"), .wide("sat-2", second: 1, region: "us"),
        .wide("sat-3", second: 2, region: "asia", firmware: "f9"),
        .wide("sat-1", second: 3, region: "africa"), .wide("sat-3", second: 4),
      ], from: 0)
    let cut = try #require(harness.cut())
    #expect(cut.output.readings.recordOutcomes == [.read, .read, .dead, .read, .dead])
    #expect(cut.output.deadLetters.map(\.reason) == ["too_many_devices", "too_many_devices"])
    #expect(
      cut.output.deadLetters[0].detail
        == "a new device, where the partition has 2 and the limit is 2")
    #expect(cut.output.deadLetters[0].record.payload != nil)
    #expect(words(cut.vocabulary.devices) == ["sat-1", "sat-2"])
    #expect(words(cut.vocabulary.attributes[0]) == ["eu", "us", "africa"])
    #expect(words(cut.vocabulary.attributes[1]) == [])
  }

  @Test func `rows with a metric beyond the limit are dead, the others stay`() throws {
    let harness = PartitionHarness(.test(), source: try Self.narrow(metrics: 2))
    harness.offer(
      [
        .narrow("inv-1", [(0, "a", 1), (1, "x", 2), (2, "y", 3), (3, nil, 4), (4, "a", 5)]),
        .narrow("inv-1", [(5, "y", 1), (6, "z", 2)]), .narrow("inv-1", [(7, "x", 1)]),
      ], from: 0)
    let cut = try #require(harness.cut())
    let readings = cut.output
    #expect(readings.readings.recordOutcomes == [.read, .dead, .read])
    #expect(readings.readings.rowIndexes == [0, 1, 4, 0])
    let letters = readings.deadLetters.map {
      "\($0.record.offset) \($0.rowIndex ?? 99) \($0.reason)"
    }
    #expect(
      letters == ["0 2 too_many_metrics", "0 3 no_metric_name", "1 99 too_many_metrics"])
    #expect(words(cut.vocabulary.metrics) == ["a", "x"])
  }

  @Test func `a record that is refused for its device brings no metric name`() throws {
    let harness = PartitionHarness(.test(), source: try Self.narrow(metrics: 2, devices: 1))
    harness.offer(
      [
        .narrow("inv-1", [(0, "a", 1)]), .narrow("inv-2", [(1, "b", 1), (2, "c", 1)]),
        .narrow("inv-1", [(3, "d", 1)]),
      ], from: 0)
    let cut = try #require(harness.cut())
    #expect(cut.output.readings.recordOutcomes == [.read, .dead, .read])
    #expect(cut.output.deadLetters.map(\.reason) == ["too_many_devices"])
    #expect(words(cut.vocabulary.metrics) == ["a", "d"])
  }

  /// A state that holds more than today's limit: nobody it knows is hurt.
  @Test func `a limit below what is there refuses only what is new`() throws {
    var source = try Self.narrow()
    let harness = PartitionHarness(.test(), source: source)
    harness.offer(
      [.narrow("inv-1", [(0, "a", 1), (0, "b", 1)]), .narrow("inv-2", [(1, "c", 1)])], from: 0)
    let state = try harness.restorable()
    (source.limits.deviceCountMax, source.limits.metricCountMax) = (1, 1)
    let later = try PartitionHarness.restored(state, to: 2, source: source)
    later.offer(
      [
        .narrow("inv-2", [(2, "a", 1), (2, "c", 1)]), .narrow("inv-3", [(3, "a", 1)]),
        .narrow("inv-1", [(4, "d", 1), (4, "b", 1)]),
      ], from: 2)
    let cut = try #require(later.cut())
    #expect(cut.stateNeed?.reason == "its limits or its rule for duplicates were changed")
    #expect(cut.output.readings.recordOutcomes == [.read, .dead, .read])
    #expect(
      cut.output.deadLetters.map(\.reason) == ["too_many_devices", "too_many_metrics"])
    #expect(words(cut.vocabulary.devices) == ["inv-1", "inv-2"])
    #expect(words(cut.vocabulary.metrics) == ["a", "b", "c"])
  }

  @Test func `a record beyond a limit is no first copy`() throws {
    var source = try Self.wide(by: .sequence, devices: 1)
    let harness = PartitionHarness(.test(), source: source)
    harness.offer(
      [
        .wide("sat-1", second: 0, sequence: 1), .wide("sat-2", second: 1, sequence: 1),
        .wide("sat-2", second: 2, sequence: 1),
      ], from: 0)
    let state = try harness.restorable()
    source.limits.deviceCountMax = 2
    let later = try PartitionHarness.restored(state, to: 3, source: source)
    later.offer([.wide("sat-2", second: 3, sequence: 1)], from: 3)
    #expect(later.cut()?.output.readings.recordOutcomes == [.read])
    #expect(harness.cut()?.output.readings.recordOutcomes == [.read, .dead, .dead])
  }

  @Test func `a message that is too large, too deep or has too many rows is dead by name`() throws {
    var source = try TestSources.narrow()
    source.limits.rowCountMax = 2
    source.limits.messageByteCountMax = 200
    source.limits.depthMax = 1
    let harness = PartitionHarness(.test(), source: source)
    let two = TestRecord.narrow("inv-1", [(0, "a", 1), (1, "a", 2)])
    var deep = two
    // An unknown field 31 with a message in it is skipped; two groups within each other are not.
    deep.payload? += [0xFA, 0x01, 2, 0x0A, 0] + [0xF3, 0x01, 0xF3, 0x01, 0xF4, 0x01, 0xF4, 0x01]
    var large = two
    large.key = Array("inv-1".utf8)
    large.payload? += [0xFA, 0x01, 0xC8, 0x01] + [UInt8](repeating: 7, count: 200)
    harness.offer(
      [two, .narrow("inv-1", [(0, "a", 1), (1, "a", 2), (2, "a", 3)]), deep, large], from: 0)
    let cut = try #require(harness.cut())
    #expect(cut.output.readings.recordOutcomes == [.read, .dead, .dead, .dead])
    #expect(
      cut.output.deadLetters.map(\.reason) == ["too_many_rows", "too_deep", "too_large"])
    #expect(cut.output.deadLetters[0].detail == "more than 2 rows, which is the limit")
  }
}
