import Base
import Decode
import Ledger
import Storage
import Telemetry

extension Committer {
  /// Puts what a replay has decoded: readings, marks, and letters of what is unreadable now. All of
  /// it or nothing, and only if no other replay came first.
  ///
  /// - Parameter previous: the last replay whose marks were looked at when the letters were chosen.
  /// - Returns: the entry.
  /// - Throws: `.conflict` where another replay came first: nothing of this one is in the chain.
  func put(_ batch: ReplayBatch, after previous: Int64) throws(CommitFailure) -> LedgerEntry {
    let id = nextCommitID()
    // The name of a file says what must not have happened for an entry to name it: here a replay.
    var writer = DataFileWriter(
      storage: storage, options: options, commitID: id, baseVersion: max(0, previous))
    do throws(StorageError) {
      for content in contents(of: batch) { try writer.write(content) }
      CrashPoint.reached(.filesClosed)
      try syncFolders(writer.files, [])
    } catch {
      writer.deleteAll()
      throw CommitFailure(error)
    }
    var entry = draft(.replay, id: id, clusterID: ledger.state.clusterID)
    entry.replay = ReplayStep(previous: previous)
    add(writer.files, to: &entry)
    entry.counters = Self.counters(of: batch, files: writer.files)
    try refresh()
    if let conflict = ledger.state.conflict(with: entry) {
      // Nothing of it has been put: what was written for it can go.
      writer.deleteAll()
      throw CommitFailure(LedgerError.conflict(conflict))
    }
    CrashPoint.reached(.beforeEntry)
    guard let put = try put(entry) else { preconditionFailure("a replay goes in anywhere") }
    CrashPoint.reached(.afterEntry)
    try bringTablesUp()
    try summarize()
    CrashPoint.reached(.committed)
    return put
  }

  /// What the replay has for each table.
  private func contents(of batch: ReplayBatch) -> [any TableContent] {
    let parts = batch.parts.map { PartitionCut(replaying: $0) }
    var contents: [any TableContent] = []
    for (index, source) in options.sources.enumerated() {
      let read = parts.filter { $0.sourceIndex == index && $0.output.readings.rowCount > 0 }
      if !read.isEmpty { contents.append(ReadingsTable(schema: source.plan.schema, parts: read)) }
    }
    let dead = parts.filter { !$0.output.deadLetters.isEmpty }
    if !dead.isEmpty { contents.append(DeadLettersTable(sources: options.sources, parts: dead)) }
    contents.append(
      DeadLetterReplaysTable(marks: batch.marks, config: options.configFingerprint))
    return contents
  }

  /// Rows by table, so that `verify` can hold them against the files; letters that came back and
  /// those that did not are together the rows of `dead_letter_replays`.
  private static func counters(of batch: ReplayBatch, files: [WrittenFile]) -> [Counter] {
    let replayed = batch.marks.filter(\.outcome.isFinal).count
    let readings = batch.parts.reduce(0) { $0 + $1.output.readings.rowCount }
    let letters = batch.parts.reduce(0) { $0 + $1.output.deadLetters.count }
    return [
      Counter(name: "readings", value: Int64(readings)),
      Counter(name: "readings_replayed", value: Int64(readings)),
      Counter(name: "dead_letters", value: Int64(letters)),
      Counter(name: "dead_letters_replayed", value: Int64(replayed)),
      Counter(name: "dead_letters_still_dead", value: Int64(batch.marks.count - replayed)),
      Counter(name: "files", value: Int64(files.count)),
      Counter(name: "file_bytes", value: files.reduce(0) { $0 + $1.byteCount }),
    ]
  }
}

extension DataFileWriter {
  /// Deletes every file it has begun: nothing names them, so they can go at once. One that cannot
  /// be deleted stays as an orphan.
  func deleteAll() {
    for path in startedPaths { try? storage.delete(path) }
  }
}
