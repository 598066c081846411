import Base
import DeltaLog
import Logging

/// Merges small files of dates that are over into large ones: see `CompactionPlanner` for what and
/// when, `RowMerge` for how.
package enum CompactionStep: MaintenanceStep {
  package static let name = "compaction"

  /// See `MaintenanceStep`. A conflict ends the table's turn: others are at work on it.
  package static func run(
    _ table: inout MaintainedTable, in pass: MaintenancePass
  ) throws(MaintenanceFault) {
    guard table.memory.isLookDue(name) else { return }
    let started = MonotonicClock.nowNanos()
    let planner = CompactionPlanner(
      fileByteCount: pass.options.fileByteCount, settleMillis: pass.options.settleMillis,
      nowMillis: pass.nowMillis, today: pass.today,
      tableFileCountMin: pass.options.tableFileCountMin)
    let (files, candidates) = Compaction.candidates(table, pipeline: pass.pipeline)
    table.status.smallFileCount = candidates.count { $0.isOurs && planner.isSmall($0) }
    let groups = pass.options.compacts ? planner.groups(candidates) : []
    if groups.isEmpty { table.memory.noteVainLook(name, sinceNanos: started) }
    guard !groups.isEmpty, var compaction = Compaction(table, in: pass) else { return }
    for (place, group) in groups.enumerated() {
      table.status.waitingGroupCount = groups.count - place
      try pass.pace.check()
      let outcome = try compaction.merge(group.members.map { files[$0] }, of: &table)
      note(outcome, &table, pass)
      if case .merged = outcome { continue }
      break
    }
    table.status.waitingGroupCount = 0
  }

  private static func note(
    _ outcome: Compaction.Outcome, _ table: inout MaintainedTable, _ pass: MaintenancePass
  ) {
    switch outcome {
    case .merged(let merge):
      table.noteSnapshot()
      table.status.compactionCount += 1
      table.status.mergedFileCount += merge.inputCount
      table.status.madeFileCount += 1
      table.status.smallFileCount -= merge.inputCount
      table.status.writtenByteCount += merge.outputByteCount
      table.status.copiedByteCount += merge.copiedByteCount
      table.status.lastCompactionMicros = pass.wallMillis * 1000
      pass.log.info(
        "files were merged",
        metadata: [
          "table": "\(table.name)", "files": "\(merge.inputCount)", "rows": "\(merge.rowCount)",
          "bytes": "\(merge.outputByteCount)", "version": "\(merge.version)",
        ])
    case .conflict(let reason):
      table.status.conflictCount += 1
      pass.log.info(
        "a merge of files was given up: \(reason)", metadata: ["table": "\(table.name)"])
    case .unfit(let path, let reason):
      table.leaveAlone(path)
      pass.log.warning(
        "a file is not merged with others: \(reason); run `downlinkd verify`",
        metadata: ["table": "\(table.name)", "file": "\(path)"])
    }
  }
}
