import Base
import Glibc
import Testing

@testable import Pipeline

/// Runs a test body over many seeded cases, and says with which seed to see one of them again.
///
/// `DOWNLINK_FUZZ_ITERATIONS` replaces every count (a long run), `DOWNLINK_FUZZ_SEED` the seed. A
/// case is repeated by the seed in its trail and one iteration. A trap ends the process: the line
/// printed before tells where.
enum Poison {
  static func run(
    _ name: String, cases: Int, _ body: (inout SplitMix64, String) throws -> Void
  ) rethrows {
    let count = number("DOWNLINK_FUZZ_ITERATIONS").map { Int($0) } ?? cases
    let seed = number("DOWNLINK_FUZZ_SEED") ?? UInt64.random(in: 1...(1 << 40))
    say("poison: \(name): \(count) cases from seed \(seed)")
    for index in 0..<count {
      let caseSeed = seed &+ UInt64(index)
      var random = SplitMix64(seed: caseSeed)
      let before = MonotonicClock.nowNanos()
      if isTraced { say("poison: \(name): seed \(caseSeed)") }
      try body(&random, "\(name), DOWNLINK_FUZZ_SEED=\(caseSeed) DOWNLINK_FUZZ_ITERATIONS=1")
      let seconds = Double(MonotonicClock.nowNanos() - before) / 1e9
      #expect(seconds < 10, "\(name), seed \(caseSeed) took \(seconds) s")
    }
  }

  /// Says every case before it runs, so that the last line names the one that trapped.
  private static let isTraced = unsafe getenv("DOWNLINK_FUZZ_TRACE") != nil

  private static func number(_ name: String) -> UInt64? {
    guard let text = unsafe getenv(name) else { return nil }
    return unsafe UInt64(String(cString: text))
  }

  private static func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
  }
}

extension SplitMix64 {
  /// A number below `count`.
  mutating func below(_ count: Int) -> Int { Int.random(in: 0..<max(1, count), using: &self) }

  mutating func chance(oneIn count: Int) -> Bool { below(count) == 0 }

  mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

  /// A number that programs get wrong.
  mutating func extreme() -> Int64 {
    if chance(oneIn: 8) { return Int64(bitPattern: next()) }
    if chance(oneIn: 3) { return pick(Self.smallExtremes) }
    let power = Int64(1) << Int64(below(63))
    let near = power &+ Int64(below(3)) &- 1
    return chance(oneIn: 3) ? -near : near
  }

  private static let smallExtremes: [Int64] = [0, 1, -1, .max, .max - 1, .min, .min + 1]
}

/// Damages bytes: flipped bits, wrong numbers, stretches that are cut, repeated or moved.
enum ByteMutation {
  static func mutate(_ original: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
    var bytes = original
    for _ in 0...random.below(4) where !bytes.isEmpty {
      let place = random.below(bytes.count)
      switch random.below(8) {
      case 0: bytes[place] ^= 1 << UInt8(random.below(8))
      case 1: bytes[place] = UInt8(random.below(256))
      case 2, 3: write(random.extreme(), byteCount: random.pick([1, 2, 4, 8]), at: place, &bytes)
      case 4:
        if random.chance(oneIn: 3) { bytes.removeSubrange(place...) }
      case 5: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random.below(16)))
      case 6:
        let piece = bytes[place..<min(bytes.count, place + 1 + random.below(64))]
        bytes.insert(contentsOf: piece, at: random.below(bytes.count))
      default:
        // A count that claims more than there is: a varint of many bytes.
        bytes.replaceSubrange(
          place..<min(bytes.count, place + 1),
          with: Array(repeating: 0xFF, count: random.below(10)) + [0x7F])
      }
    }
    return bytes
  }

  private static func write(
    _ value: Int64, byteCount: Int, at place: Int, _ bytes: inout [UInt8]
  ) {
    for index in 0..<min(byteCount, bytes.count - place) {
      bytes[place + index] = UInt8(truncatingIfNeeded: value >> Int64(index * 8))
    }
  }
}

