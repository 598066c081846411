/// Whether bytes are text that may become a word: UTF-8 without NUL.
enum TextCheck: UInt8 {
  case valid
  case invalidUTF8
  case nul

  /// Why a stretch of `bytes` cannot be a word or a text, or nil if it can.
  static func fault(_ bytes: RawSpan, _ range: Range<Int>, byteCountMax: Int) -> DeadReason? {
    guard range.count <= byteCountMax else { return .stringTooLong }
    return switch judge(bytes, start: range.lowerBound, count: range.count) {
    case .valid: nil
    case .invalidUTF8: .invalidUTF8
    case .nul: .nulInString
    }
  }

  /// Judges `count` bytes of `bytes` from `start`, which must lie within.
  ///
  /// Cost: eight bytes a step while they are ASCII, as the words of telemetry nearly always are;
  /// from the first other byte on the standard library's validator judges the rest.
  static func judge(_ bytes: RawSpan, start: Int, count: Int) -> TextCheck {
    precondition(start >= 0 && count >= 0 && count <= bytes.byteCount - start)
    let end = start &+ count
    var position = start
    // A byte b of 1...0x7F has neither b's nor (b − 1)'s high bit set. Where a NUL stands, b − 1
    // borrows from the byte above, but its own high bit is set all the same.
    while end &- position >= 8 {
      let word = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self)
      if ((word &- 0x0101_0101_0101_0101) | word) & 0x8080_8080_8080_8080 != 0 { break }
      position &+= 8
    }
    while position < end {
      let byte = unsafe bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self)
      if byte &- 1 >= 0x7F { return judgeRest(bytes, start: position, end: end) }
      position &+= 1
    }
    return .valid
  }

  @inline(never)
  private static func judgeRest(_ bytes: RawSpan, start: Int, end: Int) -> TextCheck {
    let rest = unsafe bytes.extracting(start..<end)._unsafeView(as: UInt8.self)
    do {
      _ = try UTF8Span(validating: rest)
    } catch {
      return .invalidUTF8
    }
    for index in rest.indices where rest[index] == 0 { return .nul }
    return .valid
  }
}
