import Base
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
  /// The table has features, by its protocol and what its metaData asks for, that we do not honour.
  case unsupportedFeatures(table: String, version: Int64, features: [TableFeature])
  /// A table property that would break exactly-once or that we cannot honour.
  case refusedProperty(table: String, version: Int64, key: String)
  /// The table has taken a ledger version that the ledger does not have.
  case aheadOfLedger(table: String, txnVersion: Int64, ledgerEnd: Int64)
  /// A file that the ledger owes the table is not there: naming it would break the table.
  case owedFileMissing(table: String, path: String)
  /// The table was written by this pipeline under another ledger.
  case foreignLedger(table: String, appID: String)
  /// A log checkpoint is not what the protocol says.
  case malformedCheckpoint(table: String, version: Int64, detail: String)
  /// The log was cleaned up behind a checkpoint that does not say how far this pipeline had come.
  case transactionForgotten(table: String, checkpoint: Int64, appID: String)
  /// The log uses what tables of reader version 1 and writer version 2 do not have.
  case unsupportedFeature(table: String, version: Int64, feature: String)

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
    case .unsupportedFeatures(let table, let version, let features):
      "table \(table): since version \(version) it has what this program cannot honour; "
        + "with Spark, or the program that brought it: "
        + features.map { $0.sentence(table: table) }.joined(separator: "; ")
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
    case .malformedCheckpoint(let table, let version, let detail):
      "table \(table): cannot read the log checkpoint of version \(version): \(detail); repair or "
        + "restore the file, or delete it where the commits before it are still there"
    case .transactionForgotten(let table, let checkpoint, let appID):
      "table \(table): its commits were cleaned up behind the log checkpoint of version "
        + "\(checkpoint), which has no txn of “\(appID)”: how far the table had come is not known; "
        + "restore the commits, or a checkpoint that names it"
    case .unsupportedFeature(let table, let version, let feature):
      "table \(table): version \(version) uses \(feature), which this program cannot honour; undo "
        + "it with the program that brought it, or move the table away"
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

  /// Refuses what we do not honour (`obstacles`).
  func check(table: String, version: Int64, metaData: JSONValue?) throws(DeltaError) {
    guard isKnown else { throw .unsupportedProtocol(table: table, version: version, self) }
    let features = obstacles(metaData: metaData)
    if features.isEmpty { return }
    throw .unsupportedFeatures(table: table, version: version, features: features)
  }

  package var description: String {
    let names = features.isEmpty ? "" : " with " + features.joined(separator: ", ")
    return "reader \(minReaderVersion), writer \(minWriterVersion)\(names)"
  }
}
