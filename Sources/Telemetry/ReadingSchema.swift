/// The type of a metric column: what the 64-bit words in `ReadingBatch.metricWords` mean and what
/// the column is in a table.
package enum MetricType: String, Sendable {
  /// The word is the bit pattern of a double.
  case double
  /// The word is a double's bit pattern whose value fits a float; the table column is float.
  case float
  /// The word is a signed 64-bit integer whose value fits 32 bits; the table column is int.
  case int32
  /// The word is a signed 64-bit integer; the table column is long.
  case int64
  /// The word is 0 or 1; the table column is boolean.
  case boolean
  /// The word is a stretch of `ReadingBatch.valueBytes`, UTF-8 without NUL: a string, or the name
  /// of an enum's number.
  case text
  /// The word is a stretch of `ReadingBatch.valueBytes`; the table column is binary.
  case bytes
  /// The word is microseconds since 1970 as a signed 64-bit integer; the column is timestamp.
  case timestamp

  /// Whether the word is a double's bit pattern (else it is a two's-complement integer).
  package var isFloatingPoint: Bool { self == .double || self == .float }

  /// Whether values are numbers, which windows and detectors can take; truth is 0 or 1.
  package var isNumeric: Bool {
    switch self {
    case .double, .float, .int32, .int64, .boolean: true
    case .text, .bytes, .timestamp: false
    }
  }

  /// Whether the word is a stretch of `ReadingBatch.valueBytes`.
  package var isByteString: Bool { self == .text || self == .bytes }
}

/// One metric of a source.
package struct MetricColumn: Equatable, Sendable {
  /// The column's name in the table: letters, digits, `_`.
  package let name: String
  package let type: MetricType
  /// The unit as configured, for people; no arithmetic is done with it.
  package let unit: String?

  package init(name: String, type: MetricType, unit: String? = nil) {
    self.name = name
    self.type = type
    self.unit = unit
  }
}

/// The columns of one source's readings, fixed for the life of the process.
///
/// A **wide** source has one column a metric. A **narrow** source has one value column, and every
/// row names its metric: then `metrics` holds that single value column, and the names seen so far
/// stand in `Vocabulary.metrics`.
package struct ReadingSchema: Equatable, Sendable {
  /// The source's name; its table is `readings_<source>`.
  package let source: String
  package let attributes: [String]
  package let hasSequence: Bool
  package let isNarrow: Bool
  package let metrics: [MetricColumn]

  package init(
    source: String, attributes: [String], hasSequence: Bool, isNarrow: Bool,
    metrics: [MetricColumn]
  ) {
    precondition(!isNarrow || metrics.count == 1, "a narrow source has exactly one value column")
    self.source = source
    self.attributes = attributes
    self.hasSequence = hasSequence
    self.isNarrow = isNarrow
    self.metrics = metrics
  }

  /// 64-bit words of presence bits a row needs: bit `m % 64` of word `m / 64` is metric `m`.
  package var presenceWordsPerRow: Int { (metrics.count + 63) / 64 }
}
