import Base
import Pipeline
import Telemetry

/// `/`: the facts of `/status` for a person with a browser. It loads nothing, runs nothing, and
/// asks for itself again every few seconds.
enum HTMLDocument {
  /// Nothing may be loaded, run, framed or sent; the one style sheet is known by its digest.
  static let contentSecurityPolicy =
    "default-src 'none'; style-src 'sha256-\(styleDigest)'; base-uri 'none'; "
    + "form-action 'none'; frame-ancestors 'none'"

  static let style = """
    body{font:15px/1.5 system-ui,sans-serif;margin:1.5em auto;max-width:75em;padding:0 1em;\
    color:#1b1f24;background:#fff}
    h1{font-size:1.3em}h2{font-size:1.05em;margin-top:1.8em}
    table{border-collapse:collapse}
    th,td{text-align:left;padding:.15em .9em .15em 0;vertical-align:top}
    td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
    th{font-weight:600;border-bottom:1px solid #c8ccd1}
    .good,.bad{padding:.5em .8em;border-left:.4em solid}
    .good{border-color:#2da44e;background:#eefbf1}.bad{border-color:#cf222e;background:#fff0f0}
    .wide{overflow-x:auto}
    @media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#16181c}\
    .good{background:#12281a}.bad{background:#331416}th{border-color:#444}}
    """

  /// SHA-256 of `style` in Base64; a test compares the two.
  static let styleDigest = "1k5T6K4n432nJlAaC+XGozvHU0ihx+U0/8XypEeDW7E="

  static func text(_ view: StatusView) -> String {
    let status = view.status
    let readiness = status.readiness
    let pipeline = PlainText.html(status.pipeline)
    let tone = readiness.isReady ? "good" : "bad"
    return """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
      <meta name="viewport" content="width=device-width">
      <title>\(readiness.isReady ? "" : "! ")\(pipeline) · downlink</title>
      <style>\(style)</style></head><body>
      <h1>\(pipeline)</h1>
      <p class="\(tone)">\(PlainText.html(readiness.sentence))</p>
      \(overview(view))
      \(partitions(status))
      \(openAnomalies(status))
      \(recentAnomalies(status))
      \(losses(status))
      \(drift(status))
      \(recentCommits(status))
      \(brokers(status))
      <p>\(PlainText.html(status.program)) · configuration \
      \(PlainText.html(status.configFingerprint)) · \
      <a href="/status">status as JSON</a> · <a href="/metrics">metrics</a></p>
      </body></html>

      """
  }

  // MARK: - Parts

  private static func overview(_ view: StatusView) -> String {
    let status = view.status
    var rows: [(String, String)] = [
      ("Phase", "\(status.phase.rawValue) for "
        + Quantity.duration(status.seconds(since: status.phaseSinceMicros))),
      ("Running for", Quantity.duration(status.uptimeSeconds)),
    ]
    if let trouble = status.trouble { rows.append(("Trouble", trouble)) }
    if let wait = status.wait {
      let waited = Quantity.duration(status.seconds(since: wait.sinceMicros))
      rows.append(("Waits for", "\(wait.cause.text) for \(waited): \(wait.detail)"))
    }
    let lag = status.lagRecords.map { Quantity.count($0, of: "record") } ?? "not known yet"
    rows += [
      ("Behind", lag + (status.lagSeconds.map { ", \(Quantity.duration($0))" } ?? "")),
      ("Last commit", lastCommit(status)),
      ("Commits", "\(Quantity.count(status.commitCount)), "
        + "\(Quantity.count(status.conflictCount)) lost to another instance"),
      ("Records", Quantity.count(status.total("records_read"))),
      ("Readings", Quantity.count(status.total("readings"))),
      ("Window rows", "\(Quantity.count(status.total("firings"))), again after late readings "
        + Quantity.count(status.total("firings_again"))),
      ("Written", "\(Quantity.count(status.total("files"))) files, "
        + Quantity.bytes(status.total("file_bytes"))),
      ("Open anomalies", Quantity.count(Int64(status.openAnomalyCount))),
      ("Memory", memory(view)),
      ("Group", "\(status.groupState); "
        + Quantity.count(status.rebalanceCount, of: "rebalance") + ", "
        + Quantity.count(status.sessionCount, of: "session")),
    ]
    if let reload = status.lastReload {
      let verdict = reload.isAccepted ? "accepted" : "refused"
      rows.append(("Last reload", "\(verdict) at \(time(reload.atMicros)): \(reload.detail)"))
    }
    let cells = rows.map { "<tr><th>\($0.0)</th><td>\(PlainText.html($0.1))</td></tr>" }
    return "<table>\(cells.joined(separator: "\n"))</table>"
  }

  private static func lastCommit(_ status: PipelineStatus) -> String {
    guard let last = status.lastCommit else { return "none yet" }
    let age = Quantity.duration(status.secondsSinceCommit)
    let took = Quantity.duration(Double(last.durationMicros) / 1e6)
    return "\(age) ago, ledger version \(last.version), took \(took)"
  }

  private static func memory(_ view: StatusView) -> String {
    let state = Quantity.bytes(Int64(view.status.stateByteCount))
    let buffers = Quantity.bytes(Int64(view.status.bufferedByteCount))
    let parts = "state \(state), buffers \(buffers)"
    guard let process = view.process else { return parts }
    return "\(Quantity.bytes(process.residentByteCount)), of it \(parts)"
  }

