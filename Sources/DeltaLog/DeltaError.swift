package import Storage

/// Why a table's log cannot be read or taken further.
///
/// Everything but `.storage` is a stop with a name: going on would double rows, lose them, or break
/// the table for its readers.
package enum DeltaError: Error, Sendable, CustomStringConvertible {
  case storage(StorageError, table: String)
  /// A commit is not what the protocol says. Half-written by another program, or damaged.
  case malformedCommit(table: String, version: Int64, detail: String)
  /// Commits after `bookmark` were cleaned up behind a log checkpoint before we had seen them.
  case logTruncated(table: String, bookmark: Int64, newest: Int64)
  /// The log ends before the version we knew.
  case logRewound(table: String, bookmark: Int64, newest: Int64)
  /// There is a table, but nothing in it says that this pipeline made it.
  case notOurs(table: String)
  /// Another program changed columns, types or partitioning, or replaced the table.
  case schemaChanged(table: String, version: Int64)
  /// Another program raised the protocol beyond what we can honour.
  case unsupportedProtocol(table: String, version: Int64, TableProtocol)
  /// A table property that would break exactly-once or that we cannot honour.
  case refusedProperty(table: String, version: Int64, key: String)
  /// The table has taken a ledger version that the ledger does not have.
  case aheadOfLedger(table: String, txnVersion: Int64, ledgerEnd: Int64)
  /// A file that the ledger owes the table is not there: naming it would break the table.
  case owedFileMissing(table: String, path: String)
  /// The table was written by this pipeline under another ledger.
  case foreignLedger(table: String, appID: String)

  package var description: String {
    switch self {
    case .storage(let error, let table): "table \(table): \(error)"
    case .malformedCommit(let table, let version, let detail):
      "table \(table): cannot read commit \(version): \(detail); repair or restore the file"
    case .logTruncated(let table, let bookmark, let newest):
      "table \(table): commits after version \(bookmark) were cleaned up (the log is at \(newest)) "
        + "before this pipeline had read them; keep the log longer than the longest stop"
    case .logRewound(let table, let bookmark, let newest):
      "table \(table): its log ends at version \(newest) but has been at \(bookmark); restore the "
        + "missing commits"
    case .notOurs(let table):
      "table \(table): a table is there that this pipeline did not make; move it away or choose "
        + "another root"
    case .schemaChanged(let table, let version):
      "table \(table): another program changed its schema in version \(version); change it back, "
        + "or move the table away"
    case .unsupportedProtocol(let table, let version, let found):
      "table \(table): another program raised its protocol in version \(version) to \(found), "
        + "which this program cannot write; downgrade the table or move it away"
    case .refusedProperty(let table, let version, let key):
      "table \(table): another program set “\(key)” in version \(version), which this program "
        + "cannot honour; unset it"
    case .aheadOfLedger(let table, let txnVersion, let ledgerEnd):
      "table \(table): it has taken ledger version \(txnVersion), but the ledger ends at "
        + "\(ledgerEnd); restore the ledger that belongs to the table"
    case .owedFileMissing(let table, let path):
      "table \(table): “\(path)” is committed in the ledger, not yet in the table's log, and not "
        + "on disk; restore the file (nothing but a person or another program can have deleted it)"
    case .foreignLedger(let table, let appID):
      "table \(table): it belongs to another ledger (“\(appID)”); restore that ledger or move the "
        + "table away"
    }
  }
}

/// What a table asks of its writers and readers.
package struct TableProtocol: Equatable, Sendable, CustomStringConvertible {
  package let minReaderVersion: Int64
  package let minWriterVersion: Int64
  /// Features of reader version 3 and writer version 7, sorted.
  package let features: [String]

  package init(minReaderVersion: Int64, minWriterVersion: Int64, features: [String] = []) {
    self.minReaderVersion = minReaderVersion
    self.minWriterVersion = minWriterVersion
    self.features = features
  }

  /// Whether we may append: version 2 asks for append-only tables (we only append) and column
  /// invariants (a change of column metadata, which is refused); the same two may be spelled as
  /// features.
  package var isSupported: Bool {
    minReaderVersion <= 1 && minWriterVersion <= 2
      || minReaderVersion <= 3 && minWriterVersion == 7
        && features.allSatisfy { ["appendOnly", "invariants"].contains($0) }
  }

  package var description: String {
    let names = features.isEmpty ? "" : " with " + features.joined(separator: ", ")
    return "reader \(minReaderVersion), writer \(minWriterVersion)\(names)"
  }
}
