import Telemetry
import Testing

@testable import Decode

/// Messages whose elements are the readings.
@Suite struct RowTests {
  private func sample(_ time: UInt64?, _ metric: String?, _ value: Double?) -> [UInt8] {
    let content =
      (time.map { Wire.fixed64(1, $0) } ?? []) + (metric.map { Wire.text(2, $0) } ?? [])
      + (value.map { Wire.double(3, $0) } ?? [])
    return Wire.bytes(6, content)
  }

  private static let time: UInt64 = 1_790_000_000_000_000

  @Test func `every sample is a row with its own metric and time`() throws {
    var fixture = try Fixture(Fixture.samples)
    let message =
      sample(Self.time, "a_c", 1) + Wire.text(1, "inv-1") + sample(Self.time + 5, "b_w", nil)
      + sample(Self.time + 9, "a_c", .infinity)
    #expect(fixture.decode(message) == .read(rows: 3))
    #expect(fixture.batch.rowEventTimes == [0, 5, 9].map { Int64(Self.time) + $0 })
    #expect(fixture.batch.rowMetrics == [0, 1, 0])
    #expect(fixture.vocabulary.metrics.text(of: 1) == "b_w")
    #expect(fixture.batch.presenceWords == [1, 0, 1])
    #expect(fixture.batch.rowFlags == [0, 0, ReadingFlags.nonFinite.rawValue])
    #expect(fixture.batch.schema.metrics == [MetricColumn(name: "value", type: .double)])
  }

  @Test func `a message without samples is empty and leaves its device`() throws {
    var fixture = try Fixture(Fixture.samples)
    #expect(fixture.decode(Wire.text(1, "inv-1") + Wire.text(2, "eu")) == .empty)
    #expect(fixture.batch.recordDevices == [0])
    #expect(fixture.batch.recordAttributes == [0, WordTable.none, WordTable.none])
    #expect(fixture.batch.rowCount == 0)
  }

  @Test func `a bad row is a fault beside the others, which keep their row indexes`() throws {
    var fixture = try Fixture(Fixture.samples)
    let name = String(repeating: "m", count: StringBounds.metricNameByteCountMax)
    fixture.decode(nil)
    let message =
      Wire.text(1, "inv-1") + sample(nil, "a", 1) + sample(Self.time, nil, 1)
      + sample(Self.time, "ok", 1) + sample(0, "a", 1) + sample(Self.time, "", 1)
      + sample(Self.time, "a\0b", 1) + sample(Self.time, name + "m", 1)
      + sample(Self.time, name, 2)
      + Wire.bytes(6, Wire.bytes(2, [0xFF]) + Wire.fixed64(1, Self.time))
    #expect(fixture.decode(message) == .read(rows: 2))
    #expect(fixture.batch.rowIndexes == [2, 7])
    #expect(fixture.faults.map(\.rowIndex) == [0, 1, 3, 4, 5, 6, 8])
    #expect(
      fixture.faults.map(\.reason) == [
        .noTime, .noMetricName, .noTime, .noMetricName, .nulInString, .stringTooLong, .invalidUTF8,
      ])
    #expect(fixture.faults.allSatisfy { $0.recordIndex == 1 && !$0.detail.isEmpty })
    #expect(fixture.vocabulary.metrics.count == 2, "bad rows leave no words behind")
  }

  @Test func `a record whose rows are all bad is dead, once`() throws {
    var fixture = try Fixture(Fixture.samples)
    let outcome = fixture.decode(Wire.text(1, "a") + sample(nil, "a", 1) + sample(0, nil, 1))
    guard case .dead(.noTime, _) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(fixture.faults.isEmpty)
    #expect(fixture.batch.rowCount == 0)
  }

  @Test func `rows may be wide, and may take their time from the message`() throws {
    var builder = DescriptorBuilder()
    builder.add(
      "t.Point",
      [
        .init(name: "volts", number: 1, type: .double),
        .init(name: "amps", number: 2, type: .double),
      ])
    builder.add(
      "t.Series",
      [
        .init(name: "id", number: 1, type: .string),
        .init(name: "at_us", number: 2, type: .int64),
        .init(
          name: "points", number: 3, type: .message,
          isRepeated: true, message: "t.Point"),
      ])
    let catalogue = builder.catalogue()
    let mapping = MessageMapping(
      source: "series", messageName: "t.Series", rows: "points", device: .field("id"),
      time: .init(field: "at_us", unit: .microseconds), plausibleFromMicros: 0)
    var fixture = try Fixture(mapping, catalogue: catalogue)
    #expect(fixture.batch.schema.metrics.map(\.name) == ["volts", "amps"])
    let message =
      Wire.text(1, "a") + Wire.bytes(3, Wire.double(1, 3.5)) + Wire.integer(2, 99)
      + Wire.bytes(3, Wire.double(2, 4) + Wire.double(1, 3))
    #expect(fixture.decode(message) == .read(rows: 2))
    #expect(fixture.batch.rowEventTimes == [99, 99])
    #expect(fixture.double(row: 0, metric: 0) == 3.5)
    #expect(fixture.value(row: 0, metric: 1) == nil)
    #expect(fixture.double(row: 1, metric: 1) == 4)
    guard case .dead(.noTime, _) = fixture.decode(Wire.text(1, "a") + Wire.bytes(3, [])) else {
      Issue.record("a time that is absent from the message is no fault of its rows")
      return
    }
  }

  @Test func `more than 64 metrics need more presence words`() throws {
    var builder = DescriptorBuilder()
    let metrics = (0..<130).map {
      DescriptorBuilder.Field(name: "m\($0)", number: UInt32(10 + $0), type: .double)
    }
    builder.add(
      "t.Wide",
      [
        .init(name: "id", number: 1, type: .string),
        .init(name: "at_us", number: 2, type: .int64),
      ] + metrics)
    let catalogue = builder.catalogue()
    let mapping = MessageMapping(
      source: "wide", messageName: "t.Wide", device: .field("id"),
      time: .init(field: "at_us", unit: .microseconds), plausibleFromMicros: 0)
    var fixture = try Fixture(mapping, catalogue: catalogue)
    let present = [0, 63, 64, 127, 128, 129]
    let message =
      Wire.text(1, "a") + Wire.integer(2, 5)
      + present.flatMap { Wire.double(UInt64(10 + $0), Double($0)) }
    #expect(fixture.decode(message) == .read(rows: 1))
    let ends: UInt64 = 1 | 1 << 63
    #expect(fixture.batch.presenceWords == [ends, ends, 3])
    for metric in 0..<130 {
      #expect(
        fixture.double(row: 0, metric: metric) == (present.contains(metric) ? Double(metric) : nil))
    }
  }
}
