import Telemetry

/// How a slot's word becomes a value: told by the type of the field it stands for.
struct SlotReader: Sendable {
  enum Kind: UInt8, Sendable {
    /// A signed 64-bit integer.
    case signed
    /// An unsigned one, which may lie beyond what a column holds.
    case unsigned64
    /// A double's bit pattern.
    case floating
    case boolean
    /// A stretch of bytes that must be UTF-8 without NUL.
    case text
    case bytes
    /// The number of an enum: `enumeration` names it.
    case name
    /// Seconds, and nanoseconds in a slot of their own.
    case timestamp
    case duration
  }

  var kind: Kind
  var slot: Int
  /// Of `timestamp` and `duration`; absent is 0.
  var nanosSlot = 0
  /// proto3 without `optional`: a zero is not on the wire, so absent is what zero means.
  var zeroIsAbsent = false
  /// Index into `CompiledMapping.enumerations`.
  var enumeration = 0

  /// Whether `nanosSlot` has a meaning.
  var hasNanos: Bool { kind == .timestamp || kind == .duration }

  /// Whether values are bytes, which become words or stand in `ReadingBatch.valueBytes`.
  var isByteString: Bool { kind == .text || kind == .bytes || kind == .name }

  /// Whether an integer's text can name something: keys of maps do.
  var isInteger: Bool { kind == .signed || kind == .unsigned64 || kind == .boolean }

  /// Whether a present word says that the value is absent.
  @inline(__always)
  func meansAbsent(_ word: UInt64) -> Bool {
    if !zeroIsAbsent { return false }
    return kind == .text || kind == .bytes ? word & 0xFFFF_FFFF == 0 : word == 0
  }
}

/// The names of an enum's numbers, as bytes ready to be words.
struct EnumNames: Sendable {
  private let names: [Int32: [UInt8]]
  /// Bit `n` is set where number `n`, below 64, has a name: what nearly all numbers are.
  private let lowNumbers: UInt64

  init(_ type: EnumType) {
    names = Dictionary(
      type.values.map { ($0.number, Array($0.name.utf8)) }, uniquingKeysWith: { first, _ in first })
    lowNumbers = names.keys.reduce(0) { (0..<64).contains($1) ? $0 | 1 << UInt64($1) : $0 }
  }

  /// Whether a number has a name.
  func hasName(of number: Int32) -> Bool {
    if number >= 0, number < 64 { return lowNumbers >> UInt64(number) & 1 != 0 }
    return names[number] != nil
  }

  /// The first name of a number, or its decimal text if it has none.
  func bytes(of number: Int64) -> [UInt8] {
    if let name = names[Int32(truncatingIfNeeded: number)] { return name }
    return Array("\(number)".utf8)
  }
}

/// Where a text of the record comes from.
enum TextOrigin: Sendable {
  case slot(SlotReader)
  /// The Kafka record's key.
  case key
  /// A Kafka header: index into `MessageMapping.headerNames`.
  case header(Int)

  /// The slot, where it is one.
  var slot: Int? {
    if case .slot(let reader) = self { return reader.slot }
    return nil
  }
}

/// The event time's slot and how its word becomes microseconds.
struct EventTimeReader: Sendable {
  enum Origin: Sendable {
    case slot
    /// Kafka's time of the record.
    case kafkaTimestamp
    /// A Kafka header: index into `MessageMapping.headerNames`.
    case header(Int)
  }

  var origin = Origin.slot
  /// Of the slot; without meaning for other origins.
  var reader = SlotReader(kind: .signed, slot: 0)
  /// In the row, not in the message around it.
  var isInRow: Bool
  /// Of an integer; a Timestamp has its own.
  var unit: MessageMapping.TimeUnit
  var plausibleFromMicros: Int64
}