  private static func partitions(_ status: PipelineStatus) -> String {
    table(
      "Partitions",
      [
        "Partition", "Lane", "#Next", "#Committed", "#End", "#Behind", "#Behind by", "Clock",
        "Watermark", "#Devices", "#State", "#Buffers", "",
      ],
      status.partitions.map { partition in
        [
          partition.topicPartition.description, "\(partition.lane)",
          number(partition.nextOffset), number(partition.committedOffset),
          number(partition.endOffset), number(partition.lag),
          status.lagSeconds(of: partition).map(Quantity.duration) ?? "",
          time(partition.clockMicros), time(partition.watermarkMicros),
          Quantity.count(Int64(partition.deviceCount)),
          Quantity.bytes(Int64(partition.stateByteCount)),
          Quantity.bytes(Int64(partition.bufferedByteCount)), partition.notes,
        ]
      })
  }

  private static func openAnomalies(_ status: PipelineStatus) -> String {
    table(
      "Open anomalies", ["Source", "Detector", "Severity", "#Open"],
      status.openAnomalies.map {
        [$0.source, $0.detector, $0.severity, Quantity.count(Int64($0.count))]
      })
  }

  private static func recentAnomalies(_ status: PipelineStatus) -> String {
    table(
      "Newest steps of anomalies",
      ["Event time", "State", "Severity", "Device", "Metric", "Detector", "#Value", "#Expected"],
      status.recentAnomalies.suffix(50).reversed().map {
        [
          time($0.eventTimeMicros), $0.state, $0.severity, $0.device, $0.metric ?? "",
          $0.detector, $0.value.map { "\($0)" } ?? "", $0.expected.map { "\($0)" } ?? "",
        ]
      })
  }

  private static func losses(_ status: PipelineStatus) -> String {
    let late = [
      ("late", "readings_late"), ("too late", "readings_too_late"),
      ("in the future", "readings_future"),
      ("before anything plausible", "readings_before_plausible"),
      ("not a finite number", "readings_non_finite"),
    ].filter { status.total($0.1) > 0 }.map { ["readings", $0.0, status.total($0.1).description] }
    let dead = status.labelledTotals("dead_letters", labels: ["reason"])
      .map { ["dead letters", $0.values[0], $0.total.description] }
    return table("Late, odd and unreadable", ["What", "Why", "#How many"], dead + late)
  }

  private static func drift(_ status: PipelineStatus) -> String {
    table(
      "Unknown to the schema",
      ["Source", "What", "#Times", "First met", "#At offset", "When", "#Bytes", "Value"],
      status.drift.flatMap { drift in
        drift.found.map { finding in
          // A look at the value; all of what is kept is in the document.
          let value = finding.hex.prefix(32)
          return [
            drift.source, finding.phrase, Quantity.count(finding.count),
            finding.topicPartition.description, "\(finding.offset)",
            time(finding.firstSeenMicros), Quantity.count(Int64(finding.byteCount)),
            value.count < 2 * finding.byteCount ? "\(value)…" : String(value),
          ]
        } + (drift.otherCount == 0 ? [] : [
          [drift.source, "others", Quantity.count(drift.otherCount), "", "", "", "", ""]
        ])
      })
  }

  private static func recentCommits(_ status: PipelineStatus) -> String {
    table(
      "Newest commits",
      ["#Version", "At", "#Took", "#Records", "#Readings", "#Window rows", "#Files", "#Bytes"],
      status.recentCommits.suffix(20).reversed().map {
        [
          "\($0.version)", time($0.atMicros), Quantity.duration(Double($0.durationMicros) / 1e6),
          Quantity.count($0.recordCount), Quantity.count($0.readingCount),
          Quantity.count($0.firingCount), Quantity.count($0.fileCount),
          Quantity.bytes($0.byteCount),
        ]
      })
  }

  private static func brokers(_ status: PipelineStatus) -> String {
    table(
      "Brokers", ["Name", "State", "#Round trip"],
      status.brokers.map {
        [$0.name, $0.state, Quantity.duration(Double($0.roundTripMicros) / 1e6)]
      })
  }

  // MARK: - Shapes

  /// A table; a heading with `#` in front is of numbers. Nothing without rows.
  private static func table(_ title: String, _ headings: [String], _ rows: [[String]]) -> String {
    if rows.isEmpty { return "" }
    let isNumber = headings.map { $0.hasPrefix("#") }
    func row(_ cells: [String], _ tag: String) -> String {
      let texts = zip(cells, isNumber).map { text, isNumber in
        "<\(tag)\(isNumber ? " class=\"n\"" : "")>\(PlainText.html(text))</\(tag)>"
      }
      return "<tr>\(texts.joined())</tr>"
    }
    let head = row(headings.map { String($0.drop { $0 == "#" }) }, "th")
    let body = rows.map { row($0, "td") }.joined(separator: "\n")
    return "<h2>\(title)</h2><div class=\"wide\"><table>\(head)\n\(body)</table></div>"
  }

  private static func number(_ value: Int64?) -> String { value.map(Quantity.count) ?? "" }

  private static func time(_ micros: Int64?) -> String {
    // To the second: what lies below is noise to a reader.
    micros.map { Timestamp.text(micros: $0).prefix(19) + "Z" } ?? ""
  }
}

extension PipelineStatus.Partition {
  /// What is out of the ordinary.
  fileprivate var notes: String {
    [isPaused ? "paused" : nil, isReplaying ? "rebuilding state" : nil]
      .compactMap(\.self).joined(separator: ", ")
  }
}
