/// What is odd about a reading that was stored all the same. The column `flags` of
/// `readings_<source>` holds the raw value; 0 is an ordinary reading.
package struct ReadingFlags: OptionSet, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// A metric is NaN or infinite; that value enters no window and no detector.
  package static let nonFinite = ReadingFlags(rawValue: 1 << 0)
  /// The event time lies before `plausible_from`: the reading enters no window, moves no clock.
  package static let beforePlausible = ReadingFlags(rawValue: 1 << 1)
  /// The event time is too far ahead of Kafka's: the reading enters no window, moves no clock.
  package static let future = ReadingFlags(rawValue: 1 << 2)
  /// An unsigned value above 2^63 − 1 does not fit its column, which is null here.
  package static let outOfRange = ReadingFlags(rawValue: 1 << 3)
  /// The record, or this row of it, was a dead letter first and was brought back by a replay: the
  /// reading is in no window and was seen by no detector.
  package static let replayed = ReadingFlags(rawValue: 1 << 4)

  /// The event time cannot be trusted: the row is filed under the date of its Kafka timestamp.
  package static let implausibleTime: ReadingFlags = [.beforePlausible, .future]
}
