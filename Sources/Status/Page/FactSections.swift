import Maintenance
import Pipeline
import Telemetry

/// The tables of the page: what stands below the verdict and the dials.
enum FactSections {
  // MARK: - Partitions

  /// More partitions than this, and the ones furthest behind are shown.
  static let partitionShownMax = 64

  static func partitions(_ status: PipelineStatus) -> Markup {
    guard !status.partitions.isEmpty else {
      return .section(
        "partitions", "Partitions", style: "full",
        "<p class=\"note\">None is assigned to this instance.</p>")
    }
    var shown = status.partitions
    var note = Markup.none
    if shown.count > partitionShownMax {
      let worst = shown.enumerated().sorted {
        ($0.element.lag ?? .max, $1.offset) > ($1.element.lag ?? .max, $0.offset)
      }.prefix(partitionShownMax)
      let others = shown.count - worst.count
      let least = worst.last?.element.lag ?? 0
      shown = worst.map(\.element).sorted { $0.topicPartition < $1.topicPartition }
      note = """
        <p class="note">The \(partitionShownMax) furthest behind of \(status.partitions.count). \
        The other \(others): none more than \(.count(least)) behind.</p>
        """
    }
    let most = shown.compactMap(\.lag).max() ?? 0
    let hasNotes = shown.contains { !$0.notes.isEmpty }
    let columns = [
      ".Partition", "Behind", "In time", "Watermark lag", "Next", "Committed", "End", "Devices",
      "State", "Buffers", "Lane",
    ]
    let rows = shown.map { partition in
      row(partition, status, most: most) + (hasNotes ? ["\(partition.notes)"] : [])
    }
    let table = Markup.table(
      "partitions", caption: "Partitions of this instance: records and time behind, offsets, state",
      columns + (hasNotes ? [".Note"] : []), rows)
    return .section("partitions", "Partitions", style: "full", "\(table)\n\(note)")
  }

  private static func row(
    _ partition: PipelineStatus.Partition, _ status: PipelineStatus, most: Int64
  ) -> [Markup] {
    [
      "\(partition.topicPartition.description)", lag(partition.lag, most: most),
      .age(status.lagSeconds(of: partition)),
      .age(partition.watermarkMicros.map { status.seconds(since: $0) }),
      .count(partition.nextOffset), .count(partition.committedOffset),
      // What has been read lies before the end, though nobody has said so yet.
      .count(partition.endOffset.map { max($0, partition.nextOffset ?? 0) }),
      .count(Int64(partition.deviceCount)),
      "\(Quantity.bytes(Int64(partition.stateByteCount)))",
      "\(Quantity.bytes(Int64(partition.bufferedByteCount)))", "\(partition.lane)",
    ]
  }

  /// The number, and a bar of its share of the largest to find the odd one out.
  private static func lag(_ lag: Int64?, most: Int64) -> Markup {
    guard let lag, lag > 0, most > 0 else { return .count(lag) }
    let width = max(1, Int(Double(lag) / Double(most) * 40))
    return """
      <svg class="bar" aria-hidden="true"><rect width="\(width)" height="8"/></svg>\(.count(lag))
      """
  }

  // MARK: - Commits

  static let commitShownMax = 10

  static func commits(_ status: PipelineStatus) -> Markup {
    let count = Quantity.count(status.commitCount, of: "commit")
    let lost = status.conflictCount == 0
      ? "" : "; \(Quantity.count(status.conflictCount)) lost to another instance"
    let note: Markup = "<p class=\"note\">\(count) since the start\(lost).</p>"
    let rows: [[Markup]] = status.recentCommits.suffix(commitShownMax).reversed().map { commit in
      [
        .count(commit.version), .age(status.seconds(since: commit.atMicros)),
        .duration(Double(commit.durationMicros) / 1e6), .count(commit.recordCount),
        .count(commit.readingCount), .count(commit.firingCount), .count(commit.fileCount),
        "\(Quantity.bytes(commit.byteCount))",
      ]
    }
    guard !rows.isEmpty else { return .section("commits", "Commits", note) }
    let table = Markup.table(
      "commits", caption: "The newest commits",
      [".Entry", "Age", "Took", "Records", "Readings", "Windows", "Files", "Bytes"], rows)
    return .section("commits", "Commits", "\(table)\n\(note)")
  }

  // MARK: - What did not come through

  static let reasonShownMax = 24

