/// The names of one source's own columns: checks each as it is taken.
package struct ColumnNames {
  /// The columns every `readings_<source>` table has, and those of a narrow source.
  static let ofReadings: Set<String> = [
    "device_id", "event_time", "sequence", "flags", "kafka_topic", "topic_incarnation",
    "kafka_partition", "kafka_offset", "kafka_timestamp", "row_index", "event_date", "metric",
    "value",
  ]

  /// Columns of `windows` and `anomalies`, where attributes stand as well.
  static let ofFindings: Set<String> = [
    "source", "window_name", "window_start", "window_end", "revision", "count", "sum", "mean",
    "min", "max", "stddev", "first", "last", "quantiles", "anomaly_id", "detector", "severity",
    "state", "expected", "score", "threshold", "evidence",
  ]

  /// Longest column name, in bytes: what every engine that reads the tables takes.
  package static let byteCountMax = 128

  private var taken: [String: String] = [:]

  package init() {}

  /// The name a path gets when it is given none.
  package static func name(ofPath path: some StringProtocol) -> String {
    String(path.map { $0 == "." ? "_" : $0 })
  }

  /// Takes a name for the column configured at `key`; the fault if it cannot have it.
  package mutating func take(_ name: String, key: String, isAttribute: Bool) -> DecodePlanFault? {
    let isPlain = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
        true
      default: false
      }
    }
    guard !name.isEmpty, isPlain, name.utf8.count <= Self.byteCountMax else {
      return DecodePlanFault(
        key: key,
        problem: "\"\(name)\" is not a column name (letters, digits and _, at most 128)",
        suggestion: "give it a name")
    }
    let folded = name.lowercased()
    let isReserved =
      Self.ofReadings.contains(folded) || (isAttribute && Self.ofFindings.contains(folded))
    if isReserved {
      return DecodePlanFault(
        key: key, problem: "the column name \(name) is one of ours", suggestion: "give it a name")
    }
    if let other = taken.updateValue(key, forKey: folded) {
      return DecodePlanFault(
        key: key,
        problem: "the column name \(name) is taken by \(other) (case makes no difference)",
        suggestion: "give it a name")
    }
    return nil
  }
}
