package import Base

/// The document of `/status` as text for a terminal: what `downlinkd status` prints.
///
/// It may come from another version of the program, or be made up by whoever listens at the
/// address: what is missing is left out, and nothing in it steers the terminal.
package enum StatusTable {
  /// Lines, each with its line break.
  package static func text(_ status: JSONValue) -> String {
    var lines = [title(status), verdict(status), ""]
    lines += facts(status).map { "\(padded($0.0, 15))\($0.1)" }
    let partitions = partitions(status)
    if !partitions.isEmpty { lines += [""] + partitions }
    let drift = drift(status)
    if !drift.isEmpty { lines += [""] + drift }
    return lines.map { PlainText.visible($0) + "\n" }.joined()
  }

  /// Whether the instance says that it is ready.
  package static func isReady(_ status: JSONValue) -> Bool { status["ready"]?.boolValue ?? false }

  // MARK: - Parts

  private static func title(_ status: JSONValue) -> String {
    let words = [string(status["pipeline"]), string(status["program"])].compactMap(\.self)
    let uptime = duration(status["uptime_seconds"]).map { ["running for \($0)"] } ?? []
    return (words + uptime).joined(separator: " · ")
  }

  private static func verdict(_ status: JSONValue) -> String {
    let reason = string(status["reason"]) ?? "no reason given"
    // The sentence of a ready instance begins with the word.
    return isReady(status) ? reason : "NOT READY: \(reason)"
  }

  private static func facts(_ status: JSONValue) -> [(String, String)] {
    var facts: [(String, String)] = []
    func add(_ name: String, _ value: String?) {
      if let value, !value.isEmpty { facts.append((name, value)) }
    }
    let phase = string(status["phase"]).map { phase in
      phase + (duration(status["phase_seconds"]).map { " for \($0)" } ?? "")
    }
    add("phase", phase)
    add("trouble", string(status["trouble"]))
    add("stall", string(status["stall"]))
    add("waits for", wait(status["wait"]))
    add("behind", joined([
      status["lag_records"]?.int64Value.map { Quantity.count($0, of: "record") },
      duration(status["lag_seconds"]),
    ]))
    add("last commit", lastCommit(status["commits"]))
    add("commits", joined([
      count(status["commits"]?["count"]),
      count(status["commits"]?["conflicts"]).map { "\($0) lost to another instance" },
    ]))
    let totals = status["totals"]
    add("records", joined([
      count(totals?["records_read"]).map { "\($0) read" },
      count(totals?["records_dead"]).map { "\($0) dead" },
    ]))
    add("readings", joined([
      count(totals?["readings"]), count(totals?["readings_late"]).map { "\($0) late" },
      count(totals?["readings_too_late"]).map { "\($0) too late" },
    ]))
    add("window rows", joined([
      count(totals?["firings"]), count(totals?["firings_again"]).map { "\($0) again" },
    ]))
    add("anomalies", anomalies(status["anomalies"]))
    add("memory", joined([
      bytes(status["process"]?["resident_bytes"]),
      bytes(status["state_bytes"]).map { "state \($0)" },
      bytes(status["buffered_bytes"]).map { "buffers \($0)" },
    ]))
    add("group", joined([
      string(status["group_state"]),
      status["rebalances"]?.int64Value.map { Quantity.count($0, of: "rebalance") },
      status["sessions"]?.int64Value.map { Quantity.count($0, of: "session") },
    ]))
    add("brokers", brokers(status["brokers"]))
    add("last reload", reload(status["reload"]?["last"]))
    return facts
  }

  private static func wait(_ wait: JSONValue?) -> String? {
    guard let cause = string(wait?["cause"]) else { return nil }
    let since = duration(wait?["seconds"]).map { " for \($0)" } ?? ""
    let detail = string(wait?["detail"]).map { ": \($0)" } ?? ""
    return cause + since + detail
  }

  private static func lastCommit(_ commits: JSONValue?) -> String? {
    guard let last = commits?["last"], !last.isNull else {
      return commits.map { _ in "none yet" }
    }
    return joined([
      duration(commits?["age_seconds"]).map { "\($0) ago" },
      last["version"]?.int64Value.map { "ledger version \($0)" },
      duration(last["duration_seconds"]).map { "took \($0)" },
      last["records"]?.int64Value.map { Quantity.count($0, of: "record") }, bytes(last["bytes"]),
    ])
  }

  private static func anomalies(_ anomalies: JSONValue?) -> String? {
    guard let total = count(anomalies?["open_count"]) else { return nil }
    let kinds = (anomalies?["open"]?.arrayValue ?? []).compactMap { open -> String? in
      guard let detector = string(open["detector"]), let severity = string(open["severity"]),
        let number = count(open["count"])
      else { return nil }
      return "\(number) \(detector) \(severity)"
    }
    return "\(total) open" + (kinds.isEmpty ? "" : ": " + kinds.joined(separator: ", "))
  }

  private static func brokers(_ brokers: JSONValue?) -> String {
    (brokers?.arrayValue ?? []).compactMap { broker in
      guard let name = string(broker["name"]), let state = string(broker["state"]) else {
        return nil
      }
      let trip = duration(broker["round_trip_seconds"]).map { " (\($0))" } ?? ""
      return "\(name) \(state)\(trip)"
    }.joined(separator: ", ")
  }

  private static func reload(_ last: JSONValue?) -> String? {
    guard let isAccepted = last?["accepted"]?.boolValue else { return nil }
    let at = string(last?["at"]).map { " at \($0)" } ?? ""
    return (isAccepted ? "accepted" : "refused") + at
      + (string(last?["detail"]).map { ": \($0)" } ?? "")
  }

  // MARK: - Partitions

  private static let headings = [
    "partition", "lane", "next", "committed", "end", "behind", "by", "watermark", "devices",
    "state", "buffers", "",
  ]

  private static func partitions(_ status: JSONValue) -> [String] {
    let rows = (status["partitions"]?.arrayValue ?? []).map { partition in
      [
        "\(string(partition["topic"]) ?? "?")[\(count(partition["partition"]) ?? "?")]",
        count(partition["lane"]) ?? "-", plain(partition["next_offset"]),
        plain(partition["committed_offset"]), plain(partition["end_offset"]),
        count(partition["lag_records"]) ?? "-", duration(partition["lag_seconds"]) ?? "-",
        string(partition["watermark"]).map { "\($0.prefix(19))Z" } ?? "-",
        count(partition["devices"]) ?? "-", bytes(partition["state_bytes"]) ?? "-",
        bytes(partition["buffered_bytes"]) ?? "-", notes(partition),
      ].map(PlainText.visible)
    }
    return rows.isEmpty ? [] : aligned([headings] + rows)
  }

  private static func notes(_ partition: JSONValue) -> String {
    joined([
      partition["paused"]?.boolValue == true ? "paused" : nil,
      partition["replaying"]?.boolValue == true ? "rebuilding state" : nil,
    ]) ?? ""
  }

  // MARK: - Drift

  /// Most kinds of drift that are listed; `/status` has all.
  private static let driftCountMax = 20

  private static func drift(_ status: JSONValue) -> [String] {
    var rows: [[String]] = []
    var otherCount: Int64 = 0
    for source in status["drift"]?.arrayValue ?? [] {
      otherCount += source["others"]?.int64Value ?? 0
      for finding in source["found"]?.arrayValue ?? [] {
        if rows.count == driftCountMax {
          otherCount += finding["count"]?.int64Value ?? 0
          continue
        }
        let place = "\(string(finding["topic"]) ?? "?")[\(count(finding["partition"]) ?? "?")]"
        rows.append(
          [
            string(source["source"]) ?? "?", count(finding["count"]) ?? "-",
            "\(place) at \(plain(finding["offset"]))", phrase(finding),
          ].map(PlainText.visible))
      }
    }
    if rows.isEmpty { return [] }
    if otherCount > 0 { rows.append(["others", Quantity.count(otherCount), "", ""]) }
    return aligned([["source", "times", "first met", "unknown to the schema"]] + rows)
  }

  private static func phrase(_ finding: JSONValue) -> String {
    let message = string(finding["message"]) ?? "?"
    guard let name = string(finding["name"]) else {
      return "\(message), field \(plain(finding["field"]))"
    }
    if let number = finding["enum_number"]?.int64Value {
      return "\(message).\(name), number \(number)"
    }
    return "\(message).\(name), wire type \(plain(finding["wire_type"]))"
  }

  /// Columns as wide as their widest cell; the first and the last to the left, numbers to the
  /// right.
  private static func aligned(_ rows: [[String]]) -> [String] {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let cells = row.indices.map { column in
        if column == row.count - 1 { return row[column] }
        if column == 0 { return padded(row[column], widths[column]) }
        return String(repeating: " ", count: widths[column] - row[column].count) + row[column]
      }
      var line = cells.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  // MARK: - Values

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  /// What is known of a list, or nil where nothing is.
  private static func joined(_ parts: [String?]) -> String? {
    let known = parts.compactMap(\.self).filter { !$0.isEmpty }
    return known.isEmpty ? nil : known.joined(separator: ", ")
  }

  private static func string(_ value: JSONValue?) -> String? { value?.stringValue }

  private static func count(_ value: JSONValue?) -> String? {
    value?.int64Value.map(Quantity.count)
  }

  /// Offsets are names, not amounts: no groups.
  private static func plain(_ value: JSONValue?) -> String {
    value?.int64Value.map { "\($0)" } ?? "-"
  }

  private static func bytes(_ value: JSONValue?) -> String? {
    value?.int64Value.map(Quantity.bytes)
  }

  private static func duration(_ value: JSONValue?) -> String? {
    value?.doubleValue.map(Quantity.duration)
  }
}
