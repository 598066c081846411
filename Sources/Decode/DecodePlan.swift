import Base
package import Telemetry

/// A mapping compiled against the descriptor of its message type: what a `RecordDecoder` is made
/// from, and the schema of the readings it will give. Copying it copies a reference.
package struct DecodePlan: Sendable {
  let compiled: CompiledMapping

  /// Compiles a mapping, or says all that is wrong with it. Done once a source and start.
  package init(
    _ mapping: MessageMapping, catalogue: MessageCatalogue = .builtIn
  ) throws(DecodePlanErrors) {
    var compiler = try PlanCompiler(mapping, catalogue: catalogue)
    compiled = try compiler.compile()
  }

  /// The columns that readings of this source have.
  package var schema: ReadingSchema { compiled.schema }

  /// The mapping it was compiled from.
  package var mapping: MessageMapping { compiled.mapping }

  /// Whether records are read straight from the wire; else libprotobuf-c unpacks them, because only
  /// it tells whether a `required` field is absent.
  package var readsWire: Bool { !compiled.type.hasRequiredField }
}

/// All that decoding needs. Nothing in it is special to a message type.
///
/// A class, because half a kilobyte of constants would else be copied whenever a method of the
/// decoder looks at one of them.
final class CompiledMapping: Sendable {
  /// Who reads which slots.
  struct Readers: Sendable {
    var device: TextOrigin
    var attributes: [TextOrigin]
    var sequence: SlotReader?
    var time: EventTimeReader
    /// In the scope of the row if there are rows, else of the record; so is `time` if it says so.
    var metrics: [SlotReader]
    /// What names a row's metric.
    var metricName: SlotReader?
    /// The key of a row that is the entry of a map: of entries with one key the last counts.
    var rowKey: SlotReader?
  }

  let schema: ReadingSchema
  let mapping: MessageMapping
  let type: MessageType
  let readers: Readers
  let tree: PlanTree
  let wire: WirePlan
  let enumerations: [EnumNames]
  /// Where an unknown number of an enum may lie.
  let enumSlots: [EnumSlot]
  let hasRows: Bool
  /// Slots without which the record is nothing, apart from attributes; those of a row.
  private let vitalRecordSlots: Set<Int>
  let vitalRowSlots: Set<Int>
  /// By the slot of a metric's nanoseconds, those of its seconds.
  let secondsSlots: [Int: [Int]]
  /// Whether a row's metric slots are its columns: as many, in order, numbers that need no look.
  let isStraight: Bool
  /// Whether a metric may be NaN.
  let hasFloatingMetric: Bool

  init(
    schema: ReadingSchema, mapping: MessageMapping, type: MessageType, readers: Readers,
    tree: PlanTree, enumerations: [EnumNames], enumSlots: [EnumSlot]
  ) {
    self.schema = schema
    self.mapping = mapping
    self.type = type
    self.readers = readers
    self.tree = tree
    self.enumerations = enumerations
    self.enumSlots = enumSlots
    wire = WirePlan(tree)
    hasRows = mapping.rows != nil
    let row = [readers.metricName, readers.rowKey].compactMap(\.self)
    let time = [readers.time.reader.slot, readers.time.reader.nanosSlot]
    var ofTime = readers.time.reader.kind == .timestamp ? time : [time[0]]
    if case .slot = readers.time.origin {} else { ofTime = [] }
    let ofSequence = readers.sequence.map { [$0.slot] } ?? []
    let ofDevice = [readers.device.slot].compactMap(\.self)
    vitalRecordSlots = Set(ofDevice + ofSequence + (readers.time.isInRow ? [] : ofTime))
    vitalRowSlots = Set(row.map(\.slot) + (readers.time.isInRow ? ofTime : []))
    secondsSlots = Dictionary(
      grouping: readers.metrics.filter(\.hasNanos), by: \.nanosSlot
    ).mapValues { Array(Set($0.map(\.slot))) }
    hasFloatingMetric = readers.metrics.contains { $0.kind == .floating }
    isStraight = readers.metrics.enumerated().allSatisfy { index, reader in
      let isPlain =
        reader.kind == .floating || reader.kind == .signed || reader.kind == .boolean
      return isPlain && reader.slot == index && !reader.zeroIsAbsent
    }
  }

