import Metrics
import Pipeline

// The process as the kernel sees it, and the endpoint that is asked.
extension MetricList {
  static let process: [StatusMetric] = [
    StatusMetric(
      MetricDefinition(
        "downlink_process_start_time_seconds", .gauge, .seconds,
        help: "When the instance was started, Unix time.")
    ) { $1.add([], Double($0.status.startedAtMicros) / 1e6) },
    StatusMetric(
      MetricDefinition(
        "downlink_process_uptime_seconds", .gauge, .seconds,
        help: "How long ago the instance was started.")
    ) { $1.add([], $0.status.uptimeSeconds) },
    measured(
      "downlink_process_cpu_seconds_total", .counter, .seconds, { $0.cpuSeconds },
      help: "User and system time of all threads."),
    measured(
      "downlink_process_resident_memory_bytes", .gauge, .bytes,
      { Double($0.residentByteCount) }, help: "Physical memory now."),
    measured(
      "downlink_process_resident_memory_peak_bytes", .gauge, .bytes,
      { Double($0.residentByteCountMax) }, help: "The most physical memory there ever was."),
    measured(
      "downlink_process_threads", .gauge, .count, { Double($0.threadCount) },
      help: "Threads of the process."),
    measured(
      "downlink_process_open_fds", .gauge, .count, { Double($0.openFileCount) },
      help: "Open file descriptors."),
    measured(
      "downlink_process_max_fds", .gauge, .count, { Double($0.openFileCountMax) },
      help: "How many file descriptors the process may open."),
  ]

  static let endpoint: [StatusMetric] = [
    StatusMetric(
      MetricDefinition(
        "downlink_http_connections", .gauge, .count,
        help: "Connections of this endpoint that are open.")
    ) { $1.add([], Int64($0.connections.open)) },
    StatusMetric(
      MetricDefinition(
        "downlink_http_connections_accepted_total", .counter, .count,
        help: "Connections of this endpoint that were accepted.")
    ) { $1.add([], $0.connections.accepted) },
    StatusMetric(
      MetricDefinition(
        "downlink_http_connections_closed_total", .counter, .count, labels: ["reason"],
        help: "Connections of this endpoint that it closed on clients for their behaviour.")
    ) {
      $1.add(["evicted"], $0.connections.evicted)
      $1.add(["flood"], $0.connections.flooded)
      $1.add(["silent"], $0.connections.silenced)
    },
  ]

  /// No sample where the system does not say.
  private static func measured(
    _ name: String, _ kind: MetricDefinition.Kind, _ unit: MetricDefinition.Unit,
    _ value: @escaping @Sendable (ProcessUsage) -> Double, help: String
  ) -> StatusMetric {
    StatusMetric(MetricDefinition(name, kind, unit, help: help)) {
      if let process = $0.process { $1.add([], value(process)) }
    }
  }
}
