import Base
import Parquet
import Storage

/// A log checkpoint that was written, or found.
package struct LogCheckpoint: Sendable, Equatable {
  /// The version whose state it holds.
  package var version: Int64
  package var byteCount: Int64 = 0
  package var addCount = 0
  package var tombstoneCount = 0
  /// Tombstones left out: expired, their files gone.
  package var droppedTombstoneCount = 0
  /// Whether another program had written the checkpoint of this version meanwhile.
  package var wasThere = false
}

/// What decides about the tombstones of a log checkpoint.
package struct LogCheckpointOptions: Sendable {
  /// Wall-clock time.
  package var nowMillis: Int64
  /// How long removed files are kept where the table does not say.
  package var deletedFileRetentionMillis: Int64
  /// Rows of a row group at most; for tests.
  package var rowGroupRowCountMax = 1 << 16
  /// Bytes of text of a row group at most, about.
  package var rowGroupByteCountMax = 32 << 20

  package init(nowMillis: Int64, deletedFileRetentionMillis: Int64) {
    self.nowMillis = nowMillis
    self.deletedFileRetentionMillis = deletedFileRetentionMillis
  }
}

extension TableSnapshot {
  /// Writes the state of `version` as a classic log checkpoint (PROTOCOL.md, "V1 Spec") and lets
  /// `_last_checkpoint` point to it, unless that points further already.
  ///
  /// The file gets its name whole and durable, and never takes another's: of two programs that
  /// write the checkpoint of one version the second one's work is for nothing, and both are right.
  /// A tombstone is left out once it is expired and its file is gone: what is still on the disk can
  /// be deleted only by who knows of it. What is left out is forgotten here, too, as by every
  /// reader that begins with the checkpoint: a snapshot that lives for years stays small. Every txn
  /// is kept.
  ///
  /// Memory: a row group of 32 MiB of text, three times. Cost: see docs/PERFORMANCE.md.
  /// - Parameter goOn: called with the bytes of every row group written; false gives it up.
  /// - Returns: nil where it was given up.
  package mutating func writeCheckpoint(
    _ options: LogCheckpointOptions, goOn: (_ byteCount: Int) -> Bool = { _ in true }
  ) throws(DeltaError) -> LogCheckpoint? {
    precondition(version >= 0, "only a table that there is has a checkpoint")
    var result = LogCheckpoint(version: version)
    var dropped: [Tombstone] = []
    let path = log.checkpointPath(version)
    do throws(StorageError) {
      // Its last commits may be others', who have not synced them yet: a log checkpoint must not
      // outlive what it stands for.
      try log.storage.syncFolder(log.logFolder)
      let file = try log.storage.create(path)
      defer { file.discard() }
      var writer = ParquetFileWriter(
        fields: CheckpointSchema.fields,
        options: ParquetWriterOptions(createdBy: log.engineInfo))
      result.tombstoneCount = try writeTable(options, &dropped, to: &writer)
      var start = 0
      while let end = writeFiles(from: start, options, to: &writer) {
        start = end
        let output = writer.takeOutput()
        try file.append(output)
        guard goOn(output.count) else { return nil }
      }
      result.addCount = live.count
      let (output, summary) = writer.finish()
      try file.append(output)
      result.byteCount = Int64(summary.byteCount)
      do throws(StorageError) {
        try file.close(sync: true)
      } catch {
        if error.kind != .exists { throw error }
        result.wasThere = true
      }
      try log.storage.syncFolder(log.logFolder)
      if !result.wasThere {
        CrashPoint.reached(.maintenanceCheckpointWritten)
        try log.point(to: result, actionCount: summary.rowCount)
      }
    } catch {
      throw .storage(error, table: table)
    }
    checkpointVersion = max(checkpointVersion, version)
    if !result.wasThere { provenCheckpointVersion = version }
    result.droppedTombstoneCount = dropped.count
    for tombstone in dropped { forgetTombstone(at: tombstone.path) }
    return result
  }

