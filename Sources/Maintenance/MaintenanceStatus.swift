/// What is known of maintenance: a value for status and metrics.
///
/// Counters count since this process began; everything else is as of the last pass.
package struct MaintenanceStatus: Sendable, Equatable {
  /// Who does the work.
  package enum Role: String, Sendable {
    /// It is switched off.
    case off
    /// This instance does it.
    case active
    /// Another instance of the pipeline does it.
    case standby
  }

  package var role = Role.off
  /// Passes over all tables that were ended.
  package var passCount = 0
  /// When the last pass ended, microseconds since 1970; nil before the first.
  package var lastPassMicros: Int64?
  /// How long it took.
  package var lastPassMillis: Int64 = 0
  /// The table and the step that are being worked on; nil between passes.
  package var current: (table: String, step: String)?
  package var tables: [TableStatus] = []
  package var root = RootStatus()
  /// Why nothing can be done; nil while something can. What is wrong with a table stands there.
  package var trouble: String?

  package init() {}

  /// By hand, for tuples have no equality to derive from.
  package static func == (left: MaintenanceStatus, right: MaintenanceStatus) -> Bool {
    left.role == right.role && left.passCount == right.passCount
      && left.lastPassMicros == right.lastPassMicros && left.lastPassMillis == right.lastPassMillis
      && left.current?.table == right.current?.table && left.current?.step == right.current?.step
      && left.tables == right.tables && left.root == right.root
      && left.trouble == right.trouble
  }
}

/// What is known of one table's maintenance.
package struct TableStatus: Sendable, Equatable {
  package let name: String
  /// The Delta version that was seen last; -1 where there is no table yet.
  package var version: Int64 = -1
  /// Live files, as the log has them.
  package var fileCount = 0
  package var byteCount: Int64 = 0
  /// Live files below the size from which on compaction leaves a file alone.
  package var smallFileCount = 0

  // MARK: Log checkpoints and log clean-up
  /// The version of the newest log checkpoint; nil where there is none.
  package var checkpointVersion: Int64?
  package var checkpointCount = 0
  /// Files in the log's folder.
  package var logFileCount = 0
  package var cleanedLogFileCount = 0

  // MARK: Retention
  /// How long its rows are kept; nil for ever.
  package var keepMillis: Int64?
  /// Why nothing is removed though it is due; nil where nothing stands against it.
  package var refusal: String?
  package var expiredDateCount = 0
  package var expiredFileCount = 0
  package var expiredByteCount: Int64 = 0

  // MARK: Compaction
  /// When files were merged last, microseconds since 1970; nil where none were.
  package var lastCompactionMicros: Int64?
  package var compactionCount = 0
  /// Files that were merged, and files that came of it.
  package var mergedFileCount = 0
  package var madeFileCount = 0
  /// Bytes of the files that were made; of these, those whose row groups were taken over as they
  /// are.
  package var writtenByteCount: Int64 = 0
  package var copiedByteCount: Int64 = 0
  /// Groups of files that were given up because another program had changed one meanwhile.
  package var conflictCount = 0
  /// Groups that wait for their turn.
  package var waitingGroupCount = 0

  // MARK: Files that are not live any more
  /// Removed files that still lie there for readers of older versions.
  package var tombstoneCount = 0
  package var tombstoneByteCount: Int64 = 0
  package var orphanCount = 0
  package var orphanByteCount: Int64 = 0
  /// Files of ours that nothing names and of which it is not proven, or not for long, that nothing
  /// can, as of the last sweep; and files that are not ours.
  package var undecidedFileCount = 0
  package var foreignFileCount = 0
  /// Unfinished files of writers that died which were removed.
  package var unfinishedFileCount = 0
  package var deletedFileCount = 0
  package var deletedByteCount: Int64 = 0

  /// What went wrong in the last pass, as a sentence; nil where nothing did.
  package var trouble: String?
  package var troubleCount = 0

  package init(name: String) { self.name = name }
}
