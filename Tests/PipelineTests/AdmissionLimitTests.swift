import Base
import Decode
import Duplicates
import Ledger
import Storage
import Telemetry
import Testing
import Windows

@testable import Pipeline

/// What one record may cost at the limits of its partition: letters, bytes, words.
@Suite struct AdmissionLimitTests {
  private static func narrow(metrics: Int = .max) throws -> SourceOptions {
    var source = try TestSources.narrow()
    source.limits.metricCountMax = metrics
    return source
  }

  private func words(_ table: WordTable) -> [String] {
    (0..<UInt32(table.count)).map { table.text(of: $0) }
  }

  /// A record of the narrow source, of samples that are given as bytes.
  private static func record(_ samples: [[UInt8]]) -> TestRecord {
    var bytes: [UInt8] = [0x0A, 5] + Array("inv-1".utf8)
    for sample in samples { bytes += [0x32, UInt8(sample.count)] + sample }
    return .bytes(bytes)
  }

  /// - Parameter value: field and bytes of the sample's value.
  private static func sample(_ metric: String, value: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(littleEndian: TestSources.startMillis * 1000)
    return [0x09] + writer.bytes + [0x12, UInt8(metric.utf8.count)] + Array(metric.utf8) + value
  }

  private static let one: [UInt8] = [0x19, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F]
  /// A varint where the declaration has a double: the row is kept without its value.
  private static let wrongType: [UInt8] = [0x18, 7]

  // MARK: - Metric names

