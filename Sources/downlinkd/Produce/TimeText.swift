import ArgumentParser
import Base

/// Reads event times from text, exact to the microsecond; digits beyond that are cut off.
///
/// Source: ISO 8601-1:2019 calendar dates with time of day, as RFC 3339 restricts them, and a
/// little more: a blank for the `T`, offsets `+01`, `+0100` and `+01:00`, seconds left out, a comma
/// before the fraction. No calendar or time zone library: an offset is part of the text or the text
/// is refused, because a local time alone names two instants when clocks go back.
struct TimeText: Sendable {
  /// What a count stands for; nil reads ISO 8601.
  let unit: TimeUnit?
  /// Whether an ISO time without offset is UTC; else it is refused.
  let assumesUTC: Bool

  /// Microseconds since 1970 UTC, or nil where the text is no time.
  func micros(_ text: ArraySlice<UInt8>) -> Int64? {
    var cursor = TextCursor(text)
    guard let unit else { return Self.iso(&cursor, assumesUTC: assumesUTC) }
    return Self.count(&cursor, unit)
  }

  /// A decimal count of units, without exponent.
  private static func count(_ cursor: inout TextCursor, _ unit: TimeUnit) -> Int64? {
    let isNegative = cursor.take("-")
    guard let (whole, _) = cursor.digits(max: 19) else { return nil }
    // The fraction as micros: for nanoseconds three digits of the whole are already beyond them.
    var fraction: Int64 = 0
    if cursor.take(".") {
      guard let taken = cursor.fraction(digitCount: unit.fractionDigitCount) else { return nil }
      fraction = taken
    }
    guard cursor.isAtEnd else { return nil }
    if unit == .ns {
      let signed = isNegative ? -whole : whole
      return Timestamp.floorDivide(signed, by: 1000)
    }
    let (scaled, overflow) = whole.multipliedReportingOverflow(by: unit.micros)
    let (sum, sumOverflow) = scaled.addingReportingOverflow(fraction)
    if overflow || sumOverflow { return nil }
    return isNegative ? -sum : sum
  }

  private static func iso(_ cursor: inout TextCursor, assumesUTC: Bool) -> Int64? {
    guard let year = cursor.number(4), cursor.take("-"), let month = cursor.number(2),
      cursor.take("-"), let day = cursor.number(2), (1...12).contains(month),
      (1...Timestamp.dayCount(year: year, month: month)).contains(day),
      cursor.take("T") || cursor.take("t") || cursor.take(" "),
      let hour = cursor.number(2), cursor.take(":"), let minute = cursor.number(2),
      hour < 24, minute < 60
    else { return nil }
    var second = 0
    var fraction: Int64 = 0
    if cursor.take(":") {
      // 60 is a leap second: the instant after 59, as POSIX time has it.
      guard let taken = cursor.number(2), taken <= 60 else { return nil }
      second = taken
      if cursor.take(".") || cursor.take(",") {
        guard let taken = cursor.fraction(digitCount: 6) else { return nil }
        fraction = taken
      }
    }
    guard let offsetMinutes = offset(&cursor, assumesUTC: assumesUTC), cursor.isAtEnd else {
      return nil
    }
    let days = Int64(Timestamp.day(year: year, month: month, day: day))
    let minutes = Int64(hour * 60 + minute - offsetMinutes)
    return days * Timestamp.microsPerDay + minutes * 60_000_000
      + Int64(second) * Timestamp.microsPerSecond + fraction
  }

  /// Minutes east of Greenwich.
  private static func offset(_ cursor: inout TextCursor, assumesUTC: Bool) -> Int? {
    if cursor.isAtEnd { return assumesUTC ? 0 : nil }
    _ = cursor.take(" ")
    if cursor.take("Z") || cursor.take("z") { return 0 }
    let isWest = cursor.take("-")
    guard isWest || cursor.take("+"), let hours = cursor.number(2) else { return nil }
    var minutes = 0
    if cursor.take(":") || !cursor.isAtEnd {
      guard let taken = cursor.number(2) else { return nil }
      minutes = taken
    }
    guard hours < 24, minutes < 60 else { return nil }
    return (isWest ? -1 : 1) * (hours * 60 + minutes)
  }
}

/// What an epoch count counts.
enum TimeUnit: String, CaseIterable, ExpressibleByArgument, Sendable {
  case s, ms, us, ns

  /// Of one unit; 0 for nanoseconds, which are divided instead.
  fileprivate var micros: Int64 {
    switch self {
    case .s: 1_000_000
    case .ms: 1000
    case .us: 1
    case .ns: 0
    }
  }

  /// Decimals of a unit that are whole microseconds.
  fileprivate var fractionDigitCount: Int {
    switch self {
    case .s: 6
    case .ms: 3
    case .us, .ns: 0
    }
  }
}

/// Walks over ASCII text; every `take` moves on only if it found what it wanted.
private struct TextCursor {
  private let text: ArraySlice<UInt8>
  private var position: Int

  init(_ text: ArraySlice<UInt8>) {
    self.text = text
    position = text.startIndex
  }

  var isAtEnd: Bool { position == text.endIndex }

  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard position < text.endIndex, text[position] == UInt8(ascii: character) else {
      return false
    }
    position += 1
    return true
  }

  /// Exactly `digitCount` digits, at most 18.
  mutating func number(_ digitCount: Int) -> Int? {
    let start = position
    guard let (value, count) = digits(max: digitCount), count == digitCount else {
      position = start
      return nil
    }
    return Int(value)
  }

  /// One to `max` digits, and how many they were; nil where there is none, or the number is too
  /// large for 64 bits.
  mutating func digits(max: Int) -> (value: Int64, count: Int)? {
    var value: Int64 = 0
    var count = 0
    while count < max, position < text.endIndex, let digit = digit(text[position]) {
      let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, sumOverflow) = scaled.addingReportingOverflow(digit)
      if overflow || sumOverflow { return nil }
      value = sum
      count += 1
      position += 1
    }
    return count == 0 ? nil : (value, count)
  }

  /// All digits that follow a decimal sign, as a number of `digitCount` places; more are cut off.
  mutating func fraction(digitCount: Int) -> Int64? {
    var value: Int64 = 0
    var count = 0
    while position < text.endIndex, let digit = digit(text[position]) {
      if count < digitCount { value = value * 10 + digit }
      count += 1
      position += 1
    }
    guard count > 0 else { return nil }
    for _ in Swift.min(count, digitCount)..<digitCount { value *= 10 }
    return value
  }

  private func digit(_ byte: UInt8) -> Int64? {
    byte >= 0x30 && byte <= 0x39 ? Int64(byte) - 0x30 : nil
  }
}
