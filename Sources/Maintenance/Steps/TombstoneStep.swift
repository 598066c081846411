package import DeltaLog
import Logging
import Storage

/// Deletes files that were removed from the table longer ago than readers of older versions may
/// need them.
///
/// A file that is live again (another engine has restored an older version) is left alone: the log
/// is followed right before files are deleted. What is deleted stays in the log as removed until a
/// log checkpoint leaves it out.
package enum TombstoneStep: MaintenanceStep {
  package static let name = "deletion"

  /// Files that one pass deletes at most: the others have their turn in the next.
  private static let fileCountMax = 5000

  /// See `MaintenanceStep`.
  package static func run(
    _ table: inout MaintainedTable, in pass: MaintenancePass
  ) throws(MaintenanceFault) {
    guard table.snapshot.tombstoneCount > 0,
      table.memory.isDeletionDue(keepMillis: retentionMillis(table, in: pass))
    else { return }
    if expired(table, in: pass).isEmpty { return table.memory.noteDeletion(isAll: true) }
    try table.follow()
    let files = expired(table, in: pass)
    let now = files.prefix(fileCountMax)
    let before = table.status.deletedFileCount
    var folders: Set<String> = []
    for file in now {
      try pass.pace.check()
      let path = "\(table.folder)/\(file.path)"
      // The log names files of before this process until a log checkpoint leaves them out.
      if try isThere(path, in: pass) {
        try pass.delete(path)
        table.status.deletedFileCount += 1
        table.status.deletedByteCount += file.byteCount ?? 0
      }
      table.memory.noteDeleted(file.path)
      folders.insert(StoragePath.folder(of: path))
    }
    for folder in folders.sorted() { try remove(folder, ifEmptyIn: pass) }
    table.memory.noteDeletion(isAll: now.count == files.count)
    let count = table.status.deletedFileCount - before
    if count == 0 { return }
    pass.log.info(
      "files that were removed long ago were deleted",
      metadata: ["table": "\(table.name)", "files": "\(count)"])
  }

  /// Whether a file still lies there.
  static func isThere(
    _ path: String, in pass: MaintenancePass
  ) throws(MaintenanceFault) -> Bool {
    do throws(StorageError) { return try pass.storage.exists(path) } catch {
      throw .storage(error)
    }
  }

  /// Removed files whose time is over, in byte order of their paths, but for those that this
  /// process has deleted.
  package static func expired(
    _ table: MaintainedTable, in pass: MaintenancePass
  ) -> [Tombstone] {
    let retention = retentionMillis(table, in: pass)
    return table.snapshot.tombstones.filter { file in
      file.isExpired(atMillis: pass.nowMillis, retentionMillis: retention) && file.isInTable
        && !table.memory.hasDeleted(file.path)
    }.sorted { $0.path < $1.path }
  }

  private static func retentionMillis(
    _ table: MaintainedTable, in pass: MaintenancePass
  ) -> Int64 {
    table.snapshot.properties.deletedFileRetentionMillis ?? pass.options.deletedFileKeepMillis
  }

  static func remove(
    _ folder: String, ifEmptyIn pass: MaintenancePass
  ) throws(MaintenanceFault) {
    var folder = folder
    do throws(StorageError) {
      // Nested partition values leave nested folders.
      while StoragePath.name(of: folder).contains("="),
        try pass.storage.removeFolderIfEmpty(folder)
      {
        folder = StoragePath.folder(of: folder)
      }
    } catch {
      throw .storage(error)
    }
  }
}
