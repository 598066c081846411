import Base
import Decode
import DeltaLog
import Ledger
import Logging
import Storage
import Telemetry
import Windows

/// Turns cuts into commits, and knows the order in which that is safe (invariant I5):
///
///     data files, their folders, state ─▶ ledger entry ─▶ table logs ─▶ (caller) group offsets
///          written and synced              the commit       copies        for lag tools only
///
/// Used by one thread at a time: the session guards it with a Monitor.
final class Committer {
  /// A reload changes the detectors and the fingerprint.
  private(set) var options: PipelineOptions
  let storage: any Storage
  private let pool: OutputPool
  let log: Logger
  var ledger: Ledger
  private var tableLogs: TableLogs
  /// The version that last touched each partition of ours, as we know it: what our next move is
  /// based on. A partition that is not ours (any more) has none.
  private(set) var bases: [PartitionKey: Int64] = [:]
  /// Nil before the first rows of `devices` are due.
  var devices: DevicesWriter?
  /// Why `devices` is behind, as the log has been told.
  var devicesTrouble: String?
  /// The commit that a full disk has interrupted.
  private var unfinished: Unfinished?

  /// How far a commit has come: what a second try must not do again. From the first put on, the
  /// entry may be in the chain, so that the files it names may neither be deleted nor rewritten.
  private struct Unfinished {
    var report: CommitReport
    var isPut = false
  }

  init(
    options: PipelineOptions, storage: any Storage, pool: OutputPool, incarnation: String,
    log: Logger
  ) {
    self.options = options
    self.storage = storage
    self.pool = pool
    self.log = log
    ledger = Ledger(
      storage: storage, pipeline: options.pipeline, incarnation: incarnation,
      summaryInterval: options.commit.summaryInterval)
    tableLogs = TableLogs(
      storage: storage, pipeline: options.pipeline, ledgerID: "", engineInfo: options.program,
      bookmarks: [:])
  }

  /// What the chain says now, as far as it has been read.
  var state: ChainState { ledger.state }

  func nextCommitID() -> CommitID { ledger.nextCommitID() }

  /// The entries after the next carry the new configuration.
  func adopt(_ reload: PipelineReload) { options = options.applying(reload) }

  // MARK: - Recovery

  /// Reads the chain, makes its first entry if there is none, finishes what the tables are owed
  /// and creates the tables that the configuration asks for. Recovery and take-over alike.
  func recover(clusterID: String?) throws(CommitFailure) {
    do throws(LedgerError) {
      try ledger.open()
      if ledger.state.isEmpty { _ = try ledger.put(creation(clusterID: clusterID)) }
    } catch {
      throw CommitFailure(error)
    }
    tableLogs = TableLogs(
      storage: storage, pipeline: options.pipeline, ledgerID: ledger.state.ledgerID,
      engineInfo: options.program, bookmarks: ledger.bookmarks)
    // Also before a refusal: what is committed belongs into the tables, whoever answers for Kafka.
    try bringTablesUp(recovering: true)
    if let known = ledger.state.clusterID, let clusterID, known != clusterID {
      throw CommitFailure(LedgerError.otherCluster(found: clusterID, expected: known))
    }
    try configureTables(clusterID: clusterID)
  }

  /// Reads what other instances have put since.
  func refresh() throws(CommitFailure) {
    do throws(LedgerError) {
      try ledger.refresh()
    } catch {
      throw CommitFailure(error)
    }
  }

  func draft(_ kind: LedgerEntry.Kind, id: CommitID, clusterID: String?) -> LedgerEntry {
    LedgerEntry(
      kind: kind, commitID: id, ledgerID: ledger.state.ledgerID, pipeline: options.pipeline,
      clusterID: clusterID, configFingerprint: options.configFingerprint,
      program: options.program, writtenAtMicros: WallClock.nowMicros())
  }

  private func creation(clusterID: String?) -> LedgerEntry {
    var entry = draft(.create, id: nextCommitID(), clusterID: clusterID)
    entry.ledgerID = RandomID.make()
    return entry
  }

  /// Gives the tables every entry since the newest summary: what is older they had taken when that
  /// was written.
  ///
  /// Another instance may have put an entry and given it to a table since we read the chain: a
  /// table is ahead of the ledger only if it still is once the chain has been read again.
  func bringTablesUp(recovering: Bool = false) throws(CommitFailure) {
    while true {
      let ledgerEnd = ledger.state.lastVersion
      do throws(DeltaError) {
        return try bringTablesUp(to: ledgerEnd, recovering: recovering)
      } catch {
        guard case .aheadOfLedger = error else { throw CommitFailure(error) }
        try refresh()
        if ledger.state.lastVersion == ledgerEnd { throw CommitFailure(error) }
      }
    }
  }

