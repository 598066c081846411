/// How much the files below a root take, how that grows, and when it will be too much.
package struct StorageUse: Sendable, Equatable {
  /// Everything below the root, bytes: counted file by file now and then, and brought up by what
  /// the tables' logs say in between.
  package var usedByteCount: Int64
  /// Live files of all tables.
  package var liveByteCount: Int64
  /// Removed files that still lie there.
  package var removedByteCount: Int64
  /// Bytes that may still be written on the file system; nil where it does not say.
  package var freeByteCount: Int64?
  /// Nil where there is no budget.
  package var budgetByteCount: Int64?
  /// From here on there is a warning; nil where there is no budget.
  package var warningByteCount: Int64?
  /// Bytes a day by which it grows, over what is known of the last week; nil before the first hour.
  package var growthPerDay: Int64?

  package init(
    usedByteCount: Int64, liveByteCount: Int64 = 0, removedByteCount: Int64 = 0,
    freeByteCount: Int64? = nil, budgetByteCount: Int64? = nil, warningByteCount: Int64? = nil,
    growthPerDay: Int64? = nil
  ) {
    self.usedByteCount = usedByteCount
    self.liveByteCount = liveByteCount
    self.removedByteCount = removedByteCount
    self.freeByteCount = freeByteCount
    self.budgetByteCount = budgetByteCount
    self.warningByteCount = warningByteCount
    self.growthPerDay = growthPerDay
  }

  /// Used bytes as a part of the budget; nil without one.
  package var budgetShare: Double? {
    budgetByteCount.map { Double(usedByteCount) / Double(max($0, 1)) }
  }

  /// What is left until the budget or the file system is full, whichever is less.
  package var leftByteCount: Int64? {
    let budgetLeft = budgetByteCount.map { max(0, $0 - usedByteCount) }
    guard let freeByteCount else { return budgetLeft }
    return min(freeByteCount, budgetLeft ?? .max)
  }

  /// Days until nothing is left at the present rate; nil where it does not grow, or nothing is
  /// known.
  package var daysLeft: Double? {
    guard let growthPerDay, growthPerDay > 0, let leftByteCount else { return nil }
    return Double(leftByteCount) / Double(growthPerDay)
  }

  /// Whether the warning is due.
  package var isAboveWarning: Bool { warningByteCount.map { usedByteCount >= $0 } ?? false }

  /// Whether the budget is used up.
  package var isAboveBudget: Bool { budgetByteCount.map { usedByteCount >= $0 } ?? false }
}

/// Sizes over time, and the rate at which they grow. Pure.
///
/// One sample a tenth of an hour is kept, for a week: the rate is that from the oldest to the
/// newest, so that a compaction or a date that goes changes little of it.
struct GrowthRecord: Sendable {
  private static let sampleMillis: Int64 = 360_000
  private static let spanMillis: Int64 = 7 * 86_400_000
  /// Below that a rate says little.
  private static let leastMillis: Int64 = 3_600_000

  private var samples: [(atMillis: Int64, byteCount: Int64)] = []

  mutating func note(_ byteCount: Int64, atMillis: Int64) {
    // A clock that went back makes what was noted void.
    if let last = samples.last, atMillis < last.atMillis { samples = [] }
    if let last = samples.last, atMillis - last.atMillis < Self.sampleMillis {
      if samples.count > 1 { samples[samples.count - 1].byteCount = byteCount }
      return
    }
    samples.append((atMillis, byteCount))
    let from = atMillis - Self.spanMillis
    if let first = samples.firstIndex(where: { $0.atMillis >= from }) {
      samples.removeFirst(first)
    }
  }

  /// Bytes a day; nil before the first hour.
  var perDay: Int64? {
    guard let first = samples.first, let last = samples.last,
      last.atMillis - first.atMillis >= Self.leastMillis
    else { return nil }
    let days = Double(last.atMillis - first.atMillis) / 86_400_000
    let rate = Double(last.byteCount - first.byteCount) / days
    return abs(rate) < 9e18 ? Int64(rate) : nil
  }
}
