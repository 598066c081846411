internal import Base

/// Names of our own columns (design, section 3): no attribute or metric may be called so.
package enum ReservedColumns {
  /// Of `readings_<source>`.
  package static let readings: Set<String> = [
    "device_id", "event_time", "event_date", "sequence", "flags", "kafka_topic",
    "topic_incarnation", "kafka_partition", "kafka_offset", "kafka_timestamp", "row_index",
  ]
  /// Of the readings of a narrow source, besides.
  package static let narrowReadings: Set<String> = ["metric", "value"]
  /// Of `windows` and `anomalies`, which have the attributes too.
  package static let analysis: Set<String> = [
    "source", "device_id", "event_date", "event_time", "metric", "window_name", "window_start",
    "window_end", "revision", "count", "sum", "mean", "min", "max", "stddev", "first", "last",
    "quantiles", "anomaly_id", "detector", "severity", "state", "value", "expected", "score",
    "threshold", "evidence", "kafka_topic", "topic_incarnation", "kafka_partition", "kafka_offset",
  ]
}

/// What concerns several keys at once. Values that are already known to be faulty are empty here
/// and stay out of it, so that one mistake is one fault.
extension Configuration {
  func checkTogether(_ reading: Reading) {
    checkNames(sources.map(\.name), of: "sources", reading)
    checkNames(windows.map(\.name), of: "windows", reading)
    checkNames(detectors.map(\.name), of: "detectors", reading)
    checkNames(alerts.webhooks.map(\.name), of: "alerts.webhooks", reading)
    checkAlerts(reading)
    checkTopics(reading)
    for index in sources.indices { checkColumns(of: index, reading) }
    for (index, window) in windows.enumerated() {
      for (place, glob) in window.sources.enumerated() {
        check(glob, namesASourceAt: reading.itemPath("windows[\(index)].sources", place), reading)
      }
      let covered = sources.filter { source in
        window.sources.contains { $0.matches(source.name) }
      }
      for (place, glob) in window.metrics.enumerated() {
        let path = reading.itemPath("windows[\(index)].metrics", place)
        check(glob, namesAMetricOf: covered, at: path, reading)
      }
    }
    for (index, detector) in detectors.enumerated() {
      check(detector.source, namesASourceAt: "detectors[\(index)].source", reading)
      let covered = sources.filter { detector.source.matches($0.name) }
      if let glob = detector.metric {
        check(glob, namesAMetricOf: covered, at: "detectors[\(index)].metric", reading)
      }
    }
    checkTables(reading)
    checkMemory(reading)
    checkPartitionIdle(eventTime, "event_time", reading)
    for (index, source) in sources.enumerated() {
      checkPartitionIdle(source.eventTime, "sources[\(index)].event_time", reading)
    }
  }

  /// What fires between two commits nobody sees before the second. What would hold anyway may be
  /// written down.
  private func checkPartitionIdle(_ time: EventTime, _ path: String, _ reading: Reading) {
    let keyPath = "\(path).partition_idle"
    guard case .after(let micros) = time.partitionIdle, reading.positions[keyPath] != nil,
      micros < min(storage.commit.intervalMicros, time.standardPartitionIdleMicros),
      !reading.isFaulty(keyPath), !reading.isFaulty("storage.commit.interval")
    else { return }
    let interval = DurationText.text(micros: storage.commit.intervalMicros)
    reading.report(
      keyPath,
      "\(DurationText.text(micros: micros)) is less than storage.commit.interval, \(interval): "
        + "every pause between two commits would fire what is open",
      suggestion: "raise it to \(interval) or more")
  }

  /// A pattern that fits no detector sends nothing, and nobody notices.
  private func checkAlerts(_ reading: Reading) {
    let names = detectors.map(\.name).filter { !$0.isEmpty }
    for (index, webhook) in alerts.webhooks.enumerated() {
      for (place, pattern) in webhook.detectors.enumerated() where pattern != "*" {
        if names.contains(where: { Glob(pattern).matches($0) }) { continue }
        reading.report(
          reading.itemPath("alerts.webhooks[\(index)].detectors", place),
          "no detector matches `\(pattern)`",
          suggestion: Suggestion.nearest(to: pattern, among: names)
            .map { "did you mean `\($0)`?" })
      }
    }
  }

  private func checkNames(_ names: [String], of list: String, _ reading: Reading) {
    var seen: [String: Int] = [:]
    for (index, name) in names.enumerated() where !name.isEmpty {
      guard let first = seen[name.lowercased()] else {
        seen[name.lowercased()] = index
        continue
      }
      let same = names[first] == name ? "`\(name)`" : "`\(name)` (but for case)"
      reading.report(
        "\(list)[\(index)].name",
        "the name \(same) is taken by \(list)[\(first)] in "
          + reading.lineText(of: "\(list)[\(first)].name"),
        suggestion: "give each its own name")
    }
  }

