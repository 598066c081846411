import DeltaLog
package import Logging
package import Storage

/// What a clean-up by hand did, or would do.
package struct VacuumReport: Sendable, Equatable {
  /// What happens to a thing.
  package enum Kind: String, Sendable, CaseIterable {
    case expired
    case removed
    case orphan

    /// For sums.
    package var done: String {
      switch self {
      case .expired: "files of expired dates removed from their tables"
      case .removed: "files that were removed before deleted"
      case .orphan: "orphans deleted"
      }
    }
  }

  /// A date, or a file.
  package struct Item: Sendable, Equatable {
    package let kind: Kind
    /// Empty for what belongs to no table.
    package let table: String
    package let path: String
    package let fileCount: Int
    package let byteCount: Int64
    package let reason: String
  }

  package var items: [Item] = []
  package var undecidedCount = 0
  package var foreignCount = 0
  package var troubles: [(table: String, sentence: String)] = []

  /// Files and bytes by kind, of those there are.
  package var sums: [(kind: Kind, fileCount: Int, byteCount: Int64)] {
    Kind.allCases.compactMap { kind in
      let found = items.filter { $0.kind == kind }
      if found.isEmpty { return nil }
      return (
        kind, found.reduce(0) { $0 + $1.fileCount }, found.reduce(0) { $0 + $1.byteCount }
      )
    }
  }

  /// By hand, for tuples have no equality to derive from.
  package static func == (left: VacuumReport, right: VacuumReport) -> Bool {
    left.items == right.items && left.undecidedCount == right.undecidedCount
      && left.foreignCount == right.foreignCount
      && left.troubles.map(\.table) == right.troubles.map(\.table)
      && left.troubles.map(\.sentence) == right.troubles.map(\.sentence)
  }
}

/// A clean-up by hand: the steps of maintenance that take things away, all of their work at once.
/// It needs no lock: whoever does the same meanwhile finds less to do.
package struct VacuumWork {
  private let storage: any Storage
  private let pass: MaintenancePass
  /// A step leaves what is beyond its bound to the next pass: so many are enough.
  private static let roundCountMax = 10_000

  package init(
    storage: any Storage, pipeline: String, program: String, options: MaintenanceOptions,
    log: Logger
  ) {
    self.storage = storage
    pass = MaintenancePass(
      storage: storage, pipeline: pipeline, engineInfo: program, options: options,
      pace: MaintenancePace(bytesPerSecond: nil), log: log)
  }

  /// The tables below the root.
  package func tables() throws(MaintenanceFault) -> [String] {
    do throws(StorageError) { return try MaintenancePlace.tables(storage) } catch {
      throw .storage(error)
    }
  }

  /// - Parameters:
  ///   - only: one table; with nil also state snapshots are looked at.
  ///   - isDryRun: whether nothing is done.
  package func run(
    only: String?, isDryRun: Bool
  ) throws(MaintenanceFault) -> VacuumReport {
    var report = VacuumReport()
    for name in try tables() where name == (only ?? name) {
      do throws(MaintenanceFault) {
        try clean(name, isDryRun, &report)
      } catch {
        if error.isSyncFailure { throw error }
        report.troubles.append((name, "\(error)"))
      }
    }
    if only == nil { try cleanStates(isDryRun, &report) }
    return report
  }

  private func clean(
    _ name: String, _ isDryRun: Bool, _ report: inout VacuumReport
  ) throws(MaintenanceFault) {
    var table = MaintainedTable(name: name, storage: storage, engine: pass.engineInfo)
    try table.follow()
    guard table.isOurs(pass.pipeline) else { return }
    try noteExpired(&table, &report)
    if !isDryRun { try RetentionStep.run(&table, in: pass) }
    for file in TombstoneStep.expired(table, in: pass)
    where try TombstoneStep.isThere("\(table.folder)/\(file.path)", in: pass) {
      report.items.append(
        .init(
          kind: .removed, table: name, path: "\(table.folder)/\(file.path)", fileCount: 1,
          byteCount: file.byteCount ?? 0,
          reason: "version \(file.version) of the table or one before removed it"))
    }
    if !isDryRun {
      for _ in 0..<Self.roundCountMax {
        if TombstoneStep.expired(table, in: pass).isEmpty { break }
        try TombstoneStep.run(&table, in: pass)
      }
    }
    let sweep = try OrphanSweep(&table, in: pass, removesUnfinished: !isDryRun)
    report.undecidedCount += sweep.undecidedCount + sweep.youngCount
    report.foreignCount += sweep.foreignCount
    try take(sweep.orphans, table: name, isDryRun, &report)
    if !isDryRun {
      for folder in sweep.emptyFolders { try TombstoneStep.remove(folder, ifEmptyIn: pass) }
    }
  }

  private func noteExpired(
    _ table: inout MaintainedTable, _ report: inout VacuumReport
  ) throws(MaintenanceFault) {
    guard let plan = try RetentionStep.plan(&table, in: pass) else {
      if let refusal = table.status.refusal { report.troubles.append((table.name, refusal)) }
      return
    }
    let files = plan.batches.flatMap(\.files)
    for date in plan.dates {
      let ofDate = files.filter { $0.partitionValues[RetentionPlan.column] == date }
      report.items.append(
        .init(
          kind: .expired, table: table.name, path: "\(table.folder)/event_date=\(date)",
          fileCount: ofDate.count, byteCount: ofDate.reduce(0) { $0 + $1.byteCount },
          reason: "rows of this table are kept for a shorter time"))
    }
  }

  private func cleanStates(
    _ isDryRun: Bool, _ report: inout VacuumReport
  ) throws(MaintenanceFault) {
    let sweep = try StateSweep(pass)
    report.undecidedCount += sweep.undecidedCount
    report.foreignCount += sweep.foreignCount
    try take(sweep.orphans, table: "", isDryRun, &report)
  }

  private func take(
    _ orphans: [OrphanSweep.Orphan], table: String, _ isDryRun: Bool,
    _ report: inout VacuumReport
  ) throws(MaintenanceFault) {
    for orphan in orphans {
      report.items.append(
        .init(
          kind: .orphan, table: table, path: orphan.path, fileCount: 1,
          byteCount: orphan.byteCount, reason: orphan.reason))
      if !isDryRun { try pass.delete(orphan.path) }
    }
  }
}