  /// Reads what is new in a table's log, which the ledger owes nothing.
  func followTable(_ table: String) throws(DeltaError) {
    _ = try tableLogs.catchUp([table], ledgerEnd: ledger.state.lastVersion)
  }

  private func bringTablesUp(to ledgerEnd: Int64, recovering: Bool) throws(DeltaError) {
    var foreign: [(table: String, commit: ForeignCommit)] = []
    if recovering {
      let tables = ledger.state.tables.keys.sorted()
      foreign += try tableLogs.catchUp(tables, ledgerEnd: ledgerEnd)
    }
    foreign += try tableLogs.bringUp(entries: ledger.recentEntries, ledgerEnd: ledgerEnd)
    for (table, commit) in foreign where !commit.isMaintenance {
      log.notice(
        "another program wrote to a table",
        metadata: [
          "table": "\(table)", "version": "\(commit.version)", "kind": "\(commit.kind)",
          "operation": "\(commit.operation ?? "unknown")",
        ])
    }
  }

  // MARK: - Tables and topics

  /// Puts one entry that creates every table the chain does not have yet, and gives the others the
  /// columns they lack.
  private func configureTables(clusterID: String?) throws(CommitFailure) {
    let wanted = TableDefinition.all(of: options.sources)
    while true {
      var entry = draft(.configure, id: nextCommitID(), clusterID: clusterID)
      for table in wanted {
        guard let known = ledger.state.tables[table.name] else {
          entry.tables.append(TableActions(table: table.name, actions: creation(of: table, entry)))
          continue
        }
        if let growth = try growth(of: table, from: known) {
          entry.tables.append(TableActions(table: table.name, actions: [growth]))
        }
      }
      if entry.tables.isEmpty { return }
      // Another instance may create them first: then there is nothing left to do, so the entry
      // goes in only if nobody put one since we looked.
      if try put(entry, onlyAt: ledger.state.nextVersion) != nil {
        try bringTablesUp()
        return
      }
    }
  }

  private func creation(of table: TableDefinition, _ entry: LedgerEntry) -> [JSONValue] {
    [
      DeltaAction.protocolAction,
      DeltaAction.metaData(
        id: RandomID.make(), name: table.name, schema: table.deltaSchema,
        configuration: table.properties, createdTimeMillis: entry.writtenAtMicros / 1000),
    ]
  }

  /// The action that gives a table the columns it lacks; nil where it has them all.
  ///
  /// What others have set (properties, comments) is as of the last look at its log, which was when
  /// the tables were brought up: another program that sets some in the moment between that and our
  /// commit sees its setting replaced.
  private func growth(
    of table: TableDefinition, from known: ChainState.Table
  ) throws(CommitFailure) -> JSONValue? {
    do throws(SchemaConflict) {
      // Older programs kept no metaData in their summaries; the schema and the id are elsewhere.
      let metaData = tableLogs.bookmarks[table.name]?.metaData ?? DeltaAction.metaDataBody(
        id: tableLogs.bookmarks[table.name]?.tableID ?? RandomID.make(), name: table.name,
        schemaText: known.schemaText ?? "",
        partitionColumns: table.partitionColumns.map(\.name),
        configuration: [], createdTimeMillis: nil)
      return try SchemaGrowth.metaData(of: table.name, adding: table.deltaSchema, to: metaData)
        .map { ["metaData": $0] }
    } catch {
      throw .fatal("\(error)")
    }
  }

  func put(
    _ entry: LedgerEntry, onlyAt version: Int64? = nil
  ) throws(CommitFailure) -> LedgerEntry? {
    do throws(LedgerError) {
      return try ledger.put(entry, onlyAt: version)
    } catch {
      throw CommitFailure(error)
    }
  }

  /// Opens a topic, or the partitions it has gained: after this they have a start offset for good.
  ///
  /// Another instance may have done so meanwhile; then its decision stands.
  func open(_ opening: TopicOpening, clusterID: String?) throws(CommitFailure) {
    while true {
      if let open = ledger.state.topics[opening.topic],
        open.partitionCount >= opening.partitionCount
      {
        return
      }
      var entry = draft(.open, id: nextCommitID(), clusterID: clusterID)
      entry.openings = [opening]
      if ledger.state.conflict(with: entry) != nil {
        throw .conflict("topic \(opening.topic) was opened by another instance meanwhile")
      }
      if try put(entry, onlyAt: ledger.state.nextVersion) != nil { return }
    }
  }

