import Base
import DeltaLog
import Ledger
package import Storage

/// The audit of a pipeline's root: whether what the ledger says, what the tables say and what lies
/// on the disk are one and the same.
///
///     chain ─▶ table logs ─▶ chain, logs again ─▶ data files, replayed rows, snapshots ─▶ the rest
///
/// It only reads, needs neither Kafka nor a stopped pipeline, and believes nothing: every file is
/// parsed as if somebody had put it there to fool us. A running pipeline moves on meanwhile, so
/// each thing is read after what it is compared with: logs after the chain that they may be behind,
/// the chain once more after the logs so that they cannot be ahead of it, files after the logs that
/// name them; and what is missing is looked for once more before it is said.
///
/// Cost: one pass over the logs, and over the data files where their contents are read. Memory:
/// about 100 bytes a file of the tables, and one data file.
package struct RootAudit {
  /// What is audited, and how thoroughly.
  package struct Options: Sendable {
    package var pipeline: String
    /// Whether data files and state snapshots are read and their checksums compared; otherwise
    /// only their sizes are.
    package var readsContents: Bool

    package init(pipeline: String, readsContents: Bool = true) {
      self.pipeline = pipeline
      self.readsContents = readsContents
    }
  }

  let storage: any Storage
  let options: Options
  var findings = FindingList()
  var figures = AuditFigures()
  var walk: FolderWalk
  /// What the chain said before the logs were read, and after.
  var before: ChainReading
  var after: ChainReading
  /// The entries of both that are of the chain for certain, ascending.
  var digests: [EntryDigest] = []

  /// Audits a root. Finding faults is no error; not being able to look is one.
  package static func run(
    _ storage: any Storage, _ options: Options
  ) throws(AuditError) -> AuditReport {
    var audit = try RootAudit(storage, options)
    try audit.auditTables()
    audit.auditAccounting()
    if options.readsContents { try audit.auditReplays() }
    try audit.auditStates()
    try audit.auditRest()
    return AuditReport(audit.findings, audit.figures)
  }

  private init(_ storage: any Storage, _ options: Options) throws(AuditError) {
    self.storage = storage
    self.options = options
    walk = FolderWalk(storage)
    before = try ChainReading.read(storage, pipeline: options.pipeline)
    after = before
    figures.pipeline = options.pipeline
  }

  // MARK: - Tables

  private mutating func auditTables() throws(AuditError) {
    let appID = "\(options.pipeline)/\(before.state.ledgerID)"
    let bookmarks = before.bookmarks
    let digestsFrom = before.digests.first?.version ?? .max
    let known = Set(before.state.tables.keys)
      .union(before.digests.flatMap { $0.tables.keys })
    var readings: [TableReading] = []
    // Table by table: what one log took is compared before the next is read, but the files of all
    // wait until the chain was read again.
    for name in known.sorted() where Self.isTableName(name) {
      var reading = TableReading(
        name, storage: storage, appID: appID, digestsFrom: digestsFrom,
        bookmark: bookmarks[name].flatMap { TableBookmark($0) })
      try reading.read()
      try reading.judge()
      readings.append(reading)
    }
    try readChainAgain()
    keepProvenEntries(readings)
    for index in readings.indices {
      readings[index].judge(
        digests, knownEnd: before.state.nextVersion, chainEnd: after.end,
        lastVersion: before.isWhole ? before.state.tables[readings[index].name]?.lastVersion : nil)
      findings.add(readings[index].findings)
      figures.tables.append(readings[index].figure)
    }
    auditRows(readings)
    for index in readings.indices {
      // Entries that were put and retired between the two looks at the chain stand in the log only.
      try readings[index].read()
      try auditFiles(of: readings[index])
    }
    try auditUnknownTables(known)
  }

  /// A name that is one folder below `tables/`, whoever wrote it into an entry.
  private static func isTableName(_ name: String) -> Bool {
    !name.isEmpty && !name.contains("/") && name != "." && name != ".."
  }

  /// Leaves out entries below what is kept for recovery and for the tables: whoever put such a
  /// file may have come too late (`ChainReading`).
  private mutating func keepProvenEntries(_ readings: [TableReading]) {
    guard let base = after.base else { return }
    let behind = readings.filter { reading in
      guard let table = after.state.tables[reading.name] else { return false }
      return table.lastVersion > reading.figure.txnVersion
    }
    let keptFrom = min(base, behind.map(\.figure.txnVersion).min() ?? .max)
    for digest in digests where digest.version < keptFrom {
      findings.add(
        .note, .moves, .file(Ledger.entryPath(digest.version)),
        "it lies below entry \(max(0, keptFrom)), from where on they are kept: due to be deleted, "
          + "or put too late by an instance that had been away. Nothing is based on it, and the "
          + "next summary deletes it")
    }
    digests.removeAll { $0.version < keptFrom }
    figures.firstVersion = digests.first?.version
    figures.entryCount = digests.count
  }

  private mutating func readChainAgain() throws(AuditError) {
    after = try ChainReading.read(storage, pipeline: options.pipeline)
    findings.add(after.findings)
    let first = after.digests.first?.version ?? .max
    digests = before.digests.filter { $0.version < first } + after.digests
    figures.ledgerID = after.state.ledgerID
    figures.clusterID = after.state.clusterID
    figures.lastVersion = after.end - 1
    figures.summaryVersions = after.summaries.keys.sorted()
    figures.partitions = after.partitionFigures
    if !after.isWhole {
      figures.unchecked.append(
        "the chain cannot be replayed to its end: sums over all its life, state snapshots and "
          + "orphans are not judged")
    } else if !after.beganAtZero {
      figures.unchecked.append(
        "entries before \(after.digests.first?.version ?? 0) are retired: what they said is known "
          + "by the summaries, and the tables' commits of them are not compared word for word")
    }
  }

  // MARK: - Sums

  /// Rows of all files that were ever added against the counters of all entries.
  private mutating func auditRows(_ readings: [TableReading]) {
    guard after.isWhole else { return }
    for kind in EntryAccounting.Rows.allCases where !kind.counters.isEmpty {
      let tables = readings.filter { EntryAccounting.Rows.of(table: $0.name) == kind }
      let rows = tables.map { $0.rowCountEver(digests, chainEnd: after.state.nextVersion) }
      guard !rows.contains(nil) else {
        figures.unchecked.append(
          "rows of \(kind.rawValue) over all its life: a part of its log could not be read")
        continue
      }
      let found: Int64 = rows.reduce(0) { $0.addingClamped($1 ?? 0) }
      let counted: Int64 = kind.counters.reduce(0) {
        $0.addingClamped(after.state.counters[$1, default: 0])
      }
      if found != counted {
        findings.add(
          .error, .outcomes, .table(kind.rawValue),
          "\(found) rows were ever added to \(kind.rawValue), the chain counts \(counted)",
          advice: "report this: entries and tables agree one by one, or findings say where not")
      }
    }
  }

  /// Every offset the chain has moved over has an outcome, over all its life.
  private mutating func auditAccounting() {
    guard after.isWhole else { return }
    var moved: Int64 = 0
    var accounted: Int64 = 0
    for partition in after.state.partitions.values {
      moved = moved.addingClamped(partition.to.addingClamped(-partition.start))
      accounted = accounted.addingClamped(partition.notDeliveredCount)
        .addingClamped(partition.skippedCount)
    }
    for outcome in EntryAccounting.outcomes {
      accounted = accounted.addingClamped(after.state.counters[outcome, default: 0])
    }
    if moved != accounted {
      findings.add(
        .error, .outcomes, .file(Ledger.folder),
        "the chain has moved over \(moved) offsets, and accounts for \(accounted)",
        advice: "report this: entries add up one by one, or findings say where not")
    }
  }
}

extension ChainReading {
  /// The newest readable summary's bookmarks, by table.
  var bookmarks: [String: JSONValue] {
    guard let newest = summaries.keys.max(), let summary = summaries[newest] else { return [:] }
    return Dictionary(summary.bookmarks.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
  }

  var partitionFigures: [PartitionFigure] {
    state.partitions.sorted { $0.key < $1.key }.map { key, partition in
      PartitionFigure(
        key: key, start: partition.start, to: partition.to,
        notDeliveredCount: partition.notDeliveredCount, skippedCount: partition.skippedCount,
        lastVersion: partition.lastVersion, witness: partition.witness,
        isOpen: state.topics[key.topic]?.incarnation == key.incarnation)
    }
  }
}
