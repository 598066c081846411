import Synchronization

/// Counts visits of the armed crash point, from whichever thread they come.
final class CrashCounter: Sendable {
  private let count = Atomic<Int>(0)

  /// The number of this visit, from 1.
  func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}
