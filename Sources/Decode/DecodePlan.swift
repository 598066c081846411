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
}

/// All that decoding needs, as flat arrays of offsets. Nothing in it is special to a message type.
///
/// A class, because half a kilobyte of constants would else be copied whenever a method of the
/// decoder looks at one of them.
///
/// **Invariants:** every offset comes from `descriptors`, which are those of `type`;
/// group 0 of a scope is the message itself, group `i` is `groups[i - 1]`, parents first.
final class CompiledMapping: Sendable {
  let schema: ReadingSchema
  let mapping: MessageMapping
  let type: MessageType
  /// What libprotobuf-c unpacks by; the offsets below are those of its structs.
  let descriptors: CDescriptors
  let scan: ScanTable
  /// The mapped strings of the record, each once: the scanner's slots.
  let texts: [TextMember]
  /// Their paths, for messages to people.
  let textPaths: [String]
  /// Nested messages on the way to fields of the record, and of a row.
  let recordGroups: [StructGroup]
  let rowGroups: [StructGroup]
  /// Index into `texts`; nil when the record's key is the device.
  let device: Int?
  /// Indexes into `texts`.
  let attributes: [Int]
  let sequence: StructMember?
  let time: EventTimeMember
  /// In the scope of the row if there are rows, else of the record.
  let metrics: [StructMember]
  /// The rows' array of pointers, in the scope of the record; nil if the message is the reading.
  let rows: StructMember?
  /// The string that names a row's metric, in the scope of the row.
  let metricName: TextMember?

  init(
    schema: ReadingSchema, mapping: MessageMapping, type: MessageType,
    descriptors: CDescriptors, scan: ScanTable, texts: [TextMember], textPaths: [String],
    recordGroups: [StructGroup], rowGroups: [StructGroup], device: Int?, attributes: [Int],
    sequence: StructMember?, time: EventTimeMember, metrics: [StructMember],
    rows: StructMember?, metricName: TextMember?
  ) {
    self.schema = schema
    self.mapping = mapping
    self.type = type
    self.descriptors = descriptors
    self.scan = scan
    self.texts = texts
    self.textPaths = textPaths
    self.recordGroups = recordGroups
    self.rowGroups = rowGroups
    self.device = device
    self.attributes = attributes
    self.sequence = sequence
    self.time = time
    self.metrics = metrics
    self.rows = rows
    self.metricName = metricName
  }
}

/// The event time's field and how its number becomes microseconds.
struct EventTimeMember {
  var member: StructMember
  /// In the row, not in the message around it.
  var isInRow: Bool
  var unit: MessageMapping.TimeUnit
  var plausibleFromMicros: Int64

  /// Microseconds since 1970, and `ReadingFlags.rawValue` for what is odd about them. A time that
  /// microseconds in 64 bits cannot hold becomes the nearest that they can, and is flagged: the
  /// year 294 247 is no reading's.
  ///
  /// Flags are plain words here and below: `OptionSet`'s operations are generic code of another
  /// module, which nothing specialises, and took a third of the time when they stood here.
  func micros(of word: UInt64) -> EventTime {
    let micros: Int64
    if member.kind == .uint64, word > UInt64(Int64.max) {
      // Only nanoseconds can come back into range.
      guard unit == .nanoseconds else { return .tooLate }
      micros = Int64(word / 1000)
    } else {
      let count = Int64(bitPattern: word)
      switch unit {
      case .microseconds: micros = count
      case .nanoseconds: micros = Timestamp.floorDivide(count, by: 1000)
      case .seconds, .milliseconds:
        let factor: Int64 = unit == .seconds ? 1_000_000 : 1000
        let (product, overflow) = count.multipliedReportingOverflow(by: factor)
        guard !overflow else { return count < 0 ? .tooEarly : .tooLate }
        micros = product
      }
    }
    let isPlausible = micros >= plausibleFromMicros
    return EventTime(
      micros: micros, flags: isPlausible ? 0 : ReadingFlags.beforePlausible.rawValue)
  }
}

/// An event time as it goes into a row.
struct EventTime {
  var micros: Int64
  var flags: UInt32

  static var tooEarly: EventTime {
    EventTime(micros: .min, flags: ReadingFlags.beforePlausible.rawValue)
  }

  static var tooLate: EventTime {
    EventTime(micros: .max, flags: ReadingFlags.future.rawValue)
  }
}
