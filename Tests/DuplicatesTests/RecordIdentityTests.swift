import Testing

@testable import Duplicates

@Suite struct RecordIdentityTests {
  private func identity(_ key: String?, _ payload: String) -> RecordIdentity {
    let payload = Array(payload.utf8)
    guard let key else { return unsafe RecordIdentity(key: nil, payload: payload.span.bytes) }
    let bytes = Array(key.utf8)
    return unsafe RecordIdentity(key: bytes.span.bytes, payload: payload.span.bytes)
  }

  @Test func `key and payload both count, and where one ends`() {
    let all = [
      identity("ab", "c"), identity("a", "bc"), identity("", "abc"), identity(nil, "abc"),
      identity("abc", ""), identity(nil, ""), identity("", ""), identity("c", "ab"),
    ]
    for (index, one) in all.enumerated() {
      for other in all[(index + 1)...] {
        #expect(one.first != other.first && one.second != other.second)
      }
    }
    #expect(identity("a", "b") == identity("a", "b"))
  }

  @Test func `the two halves are two functions`() {
    var seen: Set<UInt64> = []
    for length in 0..<200 {
      let one = identity("key", String(repeating: "x", count: length))
      #expect(one.first != one.second)
      #expect(seen.insert(one.first).inserted && seen.insert(one.second).inserted)
    }
  }

  @Test func `a sequence is told apart by every bit, and so is a device`() {
    let base = RecordIdentity(device: 5, sequence: 1000)
    for bit in 0..<64 { #expect(base != RecordIdentity(device: 5, sequence: 1000 ^ (1 << bit))) }
    for bit in 0..<32 { #expect(base != RecordIdentity(device: 5 ^ (1 << bit), sequence: 1000)) }
  }
}
