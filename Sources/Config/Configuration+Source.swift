extension Configuration {
  /// Topics, the message type in them, and how its fields become readings.
  package struct Source: Sendable {
    /// Lower-case letters, digits, `_`; the table is `readings_<name>`.
    package let name: String
    package let topics: [String]
    /// The full name of the message type: `fleet.telemetry.v1.DeviceTelemetry`.
    package let message: String
    /// Where the type is defined; nil for a built-in one.
    package internal(set) var descriptorSet: DescriptorSet?
    /// What stands around the messages in the records' values.
    package let envelope: Envelope
    package let device: Device
    package let time: Time
    /// The field path of the sequence number.
    package let sequence: String?
    /// The repeated field whose elements are the readings; nil where a message is one reading.
    package let rows: String?
    package let attributes: [Attribute]
    package let metrics: Metrics
    /// Whether a number that proto3 declares without `optional` is 0 where it is absent: such a
    /// zero is never sent. Else it is null.
    package let implicitZero: Bool
    /// nil where every record counts.
    package let deduplication: Deduplication?
    package let limits: RecordLimits
    package let eventTime: EventTime
    /// nil where dead letters never pause the source.
    package let deadLetterFlood: DeadLetterFlood?

    /// A compiled set of descriptors, read together with the configuration, so that what was
    /// checked and fingerprinted is what is used.
    package struct DescriptorSet: Sendable {
      /// The file, or the folder of `.proto` files that it was compiled from.
      package let path: String
      package let bytes: [UInt8]
      /// The files that were named to be compiled, empty for all in the folder; nil where the set
      /// was read as it is.
      package let protos: [String]?
      /// Whether the schema registry gave it; `path` says which schema it is.
      package internal(set) var isFromRegistry = false

      /// The key of the source that it comes from, for faults.
      package var key: String {
        if isFromRegistry { return SourceKey.message.rawValue }
        return protos == nil ? SourceKey.descriptorSet.rawValue : SourceKey.protos.rawValue
      }
    }

    /// Where a record names its device.
    package enum Device: Hashable, Sendable {
      /// A field path.
      case field(String)
      /// The record's key, as UTF-8 (`device: $key`).
      case recordKey
      /// The record's last header of this name, as UTF-8 (`device: $header.NAME`).
      case header(String)
    }

    /// What stands around a message.
    package enum Envelope: String, ConfigWord {
      case none
      /// The header of Schema Registries' serializers: magic byte, schema id, message indexes.
      case confluent
    }

    /// One attribute column.
    package struct Attribute: Hashable, Sendable {
      /// A field path, `$key` or `$header.NAME`.
      package let field: String
      /// The column: by default the path with `_` for `.`, or what is left of a header's name
      /// (`Configuration.columnName`).
      package let name: String
      /// What it is, for people: the column's comment.
      package var description: String?
    }

    /// Where a reading has its event time.
    package struct Time: Hashable, Sendable {
      /// A field path, `$timestamp` or `$header.NAME`.
      package let field: String
      /// nil where the field is a `google.protobuf.Timestamp`, or `$timestamp`, which has its own.
      package let unit: TimeUnit?
    }

    /// Which fields are metrics.
    package enum Metrics: Hashable, Sendable {
      /// Every numeric field not used for something else.
      case all
      /// These fields, one column each.
      case fields([MetricField])
      /// Narrow style: each row names its metric in one field and has its value in another.
      case narrow(name: String, value: String)
    }
  }

  /// One metric of a wide source, chosen by hand.
  package struct MetricField: Hashable, Sendable {
    /// The field path.
    package let field: String
    /// Where the field is a map: the key whose value is the metric.
    package let key: String?
    /// The column: letters, digits, `_`.
    package let name: String
    /// The unit, for people.
    package let unit: String?
    /// What it is, for people: the column's comment.
    package var description: String?
  }

  /// The unit of an integer time field, counted from 1970-01-01T00:00:00Z.
  package enum TimeUnit: String, ConfigWord {
    case seconds = "s"
    case millis = "ms"
    case micros = "us"
    case nanos = "ns"
  }

  /// How event time is judged; all durations in microseconds.
  package struct EventTime: Hashable, Sendable {
    /// How far a device's readings may be out of order: its watermark trails its newest by this.
    package let outOfOrdernessMicros: Int64
    /// How long after its end a window still takes late readings, as revisions.
    package let allowedLatenessMicros: Int64
    /// How far ahead of Kafka's time an event time may be.
    package let maxFutureSkewMicros: Int64
    /// Microseconds since 1970-01-01T00:00:00Z; earlier event times are flagged.
    package let plausibleFromMicros: Int64
    /// After how much of the partition's time without a record a device counts as idle.
    package let deviceIdleMicros: Int64
    /// After how much of the wall clock without a record a partition counts as idle.
    package let partitionIdle: PartitionIdle
    /// The same in microseconds; nil for never.
    package var partitionIdleMicros: Int64? {
      switch partitionIdle {
      case .never: nil
      case .standard: standardPartitionIdleMicros
      case .after(let micros): micros
      }
    }

    var standardPartitionIdleMicros: Int64 { max(deviceIdleMicros, Default.partitionIdleMin) }

    /// For people.
    var shownPartitionIdle: String {
      partitionIdleMicros.map { DurationText.text(micros: $0) } ?? "never"
    }
  }

  /// When a partition counts as idle.
  package enum PartitionIdle: Hashable, Sendable {
    case never
    /// What holds where nothing is said: as a device does, but not at a short pause of all.
    case standard
    /// Microseconds.
    case after(Int64)
  }

  /// The column of a field path: `position.altitude_km` is `position_altitude_km`. Of a header it
  /// is its name, `_` for all that no column has: `$header.x-region` is `x_region`. `$key` is
  /// `record_key`.
  package static func columnName(ofPath path: String) -> String {
    switch RecordPartText(path) {
    case .key: return "record_key"
    case .header(let name):
      return String(name.unicodeScalars.map { scalar in
        scalar.isASCII && NameRule.isWordByte(UInt8(scalar.value)) ? Character(scalar) : "_"
      })
    case .timestamp, nil: return path.replacing(".", with: "_")
    }
  }
}

extension Configuration.Source.Attribute {
  /// Whether the column has another name than the field gives it.
  var isRenamed: Bool { name != Configuration.columnName(ofPath: field) }

  /// In one text, for people and for the fingerprint: no two of them have the same. No field path
  /// has a space; the name of a header may, and stands in quotes then.
  var shown: String {
    let field = field.contains(" ") ? "\"\(field)\"" : field
    return isRenamed ? "\(field) as \(name)" : field
  }
}

extension Configuration.Source {
  /// Whether the message type is to be had from the schema registry: the source has envelopes and
  /// no definition of its own. `Configuration.adopt` brings it.
  package var needsSchema: Bool { envelope == .confluent && descriptorSet == nil }
}
