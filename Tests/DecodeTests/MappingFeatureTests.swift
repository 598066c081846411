import Telemetry
import Testing

@testable import Decode

/// What a mapping can name beside plain numbers and strings, one feature at a time. Random
/// combinations of all of them are in `DifferentialTests`.
@Suite struct MappingFeatureTests {
  private static let proto = """
    syntax = "proto3";
    package fleet;
    import "google/protobuf/duration.proto";
    import "google/protobuf/timestamp.proto";
    import "google/protobuf/wrappers.proto";
    enum Mode { option allow_alias = true; IDLE = 0; BUSY = 1; ACTIVE = 1; HOT = 7; }
    message Place { double altitude_km = 1; optional int32 orbit = 2; Place inner = 3; }
    message Sample { int64 at_ms = 1; Mode kind = 2; double value = 3; string note = 4; }
    message Report {
      string id = 1;
      google.protobuf.Timestamp at = 2;
      Mode mode = 3;
      Place place = 4;
      google.protobuf.DoubleValue volts = 5;
      google.protobuf.Duration uptime = 6;
      google.protobuf.Timestamp booted = 7;
      map<string, double> values = 8;
      map<int32, string> words = 9;
      bytes raw = 10;
      string text = 11;
      repeated Sample samples = 12;
      int64 count = 13;
      oneof payload { double level = 14; Bundle bundle = 15; string label = 16; }
    }
    message Bundle { repeated Sample samples = 1; int32 crc = 2; }
    """

  private static let catalogue: Result<MessageCatalogue, any Error> = Result {
    try MessageCatalogue(
      descriptorSet: try Protobuf.descriptorSet(of: ["fleet.proto": proto]), path: "fleet.proto")
  }

  private func mapping(_ metrics: [MessageMapping.Metric]) -> MessageMapping {
    MessageMapping(
      source: "reports", messageName: "fleet.Report", device: .field("id"),
      time: .init(field: "at"), metrics: .list(metrics), plausibleFromMicros: 0)
  }

  private func makeFixture(_ mapping: MessageMapping) throws -> Fixture {
    try Fixture(mapping, catalogue: Self.catalogue.get())
  }

  /// A report's device and time, 2 s and 1500 ns after 1970.
  private static let head =
    Wire.text(1, "a") + Wire.bytes(2, Wire.integer(1, 2) + Wire.integer(2, 1500))

  private func text(_ fixture: borrowing Fixture, row: Int, metric: Int) -> String? {
    fixture.value(row: row, metric: metric).map {
      String(decoding: fixture.batch.valueBytes[ReadingBatch.valueRange(of: $0)], as: UTF8.self)
    }
  }

  @Test func `a Timestamp is an event time and a column, a Duration is seconds`() throws {
    var fixture = try makeFixture(mapping([.init(field: "booted"), .init(field: "uptime")]))
    #expect(fixture.batch.schema.metrics.map(\.type) == [.timestamp, .double])
    fixture.decode(
      Self.head + Wire.bytes(7, Wire.integer(1, 1)) + Wire.bytes(6, Wire.integer(2, 500_000_000)))
    #expect(fixture.batch.rowEventTimes == [2_000_001])
    #expect(fixture.value(row: 0, metric: 0) == 1_000_000)
    #expect(fixture.double(row: 0, metric: 1) == 0.5)
    fixture.decode(Self.head + Wire.bytes(7, []))
    #expect(fixture.value(row: 1, metric: 0) == 0, "an empty Timestamp is 1970")
    #expect(fixture.value(row: 1, metric: 1) == nil)
    guard case .dead(.noTime, _) = fixture.decode(Wire.text(1, "a") + Wire.bytes(2, [])) else {
      Issue.record("an empty Timestamp is no event time")
      return
    }
  }

  @Test func `enums are their first names, unknown numbers their digits`() throws {
    var mapping = mapping([.init(field: "mode", name: "state")])
    mapping.attributes = [.init(field: "mode")]
    mapping.implicitZero = true
    var fixture = try makeFixture(mapping)
    #expect(fixture.batch.schema.metrics.map(\.type) == [.text])
    for number in [1, 7, 42] as [UInt64] { fixture.decode(Self.head + Wire.integer(3, number)) }
    fixture.decode(Self.head)
    #expect((0..<4).map { text(fixture, row: $0, metric: 0) } == ["BUSY", "HOT", "42", "IDLE"])
    #expect(fixture.batch.recordAttributes == [0, 1, 2, 3])
    #expect(fixture.vocabulary.attributes[0].text(of: 2) == "42")
  }

