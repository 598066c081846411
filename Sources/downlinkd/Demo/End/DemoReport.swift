/// The last words of a demonstration: what was written, what was found, and what to ask the tables.
struct DemoReport {
  let plan: DemoPlan
  let folder: DemoFolder
  let progress: FleetSender.Progress
  let totals: TableTotals
  let accounting: Accounting
  let tally: DemoTally
  /// Steps of anomalies that the pipeline's log told or counted.
  let stepCount: Int
  let restartCount: Int
  let isStoppedEarly: Bool

  var lines: [String] {
    sent + [""] + written + [""] + exactlyOnce + [""] + found + [""] + query
  }

  private var sent: [String] {
    var text = "Sent: \(Figure.count(progress.sentCount, "record")) over "
    text += "\(StepText.span(progress.eventMicros - plan.startMicros)) of the fleet's time, "
    text += "\(Figure.count(progress.lateCount)) late, \(Figure.count(progress.badCount)) "
    text += "unreadable; \(Figure.count(progress.storedCount)) still wait for a pass."
    var lines = ["", text]
    if isStoppedEarly {
      let whole = StepText.span(plan.lengthMicros)
      lines.append("It was stopped before the fleet's \(whole) were over.")
    }
    if let fault = progress.fault { lines.append("Sending ended early: \(fault)") }
    return lines
  }

  private var written: [String] {
    let width = totals.tables.map(\.name.count).max() ?? 0
    return ["Written to \(folder.root)/tables:"]
      + totals.tables.map { table in
        "  \(StepText.padded(table.name, width))  "
          + "\(left(Figure.count(table.rowCount, "row"), 14))  "
          + "\(left(Figure.count(table.fileCount, "file"), 10))  \(Figure.bytes(table.byteCount))"
      }
  }

  private var exactlyOnce: [String] {
    let title =
      restartCount == 0
      ? "Exactly once:"
      : "Exactly once, over \(Figure.count(restartCount, "restart")) of the pipeline:"
    return [title] + accounting.lines.map { "  " + $0 } + stepLines
  }

  /// Where log and table tell of different numbers of steps.
  private var stepLines: [String] {
    let rowCount = totals["anomalies"].rowCount
    if rowCount > stepCount {
      return [
        "  The table anomalies has \(Figure.count(rowCount - stepCount, "row")) that the log did "
          + "not tell of: a process killed between a commit and its log lines takes these along. "
          + "The tally below is of the table."
      ]
    }
    if rowCount < stepCount {
      return [
        "  The log told of \(Figure.count(stepCount - rowCount, "step")) of anomalies that the "
          + "table does not have. This is a fault of downlinkd."
      ]
    }
    return []
  }

  // MARK: Findings

  private var found: [String] {
    var title = "Faults found: \(tally.foundCount) of \(tally.dueCount) injected"
    let earlyCount = tally.findings.count - tally.dueCount
    if earlyCount > 0 {
      title += " (for \(Figure.count(earlyCount, "other")) the run ended too early)"
    }
    return [title] + tally.findings.map { "  " + line($0) } + falseAlarmLines
  }

  private func line(_ finding: DemoTally.Finding) -> String {
    let fault = finding.fault
    let head =
      "\(DemoNames.device(fault.device))  \(StepText.padded(fault.kind.rawValue, 11))"
      + "  \(StepText.time(fault.startMicros))  "
    switch finding.verdict {
    case .found(let detector, let severity, let delayMicros):
      // What is judged by the minute cannot be known sooner.
      let delay = delayMicros < DemoPlan.minute ? "at once" : "after \(StepText.span(delayMicros))"
      return head + "found by \(detector) \(delay) (\(severity))"
    case .missed: return head + "MISSED (\(fault.kind.detector) should have said so)"
    case .tooEarly: return head + "the run ended too early"
    }
  }

  private var falseAlarmLines: [String] {
    let count = tally.falseAlarms.count
    let days = Figure.decimal(tally.seriesDays)
    var text = "False alarms: \(count) in \(days) series-days"
    if tally.seriesDays > 0 {
      text += " (\(Self.perDay(Double(count) / tally.seriesDays)) a series-day)"
    }
    var lines = [text]
    for (detector, steps) in Dictionary(grouping: tally.falseAlarms, by: \.detector)
      .sorted(by: { $0.key < $1.key })
    {
      lines.append("  \(steps.count) by \(detector)")
    }
    if !tally.summaries.isEmpty {
      lines.append("  and \(tally.summaries.count) about many satellites at once")
    }
    return lines
  }

  /// Small rates want more digits than large ones.
  private static func perDay(_ rate: Double) -> String {
    rate == 0 || rate >= 0.1 ? Figure.decimal(rate) : StepText.number(rate)
  }

  // MARK: Queries

  private var query: [String] {
    [
      "Ask the tables yourself, in DuckDB:",
      "",
      "  INSTALL delta; LOAD delta;",
      "",
      "  -- what happened to whom",
      "  SELECT event_time, state, severity, device_id, metric, value, expected, detector",
      "  FROM delta_scan('\(folder.root)/tables/anomalies') ORDER BY event_time;",
      "",
      "  -- the hottest batteries, by the newest revision of each window",
      "  SELECT device_id, window_start, round(mean, 2) AS mean, max",
      "  FROM delta_scan('\(folder.root)/tables/windows')",
      "  WHERE metric = 'battery_temperature_c'",
      "  QUALIFY row_number() OVER (",
      "    PARTITION BY device_id, window_start ORDER BY revision DESC) = 1",
      "  ORDER BY max DESC LIMIT 10;",
      "",
    ]
  }

  private func left(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
}
