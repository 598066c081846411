import Base
import DeltaLog
import Ledger
import Storage

/// What the disk has: the files that are named, and those that nothing names.
extension RootAudit {
  // MARK: - Data files

  /// Walks one table's folder: every file it consists of, or will, is there and whole; every other
  /// one is explained.
  mutating func auditFiles(of reading: TableReading) throws(AuditError) {
    var wanted = reading.live
    for digest in digests where digest.version > reading.figure.txnVersion {
      for (key, facts) in digest.tables[reading.name]?.adds ?? [] { wanted[key] = facts }
    }
    let proof = OrphanProof(after.state)
    let prefix = reading.folder + "/"
    let log = reading.folder + "/_delta_log"
    try walk.noteUnfinished(in: log)
    var walk = walk
    try walk.visitFiles(below: reading.folder, isSkipped: { $0 == log }) {
      path throws(AuditError) in
      let key = FileFacts.key(String(path.dropFirst(prefix.count)))
      if let facts = wanted.removeValue(forKey: key) {
        try check(path, facts, of: reading)
      } else if !reading.removed.contains(key) {
        try explain(path, of: reading, proof)
      }
    }
    self.walk = walk
    if !wanted.isEmpty { try lookAgain(for: wanted, of: reading) }
  }

  private mutating func check(
    _ path: String, _ facts: FileFacts, of reading: TableReading
  ) throws(AuditError) {
    let isOwn = isOurs(path)
    let verdict = try FileCheck.data(
      path, facts, isOurs: isOwn, readsContents: options.readsContents, storage)
    switch verdict {
    case .whole(let byteCount): if byteCount > 0 { figures.contents.add(byteCount) }
    case .absent:
      // Listed, then gone: perhaps another engine's VACUUM.
      try lookAgain(for: [FileFacts.key(Self.relative(path, to: reading)): facts], of: reading)
    case .damaged(let sentence):
      findings.add(
        .error, .durability, .table(reading.name, path: path), sentence,
        advice: "restore the file from a copy; its rows are not what was committed")
    }
  }

  private static func relative(_ path: String, to reading: TableReading) -> String {
    String(path.dropFirst(reading.folder.count + 1))
  }

  /// Files that are named and were not met: they may have been removed from the table meanwhile.
  private mutating func lookAgain(
    for wanted: [UInt64: FileFacts], of reading: TableReading
  ) throws(AuditError) {
    var reading = reading
    try reading.read()
    var missingCount = 0
    for (key, facts) in wanted.sorted(by: { $0.key < $1.key })
    where !reading.removed.contains(key) {
      missingCount += 1
      guard missingCount <= FindingList.listedCountMax else { continue }
      guard let path = try path(of: key, facts, in: reading) else {
        report(missing: "(a file without a readable path)", facts, of: reading)
        continue
      }
      let full = reading.folder + "/" + path
      let isOwn = isOurs(path)
      switch try FileCheck.data(
        full, facts, isOurs: isOwn, readsContents: options.readsContents, storage)
      {
      case .whole: break
      case .absent: report(missing: full, facts, of: reading)
      case .damaged(let sentence):
        findings.add(.error, .durability, .table(reading.name, path: full), sentence)
      }
    }
    let unlisted = missingCount - FindingList.listedCountMax
    if unlisted > 0 { findings.addUnlisted(.error, count: unlisted) }
  }

  private mutating func report(missing path: String, _ facts: FileFacts, of reading: TableReading) {
    let origin =
      switch facts.origin {
      case .log(let version): "version \(version) of the table"
      case .checkpoint(let version): "the log checkpoint of version \(version)"
      case .entry(let version): "ledger entry \(version), which the table is still owed,"
      }
    let rows = facts.rowCount.map { "\($0) rows" } ?? "its rows"
    findings.add(
      .error, .durability, .table(reading.name, path: path),
      "it is missing, and with it \(rows); \(origin) names it",
      advice: "restore the file from a copy")
  }

