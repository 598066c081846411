/// Microseconds since 1970-01-01T00:00:00Z, and the civil dates they fall on.
///
/// The program keeps times as plain `Int64` microseconds in columns; this namespace holds the few
/// conversions. All of them are total: every `Int64` has a date.
package enum Timestamp {
  package static let microsPerSecond: Int64 = 1_000_000
  package static let microsPerDay: Int64 = 86_400_000_000

  /// Days since 1970-01-01 of a time; floors, so that times before 1970 fall on the day before.
  package static func day(ofMicros micros: Int64) -> Int32 {
    Int32(truncatingIfNeeded: floorDivide(micros, by: microsPerDay))
  }

  /// The largest multiple of `step` that is not above `value`. `step` must be positive.
  package static func floor(_ value: Int64, toMultipleOf step: Int64) -> Int64 {
    floorDivide(value, by: step) &* step
  }

  /// Division that rounds towards minus infinity. `divisor` must be positive.
  package static func floorDivide(_ value: Int64, by divisor: Int64) -> Int64 {
    let quotient = value / divisor
    return value % divisor < 0 ? quotient - 1 : quotient
  }

  /// Year, month and day of the proleptic Gregorian calendar.
  ///
  /// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
  package static func civil(day: Int32) -> (year: Int, month: Int, day: Int) {
    let shifted = Int(day) + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let dayOfMonth = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfMonth)
  }

  /// Days since 1970-01-01 of a civil date (same source, days_from_civil).
  package static func day(year: Int, month: Int, day: Int) -> Int32 {
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return Int32(truncatingIfNeeded: era * 146_097 + dayOfEra - 719_468)
  }

  /// Days of a month, 1 to 12, of the Gregorian calendar.
  package static func dayCount(year: Int, month: Int) -> Int {
    switch month {
    case 4, 6, 9, 11: 30
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    default: 31
    }
  }

  /// `2026-11-21`.
  package static func dateText(day: Int32) -> String {
    let (year, month, dayOfMonth) = civil(day: day)
    return "\(padded(year, 4))-\(padded(month, 2))-\(padded(dayOfMonth, 2))"
  }

  /// `2026-11-21T07:32:00.000001Z`: always six digits, as Delta's statistics want timestamps.
  package static func text(micros: Int64) -> String {
    let day = Timestamp.day(ofMicros: micros)
    let remainder = micros % microsPerDay
    let inDay = remainder < 0 ? remainder + microsPerDay : remainder
    let seconds = inDay / microsPerSecond
    let time =
      "\(padded(Int(seconds / 3600), 2)):\(padded(Int(seconds / 60 % 60), 2)):"
      + padded(Int(seconds % 60), 2)
    return "\(dateText(day: day))T\(time).\(padded(Int(inDay % microsPerSecond), 6))Z"
  }

  private static func padded(_ value: Int, _ width: Int) -> String {
    let digits = String(value.magnitude)
    let zeros = String(repeating: "0", count: max(0, width - digits.utf8.count))
    return (value < 0 ? "-" : "") + zeros + digits
  }
}
