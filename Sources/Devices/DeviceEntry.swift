import Telemetry

/// What is counted and kept of one device of a partition, over all the partition's life: 80 bytes.
///
/// Times are microseconds since 1970. All of it is a function of the records that were read, in
/// offset order; nothing of it ever ages away.
package struct DeviceEntry: Equatable, BitwiseCopyable, Sendable {
  /// No such time, offset or difference.
  package static let none = Int64.min

  /// Earliest trusted event time; `noneYet` before the first, `none` where the device was heard
  /// before there was a directory, so that nobody can say any more.
  package internal(set) var firstSeen = DeviceEntry.noneYet
  /// Kafka's timestamp of the last record that had one; `none` before.
  package internal(set) var lastKafkaTimestamp = DeviceEntry.none
  /// Of the last record; `none` before the first.
  package internal(set) var lastOffset = DeviceEntry.none
  /// Records, those without readings included.
  package internal(set) var recordCount: Int64 = 0
  package internal(set) var readingCount: Int64 = 0
  /// Readings below the device's watermark, those too late for any window included.
  package internal(set) var lateCount: Int64 = 0
  /// Readings flagged `future`.
  package internal(set) var futureCount: Int64 = 0
  /// Readings flagged `beforePlausible`.
  package internal(set) var beforePlausibleCount: Int64 = 0
  /// Event time − Kafka timestamp of the last reading of a record with a timestamp, trusted or not,
  /// in microseconds, kept within 64 bits; `none` before the first.
  package internal(set) var lastSkew = DeviceEntry.none
  /// The largest of those there were: how far ahead of Kafka the device's clock ever was. Below 0
  /// where it never was.
  package internal(set) var largestSkew = DeviceEntry.none

  /// Above every event time.
  static let noneYet = Int64.max

  init() {}

  /// The earliest trusted event time; nil before the first, and where nobody can say.
  package var firstSeenTime: Int64? {
    firstSeen == Self.noneYet || firstSeen == Self.none ? nil : firstSeen
  }

  /// Whether a record of it was met since the directory is kept.
  package var isMet: Bool { recordCount > 0 }
}

/// The last word a device had for an attribute, and since when.
package struct DeviceAttribute: Equatable, BitwiseCopyable, Sendable {
  /// Earliest trusted event time of the first record that had this word, has had it since it last
  /// changed, and had such a time; `DeviceEntry.none` before there was one.
  package internal(set) var since = DeviceEntry.none
  /// Index into the attribute's words in `Vocabulary`, or `WordTable.none`.
  package internal(set) var word = WordTable.none
  /// Keeps the type without padding, so that it can be saved as memory.
  private var unused: UInt32 = 0

  init() {}
}
