import Glibc

/// Reads measured values from text.
enum NumberText {
  enum Reading: Equatable {
    case value(Double)
    /// Empty, or one of the usual words for "no value".
    case missing
    /// Something, but not a finite decimal number.
    case unreadable
  }

  /// What the bytes `range` of `text` say. Blanks around a number do not count.
  ///
  /// strtod rounds correctly (glibc manual, "Parsing of Floats"); it reads on until something is no
  /// part of a number, so `text[range.upperBound]` must exist and be 0. It also takes hexadecimal,
  /// infinities and NaN, which are refused here. Cost: about 50 ns.
  static func read(_ text: [UInt8], _ range: Range<Int>) -> Reading {
    precondition(text[range.upperBound] == 0, "a field in the row buffer ends with a 0 byte")
    var start = range.lowerBound
    var end = range.upperBound
    while start < end, isBlank(text[start]) { start += 1 }
    while start < end, isBlank(text[end - 1]) { end -= 1 }
    if start == end || isWordForNothing(text[start..<end]) { return .missing }
    for position in start..<end where !isOfNumber(text[position]) { return .unreadable }
    let (value, count) = unsafe text.withUnsafeBytes { bytes in
      let first = unsafe (bytes.baseAddress! + start).assumingMemoryBound(to: CChar.self)
      var rest: UnsafeMutablePointer<CChar>?
      let value = unsafe strtod(first, &rest)
      return (value, unsafe UnsafePointer(rest).map { unsafe $0 - first } ?? 0)
    }
    guard count == end - start, value.isFinite else { return .unreadable }
    return .value(value)
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  private static func isOfNumber(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "e"),
      UInt8(ascii: "E"):
      true
    default: false
    }
  }

  private static let wordsForNothing =
    ["nan", "na", "n/a", "null", "none", "-"].map { Array($0.utf8) }

  private static func isWordForNothing(_ text: ArraySlice<UInt8>) -> Bool {
    guard text.count <= 4, let first = text.first, first > 0x39 || first == UInt8(ascii: "-")
    else { return false }
    let folded = text.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }
    return wordsForNothing.contains(folded)
  }
}
