/// A whole number in a Kafka header, which has no type: in decimal text, as most producers write
/// one, or in eight bytes, the highest first, as Java's `putLong` does.
///
/// Eight bytes are a number in bytes unless the first of them is a digit or a sign. No event time
/// is mistaken so: those bytes at the front of a number would make it nanoseconds beyond the year
/// 2068, and of the other units more than any reading has.
enum HeaderNumber: Equatable {
  case number(Int64)
  /// A value without bytes.
  case absent
  /// Text that is no number, or one that 64 bits do not hold.
  case unreadable

  /// Cost: O(bytes), nothing allocated.
  init(_ value: RawSpan) {
    guard value.byteCount > 0 else {
      self = .absent
      return
    }
    let first = Self.byte(of: value, at: 0)
    let isSigned = first == UInt8(ascii: "-") || first == UInt8(ascii: "+")
    if value.byteCount == 8, !isSigned, Self.digit(first) == nil {
      let word = unsafe value.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self)
      self = .number(Int64(bitPattern: UInt64(bigEndian: word)))
      return
    }
    let sign: Int64 = first == UInt8(ascii: "-") ? -1 : 1
    var number: Int64 = 0
    let start = isSigned ? 1 : 0
    guard value.byteCount > start else {
      self = .unreadable
      return
    }
    for index in start..<value.byteCount {
      guard let digit = Self.digit(Self.byte(of: value, at: index)) else {
        self = .unreadable
        return
      }
      // With its sign from the beginning: the smallest number has no positive twin.
      let (tens, isTooLong) = number.multipliedReportingOverflow(by: 10)
      let (sum, isTooLarge) = tens.addingReportingOverflow(sign * digit)
      guard !isTooLong, !isTooLarge else {
        self = .unreadable
        return
      }
      number = sum
    }
    self = .number(number)
  }

  private static func byte(of value: RawSpan, at index: Int) -> UInt8 {
    unsafe value.unsafeLoad(fromByteOffset: index, as: UInt8.self)
  }

  private static func digit(_ byte: UInt8) -> Int64? {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) ? Int64(byte - UInt8(ascii: "0")) : nil
  }
}
