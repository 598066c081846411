internal import Base

/// Civil dates, `2000-01-01`, as the microsecond of their start in UTC.
enum DateText {
  static let example = "a date such as 2000-01-01"

  static func micros(_ text: String) throws(ValueFault) -> Int64 {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.map(\.utf8.count) == [4, 2, 2],
      parts.joined().utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let year = Int(parts[0]), let month = Int(parts[1]), let dayOfMonth = Int(parts[2])
    else { throw ValueFault("is not a date; expected \(example)") }
    guard (1...12).contains(month), (1...31).contains(dayOfMonth) else {
      throw ValueFault("is a date that does not exist; expected \(example)")
    }
    let day = Timestamp.day(year: year, month: month, day: dayOfMonth)
    guard Timestamp.civil(day: day) == (year, month, dayOfMonth) else {
      throw ValueFault(
        "is a date that does not exist; expected \(example)",
        suggestion: "did you mean `\(Timestamp.dateText(day: day))`?")
    }
    return Int64(day) * Timestamp.microsPerDay
  }

  static func text(micros: Int64) -> String {
    Timestamp.dateText(day: Timestamp.day(ofMicros: micros))
  }
}