  @Test func `implicit zeros are null, or 0 where the mapping says so`() throws {
    var mapping = mapping([.init(field: "count"), .init(field: "place.altitude_km")])
    var fixture = try makeFixture(mapping)
    fixture.decode(Self.head + Wire.bytes(4, []))
    fixture.decode(Self.head + Wire.integer(13, 5) + Wire.integer(13, 0))
    #expect(fixture.batch.presenceWords == [0, 0])
    mapping.implicitZero = true
    fixture = try makeFixture(mapping)
    fixture.decode(Self.head + Wire.bytes(4, []))
    fixture.decode(Self.head)
    #expect(fixture.batch.presenceWords == [3, 1], "of an absent message nothing is zero")
    #expect(fixture.value(row: 0, metric: 0) == 0)
  }

  @Test func `a wrapper tells absent from zero`() throws {
    var fixture = try makeFixture(mapping([.init(field: "volts")]))
    #expect(fixture.batch.schema.metrics.map(\.type) == [.double])
    fixture.decode(Self.head)
    fixture.decode(Self.head + Wire.bytes(5, []))
    fixture.decode(Self.head + Wire.bytes(5, Wire.double(1, 2.5)) + Wire.bytes(5, []))
    #expect((0..<3).map { fixture.double(row: $0, metric: 0) } == [nil, 0, 2.5])
  }

  @Test func `bytes and texts are columns, whatever lies between them`() throws {
    var fixture = try makeFixture(mapping([.init(field: "raw"), .init(field: "text")]))
    #expect(fixture.batch.schema.metrics.map(\.type) == [.bytes, .text])
    fixture.decode(Self.head + Wire.bytes(10, [0, 0xFF]) + Wire.text(11, "Størdal"))
    fixture.decode(Self.head)
    fixture.decode(Self.head + Wire.text(11, "b"))
    let raw = fixture.value(row: 0, metric: 0) ?? 0
    #expect(Array(fixture.batch.valueBytes[ReadingBatch.valueRange(of: raw)]) == [0, 0xFF])
    #expect((0..<3).map { text(fixture, row: $0, metric: 1) } == ["Størdal", nil, "b"])
  }

  @Test func `a map's values are columns by key, the last entry of a key counts`() throws {
    var fixture = try makeFixture(
      mapping([
        .init(field: "values", key: "temp"), .init(field: "words", name: "w", key: "7"),
      ]))
    #expect(fixture.batch.schema.metrics.map(\.name) == ["values_temp", "w"])
    func entry(_ key: String, _ value: Double) -> [UInt8] {
      Wire.bytes(8, Wire.double(2, value) + Wire.text(1, key))
    }
    fixture.decode(
      Self.head + entry("temp", 1) + entry("other", 9) + entry("temp", 2)
        + Wire.bytes(9, Wire.integer(1, 7) + Wire.text(2, "sieben")))
    fixture.decode(Self.head + Wire.bytes(8, Wire.text(1, "temp")))
    #expect(fixture.double(row: 0, metric: 0) == 2)
    #expect(text(fixture, row: 0, metric: 1) == "sieben")
    #expect(fixture.double(row: 1, metric: 0) == 0, "an entry without a value has a zero")
    #expect(fixture.value(row: 1, metric: 1) == nil)
  }

  @Test func `a map's entries are narrow rows`() throws {
    var mapping = mapping([])
    mapping.rows = "values"
    mapping.metrics = .all
    mapping.narrowMetric = .init(nameField: "values.key", valueField: "values.value")
    var fixture = try makeFixture(mapping)
    let entries = [("a", 1.0), ("b", 2), ("a", 3)].flatMap { key, value in
      Wire.bytes(8, Wire.text(1, key) + Wire.double(2, value))
    }
    #expect(fixture.decode(Self.head + entries) == .read(rows: 2))
    #expect(fixture.batch.rowIndexes == [1, 2])
    #expect(fixture.double(row: 1, metric: 0) == 3)
    #expect(fixture.vocabulary.metrics.text(of: fixture.batch.rowMetrics[1]) == "a")
  }

