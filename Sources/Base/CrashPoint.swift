import Glibc

/// The named steps at which a test may kill the process, to show that none of them matters.
///
/// `DOWNLINK_CRASH_POINT=log_put_after:3` kills this process with SIGKILL when it reaches
/// `log_put_after` for the third time; with `:hang` behind it, the thread that reaches it does not
/// return, as from a disk that has stopped answering. The variable is read once; unset, a point
/// costs one comparison. Points lie on the paths of commits, assignments and maintenance only,
/// never in a loop over records.
package enum CrashPoint: String, CaseIterable, Sendable {
  /// Partitions were assigned; nothing has been read.
  case assigned = "after_assign"
  /// A lane has handed over its buffers.
  case cutTaken = "cut_taken"
  /// A data file is open and has bytes.
  case fileOpened = "file_open"
  /// All data files are written and synced; their folders are not.
  case filesClosed = "files_closed"
  /// Data, folders and state are durable; the ledger knows nothing yet.
  case beforeEntry = "log_put_before"
  /// The entry is durable; nobody has acted on it.
  case afterEntry = "log_put_after"
  /// Some table logs have taken the entry, at least one has not.
  case betweenTables = "secondary_commit"
  /// All table logs have taken it; Kafka's group offsets are not committed.
  case beforeGroupOffsets = "group_commit_before"
  /// Everything of a commit is done.
  case committed = "group_commit_after"
  /// Partitions are being taken away.
  case revoking = "revoke_start"
  /// The last commit of an orderly stop is about to begin.
  case draining = "shutdown_drain"
  /// Files of the table `devices` are written and synced; its log does not name them.
  case devicesWritten = "devices_written"
  /// The table `devices` has taken its commit; nobody has acted on it.
  case devicesCommitted = "devices_committed"
  /// A file that maintenance makes is open and has bytes.
  case maintenanceFileOpened = "maintenance_file_open"
  /// The files of a maintenance commit are written and synced; the commit is not put.
  case maintenanceFilesClosed = "maintenance_files_closed"
  /// A maintenance commit is durable; nobody has acted on it.
  case maintenanceCommitted = "maintenance_commit_after"
  /// A log checkpoint is written and synced; `_last_checkpoint` does not name it.
  case maintenanceCheckpointWritten = "maintenance_checkpoint_written"
  /// Some of the files that a pass deletes are gone, at least one is not.
  case maintenanceDeleting = "maintenance_deleting"
  /// Some commits behind a log checkpoint are cleaned up, at least one is not.
  case maintenanceLogCleaning = "maintenance_log_cleaning"

  private static let armed: (point: CrashPoint, count: Int, hangs: Bool)? = {
    guard let text = unsafe getenv("DOWNLINK_CRASH_POINT") else { return nil }
    let parts = unsafe String(cString: text).split(separator: ":")
    guard let name = parts.first, let point = CrashPoint(rawValue: String(name)) else { return nil }
    return (point, parts.count > 1 ? Int(parts[1]) ?? 1 : 1, parts.last == "hang")
  }()

  private static let visits = CrashCounter()

  /// Dies or hangs here if the environment says so.
  package static func reached(_ point: CrashPoint) {
    guard let armed, armed.point == point, visits.next() >= armed.count else { return }
    if !armed.hangs { kill(getpid(), SIGKILL) }
    while true { sleep(3600) }
  }
}
