import Base
package import Storage

/// A table's state after a stretch of its log, and what others did in that stretch.
package struct TableProgress: Sendable {
  /// Where the log stands now.
  package var bookmark: TableBookmark
  /// Commits of other programs met on the way, in order.
  package var foreignCommits: [ForeignCommit] = []
  /// Commits written by this call.
  package var writtenCommitCount = 0

  init(_ bookmark: TableBookmark) { self.bookmark = bookmark }
}

/// The log of one Delta table, which follows the ledger in order and without holes.
///
///     <folder>/_delta_log/00000000000000000007.json    one commit: JSON actions, one a line
///
/// Any number of instances may append at once: a version is taken by put-if-absent, and the txn
/// action in each of our commits says which ledger version the table has taken, so whoever finds
/// the work done goes on. Other engines may rewrite and delete rows in between.
///
/// **Invariants:** each ledger entry's actions enter the table once and in ledger order; nothing is
/// appended to a table whose schema, protocol or ledger is not the one we know. Cost: one put a
/// commit where nobody else writes, plus one look at the version before it.
package struct DeltaTable: Sendable {
  let storage: any Storage
  /// The table's folder below the root, `tables/<table>`.
  package let folder: String
  /// `<pipeline>/<ledger id>`.
  let appID: String
  /// Name and version of this program, for commitInfo.
  let engineInfo: String

  package init(storage: any Storage, folder: String, appID: String, engineInfo: String) {
    self.storage = storage
    self.folder = folder
    self.appID = appID
    self.engineInfo = engineInfo
  }

  /// The table's name, for messages.
  var table: String { StoragePath.name(of: folder) }

  // MARK: - Reading

  /// Reads the log from the bookmark to its end.
  ///
  /// What was found becomes durable before it is reported: another instance may have written it
  /// and not yet synced. Where the commits after the bookmark were cleaned up, the newest log
  /// checkpoint stands for them. Errors: every case of `DeltaError` but `.aheadOfLedger`. Cost: one
  /// read a commit since the bookmark, and one look-up.
  package func catchUp(
    after bookmark: TableBookmark
  ) throws(DeltaError) -> TableProgress {
    var replay = TableReplay(table: table, appID: appID, bookmark: bookmark)
    repeat {
      while let commit = try readCommit(replay.bookmark.deltaVersion + 1) { replay.take(commit) }
    } while try !isEndAfterJump(&replay)
    if replay.bookmark.deltaVersion > bookmark.deltaVersion {
      try onStorage { () throws(StorageError) in try storage.syncFolder(logFolder) }
    }
    try replay.check()
    var progress = TableProgress(replay.bookmark)
    progress.foreignCommits = replay.foreignCommits
    return progress
  }

  /// As `isEnd`, but commits that were cleaned up are made up for by a log checkpoint.
  private func isEndAfterJump(_ replay: inout TableReplay) throws(DeltaError) -> Bool {
    let version = replay.bookmark.deltaVersion
    do {
      return try isEnd(version)
    } catch {
      guard case .logTruncated = error else { throw error }
      let newest = try checkpointToGoOn(after: version, orThrow: error)
      try replay.take(LogCheckpointReader(newest, of: self))
      return false
    }
  }

  /// Whether the number after `version` is free because nobody took it yet; false if it has just
  /// been taken.
  ///
  /// A number may also be free because its commit was cleaned up: a commit put into such a hole
  /// below a log checkpoint would be lost without a word, so that is an error. Cleaning goes from
  /// old to new and spares the newest, hence while `version` and the one before it are there, no
  /// later one was cleaned up. `version` alone may be what somebody left in such a hole.
  func isEnd(_ version: Int64) throws(DeltaError) -> Bool {
    if version >= 0, try exists(version) {
      if version == 0 { return true }
      if try exists(version - 1) { return true }
    }
    let newest = try newestListedVersion()
    if newest == version { return true }
    if newest < version {
      throw .logRewound(table: table, bookmark: version, newest: newest)
    }
    if try exists(version + 1) { return false }
    throw .logTruncated(table: table, bookmark: version, newest: newest)
  }

  /// Whether a commit of ours that was just put is where nobody reads: while its writer was held
  /// up, others committed, wrote a log checkpoint and cleaned up behind it, this number too. Then
  /// it is taken away again. Who was in time and meets such a checkpoint right after is treated the
  /// same: what the checkpoint says of the commit is said without its file.
  ///
  /// Cost: one look where the commit before is still there.
  func withdrawIfCleanedUp(_ version: Int64) throws(DeltaError) -> Bool {
    guard version > 0, try !exists(version - 1) else { return false }
    guard let newest = try newestCheckpoint(), newest.version > version else { return false }
    try onStorage { () throws(StorageError) in
      try storage.delete(commitPath(version))
      try storage.syncFolder(logFolder)
    }
    return true
  }

  func exists(_ version: Int64) throws(DeltaError) -> Bool {
    try onStorage { () throws(StorageError) in try storage.exists(commitPath(version)) }
  }

  /// The newest version any commit or log checkpoint names; -1 for none.
  private func newestListedVersion() throws(DeltaError) -> Int64 {
    let names = try onStorage { () throws(StorageError) in try storage.list(logFolder) }
    return names.reduce(-1) { newest, name in
      let parts = name.split(separator: ".")
      guard let first = parts.first, first.utf8.count == 20, let version = Int64(first),
        parts.count > 1, parts[1] == "json" || parts[1] == "checkpoint"
      else { return newest }
      return max(newest, version)
    }
  }

  /// Reads a commit; nil if there is no such file.
  private func readCommit(_ version: Int64) throws(DeltaError) -> DeltaCommit? {
    let bytes: [UInt8]
    do {
      bytes = try storage.read(commitPath(version))
    } catch {
      if error.kind == .notFound { return nil }
      throw .storage(error, table: table)
    }
    return try DeltaCommit(parsing: bytes, version: version, appID: appID, table: table)
  }

  // MARK: - Names

  var logFolder: String { folder + "/_delta_log" }

  func commitPath(_ version: Int64) -> String {
    let digits = version.description
    let zeros = String(repeating: "0", count: 20 - digits.utf8.count)
    return "\(logFolder)/\(zeros)\(digits).json"
  }

  func onStorage<Value>(
    _ body: () throws(StorageError) -> Value
  ) throws(DeltaError) -> Value {
    do {
      return try body()
    } catch {
      throw .storage(error, table: table)
    }
  }
}