  /// Puts what a person has decided about positions, with the rows that tell of it, and gives the
  /// tables what it holds for them.
  ///
  /// - Returns: the entry's version.
  /// - Throws: `.conflict` where the chain has moved since the decision was planned: nothing of it
  ///   is in the chain then.
  func put(_ decision: PositionDecision) throws(CommitFailure) -> Int64 {
    let id = nextCommitID()
    let kind = decision.openings.isEmpty ? LedgerEntry.Kind.commit : .open
    var entry = draft(kind, id: id, clusterID: decision.clusterID ?? ledger.state.clusterID)
    entry.openings = decision.openings
    entry.partitions = decision.moves
    var writer = DataFileWriter(
      storage: storage, options: options, commitID: id, baseVersion: decision.baseVersion)
    do throws(StorageError) {
      try writer.write(GapsTable(rows: decision.gapRows))
      try syncFolders(writer.files, [])
    } catch {
      throw CommitFailure(error)
    }
    add(writer.files, to: &entry)
    entry.counters = [
      Counter(name: "files", value: Int64(writer.files.count)),
      Counter(name: "file_bytes", value: writer.files.reduce(0) { $0 + $1.byteCount }),
    ]
    let version = try putWhileItStands(entry, decision)
    try bringTablesUp()
    try summarize()
    return version
  }

  /// Moves name what they are based on; an incarnation's end does not, so that nobody may have
  /// moved the partitions it ends.
  private func putWhileItStands(
    _ entry: LedgerEntry, _ decision: PositionDecision
  ) throws(CommitFailure) -> Int64 {
    while true {
      for end in decision.ends
      where ledger.state.partitions[end.key]?.lastVersion != end.lastVersion {
        throw .conflict("\(end.key) was moved meanwhile")
      }
      let only = decision.ends.isEmpty ? nil : ledger.state.nextVersion
      if let put = try put(entry, onlyAt: only) { return put.version }
      try refresh()
    }
  }

  // MARK: - Ownership

  /// A partition is ours: moves of it are based on what the chain says now.
  func own(_ key: PartitionKey) { bases[key] = ledger.state.partitions[key]?.lastVersion }

  /// It is not ours any more.
  func disown(_ key: PartitionKey) {
    bases[key] = nil
    devices?.drop(key)
  }

  // MARK: - Commit

  /// Makes one commit of these cuts: all of it or nothing.
  ///
  /// After `.noSpace` it may be called again with the same cuts and id, and goes on where it stood.
  /// - Returns: what there is to tell of it, or nil when there was nothing to commit.
  func commit(_ cuts: [PartitionCut], id: CommitID) throws(CommitFailure) -> CommitReport? {
    let cuts = cuts.filter { bases[$0.key] != nil }
    if cuts.isEmpty { return nil }
    var commit: Unfinished
    if let unfinished, unfinished.report.entry.commitID == id {
      commit = unfinished
    } else {
      commit = Unfinished(report: try prepare(cuts, id: id))
    }
    unfinished = commit
    if !commit.isPut {
      commit.report.entry = try putCommit(commit.report.entry)
      commit.report.observeLatency(cuts, nowMicros: WallClock.nowMicros())
      giveBack(cuts, version: commit.report.entry.version)
      commit.isPut = true
      unfinished = commit
    }
    try bringTablesUp()
    try summarize()
    deleteRetiredStates()
    unfinished = nil
    CrashPoint.reached(.beforeGroupOffsets)
    return commit.report
  }

  private func putCommit(_ entry: LedgerEntry) throws(CommitFailure) -> LedgerEntry {
    CrashPoint.reached(.beforeEntry)
    guard let entry = try put(entry) else { preconditionFailure("a commit goes in anywhere") }
    CrashPoint.reached(.afterEntry)
    return entry
  }

  /// The entry is in the chain: what comes next is based on it, and the rows' buffers are free.
  private func giveBack(_ cuts: [PartitionCut], version: Int64) {
    for cut in cuts {
      bases[cut.key] = version
      pool.giveBack(cut.output, source: cut.sourceIndex)
    }
  }

