import Base
import DeltaLog
import Logging

/// Takes whole dates out of the table whose rows are kept no longer.
///
/// The rows are gone for readers with the commit; their files follow once nobody can be reading
/// them (`TombstoneStep`). Until then another engine can bring the table back to a version before.
package enum RetentionStep: MaintenanceStep {
  package static let name = "retention"

  /// Marks of letters that came back stay for so long behind their letters: a replay that still
  /// reads letters of a date finds the marks, or it would bring them back a second time.
  static let marksMillis: Int64 = 7 * 86_400_000
  static let marks = "dead_letter_replays"
  static let letters = "dead_letters"
  /// Plans that met another program's commit before the pass gives up.
  private static let attemptCountMax = 3

  /// See `MaintenanceStep`.
  package static func run(
    _ table: inout MaintainedTable, in pass: MaintenancePass
  ) throws(MaintenanceFault) {
    table.status.keepMillis = pass.options.keepMillis(ofTable: table.name)
    guard table.memory.isLookDue(name) else { return }
    table.status.refusal = nil
    for _ in 0..<attemptCountMax {
      let started = MonotonicClock.nowNanos()
      guard let plan = try plan(&table, in: pass), !plan.batches.isEmpty else {
        table.memory.noteVainLook(name, sinceNanos: started)
        return
      }
      if try remove(plan, from: &table, in: pass) { return }
    }
  }

  /// What is to go now; nil where everything is kept.
  package static func plan(
    _ table: inout MaintainedTable, in pass: MaintenancePass
  ) throws(MaintenanceFault) -> RetentionPlan? {
    guard var keep = pass.options.keepMillis(ofTable: table.name) else { return nil }
    if table.name == marks { keep += marksMillis }
    var plan = RetentionPlan(
      table.snapshot.files, keepMillis: keep, nowMillis: pass.nowMillis)
    if plan.batches.isEmpty { return nil }
    if table.snapshot.properties.isAppendOnly {
      table.status.refusal =
        "rows are kept, though they are to go: the table's property delta.appendOnly is set"
      return nil
    }
    if table.name == marks {
      let held = try datesOfLetters(in: pass)
      plan = RetentionPlan(
        table.snapshot.files, keepMillis: keep, nowMillis: pass.nowMillis,
        isHeld: held.contains)
    }
    return plan
  }

  /// Dates that still have letters: without their marks these would come back twice.
  private static func datesOfLetters(
    in pass: MaintenancePass
  ) throws(MaintenanceFault) -> Set<String> {
    var table = TableSnapshot(
      storage: pass.storage, folder: "\(MaintenancePlace.tablesFolder)/\(letters)",
      engine: pass.engineInfo)
    do throws(DeltaError) { try table.follow() } catch { throw .log(error) }
    return Set(table.files.compactMap { $0.partitionValues[RetentionPlan.column] })
  }

  /// False where another program came between: the rest must be planned anew.
  private static func remove(
    _ plan: RetentionPlan, from table: inout MaintainedTable, in pass: MaintenancePass
  ) throws(MaintenanceFault) -> Bool {
    for batch in plan.batches {
      try pass.pace.check()
      let atMillis = pass.wallMillis
      let commit = MaintenanceCommit(
        operation: "DELETE",
        parameters: [("predicate", .string("[\"\(batch.predicate)\"]"))],
        metrics: [
          ("numRemovedFiles", .string("\(batch.files.count)")),
          ("numRemovedBytes", .string("\(batch.byteCount)")),
        ],
        atMillis: atMillis, basedOn: table.snapshot.version,
        actions: batch.files.map { $0.removal(atMillis: atMillis, changesRows: true) })
      switch try table.commit(commit) {
      case .committed(let version):
        note(batch, version, &table, pass.log)
      case .conflict(let conflict):
        table.status.conflictCount += 1
        pass.log.debug(
          "retention plans anew: \(conflict)", metadata: ["table": "\(table.name)"])
        return false
      }
    }
    return true
  }

  private static func note(
    _ batch: RetentionPlan.Batch, _ version: Int64, _ table: inout MaintainedTable, _ log: Logger
  ) {
    table.status.expiredDateCount += batch.dates.count
    table.status.expiredFileCount += batch.files.count
    table.status.expiredByteCount += batch.byteCount
    log.info(
      "dates whose rows are kept no longer were removed",
      metadata: [
        "table": "\(table.name)", "dates": "\(batch.dates.first ?? "") … \(batch.dates.last ?? "")",
        "files": "\(batch.files.count)", "bytes": "\(batch.byteCount)", "version": "\(version)",
      ])
  }
}
