package import DeltaLog
import Logging

/// Writes a log checkpoint where one is due, so that opening the table does not cost one read a
/// commit of its life.
package enum LogCheckpointStep: MaintenanceStep {
  package static let name = "log checkpoint"

  /// Whether one is due: so many versions after the last, as the table's own property or else ours
  /// says.
  package static func isDue(_ snapshot: TableSnapshot, _ options: MaintenanceOptions) -> Bool {
    let interval = snapshot.properties.checkpointInterval ?? options.logCheckpointVersionCount
    // The first version is its own checkpoint.
    return snapshot.version - max(0, snapshot.checkpointVersion) >= max(1, interval)
  }

  /// See `MaintenanceStep`.
  package static func run(
    _ table: inout MaintainedTable, in pass: MaintenancePass
  ) throws(MaintenanceFault) {
    table.status.checkpointVersion =
      table.snapshot.checkpointVersion < 0 ? nil : table.snapshot.checkpointVersion
    guard isDue(table.snapshot, pass.options) else { return }
    do throws(DeltaError) {
      // Another program may have written one since we looked.
      try table.snapshot.lookForCheckpoint()
      guard isDue(table.snapshot, pass.options) else { return }
      let options = LogCheckpointOptions(
        nowMillis: pass.nowMillis,
        deletedFileRetentionMillis: pass.options.deletedFileKeepMillis)
      let pace = pass.pace
      let written = try table.snapshot.writeCheckpoint(options) { byteCount in
        (try? pace.took(byteCount: byteCount)) != nil
      }
      guard let written else { return }
      table.status.checkpointVersion = written.version
      if !written.wasThere { table.status.checkpointCount += 1 }
      pass.log.info(
        "log checkpoint written",
        metadata: [
          "table": "\(table.name)", "version": "\(written.version)",
          "files": "\(written.addCount)", "tombstones": "\(written.tombstoneCount)",
          "bytes": "\(written.byteCount)",
        ])
    } catch {
      throw .log(error)
    }
  }
}