  /// Writes and syncs everything the entry will name.
  private func prepare(
    _ cuts: [PartitionCut], id: CommitID
  ) throws(CommitFailure) -> CommitReport {
    let base = cuts.compactMap { bases[$0.key] }.max() ?? 0
    var writer = DataFileWriter(
      storage: storage, options: options, commitID: id, baseVersion: base)
    do throws(StorageError) {
      for cut in cuts { try cut.state?.closeOnce(in: storage) }
    } catch {
      throw CommitFailure(error)
    }
    try checkStatesAreThere(cuts)
    do throws(StorageError) {
      for content in contents(cuts) { try writer.write(content) }
      CrashPoint.reached(.filesClosed)
      try syncFolders(writer.files, cuts)
    } catch {
      // Nothing names these files: they can go at once, and a second try may use their names.
      for path in writer.startedPaths { try? storage.delete(path) }
      throw CommitFailure(error)
    }
    return CommitReport(
      entry: compose(cuts, writer.files, id: id), cuts: cuts, sources: options.sources)
  }

  /// A replay knows nothing of decisions and of other detectors or rules before, so these are
  /// recorded only with the state that follows them: from an older snapshot the same windows would
  /// fire a second time, or the new rules would judge what the old ones have judged. And what a
  /// partition's records are judged by is in its first state.
  private func checkStatesAreThere(_ cuts: [PartitionCut]) throws(CommitFailure) {
    for cut in cuts {
      guard let need = cut.stateNeed, cut.state?.isClosed != true else { continue }
      let sentence =
        "\(cut.key) needs its state with this commit (\(need.reason)), and its file could not be "
        + "closed: see the warnings before"
      // What a finite run decides nobody decides again.
      let isFinal = cut.decisions.contains { $0.kind == .fireOpenWindows }
      throw isFinal ? .fatal(sentence) : .mustRecover(sentence)
    }
  }

  /// What the commit has for each table.
  private func contents(_ cuts: [PartitionCut]) -> [any TableContent] {
    TableContents.all(of: cuts, sources: options.sources)
  }

  func syncFolders(
    _ files: [WrittenFile], _ cuts: [PartitionCut]
  ) throws(StorageError) {
    var folders = Set(files.map { StoragePath.folder(of: $0.path) })
    if cuts.contains(where: { $0.state != nil }) { folders.insert(FileNames.stateFolder) }
    for folder in folders.sorted() { try storage.syncFolder(folder) }
  }

  private func compose(
    _ cuts: [PartitionCut], _ files: [WrittenFile], id: CommitID
  ) -> LedgerEntry {
    var entry = draft(.commit, id: id, clusterID: ledger.state.clusterID)
    for cut in cuts {
      var state = cut.state.flatMap { $0.isClosed ? $0.reference : nil }
      state?.isNeeded = cut.stateNeed?.forbidsOlder ?? false
      entry.partitions.append(
        PartitionMove(
          key: cut.key, previous: bases[cut.key] ?? -1, from: cut.from, to: cut.to,
          notDelivered: cut.notDelivered, gaps: cut.gaps, unknownSchemas: cut.unknownSchemas,
          witness: cut.witness, clockMicros: cut.clockMicros, state: state))
      entry.decisions += cut.decisions
    }
    add(files, to: &entry)
    entry.counters = CommitCounters(cuts, files: files).counters
    return entry
  }

  func add(_ files: [WrittenFile], to entry: inout LedgerEntry) {
    let modifiedAtMillis = entry.writtenAtMicros / 1000
    for file in files {
      let action = file.addAction(modifiedAtMillis: modifiedAtMillis)
      let table = file.definition.name
      if entry.tables.last?.table == table {
        entry.tables[entry.tables.count - 1].actions.append(action)
      } else {
        entry.tables.append(TableActions(table: table, actions: [action]))
      }
    }
  }

  func summarize() throws(CommitFailure) {
    do throws(LedgerError) {
      try ledger.summarizeIfDue(
        bookmarks: tableLogs.json, takenVersion: ledger.state.lastVersion)
    } catch {
      throw CommitFailure(error)
    }
  }

  /// The chain keeps two snapshots a partition; the one that a new one pushed out can go. That it
  /// cannot be deleted is worth a line in the log, not a stop.
  private func deleteRetiredStates() {
    for path in ledger.takeRetiredStates() {
      do {
        try storage.delete(path)
      } catch {
        log.warning("cannot delete a retired state snapshot: \(error)")
      }
    }
  }
}
