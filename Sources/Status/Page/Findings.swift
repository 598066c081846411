import Pipeline

/// Something out of the ordinary beside the verdict: what, what it means, where more of it stands.
struct Finding: Equatable, Sendable {
  var tone: Verdict.Tone
  var text: String
  var meaning: String
  /// Where more of it stands.
  var section: PageSection
}

/// Sections that findings lead to.
enum PageSection: String, Sendable {
  case anomalies
  case partitions
  case deadLetters = "dead-letters"
  case drift
  case instance

  var title: String {
    switch self {
    case .anomalies: "Open anomalies"
    case .partitions: "Partitions"
    case .deadLetters: "Dead letters"
    case .drift: "Drift"
    case .instance: "Instance"
    }
  }
}

extension Finding {
  /// Worst first; in the order of what a person would look at among equals.
  static func all(_ view: StatusView) -> [Finding] {
    let found = [
      anomalies(view), brokers(view.status), flood(view.status), deadLetters(view),
      reload(view.status), alerts(view.status), registry(view.status), paused(view.status),
      drift(view.status),
    ].compactMap(\.self)
    let ranks: [Verdict.Tone] = [.bad, .warning, .busy, .good]
    return ranks.flatMap { tone in found.filter { $0.tone == tone } }
  }

  /// About the fleet, not the pipeline: said first all the same, since that is what it is for.
  private static func anomalies(_ view: StatusView) -> Finding? {
    let open = view.status.openAnomalyCount
    guard open > 0 else { return nil }
    let critical = view.status.openCount(severity: "critical")
    let silent = view.status.openDetails.count { $0.isSilence }
    var parts: [String] = []
    if critical > 0 { parts.append("\(Quantity.count(Int64(critical))) critical") }
    if open > critical { parts.append("\(Quantity.count(Int64(open - critical))) warning") }
    let text = parts.joined(separator: " and ")
    let silence = silent == 0 ? "" : " Of these, \(Quantity.count(Int64(silent))) about silence."
    return Finding(
      tone: critical > 0 ? .bad : .warning,
      text: "In the fleet: \(text) \(open == 1 ? "anomaly" : "anomalies") open.",
      meaning: "The pipeline works; devices do not as usual.\(silence)",
      section: .anomalies)
  }

  private static func brokers(_ status: PipelineStatus) -> Finding? {
    let down = status.brokers.filter { $0.state == "DOWN" }
    guard !down.isEmpty, status.wait?.cause != .brokersAway else { return nil }
    let names = down.prefix(3).map(\.name).joined(separator: ", ")
    return Finding(
      tone: .warning,
      text: "\(down.count) of \(Quantity.count(Int64(status.brokers.count), of: "broker")) "
        + "cannot be reached: \(names)\(down.count > 3 ? ", …" : "").",
      meaning: "Partitions with another leader go on.", section: .instance)
  }

  private static func flood(_ status: PipelineStatus) -> Finding? {
    guard let flood = status.floods.first(where: \.isPaused) else { return nil }
    return Finding(
      tone: .warning,
      text: "Source \(flood.source): \(Quantity.count(flood.deadCount)) of "
        + "\(Quantity.count(flood.recordCount, of: "record")) could not be read.",
      meaning: "It is paused until a reload, or until it is tried again.",
      section: .deadLetters)
  }

  private static func deadLetters(_ view: StatusView) -> Finding? {
    guard let recent = view.recentDeadLetterCount, recent > 0 else { return nil }
    return Finding(
      tone: .warning,
      text: "\(Quantity.count(recent, of: "dead letter")) in the last 15 min.",
      meaning: "Those records could not be read and are kept; downlinkd dead-letters brings them "
        + "back when the cause is mended.",
      section: .deadLetters)
  }

  private static func reload(_ status: PipelineStatus) -> Finding? {
    guard let reload = status.lastReload, !reload.isAccepted else { return nil }
    let age = Quantity.age(status.seconds(since: reload.atMicros))
    return Finding(
      tone: .warning, text: "The configuration file was refused \(age) ago.",
      meaning: "What was in force before still is: \(Sentence.whole(reload.detail))",
      section: .instance)
  }

  private static func alerts(_ status: PipelineStatus) -> Finding? {
    let stuck = status.webhooks.filter { $0.isSending && $0.queuedCount > 0 && $0.trouble != nil }
    guard let first = stuck.first, let trouble = first.trouble else { return nil }
    return Finding(
      tone: .warning,
      text: "Alerts do not leave: \(Quantity.count(Int64(first.queuedCount), of: "step")) for "
        + "\(first.name) \(first.queuedCount == 1 ? "waits" : "wait").",
      meaning: "They are tried again until they are taken. \(Sentence.whole(trouble))",
      section: .instance)
  }

  private static func registry(_ status: PipelineStatus) -> Finding? {
    guard let registry = status.schemaRegistry, let trouble = registry.trouble,
      status.wait?.cause != .schemaRegistry
    else { return nil }
    return Finding(
      tone: .warning, text: "The schema registry does not answer as it should.",
      meaning: "Known schemas go on; a new one would be waited for. \(Sentence.whole(trouble))",
      section: .instance)
  }

  private static func paused(_ status: PipelineStatus) -> Finding? {
    guard status.pausedCount > 0 else { return nil }
    let count = Quantity.count(Int64(status.pausedCount), of: "partition")
    return Finding(
      tone: .busy, text: "\(count) held back until the next commit.",
      meaning: "Buffers are full: storage is the slower side for the moment.",
      section: .partitions)
  }

  private static func drift(_ status: PipelineStatus) -> Finding? {
    let sources = status.drift.filter { $0.unknownFieldCount + $0.unknownEnumNumberCount > 0 }
    guard !sources.isEmpty else { return nil }
    return Finding(
      tone: .busy,
      text: "Records of \(sources.map(\.source).joined(separator: ", ")) have what the schema does "
        + "not.",
      meaning: "Everything known is read. The schema in use is older than the devices'.",
      section: .drift)
  }
}

extension PipelineStatus {
  func openCount(severity: String) -> Int {
    openAnomalies.reduce(0) { $0 + ($1.severity == severity ? $1.count : 0) }
  }
}

extension StatusView {
  /// Committed within the time the history covers; nil without a history.
  var recentDeadLetterCount: Int64? {
    history.first.map { max(0, status.deadLetterCount - $0.deadLetterCount) }
  }
}
