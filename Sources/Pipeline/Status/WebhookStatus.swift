extension PipelineStatus {
  /// What the alerts of one webhook have come to, and what waits.
  package struct Webhook: Sendable, Equatable {
    package var name: String
    /// `alertmanager` or `webhook`.
    package var format: String
    /// Whether this instance sends; of a pipeline's instances one does.
    package var isSending: Bool
    /// Steps of anomalies since the start: taken, refused by the receiver, and left out.
    package var sentCount: Int64
    package var refusedCount: Int64
    package var leftOutCount: Int64
    /// Commits that were cleaned up from the table's log before their steps were told.
    package var missedCommitCount: Int64
    /// Requests that failed and are tried again.
    package var failedCount: Int64
    /// Steps that wait.
    package var queuedCount: Int
    /// When the oldest of them was committed; nil where none waits.
    package var oldestMicros: Int64?
    /// Anomalies that the receiver believes to be open.
    package var firingCount: Int
    package var trouble: String?

    package init(
      name: String, format: String, isSending: Bool, sentCount: Int64, refusedCount: Int64,
      leftOutCount: Int64, missedCommitCount: Int64, failedCount: Int64, queuedCount: Int,
      oldestMicros: Int64?, firingCount: Int, trouble: String?
    ) {
      self.name = name
      self.format = format
      self.isSending = isSending
      self.sentCount = sentCount
      self.refusedCount = refusedCount
      self.leftOutCount = leftOutCount
      self.missedCommitCount = missedCommitCount
      self.failedCount = failedCount
      self.queuedCount = queuedCount
      self.oldestMicros = oldestMicros
      self.firingCount = firingCount
      self.trouble = trouble
    }
  }

  /// How old the oldest step is that waits for a webhook, seconds; 0 where none does.
  package func oldestAgeSeconds(of webhook: Webhook) -> Double {
    webhook.oldestMicros.map { max(0, Double(nowMicros - $0) / 1e6) } ?? 0
  }
}
