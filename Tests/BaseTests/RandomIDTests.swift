import Base
import Testing

@Suite struct RandomIDTests {
  @Test func `ids are version 4 UUIDs and differ`() {
    var seen: Set<String> = []
    for _ in 0..<1000 {
      let id = RandomID.make()
      let groups = id.split(separator: "-")
      #expect(groups.map(\.count) == [8, 4, 4, 4, 12])
      #expect(groups[2].first == "4")
      #expect("89ab".contains(groups[3].first ?? "x"))
      #expect(id.allSatisfy { $0 == "-" || $0.isHexDigit && !$0.isUppercase })
      #expect(seen.insert(id).inserted)
    }
  }

  @Test func `hexadecimal text has sixteen digits`() {
    #expect(RandomID.hex(0) == "0000000000000000")
    #expect(RandomID.hex(0xAB) == "00000000000000ab")
    #expect(RandomID.hex(.max) == "ffffffffffffffff")
  }
}
