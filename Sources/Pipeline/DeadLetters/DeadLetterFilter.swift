import Base
import Ledger

/// Which dead letters somebody means; nil is any.
package struct DeadLetterFilter: Equatable, Sendable {
  package var reason: String?
  package var source: String?
  package var topic: String?
  package var partition: Int32?
  /// Kafka's timestamp, microseconds, from here …
  package var sinceMicros: Int64?
  /// … to before here. Letters without a timestamp are in no span of time.
  package var untilMicros: Int64?

  package init(
    reason: String? = nil, source: String? = nil, topic: String? = nil, partition: Int32? = nil,
    sinceMicros: Int64? = nil, untilMicros: Int64? = nil
  ) {
    self.reason = reason
    self.source = source
    self.topic = topic
    self.partition = partition
    self.sinceMicros = sinceMicros
    self.untilMicros = untilMicros
  }

  /// Whether it asks for a span of time.
  private var hasTimes: Bool { sinceMicros != nil || untilMicros != nil }

  func takes(_ row: LetterRow) -> Bool {
    if let reason, row.reason != reason { return false }
    if let source, row.source != source { return false }
    if let topic, row.key.topic != topic { return false }
    if let partition, row.key.partition != partition { return false }
    guard hasTimes else { return true }
    guard let time = row.timestampMicros else { return false }
    return time >= sinceMicros ?? .min && time < untilMicros ?? .max
  }

  // MARK: - Files

  /// Whether a file of this date can hold a letter that is meant: letters lie under the date of
  /// their Kafka timestamp, those without one under 1970-01-01.
  func canMatch(day: Int32) -> Bool {
    if let sinceMicros, Timestamp.day(ofMicros: sinceMicros) > day { return false }
    guard let untilMicros else { return true }
    return untilMicros > Int64(day) * Timestamp.microsPerDay
  }

  /// Whether a file with these statistics (Delta's, as JSON) can hold a letter that is meant.
  /// What they do not say is taken for possible.
  func canMatch(statistics: JSONValue) -> Bool {
    let bounds = Bounds(statistics)
    return bounds.mayHold(text: reason, in: "reason")
      && bounds.mayHold(text: source, in: "source")
      && bounds.mayHold(text: topic, in: "kafka_topic")
      && bounds.mayHold(partition.map { Int64($0) }, in: "kafka_partition")
  }

  private struct Bounds {
    let minimums: JSONValue?
    let maximums: JSONValue?

    init(_ statistics: JSONValue) {
      minimums = statistics["minValues"]
      maximums = statistics["maxValues"]
    }

    /// Text bounds are cut outwards, and compared by their bytes.
    func mayHold(text: String?, in column: String) -> Bool {
      guard let text, let low = minimums?[column]?.stringValue,
        let high = maximums?[column]?.stringValue
      else { return true }
      return !text.utf8.lexicographicallyPrecedes(low.utf8)
        && !high.utf8.lexicographicallyPrecedes(text.utf8)
    }

    func mayHold(_ number: Int64?, in column: String) -> Bool {
      guard let number, let low = minimums?[column]?.int64Value,
        let high = maximums?[column]?.int64Value
      else { return true }
      return (low...max(low, high)).contains(number)
    }
  }
}
