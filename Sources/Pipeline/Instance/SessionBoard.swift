import Telemetry

/// What the threads of a session tell each other, behind one Monitor.
struct SessionBoard: Sendable {
  /// Somebody asked for an orderly end.
  var stopRequested = false
  /// Somebody asked for a session with another configuration.
  var reopenRequested = false
  /// A commit is wanted now, whatever the interval says.
  var commitRequested = false
  /// What the next cut brings to the lanes.
  var reload: PipelineReload?
  /// The number of the newest reload that was asked for, and of the newest that is in force.
  var reloadNumber = 0
  var reloadNumberInForce = 0
  /// The commit thread's loop should end.
  var committerShouldEnd = false
  /// The first fault that ends the session.
  var failure: SessionFailure?
  /// Snapshots that turned out damaged: all that the lanes came across, not only the first.
  var damagedStates: Set<String> = []
  /// Positions that were lost and not yet dealt with.
  var losses: [PositionLoss] = []
  /// By lane.
  var progress: [LaneProgress]

  init(laneCount: Int) {
    progress = Array(repeating: LaneProgress(), count: laneCount)
  }

  /// Bytes waiting for the next cut, all lanes.
  var bufferedByteCount: Int { progress.reduce(0) { $0 + $1.bufferedByteCount } }

  /// Whether bytes or dates call for a commit before the interval is over. A lane that alone has
  /// its share of the bytes does: it stops reading at twice that, whatever the others hold.
  func isCommitDue(_ options: CommitOptions) -> Bool {
    commitRequested || bufferedByteCount >= options.byteCount
      || progress.contains {
        $0.openDateCount >= options.openDateCount
          || $0.bufferedByteCount >= options.byteCount / progress.count
      }
  }

  mutating func fail(_ failure: SessionFailure) {
    if case .damagedState(let path, _) = failure { damagedStates.insert(path) }
    if self.failure == nil { self.failure = failure }
  }
}
