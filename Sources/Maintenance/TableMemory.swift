import Base

/// What one process remembers of a table's upkeep so as not to do it again and again. Nothing of it
/// decides what may be done: a process that has forgotten it all does the same, more slowly.
package struct TableMemory: Sendable {
  /// What is kept for so long goes late by at most this share of it, and looks in vain take at
  /// most this share of the time: looking at all that is kept costs as much as there is of it.
  private static let lateShare: Int64 = 100
  private static let longLookNanos: Int64 = 100_000_000
  private static let sweepNanos: Int64 = 3600 * 1_000_000_000

  /// Hashes of the paths of removed files that are deleted: the log names them for some time yet.
  /// Two paths of one hash cost a file that stays until the next start.
  private var deleted: Set<UInt64> = []
  private var lastDeletionNanos: Int64?
  private var nextSweepNanos: Int64 = 0
  private var lastCleanupNanos: Int64?
  private var nextLookNanos: [String: Int64] = [:]

  package init() {}

  /// Whether this process has deleted the file of that path.
  package func hasDeleted(_ path: String) -> Bool { deleted.contains(Self.hash(path)) }

  /// The file of that path is deleted.
  package mutating func noteDeleted(_ path: String) { deleted.insert(Self.hash(path)) }

  /// - Parameter keepMillis: how long removed files are kept.
  func isDeletionDue(keepMillis: Int64) -> Bool { Self.isDue(lastDeletionNanos, keepMillis) }

  mutating func noteDeletion(isAll: Bool) {
    lastDeletionNanos = isAll ? MonotonicClock.nowNanos() : nil
    // Log checkpoints leave out what is long gone, and its hash is of no use then.
    if deleted.count > 1_000_000 { deleted = [] }
  }

  func isSweepDue() -> Bool { MonotonicClock.nowNanos() >= nextSweepNanos }

  mutating func noteSweep(isAll: Bool) {
    nextSweepNanos = isAll ? MonotonicClock.nowNanos() + Self.sweepNanos : 0
  }

  /// - Parameter keepMillis: how long commits are kept.
  func isCleanupDue(keepMillis: Int64) -> Bool { Self.isDue(lastCleanupNanos, keepMillis) }

  mutating func noteCleanup() { lastCleanupNanos = MonotonicClock.nowNanos() }

  /// Whether a step should look at every file of the table again.
  func isLookDue(_ step: String) -> Bool {
    nextLookNanos[step].map { MonotonicClock.nowNanos() >= $0 } ?? true
  }

  /// A look found nothing to do. One that took long, at a million files, is made again after a
  /// hundred times as long: looking costs a hundredth of a core at most.
  mutating func noteVainLook(_ step: String, sinceNanos started: Int64) {
    let now = MonotonicClock.nowNanos()
    let took = now - started
    nextLookNanos[step] = took < Self.longLookNanos ? nil : now + took * Self.lateShare
  }

  private static func isDue(_ lastNanos: Int64?, _ keepMillis: Int64) -> Bool {
    guard let lastNanos else { return true }
    return (MonotonicClock.nowNanos() - lastNanos) / 1_000_000 >= keepMillis / lateShare
  }

  private static func hash(_ path: String) -> UInt64 { XXHash64.hash(Array(path.utf8)) }
}
