/// A random (version 4) UUID as lower-case text: instance incarnations, ledger ids, table ids.
package enum RandomID {
  package static func make() -> String {
    let high = (word() & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000
    let low = (word() & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
    let digits = hex(high) + hex(low)
    var groups: [Substring] = []
    var rest = digits[...]
    for count in [8, 4, 4, 4, 12] {
      groups.append(rest.prefix(count))
      rest = rest.dropFirst(count)
    }
    return groups.joined(separator: "-")
  }

  /// Sixty-four random bits.
  package static func word() -> UInt64 {
    if let world = World.simulated { return world.randomWord() }
    var generator = SystemRandomNumberGenerator()
    return generator.next()
  }

  /// Sixteen lower-case hexadecimal digits.
  package static func hex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }
}
