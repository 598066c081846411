import Telemetry
import Testing

@testable import Decode

/// Closed enums (proto2): a number without a name is an unknown field, as Google's parsers have it
/// (asked of Protobuf for Python). Random combinations are in `DifferentialTests`.
@Suite struct ClosedEnumTests {
  private static let proto = """
    syntax = "proto2";
    package t;
    enum E { A = 0; B = 1; MINUS = -1; }
    message Message {
      optional string id = 1;
      optional int64 at = 2;
      optional E single = 3;
      oneof choice { int32 x = 4; E e = 5; Inner inner = 6; }
      map<string, E> modes = 7;
    }
    message Inner { optional E mode = 1; optional int32 value = 2; optional Inner inner = 3; }
    """

  private static let catalogue: Result<MessageCatalogue, any Error> = Result {
    try MessageCatalogue(
      descriptorSet: try Protobuf.descriptorSet(of: ["t.proto": proto]), path: "t.proto")
  }

  private static let head = Wire.text(1, "a") + Wire.integer(2, 1)

  private func mapping(rows: String? = nil, _ metrics: [MessageMapping.Metric]) -> MessageMapping {
    MessageMapping(
      source: "s", messageName: "t.Message", rows: rows, device: .field("id"),
      time: .init(field: "at", unit: .seconds), metrics: .list(metrics), plausibleFromMicros: 0)
  }

  /// What both decoders read, as text; a metric that is null is nil.
  private func read(_ mapping: MessageMapping, _ payload: [UInt8]) throws -> [[String?]] {
    var lines: [String] = []
    var rows: [[String?]] = []
    for usesReference in [false, true] {
      var fixture = try Fixture(
        mapping, catalogue: Self.catalogue.get(), usesReference: usesReference)
      lines.append(fixture.line(Self.head + payload))
      rows = []
      for row in 0..<fixture.batch.rowCount {
        var values: [String?] = []
        for metric in fixture.batch.schema.metrics.indices {
          values.append(Self.text(fixture, row: row, metric: metric))
        }
        rows.append(values)
      }
    }
    #expect(lines[0] == lines[1])
    return rows
  }

  private static func text(_ fixture: borrowing Fixture, row: Int, metric: Int) -> String? {
    guard let word = fixture.value(row: row, metric: metric) else { return nil }
    guard fixture.batch.schema.metrics[metric].type.isByteString else {
      return "\(Int64(bitPattern: word))"
    }
    let bytes = fixture.batch.valueBytes[ReadingBatch.valueRange(of: word)]
    return String(decoding: bytes, as: UTF8.self)
  }

  private static let unknown: UInt64 = 99
  private static let minus = UInt64(bitPattern: -1)

  @Test func `an unknown number does not replace the one before it`() throws {
    let mapping = mapping([.init(field: "single")])
    let known = Wire.integer(3, 1)
    #expect(try read(mapping, known + Wire.integer(3, Self.unknown)) == [["B"]])
    #expect(try read(mapping, Wire.integer(3, Self.unknown) + known) == [["B"]])
    #expect(try read(mapping, Wire.integer(3, Self.unknown)) == [[nil]])
    #expect(try read(mapping, known + Wire.integer(3, Self.minus)) == [["MINUS"]])
    #expect(try read(mapping, known + Wire.integer(3, 1 << 32)) == [["A"]], "32 bits count")
  }

  @Test func `an unknown number does not clear its oneof`() throws {
    let mapping = mapping([.init(field: "x"), .init(field: "e"), .init(field: "inner.value")])
    let inner = Wire.bytes(6, Wire.integer(2, 7))
    #expect(
      try read(mapping, Wire.integer(4, 5) + Wire.integer(5, Self.unknown)) == [["5", nil, nil]])
    #expect(try read(mapping, inner + Wire.integer(5, Self.unknown)) == [[nil, nil, "7"]])
    #expect(try read(mapping, inner + Wire.integer(5, 1)) == [[nil, "B", nil]])
  }

  @Test func `nor where only its neighbours are wanted`() throws {
    let mapping = mapping([.init(field: "x")])
    #expect(try read(mapping, Wire.integer(4, 5) + Wire.integer(5, Self.unknown)) == [["5"]])
    #expect(try read(mapping, Wire.integer(4, 5) + Wire.integer(5, 1)) == [[nil]])
  }

  @Test func `an entry with an unknown number is an unknown field`() throws {
    func entry(_ key: String, _ numbers: UInt64...) -> [UInt8] {
      Wire.bytes(7, Wire.text(1, key) + numbers.flatMap { Wire.integer(2, $0) })
    }
    let columns = mapping([
      .init(field: "modes", name: "k", key: "k"), .init(field: "modes", name: "l", key: "l"),
    ])
    #expect(try read(columns, entry("k", 1) + entry("k", Self.unknown)) == [["B", nil]])
    #expect(try read(columns, entry("k", 1, Self.unknown) + entry("l", 0)) == [[nil, "A"]])
    #expect(try read(columns, entry("k", Self.unknown, 1)) == [[nil, nil]])
    let rows = mapping(rows: "modes", [.init(field: "modes.value", name: "v")])
    #expect(
      try read(rows, entry("k", 1) + entry("k", Self.unknown) + entry("l", 0)) == [["B"], ["A"]])
    #expect(try read(rows, entry("k", Self.unknown)) == [])
  }

  @Test func `deep inside, lengths of any size around it`() throws {
    let mapping = mapping([.init(field: "inner.value"), .init(field: "inner.inner.mode")])
    let filler = Wire.bytes(99, Array(repeating: 0, count: 200))
    let deep = Wire.integer(1, 1) + filler + Wire.integer(1, Self.unknown)
    let inner = Wire.integer(1, Self.unknown) + Wire.bytes(3, deep) + Wire.group(98, filler)
      + Wire.integer(2, 7)
    #expect(try read(mapping, filler + Wire.bytes(6, inner) + filler) == [["7", "B"]])
  }
}
