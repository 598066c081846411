import Telemetry
import Testing

@testable import Decode

/// Bad rows of one record: which of them are told apart, and when the record is dead as a whole.
@Suite struct RowFaultTests {
  private static let proto = """
    syntax = "proto3";
    message Sample { int64 at_ms = 1; string kind = 2; double value = 3; string note = 4; }
    message Report { string id = 1; repeated Sample samples = 2; }
    """

  private static let catalogue: Result<MessageCatalogue, any Error> = Result {
    try MessageCatalogue(
      descriptorSet: try Protobuf.descriptorSet(of: ["r.proto": proto]), path: "r.proto")
  }

  private func makeFixture(isNarrow: Bool = true) throws -> Fixture {
    var mapping = MessageMapping(
      source: "r", messageName: "Report", rows: "samples", device: .field("id"),
      time: .init(field: "samples.at_ms", unit: .milliseconds), plausibleFromMicros: 0)
    if isNarrow {
      mapping.narrowMetric = .init(nameField: "samples.kind", valueField: "samples.value")
    } else {
      mapping.metrics = .list([
        .init(field: "samples.value", name: "v"), .init(field: "samples.note"),
      ])
    }
    return try Fixture(mapping, catalogue: Self.catalogue.get())
  }

  private static let head = Wire.text(1, "a")

  private static func sample(_ kind: String, value: [UInt8]) -> [UInt8] {
    Wire.bytes(2, Wire.integer(1, 5) + Wire.text(2, kind) + value + Wire.text(4, "a note"))
  }

  private static let good = sample("hot", value: Wire.double(3, 1))
  /// Without a time.
  private static let lost = Wire.bytes(2, Wire.text(2, "lost"))
  /// With a varint where its value should be.
  private static let kept = sample("kept", value: Wire.integer(3, 1))

  private static func times(_ count: Int, _ bytes: [UInt8]) -> [UInt8] {
    (0..<count).flatMap { _ in bytes }
  }

  @Test func `a hundred lost rows are told apart`() throws {
    var fixture = try makeFixture()
    #expect(fixture.decode(Self.head + Self.times(100, Self.lost) + Self.good) == .read(rows: 1))
    #expect(fixture.faults.map(\.rowIndex) == Array(0..<100))
    #expect(fixture.faults.allSatisfy { !$0.isRowKept && $0.unlistedCount == 0 })
  }

  @Test(arguments: [true, false])
  func `a record with more lost rows is dead as a whole and leaves nothing`(isNarrow: Bool) throws {
    var fixture = try makeFixture(isNarrow: isNarrow)
    fixture.decode(Self.head + Self.good)
    let valueByteCount = fixture.batch.valueBytes.count
    #expect(valueByteCount == (isNarrow ? 0 : 6))
    let record = Self.head + Self.sample("new", value: Wire.double(3, 2)) + Self.kept
      + Self.times(101, Self.lost) + Self.good
    #expect(
      fixture.decode(record)
        == .dead(
          .noTime,
          detail: "more than 100 rows cannot be read; row 2: samples.at_ms is absent or 0"))
    #expect(fixture.faults.isEmpty)
    #expect(fixture.batch.rowCount == 1)
    #expect(fixture.batch.valueBytes.count == valueByteCount)
    #expect(fixture.vocabulary.metrics.count == (isNarrow ? 1 : 0))
    #expect(fixture.decode(Self.head + Self.good) == .read(rows: 1), "the next one is read")
  }

  @Test func `rows that are kept use up no letter of those that are lost`() throws {
    var fixture = try makeFixture()
    let record = Self.head + Self.times(150, Self.kept) + Self.lost + Self.times(50, Self.kept)
    #expect(fixture.decode(record) == .read(rows: 200))
    let lost = fixture.faults.filter { !$0.isRowKept }
    #expect(lost.map(\.rowIndex) == [150])
    let kept = fixture.faults.filter(\.isRowKept)
    #expect(kept.map(\.rowIndex) == Array(0..<100))
    #expect(kept[99].unlistedCount == 100)
    #expect(kept[99].detail.hasSuffix("and 100 more rows of this record were kept like it"))
  }

  @Test func `a sentence is made only for a row that is told apart`() {
    var tally = RowFaultTally(countMax: 3)
    var faults: [RowFault] = []
    var sentenceCount = 0
    func sentence() -> String {
      sentenceCount += 1
      return "bad"
    }
    for row in 0..<50 {
      tally.addKept(.wrongType, record: 0, row: row, to: &faults, detail: sentence())
    }
    #expect(sentenceCount == 3)
    for row in 50..<100 {
      tally.addLost(.noTime, record: 0, row: row, to: &faults, detail: sentence())
    }
    #expect(sentenceCount == 6)
    #expect(tally.hasTooManyLost)
    #expect(faults.map(\.unlistedCount) == [0, 0, 47, 0, 0, 0])
  }
}
