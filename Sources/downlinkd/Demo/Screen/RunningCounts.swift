/// What the pipeline has done so far, over all its processes: each counts from 0 again, and knows
/// its place in Kafka once it has taken its partitions up.
struct RunningCounts: Equatable, Sendable {
  /// What one process counts from its start.
  private struct Totals: Equatable {
    var firingCount = 0
    var deadCount = 0
  }

  private var carried = Totals()
  private var newest = Totals()
  /// Of the newest answer of a process that runs; nil while there is none.
  private var running: StatusSample?
  /// Records whose rows are in the tables, as last heard of any process.
  private(set) var committedCount = 0

  var firingCount: Int { carried.firingCount + newest.firingCount }
  var deadCount: Int { carried.deadCount + newest.deadCount }

  /// Records that Kafka has and the pipeline has not taken in. While no process runs, what was
  /// taken in and not committed counts as well: the next one reads it again.
  func lag(acknowledgedCount: Int) -> Int {
    guard let running else { return max(0, acknowledgedCount - committedCount) }
    return max(0, running.acknowledgedCount - running.takenCount)
  }

  /// An answer of the newest process.
  mutating func note(_ sample: StatusSample) {
    newest = Totals(firingCount: sample.firingCount, deadCount: sample.deadCount)
    // While it joins it has no partitions, or not all of them.
    guard sample.phase == "running", sample.committedCount >= committedCount else { return }
    running = sample
    committedCount = sample.committedCount
  }

  /// The process has ended: the next one counts on top of what it counted. What it counted after
  /// its last answer is missing.
  mutating func carry() {
    carried = Totals(firingCount: firingCount, deadCount: deadCount)
    newest = Totals()
    running = nil
  }
}
