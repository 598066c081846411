import Base
import DeltaLog
import Ledger
import Storage

/// A look at everything that lies in a table's folder.
///
/// Cost: one listing a folder; sizes and ages only of files that nothing names. Memory: their
/// paths.
package struct OrphanSweep: Sendable {
  /// A file that may go.
  package struct Orphan: Sendable, Equatable {
    /// Below the root.
    package let path: String
    package let byteCount: Int64
    /// The rest of a sentence about the file.
    package let reason: String
  }

  /// What a writer left unfinished is taken for that of a dead one after this.
  package static let ageSecondsMin: Int64 = 86_400
  /// Partition values of ours are nested twice at most.
  private static let depthMax = 4

  /// Those that are old enough, in byte order of their paths.
  package private(set) var orphans: [Orphan] = []
  /// Proven, and too young.
  package private(set) var youngCount = 0
  package private(set) var undecidedCount = 0
  package private(set) var foreignCount = 0
  /// Of all that are proven or undecided.
  package private(set) var byteCount: Int64 = 0
  /// Unfinished files that were removed, or would be.
  package private(set) var unfinishedCount = 0
  /// Folders of partition values with nothing in them.
  package private(set) var emptyFolders: [String] = []

  private let removesUnfinished: Bool
  private var candidates: [String] = []

  /// Looks, and decides.
  /// - Parameters:
  ///   - table: is followed to its log's end.
  ///   - removesUnfinished: whether what writers that died long ago have left unfinished is removed
  ///     on the way; otherwise it is only counted.
  package init(
    _ table: inout MaintainedTable, in pass: MaintenancePass, removesUnfinished: Bool
  ) throws(MaintenanceFault) {
    self.removesUnfinished = removesUnfinished
    do throws(StorageError) {
      try visitUnfinished("\(table.folder)/_delta_log", pass)
    } catch {
      throw .storage(error)
    }
    try visit(table.folder, depth: 0, table.snapshot, pass)
    if candidates.isEmpty { return }
    let chain = try ChainLook(pass)
    try table.follow()
    let isCaughtUp = chain.hasTaken(table.snapshot)
    let mayBeTombstone = try !Self.remembersTombstones(table.snapshot, pass)
    for path in candidates.sorted() where !table.snapshot.names(Self.inside(path, table)) {
      let verdict = OrphanVerdict(
        name: StoragePath.name(of: path), pipeline: pass.pipeline, proof: chain.proof,
        isCaughtUp: isCaughtUp, version: table.snapshot.version, mayBeTombstone: mayBeTombstone)
      try note(path, verdict, pass)
    }
    candidates = []
  }

  private static func remembersTombstones(
    _ snapshot: TableSnapshot, _ pass: MaintenancePass
  ) throws(MaintenanceFault) -> Bool {
    do throws(DeltaError) {
      return try snapshot.remembersTombstones(
        retentionMillis: pass.options.deletedFileKeepMillis, atMillis: pass.nowMillis)
    } catch {
      throw .log(error)
    }
  }

  /// Relative to the table's folder, as its log names files.
  private static func inside(_ path: String, _ table: MaintainedTable) -> String {
    String(path.dropFirst(table.folder.utf8.count + 1))
  }

  // MARK: - Looking

  private mutating func visit(
    _ folder: String, depth: Int, _ snapshot: TableSnapshot, _ pass: MaintenancePass
  ) throws(MaintenanceFault) {
    try pass.pace.check()
    let names: [String]
    do throws(StorageError) {
      try visitUnfinished(folder, pass)
      names = try pass.storage.list(folder)
    } catch {
      // Removed since it was listed.
      if error.kind == .notFound, depth > 0 { return }
      throw .storage(error)
    }
    if names.isEmpty, depth > 0 { emptyFolders.append(folder) }
    for name in names {
      // As every engine has it: what begins so is no data.
      if name.hasPrefix("_") || name.hasPrefix(".") { continue }
      let path = "\(folder)/\(name)"
      if name.contains("="), !name.hasSuffix(".parquet") {
        if depth < Self.depthMax { try visit(path, depth: depth + 1, snapshot, pass) }
      } else if !snapshot.names(String(path.dropFirst(snapshot.folder.utf8.count + 1))) {
        candidates.append(path)
      }
    }
  }

  private mutating func visitUnfinished(
    _ folder: String, _ pass: MaintenancePass
  ) throws(StorageError) {
    if removesUnfinished {
      unfinishedCount += try pass.storage.removeUnfinished(
        in: folder, ageSecondsMin: Self.ageSecondsMin)
    } else {
      unfinishedCount += try pass.storage.unfinished(in: folder)
        .count { $0.ageSeconds >= Self.ageSecondsMin }
    }
  }

  // MARK: - Deciding

  private mutating func note(
    _ path: String, _ verdict: OrphanVerdict, _ pass: MaintenancePass
  ) throws(MaintenanceFault) {
    do throws(StorageError) {
      switch verdict {
      case .foreign: foreignCount += 1
      case .undecided:
        undecidedCount += 1
        byteCount += try pass.storage.size(path)
      case .orphan(let reason):
        let size = try pass.storage.size(path)
        byteCount += size
        if try pass.storage.ageSeconds(path) < pass.options.orphanAgeSeconds {
          youngCount += 1
        } else {
          orphans.append(Orphan(path: path, byteCount: size, reason: reason))
        }
      }
    } catch {
      // Deleted meanwhile, by whoever made it.
      if error.kind != .notFound { throw .storage(error) }
    }
  }
}

/// The chain as it is read for a proof.
struct ChainLook {
  let proof: OrphanProof
  private let state: ChainState

  /// Reads the chain to its end. One that moves on and retires entries meanwhile is read anew.
  init(_ pass: MaintenancePass) throws(MaintenanceFault) {
    state = try Self.read(pass)
    proof = OrphanProof(state)
  }

  var named: Set<String> { Set(state.partitions.values.flatMap { $0.states.map(\.path) }) }

  /// Whether a table has taken every entry with actions for it.
  func hasTaken(_ snapshot: TableSnapshot) -> Bool {
    guard let known = state.tables[snapshot.table] else { return true }
    let taken = snapshot.transactions["\(state.pipeline)/\(state.ledgerID)"]?.version ?? -1
    return taken >= known.lastVersion
  }

  private static func read(_ pass: MaintenancePass) throws(MaintenanceFault) -> ChainState {
    var attemptCount = 0
    while true {
      attemptCount += 1
      let ledger = Ledger(
        storage: pass.storage, pipeline: pass.pipeline, incarnation: RandomID.make())
      do throws(LedgerError) {
        try ledger.open()
        return ledger.state
      } catch {
        guard case .raceLost = error, attemptCount < 5 else { throw .ledger(error) }
      }
    }
  }
}
