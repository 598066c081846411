import Base
import Glibc
import Testing

@Suite struct TimestampTests {
  @Test(arguments: [
    (Int64(0), "1970-01-01T00:00:00.000000Z"), (-1, "1969-12-31T23:59:59.999999Z"),
    (1_582_934_400_000_000, "2020-02-29T00:00:00.000000Z"),
    (951_868_799_999_999, "2000-02-29T23:59:59.999999Z"),
    (253_402_300_800_000_000, "10000-01-01T00:00:00.000000Z"),
    (-62_135_596_800_000_000, "0001-01-01T00:00:00.000000Z"),
    (-62_167_219_200_000_001, "-0001-12-31T23:59:59.999999Z"),
  ])
  func `times have their texts`(micros: Int64, text: String) {
    #expect(Timestamp.text(micros: micros) == text)
  }

  @Test func `dates agree with the C library over eight centuries`() {
    for day in stride(from: Int32(-146_097), through: 146_097, by: 13) {
      var seconds = time_t(day) * 86_400
      var civil = unsafe tm()
      unsafe gmtime_r(&seconds, &civil)
      let (year, month, dayOfMonth) = Timestamp.civil(day: day)
      let expected = unsafe [civil.tm_year + 1900, civil.tm_mon + 1, civil.tm_mday].map { Int($0) }
      #expect([year, month, dayOfMonth] == expected, "day \(day)")
      #expect(Timestamp.day(year: year, month: month, day: dayOfMonth) == day)
    }
  }

  @Test func `division floors on both sides of zero`() {
    #expect(Timestamp.floorDivide(-1, by: 10) == -1)
    #expect(Timestamp.floorDivide(-10, by: 10) == -1)
    #expect(Timestamp.floorDivide(-11, by: 10) == -2)
    #expect(Timestamp.floorDivide(9, by: 10) == 0)
    #expect(Timestamp.floor(-1, toMultipleOf: 60) == -60)
    #expect(Timestamp.floor(119, toMultipleOf: 60) == 60)
    #expect(Timestamp.day(ofMicros: -1) == -1)
    #expect(Timestamp.day(ofMicros: Timestamp.microsPerDay) == 1)
  }

  @Test func `every time has a date, the extremes too`() {
    #expect(Timestamp.text(micros: .max) == "294247-01-10T04:00:54.775807Z")
    #expect(Timestamp.text(micros: .min).hasPrefix("-290308-"))
    for day in [Int32.min, .max] {
      let (year, month, dayOfMonth) = Timestamp.civil(day: day)
      #expect(Timestamp.day(year: year, month: month, day: dayOfMonth) == day)
    }
  }
}
