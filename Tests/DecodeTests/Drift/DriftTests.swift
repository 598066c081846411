import Telemetry
import Testing

@testable import Decode

/// What counts as drift, one shape at a time. Random ones are in `DriftDifferentialTests`.
@Suite struct DriftTests {
  private static let proto = """
    syntax = "proto3";
    package fleet;
    enum Mode { IDLE = 0; BUSY = 1; HOT = 300; COLD = -4; }
    message Place { double altitude_km = 1; Other other = 2; }
    message Other { int32 x = 1; }
    message Sample { int64 at_ms = 1; Mode kind = 2; double value = 3; }
    message Report {
      string id = 1;
      int64 at_ms = 2;
      Mode mode = 3;
      Place place = 4;
      map<string, Mode> modes = 8;
      repeated Mode history = 9;
      repeated Sample samples = 12;
      int64 count = 13;
      string note = 21;
      int32 far = 5000;
      Other other = 22;
    }
    """

  /// With a group, and so that the wire plan does not serve `Strict`.
  private static let oldProto = """
    syntax = "proto2";
    package fleet;
    message Grouped {
      optional string id = 1;
      optional int64 at_ms = 2;
      optional double level = 3;
      optional group Extra = 4 { optional int32 a = 1; }
    }
    message Strict {
      required string id = 1;
      optional int64 at_ms = 2;
      optional double level = 3;
    }
    enum Phase { OFF = 0; ON = 1; }
    message Closed {
      optional string id = 1;
      optional int64 at_ms = 2;
      optional Phase phase = 3;
      optional Phase other = 4;
    }
    """

  private static let catalogue: Result<MessageCatalogue, any Error> = Result {
    try MessageCatalogue(
      descriptorSet: try Protobuf.descriptorSet(
        of: ["fleet.proto": proto, "old.proto": oldProto]), path: "fleet.proto")
  }

  private func makeFixture(
    _ message: String = "fleet.Report", rows: String? = nil, time: String = "at_ms",
    metrics: [MessageMapping.Metric]
  ) throws -> Fixture {
    let mapping = MessageMapping(
      source: "reports", messageName: message, rows: rows, device: .field("id"),
      time: .init(field: time, unit: .milliseconds), metrics: .list(metrics),
      plausibleFromMicros: 0)
    return try Fixture(mapping, catalogue: Self.catalogue.get())
  }

  private static let head = Wire.text(1, "a") + Wire.integer(2, 5)

  // MARK: - Fields

  @Test func `a field that is declared and not mapped is no drift`() throws {
    var fixture = try makeFixture(metrics: [.init(field: "count")])
    let message =
      Self.head + Wire.text(21, "note") + Wire.integer(5000, 1) + Wire.integer(9, 77)
      + Wire.bytes(9, Wire.varint(77)) + Wire.integer(3, 99) + Wire.bytes(22, [])
    #expect(fixture.drift(message) == "-")
  }

  @Test func `unknown fields count where something is mapped, and nowhere else`() throws {
    var fixture = try makeFixture(metrics: [.init(field: "place.altitude_km")])
    let inOther = Wire.bytes(2, Wire.integer(99, 1))
    let place = Wire.bytes(4, Wire.fixed32(7, 1) + inOther)
    let message =
      Self.head + Wire.integer(6, 1) + place + Wire.integer(6, 2) + Wire.integer(70_000, 1)
      + Wire.bytes(22, Wire.integer(99, 1))
    #expect(fixture.drift(message) == "fleet.Place:7=1 fleet.Report:6=2 fleet.Report:70000=1")
  }

  @Test func `unknown fields of rows count in each`() throws {
    var fixture = try makeFixture(
      rows: "samples", time: "samples.at_ms",
      metrics: [.init(field: "samples.value", name: "reading")])
    let row = Wire.bytes(12, Wire.integer(1, 5) + Wire.double(3, 1) + Wire.text(4, "new"))
    #expect(fixture.drift(Self.head + row + row + row) == "fleet.Sample:4=3")
  }

  @Test func `unknown fields of a map's entries count under the entry's type`() throws {
    var fixture = try makeFixture(metrics: [.init(field: "modes", name: "mode_x", key: "x")])
    let entry = Wire.bytes(8, Wire.text(1, "x") + Wire.integer(2, 1) + Wire.integer(3, 1))
    #expect(fixture.drift(Self.head + entry) == "fleet.Report.ModesEntry:3=1")
  }

