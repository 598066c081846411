import Base

/// What Alertmanager would send to a webhook receiver of these alerts: its payload of version 4, of
/// one group by name and pipeline (prometheus.io/docs/alerting, "webhook_config").
enum WebhookBody {
  /// The end of what has none.
  private static let noTime = "0001-01-01T00:00:00Z"

  /// - Parameter receiver: the webhook's name.
  static func bytes(
    _ alerts: [Alert], pipeline: String, receiver: String, pageURL: String?
  ) -> [UInt8] {
    let labels = alerts.map { $0.labels(pipeline: pipeline) }
    let group = [
      JSONMember("alertname", .string(Alert.name)), JSONMember("pipeline", .string(pipeline)),
    ]
    let key = "{}:{alertname=\"\(Alert.name)\", pipeline=\"\(pipeline)\"}"
    let list = zip(alerts, labels).map { alert, labels in
      JSONValue.object([
        JSONMember("status", .string(alert.isFiring ? "firing" : "resolved")),
        JSONMember("labels", .object(labels)),
        JSONMember("annotations", .object(alert.annotations)),
        JSONMember("startsAt", .string(Timestamp.text(micros: alert.startMicros))),
        JSONMember(
          "endsAt", .string(alert.endMicros.map { Timestamp.text(micros: $0) } ?? noTime)),
        JSONMember("generatorURL", .string(alert.link(pageURL: pageURL) ?? "")),
        JSONMember("fingerprint", .string(AlertFingerprint.text(labels))),
      ])
    }
    return JSONValue.object([
      JSONMember("version", "4"), JSONMember("groupKey", .string(key)),
      JSONMember("truncatedAlerts", 0),
      JSONMember("status", .string(alerts.contains(where: \.isFiring) ? "firing" : "resolved")),
      JSONMember("receiver", .string(receiver)), JSONMember("groupLabels", .object(group)),
      JSONMember("commonLabels", .object(common(labels))),
      JSONMember("commonAnnotations", .object(common(alerts.map(\.annotations)))),
      JSONMember("externalURL", .string(pageURL ?? "")), JSONMember("alerts", .array(list)),
    ]).bytes
  }

  /// What all lists have alike.
  private static func common(_ lists: [[JSONMember]]) -> [JSONMember] {
    guard let first = lists.first else { return [] }
    return first.filter { member in
      lists.dropFirst().allSatisfy { list in
        list.contains { $0.name == member.name && $0.value == member.value }
      }
    }
  }
}