  /// The path behind a hash, read once more from where it is named.
  private func path(
    of key: UInt64, _ facts: FileFacts, in reading: TableReading
  ) throws(AuditError) -> String? {
    let actions: [JSONValue]
    switch facts.origin {
    case .checkpoint: return reading.state?.file(hash: key)?.path
    case .log(let version):
      actions = (try? reading.reader.commit(version))?.actions ?? []
    case .entry(let version):
      let path = Ledger.entryPath(version)
      let entry = (try? storage.read(path)).flatMap {
        try? LedgerEntry(parsing: $0, path: path, version: version)
      }
      actions = (entry?.tables ?? []).filter { $0.table == reading.name }.flatMap(\.actions)
    }
    for add in actions.lazy.compactMap({ $0["add"] }) {
      if let path = FileFacts.path(of: add), FileFacts.key(path) == key { return path }
    }
    return nil
  }

  /// Whether a data file was made by this pipeline, for an entry or beside them, by its name.
  private func isOurs(_ path: String) -> Bool {
    let name = StoragePath.name(of: path)
    return OwnName.data(name, pipeline: options.pipeline) != nil
      || OwnName.maintained(name, pipeline: options.pipeline) != nil
  }

  /// A file that neither the log nor an entry names.
  private mutating func explain(
    _ path: String, of reading: TableReading, _ proof: OrphanProof
  ) throws(AuditError) {
    guard let size = try size(path) else { return }
    if let name = OwnName.maintained(StoragePath.name(of: path), pipeline: options.pipeline) {
      return explain(maintained: name, path, size, of: reading)
    }
    guard let name = OwnName.data(StoragePath.name(of: path), pipeline: options.pipeline) else {
      return noteForeign(path, size)
    }
    if after.isWhole, reading.isComplete, proof.holds(forBase: name.baseVersion) {
      figures.orphans.add(size)
      note(
        .table(reading.name, path: path),
        "an orphan of \(size) bytes: nothing names it, and no entry ever can, as no partition "
          + "stands at entry \(name.baseVersion) any more",
        advice: "it may be deleted", isFirst: figures.orphans.count <= Self.noteCountMax)
    } else {
      figures.undecided.add(size)
      note(
        .table(reading.name, path: path),
        "nothing names it (\(size) bytes): left by a commit that failed, or of one under way",
        isFirst: figures.undecided.count <= Self.noteCountMax)
    }
  }

  /// A file that maintenance made and no commit names: by the log alone (`MaintenanceFileName`).
  private mutating func explain(
    maintained name: OwnName.Maintained, _ path: String, _ size: Int64, of reading: TableReading
  ) {
    let last = name.baseVersion + DeltaTable.maintenanceReach
    if reading.isComplete, reading.figure.deltaVersion >= last {
      figures.orphans.add(size)
      note(
        .table(reading.name, path: path),
        "an orphan of \(size) bytes: left by maintenance that was given up, and no version of the "
          + "table behind \(last) can name it", advice: "it may be deleted",
        isFirst: figures.orphans.count <= Self.noteCountMax)
    } else {
      figures.undecided.add(size)
      note(
        .table(reading.name, path: path),
        "nothing names it (\(size) bytes): left by maintenance that was given up, or under way",
        isFirst: figures.undecided.count <= Self.noteCountMax)
    }
  }

  // MARK: - State snapshots

  /// The snapshots that a start would load.
  mutating func auditStates() throws(AuditError) {
    var named: Set<String> = []
    for (key, partition) in after.state.partitions.sorted(by: { $0.key < $1.key }) {
      for (place, state) in partition.states.enumerated() {
        named.insert(state.path)
        // Without the chain's end nobody knows which two a start would want.
        guard after.isWhole, after.state.topics[key.topic]?.incarnation == key.incarnation else {
          continue
        }
        try check(state, of: key, isNewest: place == partition.states.count - 1)
      }
    }
    try walk.noteUnfinished(in: Self.stateFolder)
    for name in try walk.names(in: Self.stateFolder) ?? [] {
      let path = "\(Self.stateFolder)/\(name)"
      if !named.contains(path) { try explain(state: path) }
    }
  }

