import Base
import Testing

@testable import downlinkd

@Suite struct TimeTextTests {
  private func micros(
    _ text: String, unit: TimeUnit? = nil, assumesUTC: Bool = false
  ) -> Int64? {
    let bytes = Array(("x" + text + "x").utf8)
    return TimeText(unit: unit, assumesUTC: assumesUTC).micros(bytes[1..<bytes.count - 1])
  }

  /// The right sides come from `date -u -d`.
  @Test(arguments: [
    ("1970-01-01T00:00:00Z", 0), ("2014-01-01T01:00:00+01:00", 1_388_534_400_000_000),
    ("2016-02-29T23:59:59.999999-05:30", 1_456_810_199_999_999),
    ("2016-02-29 23:59:59,5 Z", 1_456_790_399_500_000),
    ("2026-11-21T07:32+0130", 1_795_240_920_000_000),
    ("2026-11-21t07:32:00z", 1_795_246_320_000_000),
    ("1969-12-31T23:59:59.5Z", -500_000),
    ("2026-11-21T07:32:00.1234567891+01", 1_795_242_720_123_456),
  ])
  func `a calendar time with its offset is one instant`(text: String, expected: Int64) {
    #expect(micros(text) == expected)
  }

  @Test func `the hour that comes twice when clocks go back is two instants`() throws {
    let summer = try #require(micros("2014-10-26T02:30:00+02:00"))
    let winter = try #require(micros("2014-10-26T02:30:00+01:00"))
    #expect(winter - summer == 3_600_000_000)
    // And across the gap of spring one step of the clock is one step of time.
    let before = try #require(micros("2014-03-30T01:59:00+01:00"))
    let after = try #require(micros("2014-03-30T03:00:00+02:00"))
    #expect(after - before == 60_000_000)
  }

  @Test(arguments: [
    "", "2014-01-01", "2014-13-01T00:00:00Z", "2015-02-29T00:00:00Z", "2014-01-01T24:00:00Z",
    "2014-01-01T00:60:00Z", "2014-01-01T00:00:61Z", "2014-01-01T00:00:00", "2014-01-01T00:00:00.Z",
    "2014-01-01T00:00:00+1", "2014-01-01T00:00:00Zulu", "2014-1-1T00:00:00Z", "yesterday",
    "2014-01-01T00:00:00+24:00", "2014-01-01T00:00:00+01:", "2014-00-10T00:00:00Z",
  ])
  func `what is no instant is refused`(text: String) {
    #expect(micros(text) == nil)
  }

  @Test func `a time without offset is taken as UTC only on request`() {
    #expect(micros("1970-01-02 00:00:00") == nil)
    #expect(micros("1970-01-02 00:00:00", assumesUTC: true) == 86_400_000_000)
    #expect(micros("1970-01-02T00:00:00+01:00", assumesUTC: true) == 82_800_000_000)
  }

  @Test(arguments: [
    ("1388534400", TimeUnit.s, 1_388_534_400_000_000),
    ("1388534400.123456", .s, 1_388_534_400_123_456),
    ("1388534400.1234569", .s, 1_388_534_400_123_456), ("0.1", .s, 100_000),
    ("1388534400123", .ms, 1_388_534_400_123_000), ("1388534400123.4", .ms, 1_388_534_400_123_400),
    ("1388534400123456", .us, 1_388_534_400_123_456),
    ("1388534400123456999", .ns, 1_388_534_400_123_456),
    ("-1.5", .s, -1_500_000), ("-1", .ns, -1),
  ])
  func `a count keeps its microseconds`(text: String, unit: TimeUnit, expected: Int64) {
    #expect(micros(text, unit: unit) == expected)
  }

  @Test(arguments: ["", "-", "1e9", "1.", ".5", "12a", "99999999999999999999", " 1"])
  func `what is no count is refused`(text: String) {
    for unit in TimeUnit.allCases { #expect(micros(text, unit: unit) == nil) }
  }

  @Test func `a count too large for 64 bits of microseconds is refused`() {
    #expect(micros("9223372036855", unit: .s) == nil)
    #expect(micros("9223372036854.775807", unit: .s) == Int64.max)
    #expect(micros("9223372036854.775808", unit: .s) == nil)
  }

  @Test func `durations are read in every unit`() {
    let expected: [(String, Int64?)] = [
      ("250ms", 250_000), ("1.5s", 1_500_000), ("10m", 600_000_000), ("2h", 7_200_000_000),
      ("1d", 86_400_000_000), ("7us", 7), ("5", nil), ("-1s", nil), ("s", nil), ("1w", nil),
      ("1..5s", nil), ("99999999d", nil),
    ]
    for (text, micros) in expected {
      #expect(DurationArgument(argument: text)?.micros == micros, "\(text)")
    }
  }
}
