/// An instant as RFC 3339 writes it, to the nanosecond: `2026-06-09T10:00:00.5Z`,
/// `2026-06-09T12:00:00+02:00`.
package struct InstantText: Equatable, Sendable {
  /// Since 1970, whole seconds below the instant.
  package let seconds: Int64
  /// 0 to 999,999,999.
  package let nanos: Int32

  /// Microseconds since 1970; digits beyond are cut off.
  package var micros: Int64 { seconds * Timestamp.microsPerSecond + Int64(nanos) / 1000 }

  /// Nil where the text is anything else, a time without offset included: it names no instant.
  /// At most nine decimals; years 1 to 9999.
  package init?(_ text: String) {
    var rest = Array(text.utf8)[...]
    guard let year = Self.number(&rest, digitCount: 4), Self.take(&rest, "-"),
      let month = Self.number(&rest, digitCount: 2), Self.take(&rest, "-"),
      let day = Self.number(&rest, digitCount: 2),
      Self.take(&rest, "T") || Self.take(&rest, "t") || Self.take(&rest, " "),
      let hour = Self.number(&rest, digitCount: 2), Self.take(&rest, ":"),
      let minute = Self.number(&rest, digitCount: 2), Self.take(&rest, ":"),
      let second = Self.number(&rest, digitCount: 2)
    else { return nil }
    guard year >= 1, (1...12).contains(month),
      (1...Timestamp.dayCount(year: year, month: month)).contains(day),
      hour < 24, minute < 60, second < 60, let nanos = Self.fraction(&rest),
      let offsetMinutes = Self.offset(&rest), rest.isEmpty
    else { return nil }
    let days = Int64(Timestamp.day(year: year, month: month, day: day))
    seconds = days * 86_400 + Int64(hour * 60 + minute - offsetMinutes) * 60 + Int64(second)
    self.nanos = nanos
  }

  // MARK: - Parts

  private static func take(_ rest: inout ArraySlice<UInt8>, _ character: Unicode.Scalar) -> Bool {
    guard rest.first == UInt8(ascii: character) else { return false }
    rest.removeFirst()
    return true
  }

  private static func number(_ rest: inout ArraySlice<UInt8>, digitCount: Int) -> Int? {
    var value = 0
    for _ in 0..<digitCount {
      guard let digit = rest.first, (0x30...0x39).contains(digit) else { return nil }
      value = value * 10 + Int(digit - 0x30)
      rest.removeFirst()
    }
    return value
  }

  /// Nanoseconds; 0 where there are no decimals.
  private static func fraction(_ rest: inout ArraySlice<UInt8>) -> Int32? {
    guard take(&rest, ".") else { return 0 }
    let digits = rest.prefix { (0x30...0x39).contains($0) }
    guard (1...9).contains(digits.count) else { return nil }
    rest.removeFirst(digits.count)
    var nanos: Int32 = 0
    for digit in digits { nanos = nanos * 10 + Int32(digit - 0x30) }
    for _ in digits.count..<9 { nanos *= 10 }
    return nanos
  }

  /// Minutes east of Greenwich.
  private static func offset(_ rest: inout ArraySlice<UInt8>) -> Int? {
    if take(&rest, "Z") || take(&rest, "z") { return 0 }
    let isWest = take(&rest, "-")
    guard isWest || take(&rest, "+"), let hours = number(&rest, digitCount: 2), hours < 24,
      take(&rest, ":"), let minutes = number(&rest, digitCount: 2), minutes < 60
    else { return nil }
    return (isWest ? -1 : 1) * (hours * 60 + minutes)
  }
}
