package import Metrics
package import Pipeline
import Telemetry

/// A metric and how its samples come out of a status.
struct StatusMetric: Sendable {
  let definition: MetricDefinition
  /// Adds the samples; the family has been begun.
  let add: @Sendable (StatusView, inout Exposition) -> Void

  init(
    _ definition: MetricDefinition,
    _ add: @escaping @Sendable (StatusView, inout Exposition) -> Void
  ) {
    self.definition = definition
    self.add = add
  }
}

/// Every metric that `/metrics` has, in its order; docs/METRICS.md explains the same list.
///
/// There is no registry: a scrape is a function of one `PipelineStatus`. A device is never a
/// label, nor is anything else of which there can be many thousands.
package enum MetricList {
  static let all: [StatusMetric] =
    program + instance + schemaRegistry + records + windows + anomalies + alerts
    + partitions + commits + tables + maintenance + space
    + brokers + process + endpoint

  /// What there is, as data.
  package static var definitions: [MetricDefinition] { all.map(\.definition) }

  /// The text exposition of a status, without what only the serving process knows of itself.
  package static func text(_ status: PipelineStatus) -> [UInt8] { text(StatusView(status)) }

  static func text(
    _ view: StatusView, _ format: Exposition.Format = .prometheus
  ) -> [UInt8] {
    var exposition = Exposition(format, capacity: 24_576 + view.status.partitions.count * 1024)
    for metric in all {
      exposition.begin(metric.definition)
      metric.add(view, &exposition)
    }
    exposition.end()
    return exposition.bytes
  }

  // MARK: - Shapes that return

  /// A counter that is one of `PipelineStatus.totals`.
  static func total(_ name: String, of key: String, help: String) -> StatusMetric {
    StatusMetric(MetricDefinition(name, .counter, .count, help: help)) {
      $1.add([], $0.status.total(key))
    }
  }

  /// A counter over several of `PipelineStatus.totals`, one label value each.
  static func totals(
    _ name: String, label: String, of keys: KeyValuePairs<String, String>, help: String
  ) -> StatusMetric {
    let pairs = keys.map { (value: [$0.key], key: $0.value) }
    return StatusMetric(MetricDefinition(name, .counter, .count, labels: [label], help: help)) {
      for pair in pairs { $1.add(pair.value, $0.status.total(pair.key)) }
    }
  }

  /// A counter that is split by labels in the status itself.
  static func labelled(
    _ name: String, of key: String, labels: [String], help: String
  ) -> StatusMetric {
    StatusMetric(MetricDefinition(name, .counter, .count, labels: labels, help: help)) {
      for (values, total) in $0.status.labelledTotals(key, labels: labels) {
        $1.add(values, total)
      }
    }
  }

  /// A gauge of every topic partition; no sample where the value is not known.
  static func partition<Value>(
    _ name: String, _ unit: MetricDefinition.Unit,
    _ value: @escaping @Sendable (PipelineStatus, PipelineStatus.Partition) -> Value?, help: String,
    add: @escaping @Sendable (inout Exposition, [String], Value) -> Void
  ) -> StatusMetric {
    let definition = MetricDefinition(
      name, .gauge, unit, labels: ["topic", "partition"], help: help)
    return StatusMetric(definition) { view, exposition in
      for partition in view.status.partitions {
        guard let value = value(view.status, partition) else { continue }
        let place = partition.topicPartition
        add(&exposition, [place.topic, String(place.partition)], value)
      }
    }
  }
}