  @Test func `a field with another wire type than its declaration is unknown`() throws {
    var fixture = try makeFixture(metrics: [.init(field: "count")])
    let outcome = fixture.decode(Self.head + Wire.integer(21, 5) + Wire.text(13, "many"))
    #expect(outcome == .read(rows: 1))
    let found = fixture.decoder.takeDrift().found
    #expect(found.map(\.key.fieldNumber) == [21, 13])
    #expect(found.map(\.fieldName) == ["note", "count"])
    #expect(found.map(\.sample.wireType) == [0, 2])
  }

  @Test func `a group is one unknown field, a declared one is none`() throws {
    var fixture = try makeFixture("fleet.Grouped", metrics: [.init(field: "level")])
    let inside = Wire.integer(1, 5) + Wire.group(9, Wire.text(90, "deep"))
    #expect(fixture.drift(Self.head + Wire.group(4, inside)) == "-")
    #expect(fixture.drift(Self.head + Wire.group(5, inside)) == "fleet.Grouped:5=1")
    #expect(fixture.drift(Self.head + Wire.integer(4, 1)) == "fleet.Grouped:4=1")
  }

  @Test func `messages with required fields report the same`() throws {
    var fixture = try makeFixture("fleet.Strict", metrics: [.init(field: "level")])
    let message = Self.head + Wire.integer(77, 1) + Wire.group(9, Wire.integer(1, 1))
    #expect(fixture.drift(message) == "fleet.Strict:77=1 fleet.Strict:9=1")
    #expect(fixture.drift(Wire.integer(2, 5) + Wire.integer(77, 1)) == "fleet.Strict:77=1")
  }

  // MARK: - Enums

  @Test func `numbers that a closed enum does not have count, though they are not its values`()
    throws
  {
    var fixture = try makeFixture("fleet.Closed", metrics: [.init(field: "phase")])
    let message =
      Self.head + Wire.integer(3, 7) + Wire.integer(3, 1) + Wire.integer(3, 7)
      + Wire.integer(4, 9)
    #expect(fixture.drift(message) == "fleet.Closed:3:7=2")
  }

  @Test func `unknown numbers of mapped enums count by number`() throws {
    var fixture = try makeFixture(metrics: [.init(field: "mode")])
    for known: Int64 in [0, 1, 300, -4] {
      let message = Self.head + Wire.integer(3, UInt64(bitPattern: known))
      #expect(fixture.drift(message) == "-", "\(known)")
    }
    #expect(fixture.drift(Self.head + Wire.integer(3, 2)) == "fleet.Report:3:2=1")
    let negative = Self.head + Wire.integer(3, UInt64(bitPattern: -5))
    #expect(fixture.drift(negative) == "fleet.Report:3:-5=1")
    // The last one counts, as the last one is read; others of the record are as ever.
    let several = Wire.integer(3, 8) + Wire.integer(3, 64) + Wire.integer(3, 65)
    #expect(fixture.drift(Self.head + several) == "fleet.Report:3:65=1")
  }

  @Test func `unknown numbers in rows and under a map's keys count`() throws {
    var rows = try makeFixture(
      rows: "samples", time: "samples.at_ms",
      metrics: [.init(field: "samples.kind"), .init(field: "samples.value", name: "reading")])
    let row = Wire.bytes(12, Wire.integer(1, 5) + Wire.integer(2, 9))
    #expect(rows.drift(Self.head + row + row) == "fleet.Sample:2:9=2")
    var map = try makeFixture(metrics: [.init(field: "modes", name: "mode_x", key: "x")])
    let wanted = Wire.bytes(8, Wire.text(1, "x") + Wire.integer(2, 9))
    let other = Wire.bytes(8, Wire.text(1, "y") + Wire.integer(2, 9))
    #expect(map.drift(Self.head + wanted + other) == "fleet.Report.ModesEntry:2:9=1")
  }

  @Test func `an enum that two columns read counts once`() throws {
    var fixture = try makeFixture(metrics: [
      .init(field: "mode", name: "a"), .init(field: "mode", name: "b"),
    ])
    #expect(fixture.drift(Self.head + Wire.integer(3, 2)) == "fleet.Report:3:2=1")
  }

