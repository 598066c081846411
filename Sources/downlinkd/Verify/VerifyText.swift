import Audit

/// The report of `downlinkd verify` for people: the verdict first, then what speaks against it,
/// then what was looked at.
enum VerifyText {
  static func text(_ report: AuditReport) -> String {
    var lines = [verdict(report)]
    for severity in Finding.Severity.allCases where report.count(of: severity) > 0 {
      let found = report.findings.filter { $0.severity == severity }
      lines.append("")
      lines.append("\(severity.rawValue)s: \(report.count(of: severity))")
      for finding in found { lines += self.lines(finding) }
      let unlisted = report.count(of: severity) - found.count
      if unlisted > 0 { lines.append("  … and \(unlisted) more") }
    }
    lines.append("")
    lines += figures(report.figures)
    return lines.joined(separator: "\n") + "\n"
  }

  private static func verdict(_ report: AuditReport) -> String {
    let name = "pipeline \(report.figures.pipeline)"
    if report.holds { return "\(name): everything holds" }
    let errors = report.count(of: .error)
    let warnings = report.count(of: .warning)
    if errors == 0 { return "\(name): holds, with \(counted(warnings, "warning"))" }
    return "\(name): DOES NOT HOLD: \(counted(errors, "error"))"
      + (warnings > 0 ? ", \(counted(warnings, "warning"))" : "")
  }

  private static func lines(_ finding: Finding) -> [String] {
    let invariant = finding.invariant.map { "[\($0.rawValue)] " } ?? ""
    let place = finding.subject.path ?? finding.subject.table ?? ""
    var lines = ["  \(invariant)\(place.isEmpty ? "" : "\(place): ")\(finding.sentence)"]
    if !finding.advice.isEmpty { lines.append("      → \(finding.advice)") }
    return lines
  }

  private static func figures(_ figures: AuditFigures) -> [String] {
    var lines: [String] = []
    if let first = figures.firstVersion {
      lines.append(
        "chain       entries \(first) to \(figures.lastVersion), "
          + "\(counted(figures.summaryVersions.count, "summary", "summaries")), ledger "
          + figures.ledgerID)
    }
    for partition in figures.partitions {
      var line = "partition   \(partition.key): \(partition.start) to \(partition.to)"
      if partition.notDeliveredCount > 0 {
        line += ", \(partition.notDeliveredCount) not delivered"
      }
      if partition.skippedCount > 0 { line += ", \(partition.skippedCount) skipped" }
      lines.append(line + (partition.isOpen ? "" : " (replaced)"))
    }
    for table in figures.tables {
      var line =
        "table       \(table.name): version \(table.deltaVersion), "
        + "\(counted(table.files.count, "file")), \(bytes(table.files.byteCount)), "
        + "\(table.rowCount) rows"
      if table.maintenanceCommitCount > 0 {
        line += ", \(counted(table.maintenanceCommitCount, "commit")) of maintenance"
      }
      if table.foreignCommitCount > 0 {
        line += ", \(counted(table.foreignCommitCount, "commit")) of other programs"
      }
      if table.owedEntryCount > 0 { line += ", owed \(table.owedEntryCount)" }
      lines.append(line)
    }
    lines.append("contents    \(counted(figures.contents, "data file")) read and compared")
    lines.append("state       \(counted(figures.states, "snapshot"))")
    for (name, count) in [
      ("orphans", figures.orphans), ("undecided", figures.undecided),
      ("unfinished", figures.unfinished), ("foreign", figures.foreign),
    ] where count.count > 0 {
      let label = name + String(repeating: " ", count: 12 - name.utf8.count)
      lines.append(label + counted(count, "file"))
    }
    if figures.hasAskedBrokers { lines.append("brokers     positions and witnesses compared") }
    return lines + figures.unchecked.map { "not checked: \($0)" }
  }

  private static func counted(_ count: FileCount, _ noun: String) -> String {
    "\(counted(count.count, noun)), \(bytes(count.byteCount))"
  }

  private static func counted(_ count: Int, _ noun: String, _ plural: String? = nil) -> String {
    "\(count) \(count == 1 ? noun : plural ?? noun + "s")"
  }

  private static func bytes(_ count: Int64) -> String {
    if count < 10_000 { return "\(count) B" }
    if count < 10_000_000 { return "\(count / 1000) kB" }
    return count < 10_000_000_000 ? "\(count / 1_000_000) MB" : "\(count / 1_000_000_000) GB"
  }
}
