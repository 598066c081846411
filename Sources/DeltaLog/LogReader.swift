package import Base
package import Storage

/// Reads a table's log commit by commit and judges it as `DeltaTable` does, without a write or a
/// sync: for those who only look.
///
/// Memory: one commit at a time. Whoever reads while others append meets the end wherever it is
/// then, and may read on from there later.
package struct LogReader {
  /// One commit of a log as its file says it.
  package struct Commit: Sendable {
    package let version: Int64
    /// The ledger version in our txn action; nil in a commit of another program.
    package let txnVersion: Int64?
    /// The commit id in commitInfo, as our commits have it.
    package let commitID: String?
    /// What another program did; nil in a commit of ours that follows the ledger.
    package let foreign: ForeignCommit?
    /// Every action but commitInfo and our txn, in the order of the file.
    package let actions: [JSONValue]
  }

  /// What comes next in a log.
  package enum Step: Sendable {
    case commit(Commit)
    /// The commits up to the state's version are gone: it takes the place of all that was read.
    case state(TableSnapshot)
    case end
  }

  private let table: DeltaTable
  private var replay: TableReplay

  /// - Parameters:
  ///   - folder: the table's, `tables/<table>`.
  ///   - appID: `<pipeline>/<ledger id>`.
  ///   - bookmark: where to begin, `.empty` for the log's beginning.
  package init(
    storage: any Storage, folder: String, appID: String, after bookmark: TableBookmark = .empty
  ) {
    table = DeltaTable(storage: storage, folder: folder, appID: appID, engineInfo: "")
    replay = TableReplay(table: table.table, appID: appID, bookmark: bookmark)
  }

  /// Where the log stands after the commits read so far.
  package var bookmark: TableBookmark { replay.bookmark }

  /// The file of a commit, relative to the root.
  package func path(of version: Int64) -> String { table.commitPath(version) }

  /// The next commit, or nil at the log's end.
  ///
  /// Errors: `.malformedCommit`, `.logTruncated` (the commit was cleaned up behind a log
  /// checkpoint), `.logRewound`, `.storage`.
  package mutating func next() throws(DeltaError) -> Commit? {
    let version = replay.bookmark.deltaVersion + 1
    while true {
      if let commit = try read(version) {
        replay.take(commit.parsed)
        return commit.whole
      }
      if try table.isEnd(version - 1) { return nil }
    }
  }

  /// The state of the newest log checkpoint, with which to begin where single commits do not
  /// matter; nil where there is none. Errors: as of `step`. Cost: about 5 µs a file of the table.
  package mutating func begin() throws(DeltaError) -> TableSnapshot? {
    guard let newest = try table.newestCheckpoint(), newest.version > replay.bookmark.deltaVersion
    else { return nil }
    return try take(newest)
  }

  /// As `next`, but what was cleaned up is made up for by the newest log checkpoint.
  ///
  /// Errors: as of `next`, `.malformedCheckpoint`, `.unsupportedFeature`, `.transactionForgotten`.
  package mutating func step() throws(DeltaError) -> Step {
    do {
      return try next().map { .commit($0) } ?? .end
    } catch {
      guard case .logTruncated(_, let version, _) = error else { throw error }
      return .state(try take(table.checkpointToGoOn(after: version, orThrow: error)))
    }
  }

  private mutating func take(
    _ checkpoint: LogCheckpointFile
  ) throws(DeltaError) -> TableSnapshot {
    var state = TableSnapshot(storage: table.storage, folder: table.folder, engine: "")
    try state.begin(at: checkpoint)
    try replay.take(LogCheckpointReader(checkpoint, of: table))
    return state
  }

  /// Whether the table, as the commits read so far leave it, is still one this pipeline may write.
  /// Errors: `.foreignLedger`, `.notOurs`, `.schemaChanged`, `.unsupportedProtocol`,
  /// `.unsupportedFeatures`, `.refusedProperty`, `.malformedCommit`.
  package func check() throws(DeltaError) { try replay.check() }

  /// One commit by its version, whatever was read before; nil if there is no such file.
  package func commit(_ version: Int64) throws(DeltaError) -> Commit? {
    try read(version)?.whole
  }

  private func read(
    _ version: Int64
  ) throws(DeltaError) -> (parsed: DeltaCommit, whole: Commit)? {
    let bytes: [UInt8]
    do {
      bytes = try table.storage.read(table.commitPath(version))
    } catch {
      if error.kind == .notFound { return nil }
      throw .storage(error, table: table.table)
    }
    let lines = try DeltaCommit.lines(bytes, version: version, table: table.table)
    let parsed = DeltaCommit(lines, version: version, appID: table.appID)
    if let fault = parsed.fault {
      throw .malformedCommit(table: table.table, version: version, detail: fault)
    }
    let isOurs = parsed.txnVersion != nil
    let info = lines.lazy.compactMap { $0["commitInfo"] }.first
    let foreign = ForeignCommit(
      version: version, kind: parsed.foreignKind, operation: parsed.operation,
      isMaintenance: parsed.isMaintenance)
    let whole = Commit(
      version: version, txnVersion: parsed.txnVersion,
      commitID: info?["commitId"]?.stringValue,
      foreign: isOurs ? nil : foreign,
      actions: lines.filter { $0["commitInfo"] == nil && !table.isOurTxn($0) })
    return (parsed, whole)
  }
}

extension DeltaTable {
  fileprivate func isOurTxn(_ action: JSONValue) -> Bool {
    action["txn"]?["appId"]?.stringValue == appID
  }
}
