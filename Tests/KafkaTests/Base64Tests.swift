import Testing

@testable import Kafka

struct Base64Tests {
  @Test func `the vectors of RFC 4648 section 10`() {
    let vectors = [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
      ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ]
    for (plain, encoded) in vectors { #expect(Base64.text(Array(plain.utf8)) == encoded) }
  }

  @Test func `bytes that need every part of the alphabet`() {
    #expect(Base64.text([0xFB, 0xFF, 0xBF] as [UInt8]) == "+/+/")
    #expect(Base64.text([0x00] as [UInt8]) == "AA==")
  }
}
