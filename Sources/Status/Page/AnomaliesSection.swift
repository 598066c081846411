import Base
import Pipeline

/// What is open in the fleet, worst first, and which devices are silent.
enum AnomaliesSection {
  /// More are summed up in words.
  static let shownMax = 20
  static let silentShownMax = 40

  static func markup(_ view: StatusView) -> Markup {
    let known = view.status.openDetails.filter { !$0.isSilence }
    let silent = view.status.openDetails.filter(\.isSilence)
    return "\(anomalies(view, known, silentCount: silent.count))\n\(silence(view, silent))"
  }

  // MARK: - Of values

  static func anomalies(
    _ view: StatusView, _ known: [PipelineStatus.OpenAnomaly], silentCount: Int
  ) -> Markup {
    let open = view.status.openAnomalyCount
    var lines: [Markup] = []
    if known.isEmpty {
      let words =
        view.status.partitions.isEmpty
        ? "Nothing is watched yet."
        : open == 0 || silentCount > 0
          ? "None: every series that is watched is as usual." : byKind(view.status, "open")
      lines.append("<p class=\"note\">\(words)</p>")
    } else {
      let shown = known.prefix(shownMax)
      lines.append("<ol class=\"cards\">\n\(shown.map { card($0, view) })\n</ol>")
      let others = open - silentCount - shown.count
      if others > 0 {
        let all = byKind(view.status, "open in all, silence included")
        lines.append("<p class=\"note\">\(all)</p>")
      }
    }
    let recent = recent(view)
    if !recent.isEmpty { lines.append(recent) }
    return .section(
      "anomalies", "Open anomalies", style: "full", .joined(lines.map { "\($0)\n" }))
  }

  /// `12 open: 10 critical of battery-temperature, 2 …`.
  private static func byKind(_ status: PipelineStatus, _ words: String) -> String {
    let kinds = status.openAnomalies.filter { $0.count > 0 }
      .sorted { $0.count > $1.count }
      .map { "\(Quantity.count(Int64($0.count))) \($0.severity) of \($0.detector) (\($0.source))" }
    let first = kinds.prefix(8).joined(separator: ", ")
    let others = kinds.count > 8 ? " and \(kinds.count - 8) other kinds" : ""
    return "\(Quantity.count(Int64(status.openAnomalyCount))) \(words): \(first)\(others)."
  }

  private static func card(_ anomaly: PipelineStatus.OpenAnomaly, _ view: StatusView) -> Markup {
    let now = view.status.nowMicros
    let tone: Verdict.Tone = anomaly.isCritical ? .bad : .warning
    let metric: Markup = anomaly.metric.map { "<span class=\"metric\">\($0)</span> of " } ?? .none
    let device: Markup = anomaly.device.isEmpty ? "many devices" : "\(anomaly.device)"
    let age = Quantity.age(view.status.seconds(since: anomaly.openedAtMicros))
    return """
      <li id="a-\(anomaly.id)" class="card \(tone.rawValue)">
      <h3>\(metric)<span class="device">\(device)</span></h3>
      <p class="tag">\(.sign(tone.rawValue))\(anomaly.severity) · \(anomaly.detector) · \
      \(anomaly.source)</p>
      <p class="figure">\(figures(anomaly))</p>
      \(plot(anomaly, view))
      <p class="note">opened \(.time(anomaly.openedAtMicros, now: now)) (event time), \(age) ago</p>
      \(evidence(anomaly))
      </li>
      """
  }

  private static func figures(_ anomaly: PipelineStatus.OpenAnomaly) -> Markup {
    let value: Markup = anomaly.value.map { "<b>\(Quantity.figure($0))</b>" } ?? "<b>–</b>"
    guard let expected = anomaly.expected else { return value }
    let word = anomaly.rule == "limits" ? "limit" : "expected"
    return "\(value) \(word) \(Quantity.figure(expected))"
  }

