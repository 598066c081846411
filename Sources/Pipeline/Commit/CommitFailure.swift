import DeltaLog
import Ledger
import Storage

/// Why a commit did not happen, or was not followed up: whether its entry is in the chain, the next
/// recovery sees, and finishes what tables are owed.
enum CommitFailure: Error {
  /// Somebody else moved one of our partitions: drop everything and recover.
  case conflict(String)
  /// The commit cannot be made as it is; from the chain it can be made anew.
  case mustRecover(String)
  /// Storage is full: the same commit is tried again later and goes on where it stood.
  case noSpace(String)
  /// A sync failed: the process must end without another word to storage.
  case syncFailed(String)
  /// Anything else that a person must look at.
  case fatal(String)
  /// The instance is stopping and the commit could not be made in time.
  case abandoned(String)

  init(_ error: StorageError) {
    switch error.kind {
    case .noSpace: self = .noSpace("\(error)")
    case .syncFailed: self = .syncFailed("\(error)")
    default: self = .fatal("\(error)")
    }
  }

  init(_ error: LedgerError) {
    switch error {
    case .storage(let error): self.init(error)
    case .conflict, .raceLost: self = .conflict("\(error)")
    default: self = .fatal("\(error)")
    }
  }

  init(_ error: DeltaError) {
    if case .storage(let error, _) = error { self.init(error) } else { self = .fatal("\(error)") }
  }
}
