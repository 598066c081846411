import Metrics
import Pipeline

// The program, the instance's life, and what it waits for.
extension MetricList {
  static let program: [StatusMetric] = [
    StatusMetric(
      MetricDefinition(
        "downlink_build_info", .info, .flag, labels: ["program", "version"],
        help: "Always 1; the labels say what runs.")
    ) {
      let words = $0.status.program.split(separator: " ", maxSplits: 1).map(String.init)
      $1.add([words.first ?? "", words.count > 1 ? words[1] : ""], true)
    },
    StatusMetric(
      MetricDefinition(
        "downlink_config_info", .info, .flag, labels: ["pipeline", "fingerprint"],
        help: "Always 1; the labels say which pipeline and which configuration is in force.")
    ) { $1.add([$0.status.pipeline, $0.status.configFingerprint], true) },
    StatusMetric(
      MetricDefinition(
        "downlink_config_reloads_total", .counter, .count, labels: ["outcome"],
        help: "Reloads of the configuration by what became of them.")
    ) {
      $1.add(["accepted"], $0.status.reloadCount)
      $1.add(["refused"], $0.status.reloadRefusedCount)
    },
    StatusMetric(
      MetricDefinition(
        "downlink_config_last_reload_accepted", .gauge, .flag,
        help: "Whether the last reload was accepted; 1 where there was none.")
    ) { $1.add([], $0.status.lastReload?.isAccepted ?? true) },
    StatusMetric(
      MetricDefinition(
        "downlink_config_last_reload_timestamp_seconds", .gauge, .seconds,
        help: "When the last reload was decided, Unix time; no sample where there was none.")
    ) {
      if let reload = $0.status.lastReload { $1.add([], Double(reload.atMicros) / 1e6) }
    },
  ]

  static let instance: [StatusMetric] = [
    StatusMetric(
      MetricDefinition(
        "downlink_instance_ready", .gauge, .flag,
        help: "Whether /readyz says yes: partitions are fetched and commits follow.")
    ) { $1.add([], $0.status.readiness.isReady) },
    StatusMetric(
      MetricDefinition(
        "downlink_instance_stalled", .gauge, .flag,
        help: "Whether the instance does not progress; the watchdog is not fed then.")
    ) { $1.add([], $0.status.stall != nil) },
    StatusMetric(
      MetricDefinition(
        "downlink_instance_phase", .gauge, .flag, labels: ["phase"],
        help: "1 for the phase the instance is in, 0 for the others.")
    ) {
      for phase in PipelineStatus.Phase.allCases {
        $1.add([phase.rawValue], phase == $0.status.phase)
      }
    },
    StatusMetric(
      MetricDefinition(
        "downlink_instance_phase_age_seconds", .gauge, .seconds,
        help: "How long the instance has been in its phase.")
    ) { $1.add([], $0.status.seconds(since: $0.status.phaseSinceMicros)) },
    StatusMetric(
      MetricDefinition(
        "downlink_instance_wait_seconds", .gauge, .seconds, labels: ["cause"],
        help: "How long the instance has waited for something outside; 0 where it does not.")
    ) { view, exposition in
      for cause in PipelineStatus.ExternalWait.Cause.allCases {
        let wait = view.status.wait.flatMap { $0.cause == cause ? $0 : nil }
        exposition.add(
          [cause.rawValue], wait.map { view.status.seconds(since: $0.sinceMicros) } ?? 0)
      }
    },
    StatusMetric(
      MetricDefinition(
        "downlink_source_paused", .gauge, .flag, labels: ["source"],
        help: "Whether a flood of dead letters has paused the source: Kafka keeps its records.")
    ) { for flood in $0.status.floods { $1.add([flood.source], flood.isPaused) } },
    StatusMetric(
      MetricDefinition(
        "downlink_source_pauses_total", .counter, .count, labels: ["source"],
        help: "How often a flood of dead letters has paused the source.")
    ) { for flood in $0.status.floods { $1.add([flood.source], flood.pauseCount) } },
    StatusMetric(
      MetricDefinition(
        "downlink_instance_sessions_total", .counter, .count,
        help: "Sessions begun: 1 at the start, and one more after each fault recovered from.")
    ) { $1.add([], $0.status.sessionCount) },
  ]
  /// Nothing of these where no registry is configured.
  static let schemaRegistry: [StatusMetric] = [
    StatusMetric(
      MetricDefinition(
        "downlink_schema_registry_requests_total", .counter, .count, labels: ["outcome"],
        help: "Requests to the schema registry, by what came back.")
    ) {
      guard let registry = $0.status.schemaRegistry else { return }
      $1.add(["answered"], registry.answeredCount)
      $1.add(["not_found"], registry.notFoundCount)
      $1.add(["failed"], registry.failedCount)
    },
    StatusMetric(
      MetricDefinition(
        "downlink_schema_registry_known_ids", .gauge, .count,
        help: "Schema ids whose meaning is known; no sample without a registry.")
    ) {
      if let registry = $0.status.schemaRegistry { $1.add([], Int64(registry.knownIDCount)) }
    },
    StatusMetric(
      MetricDefinition(
        "downlink_schema_registry_wait_seconds_total", .counter, .seconds,
        help: "Time in which records waited for what their schema id means.")
    ) {
      if let registry = $0.status.schemaRegistry { $1.add([], registry.waitSeconds) }
    },
  ]
}
