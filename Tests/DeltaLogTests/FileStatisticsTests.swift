import Base
import DeltaLog
import Testing

@Suite struct FileStatisticsTests {
  private func bounds(_ minimum: StatisticsValue, _ maximum: StatisticsValue) -> [JSONValue?] {
    let json = FileStatistics(
      recordCount: 2, columns: [ColumnStatistics("c", nullCount: 0, bounds: (minimum, maximum))]
    ).json
    return [json["minValues"]?["c"], json["maxValues"]?["c"]]
  }

  @Test func `statistics have Delta's members in schema order`() {
    let statistics = FileStatistics(
      recordCount: 3,
      columns: [
        ColumnStatistics("b", nullCount: 1, bounds: (.integer(-1), .integer(7))),
        ColumnStatistics("a", nullCount: 3, bounds: nil),
      ])
    #expect(
      statistics.json.text
        == #"{"numRecords":3,"minValues":{"b":-1},"maxValues":{"b":7},"nullCount":{"b":1,"a":3}}"#)
  }

  @Test(arguments: [
    (0 as Int64, "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.000Z"),
    (1, "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.001Z"),
    (999, "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.001Z"),
    (1000, "1970-01-01T00:00:00.001Z", "1970-01-01T00:00:00.001Z"),
    (-1, "1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00.000Z"),
    (-1000, "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
    (-1001, "1969-12-31T23:59:59.998Z", "1969-12-31T23:59:59.999Z"),
  ])
  func `a timestamp's bounds are rounded outwards to milliseconds`(
    micros: Int64, minimum: String, maximum: String
  ) {
    #expect(
      bounds(.timestamp(micros), .timestamp(micros)) == [.string(minimum), .string(maximum)])
  }

  @Test func `times that readers cannot parse give no bounds`() {
    let lastMicro = Int64(Timestamp.day(year: 9999, month: 12, day: 31) + 1) * 86_400_000_000 - 1
    let firstMicro = Int64(Timestamp.day(year: 1, month: 1, day: 1)) * 86_400_000_000
    #expect(bounds(.timestamp(0), .timestamp(.max)) == [nil, nil])
    #expect(bounds(.timestamp(.min), .timestamp(0)) == [nil, nil])
    #expect(bounds(.timestamp(0), .timestamp(lastMicro)) == [nil, nil])
    #expect(bounds(.timestamp(firstMicro - 1), .timestamp(0)) == [nil, nil])
    #expect(
      bounds(.timestamp(firstMicro), .timestamp(lastMicro - 999))
        == ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"])
    #expect(bounds(.date(0), .date(.max)) == [nil, nil])
    #expect(bounds(.date(-1), .date(0)) == ["1969-12-31", "1970-01-01"])
  }

  @Test func `numbers keep every bit, zeros enclose both signs, infinities give no bounds`() {
    #expect(
      bounds(.integer(.min), .integer(.max)).map { $0?.int64Value } == [Int64.min, Int64.max])
    #expect(bounds(.double(0), .double(-0.0)).map { $0?.text } == ["-0.0", "0.0"])
    #expect(bounds(.double(-.infinity), .double(1)) == [nil, nil])
    #expect(bounds(.double(0), .double(.nan)) == [nil, nil])
    let float = Double(Float(0.1))
    #expect(bounds(.double(float), .double(float))[1]?.doubleValue == float)
  }

  @Test func `short strings are bounds themselves, long ones are cut and stay bounds`() {
    let short = String(repeating: "é", count: 32)
    #expect(bounds(.string(short), .string(short)) == [.string(short), .string(short)])
    let prefix = String(repeating: "a", count: 32)
    #expect(
      bounds(.string(prefix + "bc"), .string(prefix + "bc"))
        == [.string(prefix), .string(prefix + "\u{7F}")])
    #expect(
      bounds(.string(prefix + "€"), .string(prefix + "€"))
        == [.string(prefix), .string(prefix + "\u{10FFFF}")])
    let greatest = "\u{10FFFF}"
    #expect(
      bounds(.string("a"), .string(prefix + greatest + "b"))[1]
        == .string(prefix + greatest + "\u{7F}"))
    let hopeless = prefix + String(repeating: greatest, count: 40)
    #expect(bounds(.string("a"), .string(hopeless)) == [nil, nil])
    let allGreatest = prefix + String(repeating: greatest, count: 3)
    #expect(bounds(.string("a"), .string(allGreatest))[1] == .string(allGreatest))
  }

  @Test func `cut bounds of random texts enclose them by their bytes`() {
    let seed = UInt64.random(in: 0 ... .max)
    var generator = SplitMix64(seed: seed)
    let alphabet: [Unicode.Scalar] = ["a", "~", "\u{7E}", "\u{7F}", "\u{80}", "é", "\u{10FFFF}"]
    for _ in 0..<2000 {
      var scalars = String.UnicodeScalarView()
      for _ in 0..<Int.random(in: 28...70, using: &generator) {
        scalars.append(alphabet.randomElement(using: &generator) ?? "a")
      }
      let text = String(scalars)
      let found = bounds(.string(text), .string(text))
      guard let minimum = found[0]?.stringValue, let maximum = found[1]?.stringValue else {
        continue
      }
      #expect(!text.utf8.lexicographicallyPrecedes(minimum.utf8), "seed \(seed)")
      #expect(!maximum.utf8.lexicographicallyPrecedes(text.utf8), "seed \(seed)")
    }
  }
}

@Suite struct DeltaPathTests {
  @Test(arguments: [
    ("event_date=2026-11-21/part-0_~.parquet", "event_date=2026-11-21/part-0_~.parquet"),
    ("a b%c+d:é", "a%20b%25c%2Bd%3A%C3%A9"), ("region=a%3Ab/x", "region=a%253Ab/x"),
  ])
  func `a path is percent-encoded so that decoding once gives it back`(
    path: String, encoded: String
  ) {
    #expect(DeltaPath.percentEncoded(path) == encoded)
  }

  @Test func `a partition's folder is escaped as Hive does`() {
    #expect(
      DeltaPath.partitionFolder(column: "event_date", value: "2026-11-21")
        == "event_date=2026-11-21")
    #expect(DeltaPath.partitionFolder(column: "r", value: "a:b/c%") == "r=a%3Ab%2Fc%25")
    #expect(DeltaPath.partitionFolder(column: "r", value: nil) == "r=__HIVE_DEFAULT_PARTITION__")
    #expect(DeltaPath.partitionFolder(column: "r", value: "") == "r=__HIVE_DEFAULT_PARTITION__")
  }
}
