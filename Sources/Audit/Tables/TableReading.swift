import Base
import DeltaLog
import Ledger
import Storage

/// One table's log, read from its beginning to its end: the files it names, and what it took from
/// the chain.
///
/// Memory: about 100 bytes a file that the table consists of and 16 one that was removed, and eight
/// an action of the newest commits of ours.
struct TableReading {
  /// A commit of ours, for comparison with the entries it copies.
  struct OwnCommit {
    let deltaVersion: Int64
    /// It holds the entries after `previousTxn` up to `txn`.
    let previousTxn: Int64
    let txn: Int64
    let commitID: String?
    let actionHashes: [UInt64]
  }

  let name: String
  var folder: String { "tables/\(name)" }
  private(set) var reader: LogReader
  private(set) var figure: TableFigure
  /// Files the table consists of.
  private(set) var live: [UInt64: FileFacts] = [:]
  /// Files that were part of it once.
  private(set) var removed: Set<UInt64> = []
  /// Commits of ours whose entries may still be there, oldest first.
  private(set) var ownCommits: [OwnCommit] = []
  /// Rows of every file that our commits added.
  private(set) var ownRowCount: Int64 = 0
  /// The log checkpoint that stands for the commits which were cleaned up; nil where none were.
  private(set) var state: TableSnapshot?
  /// Whether every commit since the table's first was read, or a log checkpoint in their place:
  /// else files may be named that we do not know of.
  private(set) var isComplete = true
  private(set) var findings = FindingList()

  private let storage: any Storage
  private let appID: String
  private let digestsFrom: Int64
  /// Cleaned up commits are skipped up to here.
  private let bookmark: TableBookmark?

  /// - Parameters:
  ///   - digestsFrom: the oldest entry there is something to compare with.
  ///   - bookmark: where the chain's newest summary saw the log, for logs whose beginning another
  ///     program has cleaned up.
  init(
    _ name: String, storage: any Storage, appID: String, digestsFrom: Int64,
    bookmark: TableBookmark?
  ) {
    self.name = name
    self.digestsFrom = digestsFrom
    self.bookmark = bookmark
    reader = LogReader(storage: storage, folder: "tables/\(name)", appID: appID)
    figure = TableFigure(name: name)
    self.storage = storage
    self.appID = appID
  }

  // MARK: - Reading

  /// Reads to the log's end; called again it reads on from there.
  mutating func read() throws(AuditError) {
    do throws(DeltaError) {
      try readOn()
    } catch {
      switch error {
      case .storage(let fault, _): throw .storage(fault)
      case .logTruncated where figure.deltaVersion < 0 && isComplete: try beginAtBookmark()
      default: stop(error)
      }
    }
  }

  private mutating func readOn() throws(DeltaError) {
    while true {
      switch try reader.step() {
      case .commit(let commit): take(commit)
      case .state(let state): take(state)
      case .end: return
      }
    }
  }

  /// The commits up to a log checkpoint are gone; it says what they left. Which of the files were
  /// ours, and what was removed long ago, it does not say.
  private mutating func take(_ state: TableSnapshot) {
    live = [:]
    removed = Set(state.tombstones.map { FileFacts.key($0.path) })
    ownCommits = []
    figure.files = .init()
    figure.rowCount = 0
    for file in state.files {
      let facts = FileFacts(file, of: state)
      live[file.pathHash] = facts
      count(facts, 1)
    }
    figure.deltaVersion = state.version
    figure.txnVersion = state.transactions[appID]?.version ?? figure.txnVersion
    self.state = state
  }

  /// The log's first commits are gone behind a checkpoint of another program.
  private mutating func beginAtBookmark() throws(AuditError) {
    isComplete = false
    guard let bookmark, bookmark.deltaVersion >= 0 else {
      return findings.add(
        .error, .tables, .table(name, path: folder + "/_delta_log"),
        "the log's beginning is gone, and no summary says where the table stood",
        advice: "restore the log's first commits")
    }
    reader = LogReader(storage: storage, folder: folder, appID: appID, after: bookmark)
    figure.txnVersion = bookmark.txnVersion
    try read()
  }

  private mutating func stop(_ error: DeltaError) {
    isComplete = false
    findings.add(.error, .tables, .table(name, path: folder + "/_delta_log"), "\(error)")
  }

  /// What is wrong with the log as a whole, once it is read.
  mutating func judge() throws(AuditError) {
    do throws(DeltaError) {
      try reader.check()
    } catch {
      if case .storage(let fault, _) = error { throw .storage(fault) }
      stop(error)
    }
    try judgeHole()
  }