  // MARK: - What is kept of it

  @Test func `the sample is of the first, without tag and length, and bounded`() throws {
    var fixture = try makeFixture(metrics: [.init(field: "mode")])
    fixture.decode(Self.head)
    let long = [UInt8](0..<200)
    fixture.decode(
      Self.head + Wire.bytes(6, long) + Wire.bytes(6, [1]) + Wire.fixed32(7, 0x0403_0201)
        + Wire.fixed64(10, 5) + Wire.integer(11, 300) + Wire.group(14, Wire.integer(1, 1))
        + Wire.bytes(15, []) + Wire.integer(3, 300 << 2))
    fixture.decode(Self.head + Wire.bytes(6, [2]))
    let found = fixture.decoder.takeDrift().found
    let samples = found.map(\.sample)
    #expect(found.map(\.count) == [3, 1, 1, 1, 1, 1, 1])
    #expect(samples.allSatisfy { $0.offset == 1 && $0.partitionIndex == 0 })
    #expect(samples.map(\.wireType) == [2, 5, 1, 0, 3, 2, 0])
    #expect(samples.map(\.byteCount) == [200, 4, 8, 2, 3, 0, 2])
    #expect(samples[0].bytes == Array(long.prefix(64)))
    #expect(samples[1].bytes == [1, 2, 3, 4])
    #expect(samples[3].bytes == [0xAC, 0x02])
    #expect(samples[4].bytes == Wire.integer(1, 1) + Wire.tag(14, 4))
    #expect(samples[6].bytes == Wire.varint(1200))
    let hasDrift = fixture.decoder.hasDrift
    #expect(!hasDrift)
  }

  @Test func `what a broken record seems to have does not count`() throws {
    var fixture = try makeFixture(metrics: [.init(field: "mode")])
    fixture.decode(Self.head + Wire.integer(6, 1))
    fixture.decode(Self.head + Wire.integer(6, 1) + Wire.integer(7, 1) + [0x08])
    #expect(fixture.drift(Self.head + Wire.integer(10, 1)) == "fleet.Report:10=1 fleet.Report:6=1")
  }

  @Test func `a record that is dead for its content counts`() throws {
    var fixture = try makeFixture(metrics: [.init(field: "mode")])
    #expect(fixture.line(Wire.integer(6, 1)) == "dead no_device")
    #expect(fixture.drift(Wire.integer(6, 1)) == "fleet.Report:6=2")
  }

  @Test func `a replayed record does not count`() throws {
    var fixture = try makeFixture(metrics: [.init(field: "mode")])
    let message = Self.head + Wire.integer(6, 1) + Wire.integer(3, 2)
    let header = RecordHeader(
      kind: .record, partitionIndex: 0, offset: 0, timestampMicros: 7, hasAppendTime: false)
    let outcome = unsafe fixture.decoder.decode(
      header: header, key: nil, payload: message.span.bytes, into: &fixture.batch,
      vocabulary: &fixture.vocabulary, faults: &fixture.faults, countsDrift: false)
    #expect(outcome == .read(rows: 1))
    let hasDrift = fixture.decoder.hasDrift
    #expect(!hasDrift)
    #expect(fixture.drift(message) == "fleet.Report:3:2=1 fleet.Report:6=1")
  }

  @Test func `no more than so many kinds are told apart, and all are counted`() throws {
    var fixture = try makeFixture(metrics: [.init(field: "mode")])
    let countMax = DriftTally.entryCountMax
    let fields = (0..<countMax + 50).flatMap { Wire.integer(UInt64(10_000 + $0), 1) }
    // Broken: leaves no room taken.
    fixture.decode(Self.head + fields + [0x08])
    fixture.decode(Self.head + fields + Wire.integer(3, 2))
    fixture.decode(Self.head + fields)
    let report = fixture.decoder.takeDrift()
    #expect(report.found.count == countMax)
    #expect(report.found.allSatisfy { $0.count == 2 })
    #expect(report.otherFieldCount == 100)
    #expect(report.otherEnumNumberCount == 1)
    let rest = fixture.decoder.takeDrift()
    #expect(rest.isEmpty)
  }
}
