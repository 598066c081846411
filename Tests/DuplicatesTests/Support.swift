import Base
import Telemetry

@testable import Duplicates

/// 2026-09-21T13:20:00Z in milliseconds.
let startMillis: Int64 = 1_790_000_400_000
let skewMicros: Int64 = 300_000_000

/// A record as the filter sees it.
struct Offered {
  var device: UInt32 = 1
  var sequence: Int64 = 1
  /// Milliseconds after `startMillis`; nil where Kafka carries no timestamp.
  var millis: Int64?
  var hasAppendTime = false
  /// Dead records are not remembered.
  var isDead = false

  var header: RecordHeader {
    RecordHeader(
      kind: .record, partitionIndex: 0, offset: 0,
      timestampMicros: millis.map { ($0 + startMillis) * 1000 } ?? ReadingBatch.absentTimestamp,
      hasAppendTime: hasAppendTime)
  }
}

extension DuplicateRule {
  static func test(
    by key: Key = .sequence, withinMillis: Int64 = 60_000, records: Int = 1000
  ) -> DuplicateRule {
    DuplicateRule(by: key, withinMillis: withinMillis, recordCountMax: records)
  }
}

extension DuplicateFilter {
  init(_ rule: DuplicateRule) {
    self.init(rule: rule, clock: PartitionClock(), maxFutureSkewMicros: skewMicros)
  }

  /// Judges and passes one record as a partition does; whether it was a duplicate.
  mutating func offer(_ record: Offered) -> Bool {
    if record.isDead {
      pass(record.header, device: PartitionClock.noDevice, remembering: nil)
      return false
    }
    let identity =
      rule.by == .sequence
      ? RecordIdentity(device: record.device, sequence: record.sequence)
      : RecordIdentity(
        first: UInt64(bitPattern: record.sequence), second: .max - UInt64(record.device))
    if isDuplicate(identity, timestamp: record.header.timestampMicros) {
      pass(record.header, device: PartitionClock.noDevice, remembering: nil)
      return true
    }
    pass(record.header, device: record.device, remembering: identity)
    return false
  }

  /// Where its clock stands, for a restore: windows have the same.
  func restored(clock: PartitionClock) throws(ByteReaderError) -> DuplicateFilter {
    var reader = ByteReader(bytes)
    return try DuplicateFilter(
      from: &reader, clock: clock, maxFutureSkewMicros: skewMicros, deviceCount: .max)
  }

  var bytes: [UInt8] {
    var writer = ByteWriter()
    encode(into: &writer)
    return writer.bytes
  }
}
