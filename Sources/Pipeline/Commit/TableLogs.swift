import Base
import DeltaLog
import Ledger
import Storage

/// The logs of all tables of a pipeline, kept in step with the ledger: they follow it in order and
/// without holes, by copying the actions its entries carry (design: "Table logs").
///
/// **Invariant:** I7 no entry is put while a table is behind an earlier one, so a table owes at
/// most what was put since the last call of `bringUp`.
struct TableLogs {
  private let storage: any Storage
  private let appID: String
  private let engineInfo: String
  private(set) var bookmarks: [String: TableBookmark]

  /// - Parameter bookmarks: where each log stood at the newest summary; tables not named are read
  ///   from their beginning.
  init(
    storage: any Storage, pipeline: String, ledgerID: String, engineInfo: String,
    bookmarks: [String: JSONValue]
  ) {
    self.storage = storage
    self.engineInfo = engineInfo
    appID = "\(pipeline)/\(ledgerID)"
    self.bookmarks = bookmarks.compactMapValues { TableBookmark($0) }
  }

  /// Reads what happened to the tables since their bookmarks, and refuses to go on from a ledger
  /// that is older than what a table has taken.
  mutating func catchUp(
    _ tables: [String], ledgerEnd: Int64
  ) throws(DeltaError) -> [(table: String, commit: ForeignCommit)] {
    var foreign: [(table: String, commit: ForeignCommit)] = []
    for table in tables {
      let progress = try log(of: table).catchUp(after: bookmarks[table] ?? .empty)
      bookmarks[table] = progress.bookmark
      foreign += progress.foreignCommits.map { (table, $0) }
      let txnVersion = progress.bookmark.txnVersion
      if txnVersion > ledgerEnd {
        throw .aheadOfLedger(table: table, txnVersion: txnVersion, ledgerEnd: ledgerEnd)
      }
    }
    return foreign
  }

  private func log(of table: String) -> DeltaTable {
    DeltaTable(
      storage: storage, folder: FileNames.tableFolder(table), appID: appID,
      engineInfo: engineInfo)
  }

  /// Gives every table what the entries hold for it, oldest first.
  ///
  /// - Parameters:
  ///   - entries: entries of the chain, without holes, from the first one a table may lack.
  ///   - ledgerEnd: the chain's last version.
  /// - Returns: what other programs did to the tables meanwhile, for the log.
  mutating func bringUp(
    entries: [LedgerEntry], ledgerEnd: Int64
  ) throws(DeltaError) -> [(table: String, commit: ForeignCommit)] {
    var owed: [String: [LedgerActions]] = [:]
    for entry in entries {
      for table in entry.tables {
        owed[table.table, default: []].append(
          LedgerActions(
            ledgerVersion: entry.version, commitID: entry.commitID.description,
            committedAtMillis: entry.writtenAtMicros / 1000, actions: table.actions))
      }
    }
    var foreign: [(table: String, commit: ForeignCommit)] = []
    for (table, actions) in owed.sorted(by: { $0.key < $1.key }) {
      foreign += try checkFilesAreThere(table, actions)
      let progress = try log(of: table).apply(
        actions, ledgerEnd: ledgerEnd, after: bookmarks[table] ?? .empty)
      bookmarks[table] = progress.bookmark
      foreign += progress.foreignCommits.map { (table, $0) }
      CrashPoint.reached(.betweenTables)
    }
    return foreign
  }

  /// A table must not come to name what is not there. A file may be gone that the table has taken
  /// meanwhile by somebody else's hand: other engines rewrite and vacuum what they know. Cost: one
  /// look-up a file.
  private mutating func checkFilesAreThere(
    _ table: String, _ owed: [LedgerActions]
  ) throws(DeltaError) -> [(table: String, commit: ForeignCommit)] {
    let taken = bookmarks[table]?.txnVersion ?? TableBookmark.empty.txnVersion
    guard let missing = try firstMissing(table, owed.filter { $0.ledgerVersion > taken }) else {
      return []
    }
    let progress = try log(of: table).catchUp(after: bookmarks[table] ?? .empty)
    bookmarks[table] = progress.bookmark
    if progress.bookmark.txnVersion < missing.ledgerVersion {
      throw .owedFileMissing(table: table, path: missing.path)
    }
    return progress.foreignCommits.map { (table, $0) }
  }

  private func firstMissing(
    _ table: String, _ owed: [LedgerActions]
  ) throws(DeltaError) -> (ledgerVersion: Int64, path: String)? {
    for actions in owed {
      for action in actions.actions {
        guard let encoded = action["add"]?["path"]?.stringValue,
          let path = DeltaPath.percentDecoded(encoded)
        else { continue }
        do throws(StorageError) {
          if try storage.exists("\(FileNames.tableFolder(table))/\(path)") { continue }
        } catch {
          throw .storage(error, table: table)
        }
        return (actions.ledgerVersion, path)
      }
    }
    return nil
  }

  /// The bookmarks as a summary keeps them.
  var json: [JSONMember] {
    bookmarks.sorted { $0.key < $1.key }.map { JSONMember($0.key, $0.value.json) }
  }
}
