import Base

@testable import Decode

/// Random messages of a type, from well-formed to hopeless.
struct WireFuzzer {
  var random: SplitMix64

  /// Fields in any order, some several times, some unknown, some with a wrong wire type; then,
  /// half of the time, damaged.
  mutating func message(of type: MessageType) -> [UInt8] {
    var bytes = fields(of: type, depth: 0)
    switch Int.random(in: 0..<8, using: &random) {
    case 0: bytes.removeLast(Int.random(in: 0...bytes.count, using: &random))
    case 1, 2:
      for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      }
    case 3: bytes.append(contentsOf: noise(count: 6))
    default: break
    }
    return bytes
  }

  private mutating func fields(of type: MessageType, depth: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    for index in 0..<type.fieldCount where Int.random(in: 0..<8, using: &random) > 0 {
      bytes += value(of: type.field(at: index), depth: depth)
    }
    for _ in 0..<Int.random(in: 0...2, using: &random) {
      let index = Int.random(in: 0..<type.fieldCount, using: &random)
      bytes += value(of: type.field(at: index), depth: depth)
    }
    if Int.random(in: 0..<4, using: &random) == 0 { bytes += unknown(depth: depth) }
    return bytes
  }

  private mutating func value(of field: MessageField, depth: Int) -> [UInt8] {
    let number = UInt64(field.number)
    if Int.random(in: 0..<300, using: &random) == 0 { return Wire.integer(number, 1) }
    if field.parent.isMapEntry, field.number == 1 { return mapKey(of: field) }
    switch field.type {
    case .string, .bytes: return Wire.bytes(number, text())
    case .enumeration where Int.random(in: 0..<3, using: &random) > 0:
      let numbers = field.enumType?.values.map(\.number) ?? []
      let known = numbers.randomElement(using: &random) ?? 0
      return Wire.integer(number, UInt64(bitPattern: Int64(known)))
    case .message:
      guard depth < 3, let type = field.messageType else { return [] }
      return Wire.bytes(number, fields(of: type, depth: depth + 1))
    case .float, .fixed32, .sfixed32:
      return Wire.fixed32(number, UInt32(truncatingIfNeeded: integer()))
    case .double where field.isRepeated && Bool.random(using: &random):
      return Wire.bytes(number, noise(count: 8 * Int.random(in: 0...3, using: &random)))
    case .double, .fixed64, .sfixed64:
      return Wire.fixed64(number, integer())
    case .int32 where field.isRepeated && Bool.random(using: &random):
      return Wire.bytes(number, Wire.varint(integer()) + Wire.varint(integer()))
    default: return Wire.integer(number, integer())
    }
  }

  /// One of few, so that keys come twice.
  private mutating func mapKey(of field: MessageField) -> [UInt8] {
    let key = UInt64.random(in: 0..<4, using: &random)
    switch field.type {
    case .string: return Wire.text(1, key == 0 ? "" : "k\(key)")
    case .fixed64, .sfixed64: return Wire.fixed64(1, key)
    case .fixed32, .sfixed32: return Wire.fixed32(1, UInt32(key))
    default: return Wire.integer(1, key)
    }
  }

  private mutating func integer() -> UInt64 {
    switch Int.random(in: 0..<8, using: &random) {
    case 0: 0
    case 1: random.next()
    case 2: UInt64(Int64.max) &+ UInt64.random(in: 0...2, using: &random)
    case 3: Double.infinity.bitPattern
    case 4: Double.nan.bitPattern
    case 5: UInt64.random(in: 0..<300, using: &random)
    default: UInt64.random(in: 1_790_000_000_000...1_790_000_999_999, using: &random)
    }
  }

  private mutating func text() -> [UInt8] {
    switch Int.random(in: 0..<24, using: &random) {
    case 0: []
    case 1: noise(count: 3)
    case 2: Array("bat\0tery".utf8)
    case 3: Array("Størdal-衛星-🛰".utf8)
    case 4: [0xED, 0xA0, 0x80]
    case 5: Array(repeating: 0x61, count: Int.random(in: 500...1100, using: &random))
    default: Array("sat-\(Int.random(in: 0..<1000, using: &random))-battery".utf8)
    }
  }

  private mutating func unknown(depth: Int) -> [UInt8] {
    let number = UInt64.random(in: 1000..<2000, using: &random)
    switch Int.random(in: 0..<4, using: &random) {
    case 0: return Wire.bytes(number, noise(count: 200))
    case 1: return Wire.integer(number, integer())
    case 2: return Wire.fixed32(number, 1)
    default:
      return Wire.group(number, depth < 4 ? unknown(depth: depth + 1) : [])
    }
  }

  private mutating func noise(count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
  }
}
