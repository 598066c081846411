package import DeltaLog
package import Ledger
package import Parquet
package import Storage

/// Why a step of maintenance did not come to its end.
///
/// None of them touches the pipeline: the step is tried again later. The one exception is a sync
/// that failed, after which the process must end, as it must anywhere else.
package enum MaintenanceFault: Error, Sendable, CustomStringConvertible {
  /// The end was asked for; nothing is wrong.
  case stopped
  /// The system refused what `_maintenance/lock` needs.
  case lock(MaintenanceLockFailure)
  case storage(StorageError)
  /// The table's log cannot be read, or is not ours to write.
  case log(DeltaError)
  /// The chain cannot be read: without it nothing is proven an orphan.
  case ledger(LedgerError)
  /// A file of the table cannot be read now.
  case file(path: String, ParquetError)
  /// A file of the table is damaged, or none that can be merged with others.
  case unfit(path: String, reason: String)
  /// What was written does not say what was read: our own fault. Nothing was committed.
  case mismatch(table: String, detail: String)

  /// Whether the process must end.
  package var isSyncFailure: Bool {
    switch self {
    case .storage(let error): error.kind == .syncFailed
    case .log(.storage(let error, _)): error.kind == .syncFailed
    case .ledger(.storage(let error)): error.kind == .syncFailed
    case .log, .ledger, .file, .unfit, .lock, .stopped, .mismatch: false
    }
  }

  package var description: String {
    switch self {
    case .stopped: "stopped"
    case .lock(let error): "\(error)"
    case .storage(let error): "\(error)"
    case .log(let error): "\(error)"
    case .ledger(let error): "\(error)"
    case .file(let path, let error): "\(path): \(error)"
    case .unfit(let path, let reason): "\(path): \(reason)"
    case .mismatch(let table, let detail):
      "table \(table): \(detail); nothing was committed, and the files stay as they are: please "
        + "report it"
    }
  }
}