  private mutating func check(
    _ state: StateReference, of key: PartitionKey, isNewest: Bool
  ) throws(AuditError) {
    let verdict = try FileCheck.state(
      state.path, byteCount: state.byteCount, checksum: state.checksum,
      readsContents: options.readsContents, storage)
    let sentence: String
    switch verdict {
    case .whole: return figures.states.add(state.byteCount)
    case .damaged(let reason): sentence = reason
    case .absent:
      // A newer one may have pushed it out since the chain was read.
      let now = try ChainReading.read(storage, pipeline: options.pipeline).state.partitions[key]
      if let now, !now.states.contains(where: { $0.path == state.path }) { return }
      sentence = "it is missing"
    }
    let subject = Finding.Subject(path: state.path, partition: key, offset: state.cut)
    findings.add(
      isNewest ? .error : .warning, .durability, subject,
      "the \(isNewest ? "newest" : "older") state of \(key): \(sentence)",
      advice: isNewest
        ? "a start takes the older one and replays from offset \(state.cut) or before"
        : "nothing needs it while the newer one is whole; two commits with state replace it")
  }

  private static let stateFolder = "_state"

  /// A snapshot that the chain does not name (any more).
  private mutating func explain(state path: String) throws(AuditError) {
    guard let size = try size(path) else { return }
    guard let name = OwnName.state(StoragePath.name(of: path), pipeline: options.pipeline) else {
      return noteForeign(path, size)
    }
    // A commit that is in the chain and whose snapshot the chain no longer keeps.
    let keys = after.state.partitions.keys.filter {
      $0.partition == name.partition && $0.incarnation == name.incarnation
    }
    let isRetired =
      digests.contains { digest in keys.contains { name.belongs(to: digest.commitID, $0) } }
      || OrphanProof(after.state).holds(for: name)
    if after.isWhole, isRetired {
      figures.orphans.add(size)
      note(
        .file(path),
        "an orphan of \(size) bytes: its partition has moved on without it",
        advice: "it may be deleted", isFirst: figures.orphans.count <= Self.noteCountMax)
    } else {
      figures.undecided.add(size)
      note(
        .file(path),
        "nothing names it (\(size) bytes): left by a commit that failed, or of one under way",
        isFirst: figures.undecided.count <= Self.noteCountMax)
    }
  }

  // MARK: - Everything else

  mutating func auditUnknownTables(_ known: Set<String>) throws(AuditError) {
    for name in try walk.names(in: "tables") ?? [] where !known.contains(name) {
      let now = try ChainReading.read(storage, pipeline: options.pipeline).state.tables[name]
      if now != nil { continue }
      findings.add(
        after.end == 0 ? .error : .note, .tables, .table(name, path: "tables/\(name)"),
        "the chain has no such table",
        advice: after.end == 0
          ? "restore the ledger that belongs to it" : "another program's, or of another root")
    }
  }

  /// Temporary files, and what does not belong below the root.
  mutating func auditRest() throws(AuditError) {
    for folder in ["", Ledger.folder, "tables"] { try walk.noteUnfinished(in: folder) }
    for path in after.foreignFiles { noteForeign(path, try size(path) ?? 0) }
    for file in walk.unfinished { figures.unfinished.add(file.byteCount) }
    if let oldest = walk.unfinished.max(by: { $0.ageSeconds < $1.ageSeconds }) {
      note(
        .file(oldest.path),
        "temporary files: \(figures.unfinished.count) (\(figures.unfinished.byteCount) bytes), the "
          + "oldest unchanged for \(oldest.ageSeconds) s: being written, or left by one that died")
    }
    if after.end == 0, findings.listed.isEmpty {
      note(.file(Ledger.folder), "the chain is empty: nothing was ever committed here")
    }
  }

  /// Notes of a kind beyond these are in the figures only.
  private static let noteCountMax = 20

  private mutating func note(
    _ subject: Finding.Subject, _ sentence: String, advice: String = "", isFirst: Bool = true
  ) {
    if isFirst { findings.add(.note, nil, subject, sentence, advice: advice) }
  }

  private mutating func noteForeign(_ path: String, _ size: Int64) {
    figures.foreign.add(size)
    note(
      .file(path), "not a file of this pipeline (\(size) bytes)",
      isFirst: figures.foreign.count <= Self.noteCountMax)
  }

  /// Nil where the file is gone.
  private func size(_ path: String) throws(AuditError) -> Int64? {
    do {
      return try storage.size(path)
    } catch {
      if error.kind == .notFound { return nil }
      throw .storage(error)
    }
  }
}
