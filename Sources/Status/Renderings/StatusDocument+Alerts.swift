import Base
import Pipeline

extension StatusDocument {
  /// `alerts[]`.
  static func webhook(
    _ webhook: PipelineStatus.Webhook, _ status: PipelineStatus
  ) -> JSONValue {
    [
      "name": .string(webhook.name), "format": .string(webhook.format),
      "sending": .bool(webhook.isSending), "sent": .int(webhook.sentCount),
      "refused": .int(webhook.refusedCount), "left_out": .int(webhook.leftOutCount),
      "missed_commits": .int(webhook.missedCommitCount), "failed": .int(webhook.failedCount),
      "queued": .int(webhook.queuedCount),
      "oldest_age_seconds": seconds(status.oldestAgeSeconds(of: webhook)),
      "firing": .int(webhook.firingCount), "trouble": .optional(webhook.trouble),
    ]
  }
}
