import Base
import Maintenance

extension StatusDocument {
  /// `maintenance`.
  static func maintenance(_ status: MaintenanceStatus?) -> JSONValue {
    guard let status else { return .null }
    return [
      "role": .string(status.role.rawValue), "passes": .int(status.passCount),
      "last_pass_at": status.lastPassMicros.map { time($0) } ?? .null,
      "last_pass_seconds": seconds(Double(status.lastPassMillis) / 1e3),
      "working_on": .optional(status.current.map { "\($0.table): \($0.step)" }),
      "trouble": .optional(status.trouble),
      "tables": .array(status.tables.map(table)),
      "state_orphans": .int(status.root.orphanCount),
    ]
  }

  private static func table(_ table: TableStatus) -> JSONValue {
    .object([
      JSONMember("name", .string(table.name)),
      JSONMember("version", .int(table.version)),
      JSONMember("files", .int(table.fileCount)),
      JSONMember("bytes", .int(table.byteCount)),
      JSONMember("small_files", .int(table.smallFileCount)),
      JSONMember("keep_seconds", table.keepMillis.map { .int($0 / 1000) } ?? .null),
      JSONMember("refusal", .optional(table.refusal)),
      JSONMember("checkpoint_version", table.checkpointVersion.map { .int($0) } ?? .null),
      JSONMember("log_files", .int(table.logFileCount)),
      JSONMember("last_compaction_at", table.lastCompactionMicros.map { time($0) } ?? .null),
      JSONMember("merged_files", .int(table.mergedFileCount)),
      JSONMember("made_files", .int(table.madeFileCount)),
      JSONMember("written_bytes", .int(table.writtenByteCount)),
      JSONMember("waiting_groups", .int(table.waitingGroupCount)),
      JSONMember("conflicts", .int(table.conflictCount)),
      JSONMember("expired_files", .int(table.expiredFileCount)),
      JSONMember("expired_bytes", .int(table.expiredByteCount)),
      JSONMember("removed_files", .int(table.tombstoneCount)),
      JSONMember("removed_bytes", .int(table.tombstoneByteCount)),
      JSONMember("deleted_files", .int(table.deletedFileCount)),
      JSONMember("orphans", .int(table.orphanCount)),
      JSONMember("unnamed_files", .int(table.undecidedFileCount)),
      JSONMember("foreign_files", .int(table.foreignFileCount)),
      JSONMember("trouble", .optional(table.trouble)),
    ])
  }

  /// `storage`.
  static func storage(_ use: StorageUse?) -> JSONValue {
    guard let use else { return .null }
    func count(_ value: Int64?) -> JSONValue { value.map { .int($0) } ?? .null }
    return [
      "used_bytes": .int(use.usedByteCount), "live_bytes": .int(use.liveByteCount),
      "removed_bytes": .int(use.removedByteCount), "free_bytes": count(use.freeByteCount),
      "budget_bytes": count(use.budgetByteCount), "warning_bytes": count(use.warningByteCount),
      "daily_growth_bytes": count(use.growthPerDay),
      "days_left": seconds(use.daysLeft),
    ]
  }
}
