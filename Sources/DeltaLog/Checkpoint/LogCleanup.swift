import Base
import Storage

/// Which files of a table's log are not needed any more (PROTOCOL.md, "Metadata Cleanup").
///
///     checkpoints   10        20        30        40
///     commits     …9 10 11 … 19 20 21 … 29 30 31 … 39 40 41 42
///                          cutoff ┘     └ superseded        └ newest
///
/// The first version that stays is one of a log checkpoint, so that every later state can be made
/// of what is left. Of the log checkpoints after it the two newest stay, and so many between that
/// the log can be cut again when these have grown old.
///
/// **Invariants:** no commit from the cutoff on goes, and never the newest log checkpoint.
package struct LogCleanupPlan: Sendable, Equatable {
  /// The first version of which the commit stays; 0 where nothing is due.
  package var cutoff: Int64 = 0
  /// Versions whose commits go, ascending: in this order, so that no hole is left.
  package var commits: [Int64] = []
  /// Names of everything else that goes.
  package var others: [String] = []

  package init() {}

  package var isEmpty: Bool { commits.isEmpty && others.isEmpty }
}

/// How long a table's log is kept.
package struct LogCleanupOptions: Sendable {
  /// Wall-clock time.
  package var nowMillis: Int64
  /// How long commits are kept where the table does not say.
  package var retentionMillis: Int64
  /// Commits are kept so many times as long as that, or as the table says.
  package var retentionCount: Int64 = 1
  /// Nothing from this version on goes: what somebody who follows the log has not seen yet.
  package var keepFrom: Int64
  /// Commits of one plan at most: each is synced by itself.
  package var commitCountMax = 1000

  package init(nowMillis: Int64, retentionMillis: Int64, keepFrom: Int64 = .max) {
    self.nowMillis = nowMillis
    self.retentionMillis = retentionMillis
    self.keepFrom = keepFrom
  }
}

extension LogCleanupPlan {
  /// So many log checkpoints stay behind the cutoff at least, evenly over the time that is kept.
  private static let checkpointsPerRetention: Int64 = 8
  /// Whoever just opened a log checkpoint may still read it.
  private static let supersededMillisMin: Int64 = 3_600_000

  /// - Parameters:
  ///   - checkpointTimes: when the versions of the log checkpoints were committed, by version;
  ///     one that is not known is not judged.
  ///   - version: the newest version of the table that is known to be there.
  package init(
    _ names: LogNames, checkpointTimes: [Int64: Int64], version: Int64,
    options: LogCleanupOptions
  ) {
    let old = options.nowMillis &- options.retentionMillis
    var found: Int64?
    for checkpoint in names.checkpoints where checkpoint.version <= version {
      guard checkpoint.version <= options.keepFrom else { break }
      guard let time = checkpointTimes[checkpoint.version] else { continue }
      // Whatever is older than a commit that is old is old itself.
      guard time < old else { break }
      found = checkpoint.version
    }
    guard let cutoff = found ?? names.checkpoints.first?.version else { return }
    if let found {
      self.cutoff = found
      commits = Array(names.commits.filter { $0 < found }.prefix(options.commitCountMax))
      // What belongs to a version goes with it, or later: it is of use to nobody without it.
      let end = commits.count < options.commitCountMax ? found : commits.last ?? found
      others = names.others.filter { $0.version < end }.map(\.name)
    }
    others += Self.superseded(names, after: cutoff, checkpointTimes, options)
  }

  private static func superseded(
    _ names: LogNames, after cutoff: Int64, _ times: [Int64: Int64], _ options: LogCleanupOptions
  ) -> [String] {
    let candidates = names.checkpoints.filter { $0.version > cutoff }.dropLast(2)
    let step = options.retentionMillis / checkpointsPerRetention
    guard var last = times[cutoff] else { return [] }
    var superseded: [String] = []
    for checkpoint in candidates {
      guard let time = times[checkpoint.version] else { continue }
      if time - last < step, time < options.nowMillis - supersededMillisMin {
        superseded += checkpoint.names
      } else {
        last = max(last, time)
      }
    }
    return superseded
  }
}