  static func deadLetters(_ view: StatusView) -> Markup {
    let status = view.status
    let reasons = status.labelledTotals("dead_letters", labels: ["reason"])
      .filter { $0.total > 0 }.sorted { $0.total > $1.total }
    let late = [
      ("late, taken in", "readings_late"), ("too late", "readings_too_late"),
      ("in the future", "readings_future"),
      ("before anything plausible", "readings_before_plausible"),
      ("not a finite number", "readings_non_finite"),
    ].map { (words: $0.0, count: status.total($0.1)) }.filter { $0.count > 0 }
    var parts: [Markup] = []
    if reasons.isEmpty {
      parts.append("<p class=\"note\">None since the start: every record could be read.</p>")
    } else {
      let rows: [[Markup]] = reasons.prefix(reasonShownMax).map {
        ["\($0.values[0])", .count($0.total)]
      }
      parts.append(
        .table(
          "dead-letters", caption: "Dead letters since the start, by reason",
          [".Reason", "Dead letters"], rows))
      let rest = reasons.dropFirst(reasonShownMax)
      if !rest.isEmpty {
        let sum = Quantity.count(rest.reduce(0) { $0 + $1.total })
        parts.append("<p class=\"note\">\(sum) more, of \(rest.count) other reasons.</p>")
      }
      if let recent = view.recentDeadLetterCount {
        parts.append("<p class=\"note\">\(Quantity.count(recent)) of them in the last 15 min.</p>")
      }
    }
    if !late.isEmpty {
      parts.append(
        .table(
          "late", caption: "Readings with odd times or values since the start",
          [".Readings", "Count"], late.map { ["\($0.words)", .count($0.count)] }))
    }
    return .section("dead-letters", "Dead letters", .joined(parts.map { "\($0)\n" }))
  }

  // MARK: - Drift

  static let findingShownMax = 16

  static func drift(_ status: PipelineStatus) -> Markup {
    var rows: [[Markup]] = []
    for drift in status.drift {
      for finding in drift.found {
        // A look at the value; all of what is kept is in the document.
        let value = finding.hex.prefix(16)
        let rest = value.count < 2 * finding.byteCount ? "…" : ""
        rows.append([
          "\(finding.phrase)", "\(drift.source)", .count(finding.count),
          "\(finding.topicPartition.description) at \(Quantity.count(finding.offset))",
          "<code>\(String(value) + rest)</code>",
        ])
      }
    }
    guard !rows.isEmpty else {
      return .section(
        "drift", "Drift", "<p class=\"note\">Records have nothing that their schema does not.</p>")
    }
    let shown = Array(rows.prefix(findingShownMax))
    let others = status.drift.reduce(0) { $0 + $1.otherCount }
    let more = rows.count - shown.count
    var note: [String] = []
    if more > 0 { note.append("\(Quantity.count(Int64(more))) more kinds stand in /status.") }
    if others > 0 { note.append("\(Quantity.count(others)) times others that are not told apart.") }
    let table = Markup.table(
      "drift", caption: "What records have and their schema does not",
      [".What", ".Source", "Times", ".First met", ".Value"], shown)
    let words: Markup = note.isEmpty
      ? .none : "\n<p class=\"note\">\(note.joined(separator: " "))</p>"
    return .section("drift", "Drift", "\(table)\(words)")
  }

  // MARK: - Tables

  static func tables(_ tables: [TableSize], _ use: StorageUse? = nil) -> Markup {
    guard !tables.isEmpty else {
      return .section("tables", "Tables", "<p class=\"note\">Not known yet.</p>")
    }
    let rows: [[Markup]] = tables.map { table in
      [
        "\(table.name)", .count(table.rowCount),
        table.byteCount.map { "\(Quantity.bytes($0))" } ?? "–", .count(table.fileCount),
        .count(table.version),
      ]
    }
    let troubles: [Markup] = tables.compactMap { table in
      table.trouble.map { "<p class=\"note\">\(table.name) cannot be read: \($0)</p>" }
    }
    let sizes = Markup.table(
      "tables", caption: "Delta tables of this pipeline",
      [".Table", "Rows", "Size", "Files", "Version"], rows)
    return .section("tables", "Tables", "\(sizes)\n\(troubles)\(use.map(space) ?? .none)")
  }

  /// What all files below the root take, and how long that can go on.
  private static func space(_ use: StorageUse) -> Markup {
    var text = "All files below the root: " + Quantity.bytes(use.usedByteCount)
    if let budget = use.budgetByteCount {
      text += ", \(Int((use.budgetShare ?? 0) * 100)) % of \(Quantity.bytes(budget))"
    }
    if let days = use.daysLeft, days < 3650 {
      text += "; at the present rate there is room for \(Int(days)) days"
    }
    return "\n<p class=\"note\">\(text).</p>"
  }
}

/// How large a table is.
struct TableSize: Sendable, Equatable {
  var name: String
  var version: Int64?
  var fileCount: Int64?
  var byteCount: Int64?
  var rowCount: Int64?
  /// Why its log cannot be read.
  var trouble: String?
}

extension PipelineStatus.Partition {
  /// What is out of the ordinary.
  fileprivate var notes: String {
    [
      isPaused ? "held back" : nil, isReplaying ? "rebuilding state" : nil,
      idleSinceMicros == nil ? nil : "idle",
    ]
      .compactMap(\.self).joined(separator: ", ")
  }
}