  @Test func `a hundred rows over the limit are told apart, with one more the record is dead`()
    throws
  {
    for count in [100, 101] {
      let harness = PartitionHarness(.test(), source: try Self.narrow(metrics: 2))
      harness.offer(
        [
          .narrow("inv-1", [(0, "a", 1)]),
          // The first new name is within the limit: the record crosses it.
          .narrow("inv-1", (0...count).map { (Double($0) / 1000, "new-\($0)", 1) }),
        ], from: 0)
      let cut = try #require(harness.cut())
      let letters = cut.output.deadLetters
      #expect(letters.allSatisfy { $0.reason == "too_many_metrics" })
      if count == 100 {
        #expect(cut.output.readings.recordOutcomes == [.read, .read])
        #expect(letters.map(\.rowIndex) == (1...100).map { UInt32($0) })
        #expect(words(cut.vocabulary.metrics) == ["a", "new-0"])
      } else {
        #expect(cut.output.readings.recordOutcomes == [.read, .dead])
        #expect(letters.map(\.rowIndex) == [nil])
        #expect(
          letters.first?.detail
            == "more than 100 rows are lost; one has a new metric name, where the partition has 2"
            + " and the limit is 2")
        #expect(words(cut.vocabulary.metrics) == ["a"], "its names are taken back, all of them")
        #expect(cut.output.readings.rowCount == 1)
      }
    }
  }

  @Test func `rows that are unreadable and rows over the limit are lost alike`() throws {
    let harness = PartitionHarness(.test(), source: try Self.narrow(metrics: 1))
    let samples = (0..<120).map { index -> (second: Double, metric: String?, value: Double?) in
      (Double(index) / 1000, index < 60 ? nil : "new-\(index)", 1)
    }
    harness.offer(
      [.narrow("inv-1", [(0, "a", 1)]), .narrow("inv-1", [(0, "a", 2)] + samples)], from: 0)
    let cut = try #require(harness.cut())
    #expect(cut.output.readings.recordOutcomes == [.read, .dead])
    #expect(cut.output.deadLetters.count == 1)
  }

  @Test func `a row that is kept and then refused has one letter`() throws {
    let harness = PartitionHarness(.test(), source: try Self.narrow(metrics: 1))
    harness.offer(
      [
        Self.record([
          Self.sample("a", value: Self.wrongType), Self.sample("b", value: Self.wrongType),
          Self.sample("a", value: Self.one), Self.sample("a", value: Self.wrongType),
        ])
      ], from: 0)
    let cut = try #require(harness.cut())
    #expect(cut.output.readings.rowIndexes == [0, 2, 3])
    #expect(
      cut.output.deadLetters.map { "\($0.rowIndex ?? 99) \($0.stage) \($0.reason)" } == [
        "0 salvage wrong_type", "1 decode too_many_metrics", "3 salvage wrong_type",
      ])
  }

  @Test func `what is not listed of kept rows stays counted when their last one is refused`()
    throws
  {
    let harness = PartitionHarness(.test(), source: try Self.narrow(metrics: 1))
    // The hundredth kept row, which speaks for 20 more, has a name too many.
    let samples = (0..<120).map {
      Self.sample($0 == 99 ? "b" : "a", value: Self.wrongType)
    }
    harness.offer([Self.record(samples)], from: 0)
    let letters = try #require(harness.cut()).output.deadLetters
    #expect(letters.count == 100)
    #expect(letters[99].reason == "too_many_metrics")
    #expect(letters[99].detail.hasSuffix("and 20 more rows of this record were kept like it"))
  }

  // MARK: - Attributes

  @Test func `a further word of an attribute is refused, the known ones go on`() throws {
    var source = try TestSources.wide()
    source.limits.attributeWordCountMax = 2
    let harness = PartitionHarness(.test(), source: source)
    let records: [TestRecord] = [
      .wide("sat-1", second: 0, region: "eu", firmware: "1"),
      .wide("sat-1", second: 1, region: "us", firmware: "1"),
      .wide("sat-2", second: 2, region: "asia", firmware: "2"),
      .wide("sat-1", second: 3, region: "eu", firmware: "2"),
      .wide("sat-1", second: 4, region: nil, firmware: "3"),
    ]
    harness.offer(records, from: 0)
    let state = try harness.restorable()
    let cut = try #require(harness.cut())
    #expect(cut.output.readings.recordOutcomes == [.read, .read, .dead, .read, .dead])
    #expect(
      cut.output.deadLetters.map(\.reason) == ["too_many_attributes", "too_many_attributes"])
    #expect(
      cut.output.deadLetters.map(\.detail) == [
        "a new word of region, where the partition has 2 and the limit is 2",
        "a new word of firmware, where the partition has 2 and the limit is 2",
      ])
    #expect(words(cut.vocabulary.devices) == ["sat-1"])
    #expect(cut.vocabulary.attributes.map { words($0) } == [["eu", "us"], ["1", "2"]])

    // The limit is saved with the state: what was refused is refused in the replay, too.
    source.limits.attributeWordCountMax = 3
    let later = try PartitionHarness.restored(state, to: 6, source: source)
    later.offer([records[2], records[2]], from: 5)
    let next = try #require(later.cut())
    #expect(next.stateNeed?.reason == "its limits or its rule for duplicates were changed")
    #expect(next.output.readings.recordOffsets == [6])
    #expect(next.output.readings.recordOutcomes == [.read])
    #expect(words(next.vocabulary.devices) == ["sat-1", "sat-2"])
    #expect(next.counts.accepted == 1)
  }

  // MARK: - Bytes

  @Test func `letters of one record share its bytes, which count once`() throws {
    let harness = PartitionHarness(.test(), source: try TestSources.narrow())
    var record = TestRecord.narrow("inv-1", [(0, "a", 1)] + (0..<80).map { _ in (0, nil, 1) })
    // An unknown field of 100,000 bytes.
    record.payload? += [0xFA, 0x01, 0xA0, 0x8D, 0x06] + [UInt8](repeating: 7, count: 100_000)
    record.headersJSON = "[]"
    harness.offer([record, record], from: 0)
    let output = harness.partition.output
    #expect(output.deadLetters.count == 160)
    #expect(output.deadLetters.allSatisfy { $0.record.payload == record.payload })
    #expect(output.deadLetters.allSatisfy { $0.record.headersJSON == "[]" })
    #expect((200_000..<300_000).contains(output.deadLetterByteCount))
    let places = Set(
      output.deadLetters.map { letter in
        unsafe letter.record.payload?.withUnsafeBytes { Int(bitPattern: $0.baseAddress) }
      })
    #expect(places.count == 2)
  }

  // MARK: - Duplicates

  @Test func `an empty record is no first copy by sequence`() throws {
    let mapping = MessageMapping(
      source: "samples", messageName: "fleet.telemetry.v1.TelemetryBatch", rows: "samples",
      device: .field("device_id"), time: .init(field: "samples.time_unix_us", unit: .microseconds),
      sequence: "sequence",
      narrowMetric: .init(nameField: "samples.metric", valueField: "samples.value"),
      plausibleFromMicros: TestSources.plausibleFromMicros)
    var source = try TestSources.narrow()
    source.plan = try DecodePlan(mapping)
    source.duplicates = DuplicateRule(by: .sequence, withinMillis: 60_000, recordCountMax: 10)
    let harness = PartitionHarness(.test(), source: source)
    func record(isEmpty: Bool) -> TestRecord {
      var writer = ByteWriter()
      let sample = TelemetryBatchMessage.Sample(
        timeUnixMicros: UInt64(TestSources.startMillis * 1000), metric: "a", value: 1)
      TelemetryEncoder.append(
        TelemetryBatchMessage(
          deviceID: "inv-1", sequence: 5, samples: isEmpty ? [] : [sample]), to: &writer)
      return .bytes(writer.bytes)
    }
    harness.offer([true, false, true, false].map(record), from: 0)
    #expect(
      harness.cut()?.output.readings.recordOutcomes == [.empty, .read, .duplicate, .duplicate])
  }
}