  /// Windows around the opening, where they have been read.
  private static func plot(_ anomaly: PipelineStatus.OpenAnomaly, _ view: StatusView) -> Markup {
    guard let points = view.plots[anomaly.id], let first = points.first, let last = points.last
    else { return .none }
    let opened = anomaly.openedAtMicros
    var plot = Plot(
      points: points, fromMicros: min(first.atMicros, opened),
      toMicros: max(last.atMicros, opened), label: "", isAmount: false, level: anomaly.expected,
      mark: PlotPoint(at: opened, anomaly.value))
    guard let range = plot.range else { return .none }
    plot.label =
      "Windows of \(anomaly.metric ?? "the device") around the opening: "
      + "\(Quantity.count(Int64(points.count), of: "window")) between "
      + "\(Quantity.figure(range.lowerBound)) and \(Quantity.figure(range.upperBound))"
    let now = view.status.nowMicros
    return """
      \(plot.markup)
      <p class="axis" aria-hidden="true"><span>\(Moment.text(plot.fromMicros, now: now))</span>\
      <span>\(Quantity.figure(range.lowerBound)) to \(Quantity.figure(range.upperBound))</span>\
      <span>\(Moment.text(plot.toMicros, now: now))</span></p>
      """
  }

  private static func evidence(_ anomaly: PipelineStatus.OpenAnomaly) -> Markup {
    let members = anomaly.evidenceMembers.filter { $0.name != "kind" }
    guard !members.isEmpty else { return .none }
    let rows: [Markup] = members.prefix(16).map { member in
      "<dt>\(member.name)</dt><dd>\(text(member.value))</dd>"
    }
    return """
      <details id="e-\(anomaly.id)"><summary>Evidence</summary><dl>\(.joined(rows))</dl></details>
      """
  }

  private static func text(_ value: JSONValue) -> String {
    if let text = value.stringValue { return String(text.prefix(200)) }
    if let number = value.doubleValue { return Quantity.figure(number) }
    return String(value.text.prefix(200))
  }

  // MARK: - Steps

  private static func recent(_ view: StatusView) -> Markup {
    let steps = view.status.recentAnomalies.suffix(20).reversed()
    guard !steps.isEmpty else { return .none }
    let rows: [[Markup]] = steps.map { step in
      [
        .time(step.eventTimeMicros, now: view.status.nowMicros), "\(step.state)",
        "\(step.severity)", "\(step.device)", "\(step.metric ?? "")", "\(step.detector)",
        step.value.map { "\(Quantity.figure($0))" } ?? "–",
      ]
    }
    let table = Markup.table(
      "steps", caption: "Newest steps of anomalies, event time",
      [".Time", ".Step", ".Severity", ".Device", ".Metric", ".Detector", "Value"], rows)
    return "<details id=\"steps\"><summary>Newest steps</summary>\n\(table)\n</details>"
  }

  // MARK: - Silence

  static func silence(_ view: StatusView, _ silent: [PipelineStatus.OpenAnomaly]) -> Markup {
    guard !silent.isEmpty else {
      return .section(
        "silent", "Silent devices", "<p class=\"note\">None that a detector watches for.</p>")
    }
    let now = view.status.nowMicros
    // The longest silence first: who went last may be back soonest.
    let ordered = silent.sorted {
      ($0.openedAtMicros, $0.id) < ($1.openedAtMicros, $1.id)
    }
    let rows: [[Markup]] = ordered.prefix(silentShownMax).map { anomaly in
      let heard = anomaly.evidenceMembers.first { $0.name == "last_heard" }?.value.stringValue
      let device: Markup = anomaly.device.isEmpty
        ? "\(Quantity.count(Int64(anomaly.value ?? 0), of: "device")) in the same minute"
        : "\(anomaly.device)"
      let last = heard.flatMap(Moment.micros) ?? anomaly.openedAtMicros
      return [
        device, .time(last, now: now), .age(view.status.seconds(since: last)),
        "\(anomaly.detector)",
      ]
    }
    let others = silent.count - rows.count
    let more: Markup = others > 0
      ? "<p class=\"note\">and \(Quantity.count(Int64(others))) more.</p>" : .none
    let table = Markup.table(
      "silent", caption: "Devices that went silent, the longest first",
      [".Device", "Last heard", "Silent for", ".Detector"], rows)
    return .section("silent", "Silent devices", "\(table)\n\(more)")
  }
}

extension PipelineStatus.OpenAnomaly {
  fileprivate var isCritical: Bool { severity == "critical" }

  /// Nothing where the text is no object.
  fileprivate var evidenceMembers: [JSONMember] {
    (try? JSONValue(parsing: Array(evidence.utf8)))?.members ?? []
  }
}