  /// Slots without which a record is nothing; attributes that are not read are not among them.
  func vitalRecordSlots(hiding hidden: [Int]) -> Set<Int> {
    let read = readers.attributes.indices.filter { !hidden.contains($0) }
    return vitalRecordSlots.union(read.compactMap { readers.attributes[$0].slot })
  }
}

/// An event time as it goes into a row.
struct EventTime {
  var micros: Int64
  /// `ReadingFlags.rawValue`, here and below: `OptionSet`'s operations are generic code of another
  /// module, which nothing specialises, and took a third of the time when they stood here.
  var flags: UInt32

  static var tooEarly: EventTime {
    EventTime(micros: .min, flags: ReadingFlags.beforePlausible.rawValue)
  }

  static var tooLate: EventTime {
    EventTime(micros: .max, flags: ReadingFlags.future.rawValue)
  }
}

extension EventTimeReader {
  /// The event time in a scope's words, or nil if it is absent or 0.
  @unsafe @inline(__always)
  func read(_ layout: SlotMemory.Layout, _ words: UnsafePointer<UInt64>) -> EventTime? {
    guard unsafe layout.isPresent(reader.slot, in: words) else { return nil }
    let word = unsafe layout.word(reader.slot, in: words)
    if reader.kind == .timestamp {
      let nanos = unsafe reader.nanos(layout, words)
      if word == 0 && nanos == 0 { return nil }
      return timestamp(seconds: Int64(bitPattern: word), nanos: nanos)
    }
    return word == 0 ? nil : micros(of: word)
  }

  private func timestamp(seconds: Int64, nanos: Int64) -> EventTime {
    guard let micros = Timestamp.micros(seconds: seconds, nanos: nanos) else {
      return seconds < 0 ? .tooEarly : .tooLate
    }
    return judged(micros)
  }

  /// The event time of a header's number; nil if it is 0.
  func read(_ number: Int64) -> EventTime? {
    number == 0 ? nil : micros(of: UInt64(bitPattern: number))
  }

  /// The event time that Kafka gave the record; nil if it gave none, or 0.
  func read(kafkaTimestamp micros: Int64) -> EventTime? {
    micros == ReadingBatch.absentTimestamp || micros == 0 ? nil : judged(micros)
  }

  /// Microseconds since 1970, and flags for what is odd about them. A time that microseconds in 64
  /// bits cannot hold becomes the nearest that they can, and is flagged: the year 294 247 is no
  /// reading's.
  private func micros(of word: UInt64) -> EventTime {
    if reader.kind == .unsigned64, word > UInt64(Int64.max) {
      // Only nanoseconds can come back into range.
      guard unit == .nanoseconds else { return .tooLate }
      return judged(Int64(word / 1000))
    }
    let count = Int64(bitPattern: word)
    switch unit {
    case .microseconds: return judged(count)
    case .nanoseconds: return judged(Timestamp.floorDivide(count, by: 1000))
    case .seconds, .milliseconds:
      let factor: Int64 = unit == .seconds ? 1_000_000 : 1000
      let (product, overflow) = count.multipliedReportingOverflow(by: factor)
      guard !overflow else { return count < 0 ? .tooEarly : .tooLate }
      return judged(product)
    }
  }

  private func judged(_ micros: Int64) -> EventTime {
    let isPlausible = micros >= plausibleFromMicros
    return EventTime(
      micros: micros, flags: isPlausible ? 0 : ReadingFlags.beforePlausible.rawValue)
  }
}

extension SlotReader {
  /// The nanoseconds beside seconds; absent is 0.
  @unsafe
  func nanos(_ layout: SlotMemory.Layout, _ words: UnsafePointer<UInt64>) -> Int64 {
    guard unsafe layout.isPresent(nanosSlot, in: words) else { return 0 }
    return Int64(bitPattern: unsafe layout.word(nanosSlot, in: words))
  }
}

extension Timestamp {
  /// Whole microseconds of a `google.protobuf.Timestamp`, rounded down; nil beyond 64 bits. Any
  /// number of nanoseconds counts, though the format allows 0 to 999 999 999 only.
  static func micros(seconds: Int64, nanos: Int64) -> Int64? {
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
    let (micros, carry) = whole.addingReportingOverflow(floorDivide(nanos, by: 1000))
    return overflow || carry ? nil : micros
  }
}
