import Base
import Decode
import Telemetry

/// What a sample of records shows of one field at one place of the message type.
struct FieldStatistics {
  /// Scopes (records, or rows) in which it stood with a value that counts: see `ValueKind`.
  private(set) var presentCount = 0
  /// Strings of no bytes, and integers and times that are 0.
  private(set) var emptyCount = 0
  /// Texts that are not UTF-8 or hold a NUL.
  private(set) var unreadableCount = 0
  private(set) var longestByteCount = 0
  /// Texts with a space or a line break in them: sentences rather than names.
  private(set) var proseCount = 0
  private(set) var nonFiniteCount = 0
  private(set) var smallest = Double.infinity
  private(set) var largest = -Double.infinity
  private(set) var distinct = DistinctValues()
  private(set) var relation = GroupRelation()
  private(set) var clock = ClockStatistics()
  private(set) var valueCount = 0
  /// Texts that are their record's key.
  private(set) var equalsKeyCount = 0
  private var lastScope = -1

  /// Where a value was found.
  struct Context {
    /// Counts records, or rows.
    var scope: Int
    /// The key or the device of the record; nil if it has none.
    var group: Int?
    var key: [UInt8]?
    var kafkaMicros: Int64?
  }

  /// Takes in one value. `bytes` is the payload that texts are ranges of.
  mutating func insert(
    _ value: ScalarValue, of kind: ValueKind, names: EnumType?, bytes: [UInt8], _ context: Context,
    budget: inout Int
  ) {
    valueCount += 1
    if context.scope != lastScope {
      presentCount += 1
      lastScope = context.scope
    }
    let hash: UInt64
    var text: String?
    switch value {
    case .text(let range):
      hash = insertText(bytes, range)
      if range.isEmpty { return }
      if let key = context.key, key.elementsEqual(bytes[range]) { equalsKeyCount += 1 }
      text = Self.shortText(bytes, range)
    case .bytes(let range):
      longestByteCount = max(longestByteCount, range.count)
      hash = XXHash64.hash(Array(bytes[range]))
    case .name(let number):
      hash = UInt64(bitPattern: Int64(number))
      text = names?.name(of: number) ?? "\(number)"
    case .truth(let isTrue):
      hash = isTrue ? 1 : 0
      insertNumber(isTrue ? 1 : 0)
    case .integer(let number):
      if number == 0 { emptyCount += 1 }
      hash = UInt64(bitPattern: number)
      text = "\(number)"
      insertNumber(Double(number))
      clock.insert(number, kafkaMicros: context.kafkaMicros)
    case .large(let number):
      hash = number
      insertNumber(Double(number))
    case .floating(let number), .span(let number):
      hash = number.bitPattern
      insertNumber(number)
      if number.isFinite, abs(number) < 9e18 {
        clock.insert(Int64(number), kafkaMicros: context.kafkaMicros)
      }
    case .instant(let micros):
      if micros == 0 { emptyCount += 1 }
      hash = UInt64(bitPattern: micros)
      clock.insert(micros, kafkaMicros: context.kafkaMicros)
    }
    distinct.insert(hash, budget: &budget) { text }
    if let group = context.group {
      relation.insert(hash, in: group, budget: &budget)
      if let number = value.steppingNumber {
        relation.step(to: number, in: group, budget: &budget)
      }
    }
  }

  private mutating func insertText(_ bytes: [UInt8], _ range: Range<Int>) -> UInt64 {
    longestByteCount = max(longestByteCount, range.count)
    if range.isEmpty {
      emptyCount += 1
      return 0
    }
    let text = bytes[range]
    if text.contains(where: { $0 == 0x20 || $0 == 0x0A }) { proseCount += 1 }
    if text.contains(0) || String(validating: text, as: UTF8.self) == nil { unreadableCount += 1 }
    return XXHash64.hash(Array(text))
  }

  private mutating func insertNumber(_ number: Double) {
    guard number.isFinite else {
      nonFiniteCount += 1
      return
    }
    smallest = min(smallest, number)
    largest = max(largest, number)
  }

  /// Nil for a text that is too long to keep, or no UTF-8.
  static func shortText(_ bytes: [UInt8], _ range: Range<Int>) -> String? {
    guard range.count <= InferenceBounds.textByteCountMax else { return nil }
    return String(validating: bytes[range], as: UTF8.self)
  }

  /// Values that stand for something: neither empty texts nor times of 0.
  var usefulCount: Int { presentCount - min(presentCount, emptyCount) }
  /// Whether all values are the same one.
  var isConstant: Bool { distinct.count == 1 && !distinct.isCapped && emptyCount == 0 }
}

extension ScalarValue {
  /// A number whose rise from record to record says something.
  fileprivate var steppingNumber: Int64? {
    switch self {
    case .integer(let number), .instant(let number): number
    default: nil
    }
  }
}

/// Whether numbers are times: each unit has a range of its own, in which no time of another lies.
struct ClockStatistics {
  /// By unit, in the order of `MessageMapping.TimeUnit.allCases`: values from 2000 to 2100, and of
  /// those the ones within a day of Kafka's time.
  private(set) var plausibleCounts = [0, 0, 0, 0]
  private(set) var nearCounts = [0, 0, 0, 0]
  private(set) var count = 0
  /// Microseconds behind Kafka's time, over the near ones.
  private(set) var leastLag = Int64.max
  private(set) var mostLag = Int64.min

  private static let units: [(perSecond: Int64, unit: MessageMapping.TimeUnit)] = [
    (1, .seconds), (1000, .milliseconds), (1_000_000, .microseconds),
    (1_000_000_000, .nanoseconds),
  ]
  private static let plausibleSeconds: Range<Int64> = 946_684_800..<4_102_444_800

  mutating func insert(_ number: Int64, kafkaMicros: Int64?) {
    count += 1
    for (index, unit) in Self.units.enumerated() {
      guard Self.plausibleSeconds.contains(Timestamp.floorDivide(number, by: unit.perSecond))
      else { continue }
      plausibleCounts[index] += 1
      guard let kafkaMicros else { return }
      let micros =
        unit.perSecond > 1_000_000
        ? number / (unit.perSecond / 1_000_000) : number * (1_000_000 / unit.perSecond)
      let (lag, isBeyond) = kafkaMicros.subtractingReportingOverflow(micros)
      if !isBeyond, lag.magnitude <= UInt64(Timestamp.microsPerDay) {
        nearCounts[index] += 1
        leastLag = min(leastLag, lag)
        mostLag = max(mostLag, lag)
      }
    }
  }

  /// The unit in which nearly all values are times, and the share of those near Kafka's.
  var unit: (unit: MessageMapping.TimeUnit, plausibleShare: Double, nearShare: Double)? {
    guard count > 0, let best = plausibleCounts.indices.max(by: {
      plausibleCounts[$0] < plausibleCounts[$1]
    }) else { return nil }
    let plausible = Double(plausibleCounts[best]) / Double(count)
    guard plausible >= 0.9 else { return nil }
    return (Self.units[best].unit, plausible, Double(nearCounts[best]) / Double(count))
  }
}
