/// What a webhook's sender has done since the start, and what waits.
package struct AlertAccount: Equatable, Sendable {
  package var name: String
  package var format: String
  /// Whether this instance sends: one of a pipeline's does, the others stand by.
  package var isSending = false
  /// Steps of anomalies that the receiver took, that it refused, and that were left out because
  /// they were too old or too many, or because their rows are gone.
  package var sentCount: Int64 = 0
  package var refusedCount: Int64 = 0
  package var leftOutCount: Int64 = 0
  /// Commits of the table that were cleaned up from its log before their steps were told; not each
  /// had some.
  package var missedCommitCount: Int64 = 0
  /// Requests that failed and are tried again.
  package var failedCount: Int64 = 0
  /// Steps that wait.
  package var queuedCount = 0
  /// When the oldest of them was committed, UTC microseconds; nil where none waits.
  package var oldestMicros: Int64?
  /// Anomalies that the receiver believes to be open.
  package var firingCount = 0
  /// What stands in the way now.
  package var trouble: String?

  package init(name: String, format: String) {
    self.name = name
    self.format = format
  }
}
