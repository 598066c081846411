import Metrics
import Pipeline

// Alerts by webhook. Nothing of these where none is configured; what waits is known to the
// instance that sends.
extension MetricList {
  static let alerts: [StatusMetric] = [
    webhook(
      "downlink_alerts_sending", .gauge, .flag,
      help: "Whether this instance sends the alerts of the webhook: one of a pipeline's does."
    ) { $1.add([$2.name], $2.isSending) },
    StatusMetric(
      MetricDefinition(
        "downlink_alerts_steps_total", .counter, .count, labels: ["webhook", "outcome"],
        help: "Steps of anomalies by what became of their alerts.")
    ) { view, exposition in
      for webhook in view.status.webhooks {
        exposition.add([webhook.name, "sent"], webhook.sentCount)
        exposition.add([webhook.name, "refused"], webhook.refusedCount)
        exposition.add([webhook.name, "left_out"], webhook.leftOutCount)
      }
    },
    webhook(
      "downlink_alerts_missed_commits_total", .counter, .count,
      help: "Commits that were cleaned up from the table's log before their steps were told."
    ) { $1.add([$2.name], $2.missedCommitCount) },
    webhook(
      "downlink_alerts_failed_requests_total", .counter, .count,
      help: "Requests to the webhook that failed; they are tried again."
    ) { $1.add([$2.name], $2.failedCount) },
    webhook(
      "downlink_alerts_queued_steps", .gauge, .count,
      help: "Steps of anomalies that wait for the webhook; no sample where another sends."
    ) { if $2.isSending { $1.add([$2.name], Int64($2.queuedCount)) } },
    webhook(
      "downlink_alerts_oldest_age_seconds", .gauge, .seconds,
      help: "How long ago the oldest waiting step was committed; 0 where none waits."
    ) { if $2.isSending { $1.add([$2.name], $0.oldestAgeSeconds(of: $2)) } },
    webhook(
      "downlink_alerts_firing", .gauge, .count,
      help: "Anomalies that the webhook has been told of and that are open."
    ) { if $2.isSending { $1.add([$2.name], Int64($2.firingCount)) } },
  ]

  private static func webhook(
    _ name: String, _ kind: MetricDefinition.Kind, _ unit: MetricDefinition.Unit, help: String,
    _ add: @escaping @Sendable (PipelineStatus, inout Exposition, PipelineStatus.Webhook) -> Void
  ) -> StatusMetric {
    StatusMetric(MetricDefinition(name, kind, unit, labels: ["webhook"], help: help)) {
      for webhook in $0.status.webhooks { add($0.status, &$1, webhook) }
    }
  }
}
