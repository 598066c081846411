/// What makes a record of a source a duplicate: `sources[].deduplicate` of the configuration.
package struct DuplicateRule: Equatable, Sendable {
  /// What two records must have in common.
  package enum Key: UInt8, Sendable {
    /// Device and sequence number, exactly. A record without a sequence is never a duplicate.
    case sequence = 1
    /// Every byte of key and payload, by a hash of 128 bits (`RecordIdentity`). Headers and
    /// Kafka's timestamp may differ: that is what resending changes.
    case payload = 2
  }

  package var by: Key
  /// How long a record that counted makes later ones duplicates; whole milliseconds, as Kafka
  /// stamps, `withinMillisRange`. Counted from it, not from its duplicates.
  package var withinMillis: Int64
  /// Records remembered in one partition at most, `recordCountRange`.
  package var recordCountMax: Int

  /// 1 s to 14 days: the difference of two times is kept in 32 bits.
  package static let withinMillisRange: ClosedRange<Int64> = 1_000...1_209_600_000
  /// A place in the ring takes 24 bits.
  package static let recordCountRange = 1...16_000_000

  /// Traps outside of the ranges: the configuration has checked them.
  package init(by: Key, withinMillis: Int64, recordCountMax: Int) {
    precondition(
      Self.withinMillisRange.contains(withinMillis), "within is from 1 s to 14 days")
    precondition(
      Self.recordCountRange.contains(recordCountMax), "from 1 to 16,000,000 records are kept")
    self.by = by
    self.withinMillis = withinMillis
    self.recordCountMax = recordCountMax
  }

  /// Bytes of memory a remembered record takes, its share of the hash table included: 22 by
  /// sequence, 26 by payload.
  package var bytesPerRecord: Int {
    RecentRecords.bytesPerRecord(keyWordCount: RecordIdentity.wordCount(by: by))
  }

  /// Most bytes of memory that a partition remembers by; in a snapshot it is 16 or 20 a record.
  package var byteCountMax: Int { recordCountMax * bytesPerRecord }
}