  private func checkTopics(_ reading: Reading) {
    var owners: [String: Int] = [:]
    for (index, source) in sources.enumerated() {
      for (place, topic) in source.topics.enumerated() {
        if let owner = owners[topic], owner != index {
          reading.report(
            reading.itemPath("sources[\(index)].topics", place),
            "the topic `\(topic)` belongs to sources[\(owner)] already"
              + " (\(reading.lineText(of: "sources[\(owner)].topics"))); a topic has one source",
            suggestion: "remove it from one of the two")
        } else {
          owners[topic] = index
        }
      }
    }
  }

  private func checkColumns(of index: Int, _ reading: Reading) {
    let source = sources[index]
    var isNarrow = false
    if case .narrow = source.metrics { isNarrow = true }
    var taken: [String: String] = [:]
    for name in ReservedColumns.readings { taken[name] = "a column of our own" }
    if isNarrow {
      for name in ReservedColumns.narrowReadings { taken[name] = "a column of our own" }
    }
    for (place, attribute) in source.attributes.enumerated() {
      let path = reading.itemPath("sources[\(index)].attributes", place)
      let column = attribute.name
      if ReservedColumns.analysis.contains(column.lowercased()) {
        reading.report(
          path, "the column `\(column)` would clash with a column of the tables windows and"
            + " anomalies")
      } else {
        claim(column, by: path, in: &taken, reading)
      }
    }
    guard case .fields(let fields) = source.metrics else { return }
    for (place, field) in fields.enumerated() where !field.name.isEmpty {
      let path = reading.itemPath("sources[\(index)].metrics", place)
      claim(
        field.name, by: reading.positions["\(path).name"] == nil ? path : "\(path).name",
        in: &taken, reading)
    }
  }

  private func claim(
    _ column: String, by path: String, in taken: inout [String: String], _ reading: Reading
  ) {
    if let owner = taken[column.lowercased()] {
      reading.report(
        path, "the column `\(column)` is taken by \(owner); names must differ in more than case",
        suggestion: path.contains(".metrics[") ? "give it another one with `name:`" : nil)
    } else {
      taken[column.lowercased()] = path
    }
  }

  private func check(_ glob: Glob, namesASourceAt path: String, _ reading: Reading) {
    let names = sources.map(\.name)
    guard !names.contains(where: glob.matches), names.allSatisfy({ !$0.isEmpty }),
      !names.isEmpty
    else { return }
    let near = glob.isLiteral ? Suggestion.nearest(to: glob.pattern, among: names) : nil
    reading.report(
      path, "`\(glob)` is no source; there is \(names.joined(separator: ", "))",
      suggestion: near.map { "did you mean `\($0)`?" })
  }

  /// Only where every source concerned lists its metrics; else the message type decides.
  private func check(
    _ glob: Glob, namesAMetricOf covered: [Source], at path: String, _ reading: Reading
  ) {
    var names: [String] = []
    for source in covered {
      guard case .fields(let fields) = source.metrics else { return }
      names += fields.map(\.name)
    }
    guard !names.isEmpty, names.allSatisfy({ !$0.isEmpty }),
      !names.contains(where: glob.matches)
    else { return }
    let near = glob.isLiteral ? Suggestion.nearest(to: glob.pattern, among: names) : nil
    reading.report(
      path, "`\(glob)` is no metric of the sources it concerns",
      suggestion: near.map { "did you mean `\($0)`?" })
  }

  /// One commit is written while the next gathers, so the buffers must hold two.
  private func checkMemory(_ reading: Reading) {
    let bytes = storage.commit.byteCount
    guard memory.bufferByteCountMax < 2 * bytes, !reading.isFaulty("memory.buffers"),
      !reading.isFaulty("storage.commit.bytes")
    else { return }
    let buffers = ByteCountText.text(byteCount: memory.bufferByteCountMax)
    let commit = ByteCountText.text(byteCount: bytes)
    let isCommitGiven = reading.positions["storage.commit.bytes"] != nil
    reading.report(
      isCommitGiven ? "storage.commit.bytes" : "memory.buffers",
      "memory.buffers, \(buffers), is less than twice storage.commit.bytes, \(commit): one commit"
        + " is written while the next gathers",
      suggestion: isCommitGiven
        ? "raise memory.buffers to \(ByteCountText.text(byteCount: 2 * bytes))"
        : "raise it to \(ByteCountText.text(byteCount: 2 * bytes)), or set storage.commit.bytes")
  }
}
