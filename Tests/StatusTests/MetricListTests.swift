import Foundation
import Metrics
import TestSupport
import Testing

@testable import Pipeline
@testable import Status

@Suite struct MetricListTests {
  private func text(_ status: PipelineStatus) -> String {
    String(decoding: MetricList.text(Example.view(status)), as: UTF8.self)
  }

  private func expectLines(_ lines: String, in text: String) {
    let all = Set(text.split(separator: "\n"))
    for line in lines.split(separator: "\n") { #expect(all.contains(line), "missing: \(line)") }
  }

  // MARK: - The format, judged by Prometheus itself

  @Test(arguments: ["fresh", "busy", "big"])
  func `promtool finds nothing to say`(_ kind: String) throws {
    let status = switch kind {
    case "fresh": Example.fresh()
    case "busy": Example.busy()
    default: Example.big()
    }
    let judged = try Program.run(
      "/usr/bin/promtool", ["check", "metrics"], input: MetricList.text(Example.view(status)),
      errorsToo: true)
    #expect(judged.code == 0 && judged.bytes.isEmpty, "\(judged.text)")
  }

  /// prometheus_client's own parser of OpenMetrics, which is stricter than Prometheus.
  @Test(arguments: ["fresh", "busy", "big"])
  func `prometheus_client reads the OpenMetrics text`(_ kind: String) throws {
    let status = switch kind {
    case "fresh": Example.fresh()
    case "busy": Example.busy()
    default: Example.big()
    }
    let view = Example.view(status)
    let judged = try Python.run(
      "openmetrics_oracle.py", [], input: MetricList.text(view, .openMetrics))
    #expect(judged.code == 0, "\(judged.text)")
    let samples = text(status).split(separator: "\n").count { !$0.hasPrefix("#") }
    let found = "\(MetricList.definitions.count) families, \(samples) samples\n"
    #expect(judged.text == found)
  }

  @Test func `both formats have the same samples`() {
    for status in [Example.fresh(), Example.busy(), Example.big()] {
      let lines = { (format: Exposition.Format) in
        String(decoding: MetricList.text(Example.view(status), format), as: UTF8.self)
          .split(separator: "\n").filter { !$0.hasPrefix("#") }
      }
      #expect(lines(.prometheus) == lines(.openMetrics))
    }
  }

  /// What docs/METRICS.md promises, "How many series".
  @Test func `the number of series is bounded by the configuration and the partitions`() {
    func partitions(_ count: Int32) -> Int { seriesCount(Example.big(partitionCount: count)) }
    #expect(partitions(1000) - partitions(0) == 13 * 1000)
    #expect(partitions(1000) < 13 * 1000 + 250 + 20 * 2)
    var status = Example.busy()
    let before = seriesCount(status)
    // A fleet without end, and what anybody can write into a topic.
    for number in 0..<5000 {
      status.recentAnomalies.append(Example.note(device: "device-\(number)"))
      status.openDetails.append(
        .init(
          id: "\(number)", source: "buses", device: "device-\(number)", metric: "m\(number)",
          detector: "too_hot", rule: "limits", severity: "critical", openedAtMicros: 0,
          value: nil, expected: nil, evidence: "{}"))
    }
    for index in status.drift.indices {
      for field in 0..<256 {
        var finding = status.drift[0].found[0]
        finding.fieldNumber = UInt32(field)
        status.drift[index].found.append(finding)
      }
    }
    #expect(seriesCount(status) == before)
  }

  private func seriesCount(_ status: PipelineStatus) -> Int {
    text(status).split(separator: "\n").count { !$0.hasPrefix("#") }
  }

  @Test func `no series stands twice`() {
    for status in [Example.fresh(), Example.busy(), Example.big()] {
      let series = text(status).split(separator: "\n").filter { !$0.hasPrefix("#") }
        .map { $0[..<($0.lastIndex(of: " ") ?? $0.endIndex)] }
      #expect(Set(series).count == series.count)
    }
  }

  @Test func `totals with the same labels are one series`() {
    var status = Example.fresh()
    status.labelledTotals = [
      .init(name: "dead_letters", labels: [.init("reason", "truncated")], value: 2),
      .init(name: "dead_letters", labels: [.init("reason", "truncated")], value: 3),
    ]
    status.openAnomalies = [
      .init(source: "a", detector: "b", severity: "warning", count: 1),
      .init(source: "a", detector: "b", severity: "warning", count: 2),
    ]
    expectLines(
      """
      downlink_dead_letters_total{reason="truncated"} 5
      downlink_anomalies_open{source="a",detector="b",severity="warning"} 3
      """, in: text(status))
  }

  @Test func `the same status gives the same bytes`() {
    #expect(text(Example.busy()) == text(Example.busy()))
  }

  // MARK: - Values

  @Test func `what the issue asks for is there, with its value`() {
    expectLines(
      #"""
      downlink_build_info{program="downlinkd",version="0.1.0"} 1
      downlink_config_info{pipeline="fleet",fingerprint="0123abcd"} 1
      downlink_config_reloads_total{outcome="refused"} 1
      downlink_config_last_reload_accepted 0
      downlink_instance_ready 1
      downlink_instance_stalled 0
      downlink_instance_phase{phase="running"} 1
      downlink_instance_phase{phase="draining"} 0
      downlink_instance_wait_seconds{cause="disk_full"} 0
      downlink_instance_sessions_total 1
      downlink_kafka_received_bytes_total 1099511627776
      downlink_records_total{outcome="read"} 1000
      downlink_records_total{outcome="dead"} 3
      downlink_readings_total 4000
      downlink_readings_late_total{reason="too_late"} 2
      downlink_dead_letters_total{reason="truncated"} 2
      downlink_dead_letters_total{reason="no \"de\\vice\"\n"} 1
      downlink_schema_unknown_fields_total{source="buses"} 1205
      downlink_schema_unknown_fields_total{source="planes"} 0
      downlink_schema_unknown_enum_numbers_total{source="buses"} 2
      downlink_windows_firings_total{kind="first"} 120
      downlink_windows_firings_total{kind="again"} 4
      downlink_anomalies_steps_total{source="buses",detector="too_hot",\#
      severity="critical",state="opened"} 5
      downlink_anomalies_open{source="buses",detector="too_hot",severity="critical"} 1
      downlink_anomalies_refused_total 1
      downlink_partitions_assigned 2
      downlink_partitions_paused 1
      downlink_partitions_rebalances_total 2
      downlink_partition_lag_records{topic="telemetry",partition="1"} 340
      downlink_partition_lag_seconds{topic="telemetry",partition="0"} 0
      downlink_partition_lag_seconds{topic="telemetry",partition="1"} 1.5
      downlink_partition_watermark_lag_seconds{topic="telemetry",partition="1"} 34
      downlink_partition_state_bytes{topic="telemetry",partition="0"} 80000
      downlink_partition_buffered_bytes{topic="telemetry",partition="0"} 9000
      downlink_partition_paused{topic="telemetry",partition="1"} 1
      downlink_commits_total 9
      downlink_commits_conflicts_total 1
      downlink_commits_file_bytes_total 3000000
      downlink_commits_age_seconds 2.5
      downlink_commits_duration_seconds_bucket{le="0.125"} 8
      downlink_commits_duration_seconds_bucket{le="+Inf"} 9
      downlink_commits_duration_seconds_count 9
      downlink_latency_end_to_end_seconds_bucket{le="4.0"} 1000
      downlink_latency_end_to_end_seconds_sum 3000
      downlink_table_files{table="readings_buses"} 100
      downlink_table_bytes{table="readings_buses"} 5000000
      downlink_table_rows{table="readings_buses"} 4000
      downlink_broker_up{broker="kafka-1:9092/1"} 1
      downlink_broker_up{broker="kafka-2:9092/2"} 0
      downlink_broker_round_trip_seconds{broker="kafka-1:9092/1"} 0.0015
      downlink_process_uptime_seconds 60
      downlink_process_resident_memory_bytes 50000000
      downlink_process_cpu_seconds_total 12.5
      downlink_process_open_fds 40
      downlink_http_connections 2
      downlink_http_connections_closed_total{reason="silent"} 4
      """#, in: text(Example.busy()))
  }

  @Test func `what is not known has no sample`() {
    let fresh = text(Example.fresh())
    for name in ["commits_ledger_version", "config_last_reload_timestamp_seconds"] {
      #expect(fresh.contains("# TYPE downlink_\(name) gauge\n"))
      #expect(!fresh.contains("\ndownlink_\(name) "))
    }
    #expect(!text(Example.busy()).contains(#"_table_bytes{table="windows"}"#))
    var status = Example.busy()
    status.partitions[0].endOffset = nil
    status.partitions[0].watermarkMicros = nil
    let text = text(status)
    for name in ["lag_records", "lag_seconds", "watermark_lag_seconds"] {
      let series = #"downlink_partition_\#(name){topic="telemetry",partition="#
      #expect(!text.contains(series + #""0"}"#) && text.contains(series + #""1"}"#), "\(name)")
    }
  }

  @Test func `what waits is told by the instance that sends`() {
    let text = self.text(Example.busy())
    for line in [
      #"alerts_sending{webhook="pager"} 1"#, #"alerts_sending{webhook="standby"} 0"#,
      #"alerts_steps_total{webhook="pager",outcome="left_out"} 2"#,
      #"alerts_missed_commits_total{webhook="pager"} 7"#,
      #"alerts_failed_requests_total{webhook="pager"} 3"#,
      #"alerts_queued_steps{webhook="pager"} 4"#,
      #"alerts_oldest_age_seconds{webhook="pager"} 5"#, #"alerts_firing{webhook="pager"} 6"#,
    ] {
      #expect(text.contains("\ndownlink_" + line + "\n"), "\(line)")
    }
    #expect(!text.contains(#"queued_steps{webhook="standby"}"#))
    #expect(!self.text(Example.fresh()).contains("{webhook="))
  }

  @Test func `a device is never a label`() {
    let labels = Set(MetricList.definitions.flatMap(\.labels))
    #expect(!labels.contains("device") && !labels.contains("metric"))
    #expect(!text(Example.busy()).contains("alert("))
  }

  @Test func `every metric is ours by name`() {
    for definition in MetricList.definitions {
      #expect(definition.name.hasPrefix("downlink_"), "\(definition.name)")
    }
    let names = MetricList.definitions.map(\.name)
    #expect(Set(names).count == names.count)
  }

  // MARK: - The document

  /// The row of a metric in docs/METRICS.md up to its last cell, which says what to watch.
  private func row(_ definition: MetricDefinition) -> String {
    let labels = definition.labels.map { "`\($0)`" }.joined(separator: ", ")
    return [
      "| `\(definition.name)`", definition.kind.rawValue, definition.unit.rawValue, labels,
      definition.help, "",
    ].joined(separator: " | ")
  }

  @Test func `docs METRICS md has every metric, in the order of the scrape, and no other`() throws {
    let rows = try Repository.text(of: "docs/METRICS.md").split(separator: "\n")
      .filter { $0.hasPrefix("| `downlink_") }
    let names = rows.compactMap { $0.split(separator: "`").dropFirst().first.map(String.init) }
    #expect(names == MetricList.definitions.map(\.name))
    for definition in MetricList.definitions {
      let row = row(definition)
      #expect(rows.count { $0.hasPrefix(row) } == 1, "the row should begin: \(row)")
    }
  }
}