/// Lies in JSON that stays JSON: numbers at their extremes, other kinds of values, members that are
/// doubled, dropped or swapped, deep nesting, huge strings.
enum JSONMutation {
  static func mutate(_ value: JSONValue, _ random: inout SplitMix64) -> JSONValue {
    var mutated = value
    for _ in 0...random.below(3) {
      var target = random.below(max(1, count(mutated)))
      mutated = change(mutated, &target, &random)
    }
    return mutated
  }

  private static func count(_ value: JSONValue) -> Int {
    switch value {
    case .array(let elements): return elements.reduce(1) { $0 + count($1) }
    case .object(let members): return members.reduce(1) { $0 + count($1.value) }
    default: return 1
    }
  }

  /// Changes the value that `target` counts down to, in the order of the text.
  private static func change(
    _ value: JSONValue, _ target: inout Int, _ random: inout SplitMix64
  ) -> JSONValue {
    defer { target -= 1 }
    if target == 0 { return replacement(of: value, &random) }
    switch value {
    case .array(let elements):
      var changed: [JSONValue] = []
      for element in elements {
        target -= 1
        changed.append(target < 0 ? element : change(element, &target, &random))
      }
      return .array(changed)
    case .object(let members):
      var changed: [JSONMember] = []
      for member in members {
        target -= 1
        let value = target < 0 ? member.value : change(member.value, &target, &random)
        changed.append(JSONMember(member.name, value))
      }
      return .object(changed)
    default: return value
    }
  }

  private static func replacement(
    of value: JSONValue, _ random: inout SplitMix64
  ) -> JSONValue {
    if random.chance(oneIn: 3) { return anything(&random) }
    switch value {
    case .number: return .int(random.extreme())
    case .string(let text): return .string(string(text, &random))
    case .array(let elements): return .array(list(elements, &random))
    case .object(let members): return .object(object(members, &random))
    case .bool(let bool): return .bool(!bool)
    case .null: return anything(&random)
    }
  }

  private static func anything(_ random: inout SplitMix64) -> JSONValue {
    switch random.below(8) {
    case 0: return .null
    case 1: return .bool(true)
    case 2: return .int(random.extreme())
    case 3: return .string(string("x", &random))
    case 4: return .array([])
    case 5: return .object([])
    case 6: return (0..<random.pick([3, 60, 70])).reduce(.null) { inner, _ in .array([inner]) }
    default: return JSONValue.double(Double(bitPattern: random.next())) ?? .null
    }
  }

  private static func string(_ text: String, _ random: inout SplitMix64) -> String {
    switch random.below(7) {
    case 0: return ""
    case 1: return text + text
    case 2: return "../../" + text
    case 3: return String(text.dropLast())
    case 4: return String(repeating: "\u{E9}", count: random.pick([1, 1000, 50_000]))
    case 5: return "e\u{301}"
    default: return random.pick(["0", "-1", "\u{0}", "tables", "_state/x", "ffffffffffffffff"])
    }
  }

  private static func list(
    _ elements: [JSONValue], _ random: inout SplitMix64
  ) -> [JSONValue] {
    guard !elements.isEmpty else { return [anything(&random)] }
    var changed = elements
    let index = random.below(elements.count)
    switch random.below(3) {
    case 0: changed.remove(at: index)
    case 1: changed.insert(elements[index], at: random.below(elements.count))
    default: changed.swapAt(index, random.below(elements.count))
    }
    return changed
  }

  private static func object(
    _ members: [JSONMember], _ random: inout SplitMix64
  ) -> [JSONMember] {
    guard !members.isEmpty else { return [JSONMember("x", anything(&random))] }
    var changed = members
    let index = random.below(members.count)
    switch random.below(4) {
    case 0: changed.remove(at: index)
    case 1: changed.append(members[index])
    case 2: changed.swapAt(index, random.below(members.count))
    default:
      let name = random.pick(["", "format", "e\u{301}"])
      changed[index] = JSONMember(name, members[index].value)
    }
    return changed
  }
}