/// Follows a log commit by commit and judges where it ends up.
///
/// Changes of other programs are judged by the state they leave at the end, so that a change which
/// was taken back does no harm.
struct TableReplay {
  let table: String
  let appID: String
  private(set) var bookmark: TableBookmark
  private(set) var foreignCommits: [ForeignCommit] = []
  /// As our own commits left them; what others did is compared with these.
  private var ourFingerprint: String?
  private var ourTableID: String?
  private var lastTableChange: Int64 = -1
  private var isPropertyRefused = false
  private var otherLedgerAppID: String?
  private var schemaFault: (version: Int64, error: JSONError)?

  /// Would let the log forget our txn, and with it that entries were taken.
  private static let refusedPropertyKey = "delta.setTransactionRetentionDuration"

  init(table: String, appID: String, bookmark: TableBookmark) {
    self.table = table
    self.appID = appID
    self.bookmark = bookmark
    ourFingerprint = bookmark.schemaFingerprint
    ourTableID = bookmark.tableID
  }

  mutating func take(_ commit: DeltaCommit) {
    bookmark.deltaVersion = commit.version
    if let metaData = commit.metaData { take(metaData, version: commit.version) }
    if let found = commit.tableProtocol {
      bookmark.tableProtocol = found
      lastTableChange = commit.version
    }
    if let other = commit.otherLedgerAppID { otherLedgerAppID = other }
    if let txnVersion = commit.txnVersion {
      // Never back: nobody but us has this application id, and we only go forward.
      bookmark.txnVersion = max(bookmark.txnVersion, txnVersion)
      ourFingerprint = bookmark.schemaFingerprint
      ourTableID = bookmark.tableID
    } else if !commit.isDerived {
      foreignCommits.append(
        ForeignCommit(
          version: commit.version, kind: commit.foreignKind, operation: commit.operation,
          isMaintenance: commit.isMaintenance))
    }
  }

  /// Takes a log checkpoint in the place of commits that are gone.
  ///
  /// Which of them were ours is not known. As no instance of ours goes on after a change of the
  /// schema by others, one that is there with newer work of ours is ours, or is the last of all: a
  /// type that does not fit is then found when the tables are compared with the configuration.
  mutating func take(_ checkpoint: LogCheckpointReader) throws(DeltaError) {
    let found = try checkpoint.readTable()
    let before = bookmark
    bookmark.deltaVersion = checkpoint.version
    if let metaData = found.metaData { take(metaData, version: checkpoint.version) }
    bookmark.tableProtocol = found.tableProtocol
    lastTableChange = checkpoint.version
    for appID in found.transactions.keys.sorted() where DeltaCommit.isOther(appID, than: self.appID)
    { otherLedgerAppID = appID }
    if let txn = found.transactions[appID], txn.version >= before.txnVersion {
      bookmark.txnVersion = txn.version
      if txn.version > before.txnVersion {
        ourFingerprint = bookmark.schemaFingerprint
        ourTableID = bookmark.tableID
      }
    } else if before.txnVersion >= 0 {
      throw .transactionForgotten(table: table, checkpoint: checkpoint.version, appID: appID)
    }
    if before.deltaVersion >= 0 {
      foreignCommits.append(
        ForeignCommit(version: checkpoint.version, kind: .cleanedUp, operation: nil))
    }
  }

  private mutating func take(_ metaData: JSONValue, version: Int64) {
    lastTableChange = version
    bookmark.metaData = metaData
    bookmark.tableID = metaData["id"]?.stringValue
    let columns = (metaData["partitionColumns"]?.arrayValue ?? []).compactMap(\.stringValue)
    do {
      bookmark.schemaFingerprint = try SchemaFingerprint.of(
        schemaText: metaData["schemaString"]?.stringValue ?? "", partitionColumns: columns)
      schemaFault = nil
    } catch {
      schemaFault = (version, error)
    }
    isPropertyRefused = metaData["configuration"]?[Self.refusedPropertyKey] != nil
  }

  func check() throws(DeltaError) {
    if let otherLedgerAppID { throw .foreignLedger(table: table, appID: otherLedgerAppID) }
    if let schemaFault {
      throw .malformedCommit(
        table: table, version: schemaFault.version, detail: "schemaString: \(schemaFault.error)")
    }
    if bookmark.deltaVersion >= 0, ourFingerprint == nil { throw .notOurs(table: table) }
    // Before the schema: a feature that changes column metadata has a way out of its own.
    try bookmark.tableProtocol?.check(
      table: table, version: lastTableChange, metaData: bookmark.metaData)
    if bookmark.schemaFingerprint != ourFingerprint || bookmark.tableID != ourTableID {
      throw .schemaChanged(table: table, version: lastTableChange)
    }
    if isPropertyRefused {
      throw .refusedProperty(
        table: table, version: lastTableChange, key: Self.refusedPropertyKey)
    }
  }
}