  @Test func `a later member of a oneof drops the others with their rows`() throws {
    var mapping = mapping([.init(field: "bundle.samples.value", name: "v")])
    mapping.rows = "bundle.samples"
    mapping.attributes = [.init(field: "label")]
    var fixture = try makeFixture(mapping)
    let sample = Wire.bytes(1, Wire.double(3, 4))
    #expect(
      fixture.decode(Self.head + Wire.bytes(15, sample) + Wire.bytes(15, sample))
        == .read(rows: 2), "the same member twice is merged")
    #expect(fixture.decode(Self.head + Wire.bytes(15, sample) + Wire.double(14, 1)) == .empty)
    #expect(
      fixture.decode(Self.head + Wire.text(16, "x") + Wire.bytes(15, sample)) == .read(rows: 1))
    #expect(fixture.batch.recordAttributes.allSatisfy { $0 == WordTable.none })
    #expect(fixture.batch.rowIndexes == [0, 1, 0])
  }

  @Test func `messages that stand twice are merged`() throws {
    var fixture = try makeFixture(
      mapping([.init(field: "place.altitude_km"), .init(field: "place.inner.orbit")]))
    fixture.decode(
      Self.head + Wire.bytes(4, Wire.double(1, 5) + Wire.bytes(3, Wire.integer(2, 8)))
        + Wire.bytes(4, Wire.bytes(3, [])) + Wire.bytes(4, Wire.double(1, 6)))
    #expect(fixture.double(row: 0, metric: 0) == 6)
    #expect(fixture.value(row: 0, metric: 1) == 8)
  }

  @Test func `a metric that cannot be read is null and noted, the rest is kept`() throws {
    var fixture = try makeFixture(
      mapping([.init(field: "count"), .init(field: "text"), .init(field: "place.orbit")]))
    let wrong = Wire.double(13, 1) + Wire.bytes(11, [0xFF]) + Wire.bytes(4, Wire.integer(2, 3))
    #expect(fixture.decode(Self.head + wrong) == .read(rows: 1))
    #expect(fixture.batch.presenceWords == [4])
    #expect(fixture.faults.map(\.reason) == [.wrongType], "one a row, which names all")
    #expect(fixture.faults.allSatisfy { $0.isRowKept && $0.rowIndex == 0 })
    #expect(fixture.faults[0].detail.contains("count") && fixture.faults[0].detail.contains("text"))
    #expect(fixture.decode(Self.head + Wire.integer(4, 1)) == .read(rows: 1))
    #expect(fixture.faults.count == 2, "a path through a field that is no message")
    #expect(fixture.decode(Self.head + Wire.double(3, 1)) == .read(rows: 1))
    #expect(fixture.faults.count == 2, "a wrong type of a field that nobody reads is nothing")
    guard case .dead(.wrongType, _) = fixture.decode(Self.head + Wire.integer(1, 1)) else {
      Issue.record("a device with a wrong wire type is no device")
      return
    }
  }

  @Test func `a required field is asked for by libprotobuf-c`() throws {
    let set = try Protobuf.descriptorSet(of: [
      "r.proto": """
      syntax = "proto2";
      message R { required string id = 1; required int64 at = 2; optional double v = 3; }
      """
    ])
    let catalogue = try MessageCatalogue(descriptorSet: set, path: "r.proto")
    let mapping = MessageMapping(
      source: "r", messageName: "R", device: .field("id"), time: .init(field: "at", unit: .seconds),
      metrics: .all, plausibleFromMicros: 0)
    #expect(try !DecodePlan(mapping, catalogue: catalogue).readsWire)
    var fixture = try Fixture(mapping, catalogue: catalogue)
    let id = Wire.text(1, "a")
    #expect(fixture.decode(id + Wire.integer(2, 5) + Wire.double(3, 2)) == .read(rows: 1))
    let outcome = fixture.decode(id)
    guard case .dead(.missingRequired, _) = outcome else {
      Issue.record("a message without a required field is dead: \(outcome)")
      return
    }
  }

  @Test func `what a mapping may not name is said with its key`() throws {
    var mapping = mapping([
      .init(field: "values"), .init(field: "count", name: "c", key: "x"),
      .init(field: "words", name: "w", key: "seven"), .init(field: "place"),
    ])
    mapping.time.unit = .seconds
    let catalogue = try Self.catalogue.get()
    do {
      _ = try DecodePlan(mapping, catalogue: catalogue)
      Issue.record("the mapping has faults")
    } catch {
      #expect(
        error.faults.map(\.key) == [
          "time.unit", "metrics[0]", "metrics[1].key", "metrics[2].key", "metrics[3]",
        ])
    }
    mapping = self.mapping([.init(field: "count")])
    mapping.time = .init(field: "count")
    do {
      _ = try DecodePlan(mapping, catalogue: catalogue)
      Issue.record("an integer time needs a unit")
    } catch {
      #expect(error.faults.map(\.key) == ["time.unit"])
    }
  }
}