  /// A commit beyond the first absent number: the ones between are lost.
  private mutating func judgeHole() throws(AuditError) {
    let names: [String]
    do { names = try storage.list(folder + "/_delta_log") } catch { throw .storage(error) }
    let versions = names.compactMap { name -> Int64? in
      guard name.utf8.count == 25, name.hasSuffix(".json") else { return nil }
      return Int64(name.dropLast(5))
    }
    guard let newest = versions.max(), newest > figure.deltaVersion + 1, isComplete else { return }
    if versions.contains(figure.deltaVersion + 1) {
      // Appended since we reached the end, or not readable, which was said.
      return
    }
    isComplete = false
    findings.add(
      .error, .tables, .table(name, path: folder + "/_delta_log"),
      "commit \(figure.deltaVersion + 1) of the log is missing, though \(newest) is there",
      advice: "restore it; readers see the table as of version \(figure.deltaVersion) or not at all"
    )
  }

  // MARK: - Commits

  private mutating func take(_ commit: LogReader.Commit) {
    figure.deltaVersion = commit.version
    if let txn = commit.txnVersion {
      take(ours: commit, txn: txn)
    } else {
      let isMaintenance = commit.foreign?.isMaintenance ?? false
      if isMaintenance {
        figure.maintenanceCommitCount += 1
      } else {
        figure.foreignCommitCount += 1
      }
    }
    for action in commit.actions {
      if let add = action["add"] { take(add: add, of: commit) }
      if let remove = action["remove"] { take(remove: remove, of: commit) }
    }
  }

  private mutating func take(ours commit: LogReader.Commit, txn: Int64) {
    if txn <= figure.txnVersion {
      findings.add(
        .error, .tables, .table(name, path: reader.path(of: commit.version)),
        "commit \(commit.version) takes entries up to \(txn) again; the table had taken "
          + "\(figure.txnVersion)", advice: "rows are in the table twice: report this")
    }
    if txn >= digestsFrom, txn > figure.txnVersion {
      ownCommits.append(
        OwnCommit(
          deltaVersion: commit.version, previousTxn: figure.txnVersion, txn: txn,
          commitID: commit.commitID, actionHashes: commit.actions.map(EntryDigest.hash)))
    }
    figure.txnVersion = max(figure.txnVersion, txn)
  }

  private mutating func take(add: JSONValue, of commit: LogReader.Commit) {
    let subject = Finding.Subject.table(name, path: reader.path(of: commit.version))
    guard let path = FileFacts.path(of: add),
      let facts = FileFacts(add: add, origin: .log(commit.version))
    else {
      return findings.add(
        .error, .tables, subject, "commit \(commit.version) adds a file without a path or a size")
    }
    let key = FileFacts.key(path)
    if let old = live.updateValue(facts, forKey: key) {
      count(old, -1)
      if commit.foreign == nil {
        findings.add(
          .error, .tables, subject, "commit \(commit.version) adds \(path), which is there already",
          advice: "rows are in the table twice: report this")
      }
    }
    removed.remove(key)
    count(facts, 1)
    if commit.foreign == nil { ownRowCount = ownRowCount.addingClamped(facts.rowCount ?? 0) }
  }

  private mutating func take(remove: JSONValue, of commit: LogReader.Commit) {
    guard let path = FileFacts.path(of: remove) else { return }
    let key = FileFacts.key(path)
    removed.insert(key)
    guard let facts = live.removeValue(forKey: key) else { return }
    count(facts, -1)
    figure.removedFileCount += 1
    if commit.foreign == nil {
      findings.add(
        .error, .tables, .table(name, path: reader.path(of: commit.version)),
        "commit \(commit.version) of ours removes \(path): this pipeline never does")
    }
  }

  private mutating func count(_ facts: FileFacts, _ sign: Int) {
    figure.files.count += sign
    figure.files.byteCount = figure.files.byteCount.addingClamped(
      sign < 0 ? -facts.byteCount : facts.byteCount)
    let rows = facts.rowCount ?? 0
    figure.rowCount = figure.rowCount.addingClamped(sign < 0 ? -rows : rows)
  }

  // MARK: - Saying so

  mutating func setOwed(_ count: Int) { figure.owedEntryCount = count }

  mutating func note(_ sentence: String) {
    findings.add(.note, .tables, .table(name), sentence)
  }

  mutating func report(
    _ sentence: String, path: String? = nil,
    advice: String = "restore the table's log and the ledger from the same copy"
  ) {
    findings.add(.error, .tables, .table(name, path: path), sentence, advice: advice)
  }
}