extension TableSnapshot {
  /// What of the log is not needed any more; nothing where a property of the table forbids it.
  ///
  /// Cost: a list of the log's names, and a read for each log checkpoint.
  package func planCleanup(_ options: LogCleanupOptions) throws(DeltaError) -> LogCleanupPlan {
    guard properties.isLogCleanedUp, version >= 0 else { return LogCleanupPlan() }
    var options = options
    let (millis, overflow) = (properties.logRetentionMillis ?? options.retentionMillis)
      .multipliedReportingOverflow(by: options.retentionCount)
    options.retentionMillis = overflow ? .max : millis
    let list = try log.onStorage { () throws(StorageError) in
      try log.storage.list(log.logFolder)
    }
    let names = LogNames(list)
    // One alone can neither be replaced nor have anything old behind it that is worth a look.
    var times: [Int64: Int64] = [:]
    for checkpoint in names.checkpoints {
      times[checkpoint.version] = try log.commitTime(checkpoint.version)
    }
    return LogCleanupPlan(names, checkpointTimes: times, version: version, options: options)
  }

  /// Deletes what a plan names, from old to new.
  ///
  /// Every commit's deletion is synced before the next: a machine that crashes must not leave a
  /// commit whose successor is gone, behind which somebody would take the log for ended.
  /// Deleting what is gone already is no error, so two programs may do it at a time.
  ///
  /// All that is deleted stands in the newest log checkpoint, or nowhere. One that this snapshot
  /// neither wrote nor began with is read through first: it may be another engine's that was cut
  /// short when its machine went down. That takes the time and the memory of a snapshot, once.
  ///
  /// Errors: `.malformedCheckpoint` and `.unsupportedFeature`, before anything is deleted;
  /// `.storage`.
  /// - Parameter goOn: asked between any two files; false leaves the rest for another time.
  /// - Returns: how many files went.
  package mutating func cleanUp(
    _ plan: LogCleanupPlan, goOn: () -> Bool = { true }
  ) throws(DeltaError) -> Int {
    // What the plan rests on may have been damaged or taken away since.
    if plan.isEmpty { return 0 }
    guard let newest = try log.newestCheckpoint(), newest.version >= plan.cutoff else { return 0 }
    try prove(newest)
    var count = 0
    do throws(StorageError) {
      // The name of a log checkpoint that another program has just written may not be durable yet.
      try log.storage.syncFolder(log.logFolder)
      for commit in plan.commits {
        if !goOn() { return count }
        try log.storage.delete(log.commitPath(commit))
        try log.storage.syncFolder(log.logFolder)
        count += 1
      }
      for name in plan.others {
        if !goOn() { return count }
        try log.storage.delete(log.logFolder + "/" + name)
        count += 1
      }
    } catch {
      throw .storage(error, table: table)
    }
    return count
  }
}

extension TableSnapshot {
  /// Makes sure that a log checkpoint can be read and knows of everybody's work.
  private mutating func prove(_ checkpoint: LogCheckpointFile) throws(DeltaError) {
    if checkpoint.version == provenCheckpointVersion { return }
    var found = TableSnapshot(storage: log.storage, folder: folder, engine: log.engineInfo)
    try found.begin(at: checkpoint)
    for appID in transactions.keys.sorted() where found.transactions[appID] == nil {
      throw .malformedCheckpoint(
        table: table, version: checkpoint.version, detail: "it has no txn of “\(appID)”")
    }
    provenCheckpointVersion = checkpoint.version
  }
}

extension DeltaTable {
  /// When a commit was made, by its commitInfo, milliseconds since 1970; nil where the commit is
  /// gone or does not say. Cost: one read of 64 KiB where commitInfo comes first, as with us.
  func commitTime(_ version: Int64) throws(DeltaError) -> Int64? {
    let head: [UInt8]
    do throws(StorageError) {
      head = try storage.read(commitPath(version), from: 0, byteCount: 1 << 16)
    } catch {
      if error.kind == .notFound { return nil }
      throw .storage(error, table: table)
    }
    if let end = head.firstIndex(of: UInt8(ascii: "\n")),
      let line = try? JSONValue(parsing: head[..<end]), let info = line["commitInfo"]
    {
      return ForeignNumber.millis(info["timestamp"]?.int64Value)
    }
    let info = try readLines(version)?.lazy.compactMap { $0["commitInfo"] }.first
    return ForeignNumber.millis(info?["timestamp"]?.int64Value)
  }
}
