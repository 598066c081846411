package import Base
import Maintenance
import Metrics
package import Pipeline
import Telemetry

/// `/status`: everything in a `PipelineStatus` as one JSON object.
///
/// The keys are documented in docs/METRICS.md and only ever added to. Times are UTC text with
/// microseconds, ages and durations are seconds, sizes are bytes; what is not known is null.
package enum StatusDocument {
  /// The document of a status, without what only the serving process knows of itself.
  package static func value(_ status: PipelineStatus) -> JSONValue { value(StatusView(status)) }

  static func value(_ view: StatusView) -> JSONValue {
    let status = view.status
    let readiness = status.readiness
    let members: [[JSONMember]] = [
      [
        JSONMember("pipeline", .string(status.pipeline)),
        JSONMember("program", .string(status.program)),
        JSONMember("config_fingerprint", .string(status.configFingerprint)),
        JSONMember("started_at", time(status.startedAtMicros)),
        JSONMember("now", time(status.nowMicros)),
        JSONMember("uptime_seconds", seconds(status.uptimeSeconds)),
        JSONMember("ready", .bool(readiness.isReady)),
        JSONMember("reason", .string(readiness.sentence)),
        JSONMember("phase", .string(status.phase.rawValue)),
        JSONMember("phase_since", time(status.phaseSinceMicros)),
        JSONMember("phase_seconds", seconds(status.seconds(since: status.phaseSinceMicros))),
        JSONMember("trouble", .optional(status.trouble)),
        JSONMember("stall", .optional(status.stall)),
        JSONMember("wait", wait(status)),
        JSONMember("floods", .array(status.floods.map(flood))),
        JSONMember("drift", .array(status.drift.map(drift))),
        JSONMember("schema_registry", schemaRegistry(status.schemaRegistry)),
        JSONMember("group_state", .string(status.groupState)),
        JSONMember("sessions", .int(status.sessionCount)),
        JSONMember("rebalances", .int(status.rebalanceCount)),
      ],
      amounts(status),
      [
        JSONMember("commits", commits(status)),
        JSONMember("latency_seconds", summary(status.endToEndSeconds)),
        JSONMember("anomalies", anomalies(status)),
        JSONMember("alerts", .array(status.webhooks.map { webhook($0, status) })),
        JSONMember("tables", .array(status.tables.map(table))),
        JSONMember("final_trouble", .optional(status.finalityTrouble)),
        JSONMember("maintenance", maintenance(view.maintenance)),
        JSONMember("storage", storage(view.maintenance?.root.use)),
        JSONMember("reload", reload(status)),
        JSONMember("brokers", .array(status.brokers.map(broker))),
        JSONMember("partitions", .array(status.partitions.map { partition($0, status) })),
        JSONMember("process", process(view.process)),
        JSONMember("history", .array(view.history.map(point))),
      ],
    ]
    return .object(members.flatMap { $0 })
  }

  // MARK: - Parts

  private static func wait(_ status: PipelineStatus) -> JSONValue {
    guard let wait = status.wait else { return .null }
    return [
      "cause": .string(wait.cause.rawValue), "since": time(wait.sinceMicros),
      "seconds": seconds(status.seconds(since: wait.sinceMicros)),
      "detail": .string(wait.detail),
    ]
  }

  private static func schemaRegistry(_ registry: PipelineStatus.SchemaRegistry?) -> JSONValue {
    guard let registry else { return .null }
    return [
      "url": .string(registry.url), "answered": .int(registry.answeredCount),
      "not_found": .int(registry.notFoundCount), "failed": .int(registry.failedCount),
      "known_ids": .int(registry.knownIDCount), "wait_seconds": seconds(registry.waitSeconds),
      "trouble": .optional(registry.trouble),
    ]
  }

  private static func flood(_ flood: PipelineStatus.Flood) -> JSONValue {
    [
      "source": .string(flood.source), "paused": .bool(flood.isPaused),
      "pauses": .int(flood.pauseCount),
      "since": flood.sinceMicros.map { time($0) } ?? .null,
      "records": .int(flood.recordCount), "dead": .int(flood.deadCount),
    ]
  }

  private static func drift(_ drift: PipelineStatus.Drift) -> JSONValue {
    [
      "source": .string(drift.source), "unknown_fields": .int(drift.unknownFieldCount),
      "unknown_enum_numbers": .int(drift.unknownEnumNumberCount),
      "others": .int(drift.otherCount), "found": .array(drift.found.map(finding)),
    ]
  }

  private static func finding(_ finding: PipelineStatus.Drift.Finding) -> JSONValue {
    [
      "message": .string(finding.messageName), "field": .int(finding.fieldNumber),
      "name": .optional(finding.fieldName),
      "enum_number": int(finding.enumNumber.map(Int64.init)), "count": .int(finding.count),
      "topic": .string(finding.topicPartition.topic),
      "partition": .int(finding.topicPartition.partition), "offset": .int(finding.offset),
      "seen_at": time(finding.firstSeenMicros), "wire_type": .int(finding.wireType),
      "value_bytes": .int(finding.byteCount), "value": .string(finding.hex),
    ]
  }

  private static func amounts(_ status: PipelineStatus) -> [JSONMember] {
    let totals = status.totals.sorted { $0.key < $1.key }
    let dead = status.labelledTotals("dead_letters", labels: ["reason"])
    return [
      JSONMember("lag_records", int(status.lagRecords)),
      JSONMember("lag_seconds", seconds(status.lagSeconds)),
      JSONMember("received_bytes", .int(status.receivedByteCount)),
      JSONMember("buffered_bytes", .int(status.bufferedByteCount)),
      JSONMember("state_bytes", .int(status.stateByteCount)),
      JSONMember("paused_partitions", .int(status.pausedCount)),
      JSONMember("totals", .object(totals.map { JSONMember($0.key, .int($0.value)) })),
      JSONMember(
        "dead_letters", .object(dead.map { JSONMember($0.values[0], .int($0.total)) })),
    ]
  }

  private static func commits(_ status: PipelineStatus) -> JSONValue {
    [
      "count": .int(status.commitCount), "conflicts": .int(status.conflictCount),
      "age_seconds": seconds(status.secondsSinceCommit),
      "duration_seconds": summary(status.commitSeconds),
      "last": status.lastCommit.map(commit) ?? .null,
      "recent": .array(status.recentCommits.map(commit)),
    ]
  }

  private static func commit(_ commit: PipelineStatus.Commit) -> JSONValue {
    [
      "version": .int(commit.version), "at": time(commit.atMicros),
      "duration_seconds": seconds(Double(commit.durationMicros) / 1e6),
      "records": .int(commit.recordCount), "readings": .int(commit.readingCount),
      "firings": .int(commit.firingCount), "files": .int(commit.fileCount),
      "bytes": .int(commit.byteCount),
    ]
  }

  private static func anomalies(_ status: PipelineStatus) -> JSONValue {
    let steps = status.labelledTotals(
      "anomalies", labels: ["source", "detector", "severity", "state"])
    return [
      "open_count": .int(status.openAnomalyCount),
      "open": .array(
        status.openAnomalies.map {
          [
            "source": .string($0.source), "detector": .string($0.detector),
            "severity": .string($0.severity), "count": .int($0.count),
          ]
        }),
      "open_details": .array(status.openDetails.map(detail)),
      "steps": .array(
        steps.map {
          [
            "source": .string($0.values[0]), "detector": .string($0.values[1]),
            "severity": .string($0.values[2]), "state": .string($0.values[3]),
            "count": .int($0.total),
          ]
        }),
      "recent": .array(status.recentAnomalies.map(note)),
    ]
  }

  /// One that is open, as `GET /anomalies/<id>` has it too.
  static func detail(_ anomaly: PipelineStatus.OpenAnomaly) -> JSONValue {
    [
      "id": .string(anomaly.id), "source": .string(anomaly.source),
      "device": .string(anomaly.device), "metric": .optional(anomaly.metric),
      "detector": .string(anomaly.detector), "rule": .string(anomaly.rule),
      "severity": .string(anomaly.severity), "opened_at": time(anomaly.openedAtMicros),
      "value": number(anomaly.value), "expected": number(anomaly.expected),
      "evidence": evidence(anomaly.evidence),
    ]
  }

  private static func note(_ note: PipelineStatus.AnomalyNote) -> JSONValue {
    [
      "id": .string(note.id), "source": .string(note.source), "device": .string(note.device),
      "metric": .optional(note.metric), "detector": .string(note.detector),
      "severity": .string(note.severity), "state": .string(note.state),
      "event_time": time(note.eventTimeMicros), "value": number(note.value),
      "expected": number(note.expected), "evidence": evidence(note.evidence),
    ]
  }

  /// The object itself; what is none stands as a string, so that the document stays whole.
  private static func evidence(_ text: String) -> JSONValue {
    do { return try JSONValue(parsing: Array(text.utf8)) } catch { return .string(text) }
  }

  private static func table(_ table: PipelineStatus.Table) -> JSONValue {
    [
      "name": .string(table.name), "version": int(table.version),
      "files": int(table.fileCount.map(Int64.init)), "bytes": int(table.byteCount),
      "rows": int(table.rowCount),
      "append_only": table.isAppendOnly.map { .bool($0) } ?? .null,
      "trouble": .optional(table.trouble),
      "final": .array(table.finality.map(finality)),
    ]
  }

  private static func finality(_ finality: PipelineStatus.Finality) -> JSONValue {
    [
      "source": .string(finality.source),
      "complete_through": finality.completeThrough.map { time($0) } ?? .null,
      "final_through": finality.finalThrough.map { time($0) } ?? .null,
      "final_through_of_all": finality.finalThroughOfAll.map { time($0) } ?? .null,
      "sleeping_behind": .int(finality.sleepingBehindCount),
      "timeless": .int(finality.timelessCount),
      "ledger_version": int(finality.ledgerVersion),
    ]
  }

  private static func reload(_ status: PipelineStatus) -> JSONValue {
    let last: JSONValue = status.lastReload.map {
      [
        "at": time($0.atMicros), "accepted": .bool($0.isAccepted), "detail": .string($0.detail),
      ]
    } ?? .null
    return [
      "accepted": .int(status.reloadCount), "refused": .int(status.reloadRefusedCount),
      "last": last,
    ]
  }

  private static func broker(_ broker: PipelineStatus.Broker) -> JSONValue {
    [
      "name": .string(broker.name), "state": .string(broker.state),
      "round_trip_seconds": broker.roundTripMicros > 0
        ? seconds(Double(broker.roundTripMicros) / 1e6) : .null,
    ]
  }

  private static func partition(
    _ partition: PipelineStatus.Partition, _ status: PipelineStatus
  ) -> JSONValue {
    [
      "topic": .string(partition.topicPartition.topic),
      "partition": .int(partition.topicPartition.partition),
      "incarnation": .int(partition.incarnation), "lane": .int(partition.lane),
      "next_offset": int(partition.nextOffset),
      "committed_offset": int(partition.committedOffset),
      "beginning_offset": int(partition.beginningOffset),
      "end_offset": int(partition.endOffset), "lag_records": int(partition.lag),
      "lag_seconds": seconds(status.lagSeconds(of: partition)),
      "clock": time(partition.clockMicros), "watermark": time(partition.watermarkMicros),
      "newest_event_time": time(partition.newestEventTimeMicros),
      "devices": .int(partition.deviceCount), "duplicates": duplicates(partition.duplicates),
      "state_bytes": .int(partition.stateByteCount),
      "buffered_bytes": .int(partition.bufferedByteCount),
      "idle_since": time(partition.idleSinceMicros),
      "replaying": .bool(partition.isReplaying), "paused": .bool(partition.isPaused),
    ]
  }

  private static func duplicates(_ duplicates: PipelineStatus.Duplicates?) -> JSONValue {
    guard let duplicates else { return .null }
    return [
      "found": .int(duplicates.foundCount), "remembered": .int(duplicates.rememberedCount),
      "forgotten_early": .int(duplicates.forgottenEarlyCount),
    ]
  }

  private static func process(_ usage: ProcessUsage?) -> JSONValue {
    guard let usage else { return .null }
    return [
      "resident_bytes": .int(usage.residentByteCount),
      "resident_peak_bytes": .int(usage.residentByteCountMax),
      "cpu_seconds": seconds(usage.cpuSeconds), "threads": .int(usage.threadCount),
      "open_fds": .int(usage.openFileCount), "max_fds": .int(usage.openFileCountMax),
    ]
  }

  private static func point(_ point: StatusHistory.Point) -> JSONValue {
    func tenths(_ value: Double?) -> JSONValue { number(value.map { ($0 * 10).rounded() / 10 }) }
    return [
      "at": time(point.atMicros), "records_per_second": tenths(point.recordsPerSecond),
      "received_bytes_per_second": tenths(point.bytesPerSecond),
      "lag_records": int(point.lagRecords), "lag_seconds": tenths(point.lagSeconds),
      "watermark_lag_seconds": tenths(point.watermarkLagSeconds),
      "dead_letters": .int(point.deadLetterCount),
    ]
  }

  // MARK: - Values

  private static func summary(_ histogram: Histogram) -> JSONValue {
    [
      "count": .int(histogram.count), "sum": seconds(histogram.sum),
      "p50": seconds(histogram.quantile(0.5)), "p95": seconds(histogram.quantile(0.95)),
      "p99": seconds(histogram.quantile(0.99)),
    ]
  }

  static func time(_ micros: Int64?) -> JSONValue {
    .optional(micros.map { Timestamp.text(micros: $0) })
  }

  private static func int(_ value: Int64?) -> JSONValue { value.map { .int($0) } ?? .null }

  /// To the microsecond, which is all that is measured.
  static func seconds(_ value: Double?) -> JSONValue {
    number(value.map { ($0 * 1e6).rounded() / 1e6 })
  }

  private static func number(_ value: Double?) -> JSONValue {
    value.flatMap { JSONValue.double($0) } ?? .null
  }
}
