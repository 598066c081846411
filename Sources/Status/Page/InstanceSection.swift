import Pipeline

/// What the instance is and what it stands on: brokers, group, registry, reload, memory.
enum InstanceSection {
  static func markup(_ view: StatusView) -> Markup {
    let rows: [Markup] = facts(view).map { "<dt>\($0.0)</dt><dd>\($0.1)</dd>" }
    return .section(
      "instance", "Instance", "<dl class=\"facts\">\n\(rows)\n</dl>\n\(brokers(view.status))")
  }

  private static func facts(_ view: StatusView) -> [(String, Markup)] {
    let status = view.status
    let now = status.nowMicros
    var rows: [(String, Markup)] = [
      ("Program", "\(status.program)"),
      (
        "Running for",
        """
        \(.age(status.uptimeSeconds)), since \(.time(status.startedAtMicros, now: now)) UTC
        """
      ),
      ("Configuration", "<code>\(status.configFingerprint)</code>"),
      ("Last reload", reload(status)),
      ("Group", group(status)),
      ("Memory", memory(view)),
    ]
    if let process = view.process {
      rows.append(
        (
          "Process",
          """
          \(Quantity.count(Int64(process.threadCount), of: "thread")), \
          \(.count(Int64(process.openFileCount))) of \(.count(Int64(process.openFileCountMax))) \
          file descriptors
          """
        ))
    }
    if let registry = status.schemaRegistry { rows.append(("Schema registry", words(registry))) }
    for webhook in status.webhooks.prefix(webhookShownMax) {
      rows.append(("Alerts to \(webhook.name)", words(webhook, status)))
    }
    return rows
  }

  private static func reload(_ status: PipelineStatus) -> Markup {
    guard let reload = status.lastReload else { return "none since the start" }
    let age = Quantity.age(status.seconds(since: reload.atMicros))
    let verdict = reload.isAccepted ? "accepted" : "refused"
    return """
      <strong>\(verdict)</strong> at \(.time(reload.atMicros, now: status.nowMicros)) UTC, \(age) \
      ago: \(reload.detail)
      """
  }

  private static func group(_ status: PipelineStatus) -> Markup {
    let state = status.groupState.isEmpty ? "not known yet" : status.groupState
    return """
      \(state); \(Quantity.count(status.rebalanceCount, of: "rebalance")), \
      \(Quantity.count(status.sessionCount, of: "session"))
      """
  }

  private static func memory(_ view: StatusView) -> Markup {
    let state = Quantity.bytes(Int64(view.status.stateByteCount))
    let buffers = Quantity.bytes(Int64(view.status.bufferedByteCount))
    guard let process = view.process else { return "state \(state), buffers \(buffers)" }
    return """
      \(Quantity.bytes(process.residentByteCount)) now, \
      \(Quantity.bytes(process.residentByteCountMax)) at most; of it state \(state), buffers \
      \(buffers)
      """
  }

  private static func words(_ registry: PipelineStatus.SchemaRegistry) -> Markup {
    let trouble: Markup = registry.trouble.map { "; the last request failed: \($0)" } ?? .none
    return """
      \(registry.url): \(Quantity.count(Int64(registry.knownIDCount), of: "schema")) known, \
      \(.count(registry.failedCount)) failed requests\(trouble)
      """
  }

  private static func words(
    _ webhook: PipelineStatus.Webhook, _ status: PipelineStatus
  ) -> Markup {
    guard webhook.isSending else { return "sent by another instance" }
    let trouble: Markup = webhook.trouble.map { "; \($0)" } ?? .none
    let age = Quantity.age(status.oldestAgeSeconds(of: webhook))
    let waiting: Markup =
      webhook.queuedCount == 0
      ? "none waits"
      : "\(Quantity.count(Int64(webhook.queuedCount), of: "step")) waiting, the oldest for \(age)"
    return """
      \(Quantity.count(webhook.sentCount, of: "step")) sent, \(waiting), \
      \(.count(webhook.refusedCount)) refused\(trouble)
      """
  }

  static let brokerShownMax = 32
  static let webhookShownMax = 16

  private static func brokers(_ status: PipelineStatus) -> Markup {
    guard !status.brokers.isEmpty else {
      return "<p class=\"note\">No broker has been met yet.</p>"
    }
    let rows: [[Markup]] = status.brokers.prefix(brokerShownMax).map { broker in
      [
        "\(broker.name)", "\(broker.state)",
        broker.roundTripMicros > 0 ? .duration(Double(broker.roundTripMicros) / 1e6) : "–",
      ]
    }
    let others = status.brokers.count - rows.count
    let more: Markup = others > 0 ? "\n<p class=\"note\">and \(others) more.</p>" : .none
    return .table(
      "brokers", caption: "Brokers, as the client sees them",
      [".Broker", ".State", "Round trip"], rows) + more
  }
}
