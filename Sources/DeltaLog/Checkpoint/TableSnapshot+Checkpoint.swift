import Storage

extension TableSnapshot {
  /// Looks for log checkpoints that others have written since: `checkpointVersion` is the newest
  /// that is complete. Cost: a list of the log's names.
  package mutating func lookForCheckpoint() throws(DeltaError) {
    guard let newest = try log.newestCheckpoint(), newest.version <= version else { return }
    checkpointVersion = max(checkpointVersion, newest.version)
  }

  /// Whether a removed file that is to be kept for so long is surely remembered.
  ///
  /// Other engines leave tombstones out of their log checkpoints after a week, or what the
  /// table's `delta.deletedFileRetentionDuration` says, whether the files are gone or not. Where
  /// they are to be kept for longer, what such a checkpoint does not name may have been removed
  /// right before it. Cost: one read of a commit, where the answer depends on it.
  package func remembersTombstones(
    retentionMillis: Int64, atMillis: Int64
  ) throws(DeltaError) -> Bool {
    let weekMillis: Int64 = 7 * 86_400_000
    if beginVersion < 0 || retentionMillis <= weekMillis { return true }
    if properties.deletedFileRetentionMillis != nil { return true }
    guard let began = try log.commitTime(beginVersion) else { return false }
    return atMillis - began > retentionMillis
  }

  /// Files in the log's folder.
  package func logFileCount() throws(DeltaError) -> Int {
    try log.onStorage { () throws(StorageError) in try log.storage.list(log.logFolder) }.count
  }

  /// Takes the state of a log checkpoint in the place of everything known so far.
  mutating func begin(at checkpoint: LogCheckpointFile) throws(DeltaError) {
    let reader = try LogCheckpointReader(checkpoint, of: log)
    let table = try reader.readTable()
    var fresh = TableSnapshot(storage: log.storage, folder: folder, engine: log.engineInfo)
    fresh.metaData = table.metaData
    fresh.tableProtocol = table.tableProtocol
    fresh.transactions = table.transactions
    // Whether they were set in between is seen by what they are.
    let isAsBefore = version >= 0 && fresh.metaData == metaData
      && fresh.tableProtocol == tableProtocol
    fresh.tableChangeVersion = isAsBefore ? tableChangeVersion : checkpoint.version
    try reader.readFiles(into: &fresh)
    fresh.version = checkpoint.version
    fresh.checkpointVersion = checkpoint.version
    fresh.beginVersion = checkpoint.version
    fresh.provenCheckpointVersion = checkpoint.version
    self = fresh
  }
}
