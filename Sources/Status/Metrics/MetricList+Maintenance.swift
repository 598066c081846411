import Maintenance
import Metrics
import Pipeline

// Maintenance of the tables, and the space of the root. Nothing of these where it is not known: in
// an instance that has none, or that stands by for another's.
extension MetricList {
  static let maintenance: [StatusMetric] = [
    StatusMetric(
      MetricDefinition(
        "downlink_maintenance_active", .gauge, .flag,
        help: "Whether this instance maintains the tables: one of a pipeline's does.")
    ) { if let status = $0.maintenance { $1.add([], status.role == .active) } },
    StatusMetric(
      MetricDefinition(
        "downlink_maintenance_passes_total", .counter, .count,
        help: "Passes over all tables that came to their end.")
    ) { if let status = $0.maintenance { $1.add([], Int64(status.passCount)) } },
    StatusMetric(
      MetricDefinition(
        "downlink_maintenance_pass_age_seconds", .gauge, .seconds,
        help: "How long ago the last pass came to its end; no sample before the first.")
    ) { view, exposition in
      guard let last = view.maintenance?.lastPassMicros else { return }
      exposition.add([], Double(max(0, view.status.nowMicros - last)) / 1e6)
    },
    StatusMetric(
      MetricDefinition(
        "downlink_maintenance_pass_seconds", .gauge, .seconds, help: "How long the last pass took.")
    ) { view, exposition in
      guard let status = view.maintenance, status.lastPassMicros != nil else { return }
      exposition.add([], Double(status.lastPassMillis) / 1e3)
    },
    counter(
      "downlink_maintenance_failures_total", .count, { Int64($0.troubleCount) },
      help: "Turns of a table in which a step failed; it is tried again."),
    counter(
      "downlink_maintenance_conflicts_total", .count, { Int64($0.conflictCount) },
      help: "Changes that were given up, as another program had changed the same files."),
    counter(
      "downlink_maintenance_log_checkpoints_total", .count, { Int64($0.checkpointCount) },
      help: "Checkpoints of the table's log that were written."),
    counter(
      "downlink_maintenance_merged_files_total", .count, { Int64($0.mergedFileCount) },
      help: "Small files that went into larger ones."),
    counter(
      "downlink_maintenance_written_bytes_total", .bytes, { $0.writtenByteCount },
      help: "Bytes of the larger files that came of it."),
    counter(
      "downlink_maintenance_expired_files_total", .count, { Int64($0.expiredFileCount) },
      help: "Files of dates whose rows are kept no longer, removed from the table."),
    counter(
      "downlink_maintenance_expired_bytes_total", .bytes, { $0.expiredByteCount },
      help: "Bytes of those files."),
    StatusMetric(
      MetricDefinition(
        "downlink_maintenance_deleted_files_total", .counter, .count, labels: ["table", "kind"],
        help: "Files deleted from the disk, by what they were.")
    ) { view, exposition in
      for table in view.maintenance?.tables ?? [] {
        exposition.add([table.name, "removed"], Int64(table.deletedFileCount))
        exposition.add([table.name, "orphan"], Int64(table.orphanCount))
        exposition.add([table.name, "log"], Int64(table.cleanedLogFileCount))
        exposition.add([table.name, "unfinished"], Int64(table.unfinishedFileCount))
      }
    },
    gauge(
      "downlink_table_small_files", .count, { Int64($0.smallFileCount) },
      help: "Live files that are smaller than merged ones."),
    gauge(
      "downlink_table_removed_bytes", .bytes, { $0.tombstoneByteCount },
      help: "Bytes of files that the table no longer has and its log still names."),
    gauge(
      "downlink_table_log_files", .count, { Int64($0.logFileCount) },
      help: "Files in the folder of the table's log."),
    gauge(
      "downlink_table_versions_since_checkpoint", .count,
      { $0.version < 0 ? nil : $0.version - ($0.checkpointVersion ?? -1) },
      help: "Versions that whoever opens the table reads one by one."),
    gauge(
      "downlink_table_unnamed_files", .count, { Int64($0.undecidedFileCount) },
      help: "Files of ours that nothing names, and that are not deleted yet."),
  ]

  static let space: [StatusMetric] = [
    use(
      "downlink_storage_used_bytes", .bytes, { Double($0.usedByteCount) },
      help: "Bytes of all files below the root."),
    use(
      "downlink_storage_free_bytes", .bytes, { $0.freeByteCount.map(Double.init) },
      help: "Bytes that may still be written on the file system of the root."),
    use(
      "downlink_storage_budget_bytes", .bytes, { $0.budgetByteCount.map(Double.init) },
      help: "The budget of the root; no sample without one."),
    use(
      "downlink_storage_warning_bytes", .bytes, { $0.warningByteCount.map(Double.init) },
      help: "From where on the budget is nearly used up; no sample without one."),
    use(
      "downlink_storage_daily_growth_bytes", .bytes, { $0.growthPerDay.map(Double.init) },
      help: "By how much a day the root grows, over a week at most; negative where it shrinks."),
    use(
      "downlink_storage_left_seconds", .seconds, { $0.daysLeft.map { $0 * 86_400 } },
      help: "Until budget or file system is full at that rate; no sample where it does not grow."),
  ]

  private static func counter(
    _ name: String, _ unit: MetricDefinition.Unit,
    _ value: @escaping @Sendable (TableStatus) -> Int64, help: String
  ) -> StatusMetric {
    StatusMetric(MetricDefinition(name, .counter, unit, labels: ["table"], help: help)) {
      for table in $0.maintenance?.tables ?? [] { $1.add([table.name], value(table)) }
    }
  }

  private static func gauge(
    _ name: String, _ unit: MetricDefinition.Unit,
    _ value: @escaping @Sendable (TableStatus) -> Int64?, help: String
  ) -> StatusMetric {
    StatusMetric(MetricDefinition(name, .gauge, unit, labels: ["table"], help: help)) {
      for table in $0.maintenance?.tables ?? [] {
        if let value = value(table) { $1.add([table.name], value) }
      }
    }
  }

  private static func use(
    _ name: String, _ unit: MetricDefinition.Unit,
    _ value: @escaping @Sendable (StorageUse) -> Double?, help: String
  ) -> StatusMetric {
    StatusMetric(MetricDefinition(name, .gauge, unit, help: help)) {
      if let use = $0.maintenance?.root.use, let value = value(use) { $1.add([], value) }
    }
  }
}
