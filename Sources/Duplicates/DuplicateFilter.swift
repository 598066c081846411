package import Telemetry

/// Tells the records of one partition that were there before from those that were not.
///
/// A record is a duplicate if one with the same identity counted at most `within` ago, measured by
/// Kafka's timestamps: by the partition's clock, or by the record's own timestamp where that is
/// later (a clock that does not believe a jump yet must not make two records of different days
/// equal). Only records that were read count, so of a dead record and its good copy the copy is
/// the first; a duplicate does not renew anything. Two duplicates of one record are duplicates of
/// that record, not of each other.
///
/// For each record, in offset order: `isDuplicate` where it has an identity, then `pass`, once.
///
/// **Invariants:** a function of the record sequence: how it is cut into batches, and snapshots in
/// between, change nothing (docs/ARCHITECTURE.md, invariant I9). Its clock is the one that windows
/// have behind the same records. At most `rule.recordCountMax` records are remembered; where that
/// forgets one before its time it is counted. Cost: `RecentRecords`.
package struct DuplicateFilter: Sendable {
  package private(set) var rule: DuplicateRule
  package private(set) var clock: PartitionClock
  private let maxFutureSkewMicros: Int64
  var records: RecentRecords
  /// Records forgotten before `within` was over, for want of room. A running total that the caller
  /// may reset; no part of the state.
  package var forgottenEarlyCount: Int64 = 0

  /// Remembers nothing.
  ///
  /// - Parameter clock: where the partition's stands.
  package init(rule: DuplicateRule, clock: PartitionClock, maxFutureSkewMicros: Int64) {
    self.init(
      rule: rule, clock: clock, maxFutureSkewMicros: maxFutureSkewMicros,
      records: RecentRecords(
        keyWordCount: RecordIdentity.wordCount(by: rule.by), countMax: rule.recordCountMax))
  }

  init(
    rule: DuplicateRule, clock: PartitionClock, maxFutureSkewMicros: Int64, records: RecentRecords
  ) {
    self.rule = rule
    self.clock = clock
    self.maxFutureSkewMicros = maxFutureSkewMicros
    self.records = records
  }

  /// Records remembered now.
  package var count: Int { records.count }

  package var byteCount: Int { records.byteCount }

  // MARK: - Records

  /// Whether the record that comes next, with this Kafka timestamp (microseconds), is a duplicate.
  package func isDuplicate(_ identity: RecordIdentity, timestamp: Int64) -> Bool {
    guard let stamp = records.stamp(of: identity) else { return false }
    // Without any timestamp yet, what is remembered is all that there is to go by.
    if clock.micros == PartitionClock.none { return true }
    let now = UInt32(truncatingIfNeeded: arrivalMillis(timestamp))
    return abs(Int64(Int32(bitPattern: now &- stamp))) <= rule.withinMillis
  }

  /// Takes note of the record that was judged.
  ///
  /// - Parameters:
  ///   - device: as the batch has it for windows: none for a dead record or a duplicate.
  ///   - identity: of a record that was read, is no duplicate and has one; else nil.
  package mutating func pass(
    _ header: RecordHeader, device: UInt32, remembering identity: RecordIdentity?
  ) {
    let wasHeld = clock.heldCount > 0
    let step = clock.observe(
      timestamp: header.timestampMicros, hasAppendTime: header.hasAppendTime, device: device,
      maxFutureSkew: maxFutureSkewMicros)
    // A jump that was held is believed, or not: either way what came with it came just now. Else
    // the first record of a satellite's pass would be forgotten by the second one's arrival.
    if wasHeld, clock.heldCount == 0 { records.renewNewestGeneration(at: clockMillis) }
    switch step {
    case .unchanged, .held: break
    case .moved: records.forget(before: clockMillis - rule.withinMillis)
    case .restarted:
      records.restamp(
        stamp: UInt32(truncatingIfNeeded: clockMillis), clockMillis: clockMillis)
    }
    guard let identity else { return }
    let isEarly = records.remember(
      identity, stamp: UInt32(truncatingIfNeeded: arrivalMillis(header.timestampMicros)),
      clockMillis: clockMillis, spanMillis: rule.withinMillis / RecentRecords.generationShare,
      beginsGeneration: clock.heldCount == 1)
    if isEarly { forgottenEarlyCount += 1 }
  }

  /// 0 before the first stamp, which restamps what was remembered until then.
  var clockMillis: Int64 { clock.micros == PartitionClock.none ? 0 : clock.micros / 1000 }

  private func arrivalMillis(_ timestamp: Int64) -> Int64 {
    PartitionClock.isSafe(timestamp) ? max(clockMillis, timestamp / 1000) : clockMillis
  }

  // MARK: - Configuration

  /// Another rule from here on. Under the same key what is remembered stays: a longer `within`
  /// reaches back as far as the shorter one had kept, a shorter one or fewer records forget what
  /// is too much. Another key has nothing to go by and starts empty.
  package mutating func reconfigure(_ rule: DuplicateRule) {
    if rule.by != self.rule.by {
      records = RecentRecords(
        keyWordCount: RecordIdentity.wordCount(by: rule.by), countMax: rule.recordCountMax)
    } else {
      records.forget(before: clockMillis - rule.withinMillis)
      forgottenEarlyCount += Int64(records.limit(to: rule.recordCountMax))
    }
    self.rule = rule
  }
}
