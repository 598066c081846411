/// How the fields of one source's messages become readings: the part of a `sources` entry of the
/// configuration that decoding needs (docs/ARCHITECTURE.md, "What comes in").
///
/// Paths are written from the outermost message, with dots: `position.altitude_km`,
/// `samples.value`. Nothing is checked here; `DecodePlan.init` checks all of it at once.
package struct MessageMapping: Equatable, Sendable {
  /// Where a record names its device.
  package enum Device: Equatable, Sendable {
    /// A string field of the message.
    case field(String)
    /// The Kafka record's key, as UTF-8 text.
    case recordKey
    /// The last of the Kafka record's headers of this name, as UTF-8 text.
    case header(String)
  }

  /// A part of the Kafka record beside its value, which may stand in the place of a field.
  package enum RecordPart: Hashable, Sendable {
    /// `$key`
    case key
    /// `$header.NAME`: the last header of the name.
    case header(String)
    /// `$timestamp`: Kafka's time of the record, as the producer or the broker stamped it.
    case timestamp

    /// Reads it as it is written in a mapping; nil for a field path, which never begins with `$`.
    package init?(_ text: String) {
      if text == "$key" {
        self = .key
      } else if text == "$timestamp" {
        self = .timestamp
      } else if text.hasPrefix("$header."), text.utf8.count > 8 {
        self = .header(String(text.dropFirst(8)))
      } else {
        return nil
      }
    }
  }

  /// What an integer time field counts.
  package enum TimeUnit: String, CaseIterable, Sendable {
    case seconds = "s"
    case milliseconds = "ms"
    case microseconds = "us"
    case nanoseconds = "ns"
  }

  /// The event time: an integer field that counts `unit`s since 1970-01-01T00:00:00Z, or a part of
  /// the record (`$timestamp`, which has its own unit, or `$header.NAME`).
  package struct Time: Equatable, Sendable {
    package var field: String
    /// Of an integer; nil for a Timestamp, which has its own.
    package var unit: TimeUnit?

    package init(field: String, unit: TimeUnit? = nil) {
      self.field = field
      self.unit = unit
    }
  }

  /// A field, or a part of the record (`$key`, `$header.NAME`), that becomes an attribute column.
  package struct Attribute: Equatable, Sendable {
    package var field: String
    /// The column's name; nil names it after the path, dots as `_`. A part of the record is named
    /// by whoever maps it.
    package var name: String?

    package init(field: String, name: String? = nil) {
      self.field = field
      self.name = name
    }
  }

  /// A field that becomes a metric column.
  package struct Metric: Equatable, Sendable {
    package var field: String
    /// The column's name; nil names it after the path as seen from the reading, dots as `_`.
    package var name: String?
    package var unit: String?
    /// Where `field` is a map: the key whose value is the metric.
    package var key: String?

    package init(
      field: String, name: String? = nil, unit: String? = nil, key: String? = nil
    ) {
      self.field = field
      self.key = key
      self.name = name
      self.unit = unit
    }
  }

  /// Which fields are metrics of a wide source.
  package enum Metrics: Equatable, Sendable {
    /// Every numeric scalar field of the reading that nothing else uses, those of singular nested
    /// messages included, in the order of declaration.
    case all
    case list([Metric])
  }

  /// A narrow source: each row names its metric.
  package struct NarrowMetric: Equatable, Sendable {
    package var nameField: String
    package var valueField: String
    package var unit: String?

    package init(nameField: String, valueField: String, unit: String? = nil) {
      self.nameField = nameField
      self.valueField = valueField
      self.unit = unit
    }
  }

  /// The source's name, for its table.
  package var source: String
  /// The full name of the message type, package included.
  package var messageName: String
  /// The repeated field whose elements are the readings; nil if the message itself is one.
  package var rows: String?
  package var device: Device
  package var time: Time
  package var sequence: String?
  package var attributes: [Attribute]
  /// Ignored, and to be left `.all`, when `narrowMetric` is set.
  package var metrics: Metrics
  package var narrowMetric: NarrowMetric?
  /// Whether a number of a field that proto3 declares without `optional` is 0 where it is absent:
  /// such a zero is never on the wire. Else it is null.
  package var implicitZero = false
  /// Microseconds; an event time below it is stored and flagged `.beforePlausible`.
  package var plausibleFromMicros: Int64
  /// What stands around the message in a record's value. Decoders see the message only.
  package var envelope = Envelope.none

  /// The Kafka headers that the mapping reads, each once.
  package var headerNames: [String] {
    var names: [String] = []
    if case .header(let name) = device { names.append(name) }
    for field in [time.field] + attributes.map(\.field) {
      if case .header(let name) = RecordPart(field) { names.append(name) }
    }
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
  }

  package init(
    source: String, messageName: String, rows: String? = nil, device: Device, time: Time,
    sequence: String? = nil, attributes: [Attribute] = [], metrics: Metrics = .all,
    narrowMetric: NarrowMetric? = nil, plausibleFromMicros: Int64
  ) {
    self.source = source
    self.messageName = messageName
    self.rows = rows
    self.device = device
    self.time = time
    self.sequence = sequence
    self.attributes = attributes
    self.metrics = metrics
    self.narrowMetric = narrowMetric
    self.plausibleFromMicros = plausibleFromMicros
  }
}
