import Logging
import Storage

/// Deletes files of ours that no commit names and none can name any more, what writers that died
/// have left unfinished, and folders of partition values with nothing in them.
package enum OrphanStep: MaintenanceStep {
  package static let name = "orphans"

  /// Files that one pass deletes at most.
  private static let fileCountMax = 5000

  /// See `MaintenanceStep`. Once an hour: it lists every folder of the table.
  package static func run(
    _ table: inout MaintainedTable, in pass: MaintenancePass
  ) throws(MaintenanceFault) {
    guard table.memory.isSweepDue() else { return }
    let sweep = try OrphanSweep(&table, in: pass, removesUnfinished: true)
    let now = sweep.orphans.prefix(fileCountMax)
    for orphan in now {
      try pass.delete(orphan.path)
      table.status.orphanCount += 1
      table.status.orphanByteCount += orphan.byteCount
      pass.log.info(
        "an orphan was deleted: \(orphan.reason)",
        metadata: ["path": "\(orphan.path)", "bytes": "\(orphan.byteCount)"])
    }
    for folder in sweep.emptyFolders { try TombstoneStep.remove(folder, ifEmptyIn: pass) }
    table.status.unfinishedFileCount += sweep.unfinishedCount
    table.status.undecidedFileCount = sweep.undecidedCount + sweep.youngCount
    table.status.foreignFileCount = sweep.foreignCount
    table.memory.noteSweep(isAll: now.count == sweep.orphans.count)
  }
}