  /// Protocol, metaData, transactions and tombstones: the first row groups.
  /// - Parameter dropped: gets the tombstones that are left out.
  /// - Returns: how many are in.
  private func writeTable(
    _ options: LogCheckpointOptions, _ dropped: inout [Tombstone],
    to writer: inout ParquetFileWriter
  ) throws(StorageError) -> Int {
    var group = CheckpointRowGroup()
    CheckpointActions.set(transactions, in: &group)
    if let metaData { CheckpointActions.set(metaData: metaData, in: &group) }
    if let tableProtocol { CheckpointActions.set(tableProtocol, in: &group) }
    group.write(to: &writer)
    var count = 0
    var kept: [Tombstone] = []
    for tombstone in tombstones {
      if try isGone(tombstone, options) {
        dropped.append(tombstone)
        continue
      }
      kept.append(tombstone)
      count += 1
      if kept.count >= options.rowGroupRowCountMax {
        CheckpointActions.write(kept, to: &writer)
        kept = []
      }
    }
    CheckpointActions.write(kept, to: &writer)
    return count
  }

  private func isGone(
    _ tombstone: Tombstone, _ options: LogCheckpointOptions
  ) throws(StorageError) -> Bool {
    let retention =
      properties.deletedFileRetentionMillis ?? options.deletedFileRetentionMillis
    guard tombstone.isExpired(atMillis: options.nowMillis, retentionMillis: retention) else {
      return false
    }
    // A file elsewhere is not ours to delete: its time alone decides.
    if !tombstone.isInTable { return true }
    return try !log.storage.exists(folder + "/" + tombstone.path)
  }

  /// One row group of adds.
  /// - Returns: the slot to go on with; nil where there is none left.
  private func writeFiles(
    from start: Int, _ options: LogCheckpointOptions, to writer: inout ParquetFileWriter
  ) -> Int? {
    var adds = CheckpointAdds()
    var reader = TextBlockReader(live.texts)
    var place = start
    while place < live.slots.count, adds.count < options.rowGroupRowCountMax,
      adds.byteCount < options.rowGroupByteCountMax
    {
      let slot = live.slots[place]
      place += 1
      guard slot.isTaken else { continue }
      let texts = FileRecords.texts(reader.text(slot.texts))
      adds.append(
        path: live.path(slot),
        partition: slot.partition < 0 ? nil : partitions[Int(slot.partition)],
        byteCount: slot.byteCount, timeMillis: slot.timeMillis, statistics: texts.statistics,
        tags: texts.tags)
    }
    if adds.count == 0 { return nil }
    adds.write(to: &writer)
    return place
  }
}

extension DeltaTable {
  func checkpointPath(_ version: Int64) -> String {
    String(commitPath(version).dropLast(".json".utf8.count)) + ".checkpoint.parquet"
  }

  private var lastCheckpointPath: String { logFolder + "/_last_checkpoint" }

  /// The version that `_last_checkpoint` names; nil where it names none.
  func lastCheckpointHint() throws(StorageError) -> Int64? {
    do throws(StorageError) {
      let bytes = try storage.read(lastCheckpointPath)
      return (try? JSONValue(parsing: bytes))?["version"]?.int64Value
    } catch {
      if error.kind == .notFound { return nil }
      throw error
    }
  }

  /// Writes `_last_checkpoint` (PROTOCOL.md, "Last Checkpoint File Schema"). A hint: two that write
  /// it at a time may leave the older one, and readers then read some commits more.
  fileprivate func point(
    to checkpoint: LogCheckpoint, actionCount: Int
  ) throws(StorageError) {
    if let hint = try lastCheckpointHint(), hint >= checkpoint.version { return }
    let hint: JSONValue = [
      "version": .int(checkpoint.version), "size": .int(actionCount),
      "sizeInBytes": .int(checkpoint.byteCount), "numOfAddFiles": .int(checkpoint.addCount),
    ]
    try storage.replace(lastCheckpointPath, hint.bytes)
  }
}
