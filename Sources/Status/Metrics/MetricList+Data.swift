import Metrics
import Pipeline

// What went in and what came of it. Counted at commits, since the start of the process.
extension MetricList {
  static let records: [StatusMetric] = [
    StatusMetric(
      MetricDefinition(
        "downlink_kafka_received_bytes_total", .counter, .bytes,
        help: "Bytes received from the brokers, as the client counts them.")
    ) { $1.add([], $0.status.receivedByteCount) },
    totals(
      "downlink_records_total", label: "outcome",
      of: [
        "read": "records_read", "empty": "records_empty", "dead": "records_dead",
        "duplicate": "records_duplicate", "filtered": "records_filtered",
      ],
      help: "Records committed, by what became of them; exactly one outcome each."),
    labelled(
      "downlink_records_duplicate_total", of: "records_duplicate", labels: ["source"],
      help: "Records committed as duplicates: left out because they were there before."),
    labelled(
      "downlink_duplicates_forgotten_early_total", of: "duplicates_forgotten_early",
      labels: ["source"],
      help: "Records forgotten before deduplicate.within was over, for want of room."),
    total(
      "downlink_records_not_delivered_total", of: "records_not_delivered",
      help: "Offsets committed that held no record for us: markers and compacted records."),
    total(
      "downlink_readings_total", of: "readings",
      help: "Readings committed: rows of the tables readings_…."),
    totals(
      "downlink_readings_late_total", label: "reason",
      of: [
        "late": "readings_late", "too_late": "readings_too_late",
        "too_late_for_detectors": "readings_late_for_detectors",
      ],
      help: "Readings behind their device's watermark, by what they came too late for."),
    totals(
      "downlink_readings_implausible_total", label: "reason",
      of: [
        "future": "readings_future", "before_plausible": "readings_before_plausible",
        "non_finite": "readings_non_finite",
      ],
      help: "Readings flagged because their time or a value cannot be right."),
    StatusMetric(
      MetricDefinition(
        "downlink_dead_letters_total", .counter, .count, labels: ["reason"],
        help: "Records and rows that could not be read, kept in dead_letters, by reason.")
    ) {
      var totals = Dictionary(
        PipelineStatus.deadLetterReasons.map { ($0, 0 as Int64) }) { first, _ in first }
      for (values, total) in $0.status.labelledTotals("dead_letters", labels: ["reason"]) {
        totals[values[0], default: 0] += total
      }
      for (reason, total) in totals.sorted(by: { $0.key < $1.key }) { $1.add([reason], total) }
    },
    StatusMetric(
      MetricDefinition(
        "downlink_schema_unknown_fields_total", .counter, .count, labels: ["source"],
        help: "Fields in records that the source's schema does not have, as read.")
    ) { for drift in $0.status.drift { $1.add([drift.source], drift.unknownFieldCount) } },
    StatusMetric(
      MetricDefinition(
        "downlink_schema_unknown_enum_numbers_total", .counter, .count, labels: ["source"],
        help: "Numbers of mapped enums that the source's schema does not name, as read.")
    ) { for drift in $0.status.drift { $1.add([drift.source], drift.unknownEnumNumberCount) } },
  ]

  static let windows: [StatusMetric] = [
    totals(
      "downlink_windows_firings_total", label: "kind",
      of: ["first": "firings", "again": "firings_again"],
      help: "Rows of the tables windows_…: first firings, and again after late changes."),
    total(
      "downlink_windows_devices_idle_total", of: "devices_idle",
      help: "Times that a device's open windows fired because it had gone silent."),
    total(
      "downlink_windows_partitions_idle_total", of: "partitions_idle",
      help: "Times that a partition's open windows fired because nothing came of it."),
  ]

  static let anomalies: [StatusMetric] = [
    labelled(
      "downlink_anomalies_steps_total", of: "anomalies",
      labels: ["source", "detector", "severity", "state"],
      help: "Steps in the lives of anomalies: opened, escalated, closed."),
    StatusMetric(
      MetricDefinition(
        "downlink_anomalies_open", .gauge, .count, labels: ["source", "detector", "severity"],
        help: "Anomalies that are open now.")
    ) {
      var counts: [[String]: Int64] = [:]
      for open in $0.status.openAnomalies {
        counts[[open.source, open.detector, open.severity], default: 0] += Int64(open.count)
      }
      let sorted = counts.sorted { $0.key.lexicographicallyPrecedes($1.key) }
      for (values, count) in sorted { $1.add(values, count) }
    },
    total(
      "downlink_anomalies_refused_total", of: "anomalies_refused",
      help: "Anomalies that were not opened because the cap on open ones was reached."),
  ]

  static let tables: [StatusMetric] = [
    table(
      "downlink_table_files", .count, { $0.fileCount.map(Int64.init) },
      help: "Files that a table consists of now, by its log, whoever wrote them."),
    table("downlink_table_bytes", .bytes, { $0.byteCount }, help: "Bytes of those files."),
    table("downlink_table_rows", .count, { $0.rowCount }, help: "Rows of those files."),
  ]

  /// A gauge of every table; no sample where the value is not known.
  private static func table(
    _ name: String, _ unit: MetricDefinition.Unit,
    _ value: @escaping @Sendable (PipelineStatus.Table) -> Int64?, help: String
  ) -> StatusMetric {
    StatusMetric(MetricDefinition(name, .gauge, unit, labels: ["table"], help: help)) {
      for table in $0.status.tables {
        if let value = value(table) { $1.add([table.name], value) }
      }
    }
  }

  static let commits: [StatusMetric] = [
    StatusMetric(
      MetricDefinition(
        "downlink_commits_total", .counter, .count, help: "Commits made: entries of the ledger.")
    ) { $1.add([], $0.status.commitCount) },
    StatusMetric(
      MetricDefinition(
        "downlink_commits_conflicts_total", .counter, .count,
        help: "Commits given up because another instance had the partitions.")
    ) { $1.add([], $0.status.conflictCount) },
    total(
      "downlink_commits_files_total", of: "files",
      help: "Files committed: the Parquet files of all tables."),
    StatusMetric(
      MetricDefinition(
        "downlink_commits_file_bytes_total", .counter, .bytes,
        help: "Bytes of the files committed.")
    ) { $1.add([], $0.status.total("file_bytes")) },
    StatusMetric(
      MetricDefinition(
        "downlink_commits_duration_seconds", .histogram, .seconds,
        help: "From the first cut of a commit to the table logs.")
    ) { $1.add([], $0.status.commitSeconds) },
    StatusMetric(
      MetricDefinition(
        "downlink_commits_age_seconds", .gauge, .seconds,
        help: "Since the last commit, or since the start where there was none.")
    ) { $1.add([], $0.status.secondsSinceCommit) },
    StatusMetric(
      MetricDefinition(
        "downlink_commits_ledger_version", .gauge, .count,
        help: "Ledger version of the last commit; no sample where there was none.")
    ) {
      if let last = $0.status.lastCommit { $1.add([], last.version) }
    },
    StatusMetric(
      MetricDefinition(
        "downlink_latency_end_to_end_seconds", .histogram, .seconds,
        help: "From a record's Kafka timestamp to its commit, by record.")
    ) { $1.add([], $0.status.endToEndSeconds) },
  ]
}
