import Base
import Logging
package import Storage

/// One table's turn in every pass: the steps in their order, and a rest after trouble.
///
/// The order: a log checkpoint first, so that a table with a long log is quick to open whatever
/// comes after; retention before compaction, which would otherwise merge what is about to go; then
/// what lies there no longer needed. A step that fails keeps no other from its turn, for they do
/// not build on each other; a log that cannot be followed keeps all.
package struct TableMaintenance {
  package static let steps: [any MaintenanceStep.Type] = [
    LogCheckpointStep.self, RetentionStep.self, CompactionStep.self, TombstoneStep.self,
    OrphanStep.self, LogCleanupStep.self,
  ]

  private static let restMillisMax: Int64 = 3_600_000

  package private(set) var table: MaintainedTable
  private var notBeforeNanos: Int64 = 0
  private var failureCount = 0

  /// - Parameter engine: name and version of this program, for commitInfo.
  package init(name: String, storage: any Storage, engine: String) {
    table = MaintainedTable(name: name, storage: storage, engine: engine)
  }

  /// Does what is due. Throws `.stopped` and failed syncs; anything else is noted in the status,
  /// and the table rests for one minute, after the next failure for two, for an hour at most.
  ///
  /// - Parameter entering: told of every step as it begins.
  package mutating func run(
    in pass: MaintenancePass, entering: (_ step: String) -> Void = { _ in }
  ) throws(MaintenanceFault) {
    if MonotonicClock.nowNanos() < notBeforeNanos { return }
    var trouble = try turn("log", pass, entering) { table throws(MaintenanceFault) in
      try table.follow()
    }
    if trouble == nil, table.isOurs(pass.pipeline) {
      for step in Self.steps {
        let found = try turn(step.name, pass, entering) { table throws(MaintenanceFault) in
          try step.run(&table, in: pass)
        }
        trouble = trouble ?? found
      }
    }
    settle(trouble, restMillis: 2 * Int64(pass.options.restMillis))
  }

  /// One step; what went wrong with it, where that is no reason to stop.
  private mutating func turn(
    _ name: String, _ pass: MaintenancePass, _ entering: (String) -> Void,
    _ body: (inout MaintainedTable) throws(MaintenanceFault) -> Void
  ) throws(MaintenanceFault) -> MaintenanceFault? {
    try pass.pace.check()
    entering(name)
    do throws(MaintenanceFault) {
      try body(&table)
      return nil
    } catch {
      if case .stopped = error { throw error }
      if error.isSyncFailure { throw error }
      note(error, name, pass.log)
      return error
    }
  }

  private func note(_ error: MaintenanceFault, _ step: String, _ log: Logger) {
    let sentence = "\(error)"
    // The same again is no news.
    if table.status.trouble == sentence { return }
    log.warning(
      "maintenance of a table is put off: \(sentence)",
      metadata: ["table": "\(table.name)", "step": "\(step)"])
  }

  private mutating func settle(_ trouble: MaintenanceFault?, restMillis: Int64) {
    table.status.trouble = trouble.map { "\($0)" }
    guard trouble != nil else {
      failureCount = 0
      return
    }
    table.status.troubleCount += 1
    let rest = min(restMillis << Int64(min(failureCount, 16)), Self.restMillisMax)
    failureCount += 1
    notBeforeNanos = MonotonicClock.nowNanos() + rest * 1_000_000
  }
}
