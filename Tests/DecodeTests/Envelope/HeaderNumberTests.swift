import Testing

@testable import Decode

@Suite struct HeaderNumberTests {
  private func number(_ bytes: [UInt8]) -> HeaderNumber { unsafe HeaderNumber(bytes.span.bytes) }

  private func number(_ text: String) -> HeaderNumber { number(Array(text.utf8)) }

  @Test func `decimal text is a number, with and without a sign`() {
    #expect(number("1781000000000") == .number(1_781_000_000_000))
    #expect(number("0") == .number(0))
    #expect(number("-5") == .number(-5))
    #expect(number("+5") == .number(5))
    #expect(number("007") == .number(7))
    #expect(number("9223372036854775807") == .number(.max))
    #expect(number("-9223372036854775808") == .number(.min))
    // Eight characters are text too.
    #expect(number("17810000") == .number(17_810_000))
    #expect(number("-1781000") == .number(-1_781_000))
  }

  @Test func `eight bytes are a big-endian number`() {
    #expect(number([0, 0, 1, 0x9E, 0xAA, 0, 0, 0]) == .number(0x19E_AA00_0000))
    #expect(number([UInt8](repeating: 0xFF, count: 8)) == .number(-1))
    #expect(number([UInt8](repeating: 0, count: 8)) == .number(0))
    #expect(number([0x2F, 0, 0, 0, 0, 0, 0, 0]) == .number(0x2F00_0000_0000_0000))
  }

  @Test(arguments: [
    "-", "+", "1.5", " 1", "1 ", "1e9", "soon", "--1", "9223372036854775808",
    "-9223372036854775809", "99999999999999999999999999", "2026-09-", "١",
  ])
  func `other text is none`(text: String) { #expect(number(text) == .unreadable) }

  @Test func `no bytes are no value, and other lengths no number`() {
    #expect(number("") == .absent)
    #expect(number([0, 0, 1]) == .unreadable)
    #expect(number([UInt8](repeating: 0, count: 4)) == .unreadable)
    #expect(number([UInt8](repeating: 0, count: 9)) == .unreadable)
  }
}
