import Testing

@testable import Decode

@Suite struct TextCheckTests {
  private func judge(_ bytes: [UInt8], padding: Int = 0) -> TextCheck {
    let padded = Array(repeating: UInt8(0), count: padding) + bytes + [0xFF]
    return TextCheck.judge(unsafe padded.span.bytes, start: padding, count: bytes.count)
  }

  @Test func `one odd byte is found at every position of every length`() {
    for count in 1...20 {
      for position in 0..<count {
        for padding in 0..<2 {
          var bytes = Array(repeating: UInt8(ascii: "a"), count: count)
          #expect(judge(bytes, padding: padding) == .valid)
          bytes[position] = 0
          #expect(judge(bytes, padding: padding) == .nul)
          for odd in [0x80, 0xC3, 0xFF] as [UInt8] {
            bytes[position] = odd
            #expect(judge(bytes, padding: padding) == .invalidUTF8)
          }
          bytes[position] = 0x7F
          #expect(judge(bytes, padding: padding) == .valid)
        }
      }
    }
  }

  @Test func `every scalar's encoding is text`() {
    let refused = (UInt32(1)...0x10FFFF).filter { value in
      guard value % 17 == 0 || value < 0x900, let scalar = Unicode.Scalar(value) else {
        return false
      }
      return judge(Array(String(Character(scalar)).utf8)) != .valid
    }
    #expect(refused.isEmpty)
  }

  @Test(arguments: [
    [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xF0, 0x8F, 0xBF, 0xBF],
    [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xE2, 0x82], [0x80],
  ] as [[UInt8]])
  func `overlong, surrogate, too large and cut encodings are not text`(bytes: [UInt8]) {
    #expect(judge(bytes) == .invalidUTF8)
  }

  @Test func `a NUL behind a letter of several bytes is found`() {
    #expect(judge([0xC3, 0xA9, 0x61, 0]) == .nul)
  }
}
