import Testing

@testable import Base

/// Times of RFC 3339, base64 and hexadecimal digits.
@Suite struct InstantTextTests {
  @Test func `an instant is read to the nanosecond, whatever its offset`() {
    #expect(InstantText("1970-01-01T00:00:00Z")?.micros == 0)
    #expect(InstantText("1970-01-01T02:00:01.5+02:00")?.micros == 1_500_000)
    let before = InstantText("1969-12-31T23:59:59.999999999Z")
    #expect(before?.seconds == -1)
    #expect(before?.nanos == 999_999_999)
    #expect(before?.micros == -1)
    #expect(InstantText("2024-02-29 12:00:00z")?.micros == 1_709_208_000_000_000)
  }

  @Test(arguments: [
    "", "2024", "2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "2024-01-01T00:00:00",
    "2024-01-01T24:00:00Z", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00.1234567890Z",
    "2024-01-01T00:00:00Zx", "0000-01-01T00:00:00Z", "2024-01-01T00:00:00+0200",
  ])
  func `what is no instant is refused`(text: String) {
    #expect(InstantText(text) == nil)
  }

  @Test func `what is written is read back`() {
    for micros: Int64 in [0, 1, -1, 1_781_000_000_123_456, -62_135_596_800_000_000] {
      #expect(InstantText(Timestamp.text(micros: micros))?.micros == micros)
    }
  }

  @Test func `base64 of both alphabets, padded or not`() {
    #expect(Base64Text.bytes("") == [])
    #expect(Base64Text.bytes("AQI=") == [1, 2])
    #expect(Base64Text.bytes("AQI") == [1, 2])
    #expect(Base64Text.bytes("-_8=") == Base64Text.bytes("+/8="))
    #expect(Base64Text.bytes("AAAA") == [0, 0, 0])
    for count in 0..<7 {
      let bytes = (0..<count).map { UInt8(250 + $0 % 6) }
      let text = Base64Text.text(bytes)
      #expect(text.utf8.count % 4 == 0)
      #expect(Base64Text.bytes(text) == bytes)
    }
    for text in ["A", "AQ=", "A*AA", "AQI=A", "===="] { #expect(Base64Text.bytes(text) == nil) }
  }

  @Test func `hexadecimal digits`() {
    #expect(HexText.bytes("00 fF\n1a") == [0, 255, 26])
    #expect(HexText.text([0, 255, 26]) == "00ff1a")
    #expect(HexText.bytes("0") == nil)
    #expect(HexText.bytes("0x") == nil)
  }
}
