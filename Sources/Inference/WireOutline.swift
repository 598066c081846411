import Base
import Decode

/// What messages look like on the wire when nobody has said what they are: numbers, wire types and
/// what the values could be, as `protoc --decode_raw` shows them for one message.
package struct WireOutline: Sendable {
  /// One field number at one place.
  package struct Line: Equatable, Sendable {
    /// Messages around it.
    package let depth: Int
    package let number: UInt32
    /// `varint`, `64-bit`, `length`, `group`, `32-bit`; several where writers differ.
    package let wireTypes: [String]
    /// Share of the messages around it that have it, and whether one has it several times.
    package let share: Double
    package let isRepeated: Bool
    /// What its values could be, in a few words.
    package let guess: String
  }

  package let recordCount: Int
  /// Records that are no Protobuf, by reason.
  package let faults: [String: Int]
  package let lines: [Line]
  /// Whether every value begins with a zero byte and a number: no message does, an envelope does.
  package let looksEnveloped: Bool

  /// Looks at messages, bounded in depth and fields.
  init(_ messages: [[UInt8]]) {
    var faults: [String: Int] = [:]
    let root = Shape()
    var soundCount = 0
    for message in messages {
      if let fault = Self.fault(message, 0..<message.count) {
        faults[fault.rawValue, default: 0] += 1
        continue
      }
      soundCount += 1
      root.insert(message, 0..<message.count, depth: 0)
    }
    recordCount = messages.count
    self.faults = faults
    var lines: [Line] = []
    root.addLines(depth: 0, &lines)
    self.lines = lines
    looksEnveloped = soundCount == 0 && !messages.isEmpty && messages.allSatisfy {
      $0.count >= 6 && $0[0] == 0
    }
  }

  fileprivate static func fault(_ bytes: [UInt8], _ range: Range<Int>) -> WireFault? {
    var cursor = WireCursor(bytes, range)
    do {
      while try cursor.next() != nil {}
    } catch {
      return error
    }
    return nil
  }
}

/// The fields of the messages at one place.
private final class Shape {
  private static let depthMax = 8
  private static let fieldCountMax = 200

  private var fields: [UInt32: Field] = [:]
  private var messageCount = 0

  func insert(_ bytes: [UInt8], _ range: Range<Int>, depth: Int) {
    messageCount += 1
    var seen: Set<UInt32> = []
    var cursor = WireCursor(bytes, range)
    while let wire = (try? cursor.next()) ?? nil {
      guard fields[wire.number] != nil || fields.count < Self.fieldCountMax else { continue }
      var field = fields[wire.number] ?? Field()
      // No copy of what it holds while it changes.
      fields[wire.number] = nil
      if seen.insert(wire.number).inserted {
        field.messageCount += 1
      } else {
        field.isRepeated = true
      }
      field.insert(wire, bytes, depth: depth, deepest: Self.depthMax)
      fields[wire.number] = field
    }
  }

  func addLines(depth: Int, _ lines: inout [WireOutline.Line]) {
    for (number, field) in fields.sorted(by: { $0.key < $1.key }) {
      lines.append(
        WireOutline.Line(
          depth: depth, number: number, wireTypes: field.wireTypes.sorted().map(Self.name),
          share: Double(field.messageCount) / Double(max(1, messageCount)),
          isRepeated: field.isRepeated, guess: field.guess))
      if field.isMessage { field.inside?.addLines(depth: depth + 1, &lines) }
    }
  }

  private static func name(_ wireType: UInt8) -> String {
    switch wireType {
    case 0: "varint"
    case 1: "64-bit"
    case 2: "length"
    case 3: "group"
    default: "32-bit"
    }
  }
}

/// What was seen of one field number.
private struct Field {
  var messageCount = 0
  var isRepeated = false
  private(set) var wireTypes: Set<UInt8> = []
  private var values = DistinctValues()
  private var budget = 256
  private var valueCount = 0
  private var smallest = UInt64.max
  private var largest: UInt64 = 0
  private var clock = ClockStatistics()
  /// Values that would be plausible as floating point.
  private var floatingCount = 0
  private var textCount = 0
  private var messagesInside = 0
  private(set) var inside: Shape?

  mutating func insert(_ wire: WireField, _ bytes: [UInt8], depth: Int, deepest: Int) {
    wireTypes.insert(wire.wireType)
    valueCount += 1
    switch wire.wireType {
    case 2:
      let content = bytes[wire.content]
      if TypeJudge.isReadable(content) {
        textCount += 1
        values.insert(XXHash64.hash(Array(content)), budget: &budget) {
          FieldStatistics.shortText(bytes, wire.content)
        }
      }
      if depth < deepest, WireOutline.fault(bytes, wire.content) == nil {
        messagesInside += 1
        let shape = inside ?? Shape()
        inside = shape
        shape.insert(bytes, wire.content, depth: depth + 1)
      }
    case 3: break
    default:
      smallest = min(smallest, wire.word)
      largest = max(largest, wire.word)
      if wire.word <= UInt64(Int64.max) { clock.insert(Int64(wire.word), kafkaMicros: nil) }
      let number = wire.wireType == 1
        ? Double(bitPattern: wire.word)
        : Double(Float(bitPattern: UInt32(truncatingIfNeeded: wire.word)))
      if wire.word == 0 || (1e-9...1e15).contains(abs(number)) { floatingCount += 1 }
    }
  }

  private var isText: Bool { textCount * 100 >= valueCount * 99 }

  /// Texts are seldom messages by chance, but messages of one text are texts if it is long enough.
  var isMessage: Bool { wireTypes == [2] && !isText && messagesInside * 100 >= valueCount * 99 }

  var guess: String {
    guard wireTypes.count == 1, let wireType = wireTypes.first else { return "packed or not" }
    if wireType == 3 { return "a group" }
    if wireType == 2 {
      if isText {
        return "string: \(values.countText) values (\(Words.examples(values)))"
      }
      return isMessage ? "message" : "bytes, or packed numbers"
    }
    if let unit = clock.unit, unit.plausibleShare > 0.99 {
      return "integer: a time in \(unit.unit.rawValue) since 1970?"
    }
    if wireType != 0, floatingCount * 100 >= valueCount * 99 {
      return wireType == 1 ? "double" : "float"
    }
    if wireType == 0, largest <= 1 { return "bool, enum or integer" }
    let isNegative = largest > UInt64(Int64.max)
    let range = isNegative ? "some are negative or above 2^63" : "\(smallest) to \(largest)"
    let couldBeEnum = wireType == 0 && largest < 64
    return (couldBeEnum ? "integer or enum: " : "integer: ") + range
  }
}
