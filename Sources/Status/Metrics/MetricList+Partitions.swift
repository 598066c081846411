import Metrics
import Pipeline

// Topic partitions of this instance, and the brokers they come from.
extension MetricList {
  static let partitions: [StatusMetric] = [
    StatusMetric(
      MetricDefinition(
        "downlink_partitions_assigned", .gauge, .count,
        help: "Topic partitions this instance has.")
    ) { $1.add([], Int64($0.status.partitions.count)) },
    StatusMetric(
      MetricDefinition(
        "downlink_partitions_paused", .gauge, .count,
        help: "Topic partitions that are not drained because buffers wait for a commit.")
    ) { $1.add([], Int64($0.status.pausedCount)) },
    StatusMetric(
      MetricDefinition(
        "downlink_partitions_rebalances_total", .counter, .count,
        help: "Rebalances of the consumer group that this instance went through.")
    ) { $1.add([], $0.status.rebalanceCount) },
    count(
      "downlink_partition_lag_records", { $1.lag },
      help: "Records between what is taken in and the newest in Kafka."),
    seconds(
      "downlink_partition_lag_seconds", { $0.lagSeconds(of: $1) },
      help: "0 with everything taken in, else how old the newest record taken in is."),
    seconds(
      "downlink_partition_watermark_lag_seconds",
      { status, partition in partition.watermarkMicros.map { status.seconds(since: $0) } },
      help: "How far the newest watermark of the partition's devices is behind the wall clock."),
    seconds(
      "downlink_partition_event_time_lag_seconds",
      { status, partition in partition.newestEventTimeMicros.map { status.seconds(since: $0) } },
      help: "How far the newest event time of the partition is behind the wall clock."),
    count(
      "downlink_partition_next_offset", { $1.nextOffset },
      help: "The next offset to be taken in."),
    count(
      "downlink_partition_committed_offset", { $1.committedOffset },
      help: "The next offset after what is committed."),
    count(
      "downlink_partition_end_offset", { $1.endOffset },
      help: "One past the newest record in Kafka."),
    count(
      "downlink_partition_devices", { Int64($1.deviceCount) },
      help: "Devices of which the partition keeps state."),
    count(
      "downlink_partition_remembered_records", { $1.duplicates.map { Int64($0.rememberedCount) } },
      help: "Records remembered to find duplicates; no sample where duplicates count."),
    bytes(
      "downlink_partition_state_bytes", { Int64($1.stateByteCount) },
      help: "Memory of the partition's windows, detectors and remembered records."),
    bytes(
      "downlink_partition_buffered_bytes", { Int64($1.bufferedByteCount) },
      help: "Decoded rows of the partition that wait for a commit."),
    flag(
      "downlink_partition_paused", { $1.isPaused },
      help: "Whether the partition is not drained because buffers wait for a commit."),
    flag(
      "downlink_partition_replaying", { $1.isReplaying },
      help: "Whether the partition reads again what is committed, to rebuild its state."),
  ]

  static let brokers: [StatusMetric] = [
    StatusMetric(
      MetricDefinition(
        "downlink_kafka_group_up", .gauge, .flag,
        help: "Whether the client is a member of its consumer group in good standing.")
    ) { $1.add([], $0.status.groupState == "up") },
    StatusMetric(
      MetricDefinition(
        "downlink_broker_up", .gauge, .flag, labels: ["broker"],
        help: "Whether the client has a connection to the broker.")
    ) {
      for broker in unique($0.status.brokers) { $1.add([broker.name], broker.state == "UP") }
    },
    StatusMetric(
      MetricDefinition(
        "downlink_broker_round_trip_seconds", .gauge, .seconds, labels: ["broker"],
        help: "Smoothed time from a request to its response; no sample where not known.")
    ) {
      for broker in unique($0.status.brokers) where broker.roundTripMicros > 0 {
        $1.add([broker.name], Double(broker.roundTripMicros) / 1e6)
      }
    },
  ]

  /// The client lists a broker twice while it knows it by its bootstrap name as well.
  private static func unique(_ brokers: [PipelineStatus.Broker]) -> [PipelineStatus.Broker] {
    var seen: Set<String> = []
    return brokers.sorted { ($0.name, $1.state) < ($1.name, $0.state) }
      .filter { seen.insert($0.name).inserted }
  }

  private typealias Value<Number> =
    @Sendable (PipelineStatus, PipelineStatus.Partition) -> Number?

  private static func count(
    _ name: String, _ value: @escaping Value<Int64>, help: String
  ) -> StatusMetric {
    partition(name, .count, value, help: help) { $0.add($1, $2) }
  }

  private static func bytes(
    _ name: String, _ value: @escaping Value<Int64>, help: String
  ) -> StatusMetric {
    partition(name, .bytes, value, help: help) { $0.add($1, $2) }
  }

  private static func seconds(
    _ name: String, _ value: @escaping Value<Double>, help: String
  ) -> StatusMetric {
    partition(name, .seconds, value, help: help) { $0.add($1, $2) }
  }

  private static func flag(
    _ name: String, _ value: @escaping Value<Bool>, help: String
  ) -> StatusMetric {
    partition(name, .flag, value, help: help) { $0.add($1, $2) }
  }
}
