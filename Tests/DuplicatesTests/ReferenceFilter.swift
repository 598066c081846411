import Telemetry

@testable import Duplicates

/// The rule in its plainest form: a list of what counted, searched from the end.
struct ReferenceFilter {
  private struct Remembered {
    var device: UInt32
    var sequence: Int64
    var arrivedMillis: Int64
  }

  let rule: DuplicateRule
  private(set) var clock = PartitionClock()
  private var remembered: [Remembered] = []

  init(_ rule: DuplicateRule) { self.rule = rule }

  mutating func offer(_ record: Offered) -> Bool {
    let timestamp = record.header.timestampMicros
    let isDuplicate = !record.isDead && matches(record, timestamp)
    let step = clock.observe(
      timestamp: timestamp, hasAppendTime: record.hasAppendTime,
      device: record.isDead || isDuplicate ? PartitionClock.noDevice : record.device,
      maxFutureSkew: skewMicros)
    if step == .restarted {
      for index in remembered.indices { remembered[index].arrivedMillis = clock.micros / 1000 }
    }
    if record.isDead || isDuplicate { return isDuplicate }
    remembered.append(
      Remembered(
        device: record.device, sequence: record.sequence, arrivedMillis: arrival(timestamp)))
    if remembered.count > rule.recordCountMax { remembered.removeFirst() }
    return false
  }

  private func matches(_ record: Offered, _ timestamp: Int64) -> Bool {
    let newest = remembered.last {
      $0.device == record.device && $0.sequence == record.sequence
    }
    guard let newest else { return false }
    if clock.micros == PartitionClock.none { return true }
    return abs(arrival(timestamp) - newest.arrivedMillis) <= rule.withinMillis
  }

  private func arrival(_ timestamp: Int64) -> Int64 {
    let now = clock.micros == PartitionClock.none ? 0 : clock.micros / 1000
    return timestamp == ReadingBatch.absentTimestamp ? now : max(now, timestamp / 1000)
  }
}
