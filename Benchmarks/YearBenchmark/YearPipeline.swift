import Base
import DeltaLog
import Ledger
import Parquet
import Storage

/// Commits as the pipeline makes them, in the same order and by the same parts: data files and
/// their folders, the ledger's entry, the tables' logs, the summary when it is due.
///
/// What is left out is what stands before a commit (Kafka, decoding, windows) and state snapshots.
struct YearPipeline {
  static let name = "year"
  static let engine = "downlinkd/benchmark"
  static let parquet = ParquetWriterOptions(
    createdBy: "downlinkd version 0.1.0 (build benchmark)")

  let storage: any Storage
  private let ledger: Ledger
  private var bookmarks: [String: TableBookmark] = [:]
  private let incarnation: String
  private var offset: Int64 = 0
  private var lastMove: Int64 = 0
  private let key = PartitionKey(topic: YearFleet.topic, incarnation: 0, partition: 0)

  /// Creates the ledger and the tables.
  init(_ storage: any Storage, incarnation: String) throws {
    self.storage = storage
    self.incarnation = incarnation
    ledger = Ledger(storage: storage, pipeline: Self.name, incarnation: incarnation)
    try ledger.open()
    var creation = draft(.create, ledger.nextCommitID())
    creation.ledgerID = RandomID.make()
    _ = try ledger.put(creation)
    var tables = draft(.configure, ledger.nextCommitID())
    for table in [YearTable.readings, .windows] {
      tables.tables.append(
        TableActions(
          table: table.name,
          actions: [
            DeltaAction.protocolAction,
            DeltaAction.metaData(
              id: RandomID.make(), name: table.name, schema: table.deltaSchema,
              createdTimeMillis: WallClock.nowMicros() / 1000),
          ]))
    }
    try commit(tables)
    var opening = draft(.open, ledger.nextCommitID())
    opening.openings = [
      TopicOpening(
        topic: key.topic, incarnation: 0, partitionCount: 1, firstPartition: 0, startOffsets: [0])
    ]
    lastMove = try ledger.put(opening)?.version ?? 0
  }

  private func draft(_ kind: LedgerEntry.Kind, _ id: CommitID) -> LedgerEntry {
    LedgerEntry(
      kind: kind, commitID: id, ledgerID: ledger.state.ledgerID, pipeline: Self.name,
      clusterID: "cluster", configFingerprint: "year", program: Self.engine,
      writtenAtMicros: WallClock.nowMicros())
  }

  /// One commit of these rows.
  mutating func commit(_ parts: [(table: YearTable, rows: YearRows)]) throws {
    let id = ledger.nextCommitID()
    var entry = draft(.commit, id)
    var folders: Set<String> = []
    for (number, part) in parts.enumerated() {
      let add = try write(part.rows, of: part.table, id: id, number: number)
      folders.insert("tables/\(part.table.name)/\(StoragePath.folder(of: add.path))")
      if entry.tables.last?.table != part.table.name {
        entry.tables.append(TableActions(table: part.table.name, actions: []))
      }
      entry.tables[entry.tables.count - 1].actions.append(add.action)
    }
    for folder in folders.sorted() { try storage.syncFolder(folder) }
    let readings = parts.filter { $0.table.name != "windows" }
    let count = Int64(readings.reduce(0) { $0 + $1.rows.rowCount })
    entry.partitions = [
      PartitionMove(
        key: key, previous: lastMove, from: offset, to: offset + count,
        witness: Witness(offset: offset + count - 1, timestampMicros: 0, checksum: 1),
        clockMicros: WallClock.nowMicros())
    ]
    entry.counters = [Counter(name: "records_read", value: count)]
    offset += count
    lastMove = try commit(entry)
  }

  /// Puts an entry, gives the tables what it holds, and writes a summary when it is due.
  /// - Returns: the entry's version.
  @discardableResult
  private mutating func commit(_ draft: LedgerEntry) throws -> Int64 {
    guard let entry = try ledger.put(draft) else { preconditionFailure("nobody else is here") }
    for table in entry.tables {
      let actions = LedgerActions(
        ledgerVersion: entry.version, commitID: entry.commitID.description,
        committedAtMillis: entry.writtenAtMicros / 1000, actions: table.actions)
      let progress = try log(of: table.table).apply(
        [actions], ledgerEnd: entry.version, after: bookmarks[table.table] ?? .empty)
      bookmarks[table.table] = progress.bookmark
    }
    try ledger.summarizeIfDue(
      bookmarks: bookmarks.sorted { $0.key < $1.key }.map { JSONMember($0.key, $0.value.json) },
      takenVersion: entry.version)
    return entry.version
  }

  private func log(of table: String, ledgerID: String? = nil) -> DeltaTable {
    DeltaTable(
      storage: storage, folder: "tables/\(table)",
      appID: "\(Self.name)/\(ledgerID ?? ledger.state.ledgerID)", engineInfo: Self.engine)
  }

  // MARK: - Files

  private func write(
    _ rows: YearRows, of table: YearTable, id: CommitID, number: Int
  ) throws -> AddFile {
    let date = Timestamp.dateText(day: rows.day)
    let path = "event_date=\(date)/\(Self.name)-v\(lastMove)-\(id)-\(number).parquet"
    let file = try storage.create("tables/\(table.name)/\(path)")
    var writer = ParquetFileWriter(schema: table.parquetSchema, options: Self.parquet)
    writer.beginRowGroup(rowCount: rows.rowCount)
    for column in rows.columns { writer.writeColumn(column) }
    writer.endRowGroup()
    let finished = writer.finish()
    var hash = StreamingXXHash64()
    hash.update(finished.output)
    try file.append(finished.output)
    try file.close(sync: true)
    let columns = zip(table.columns, finished.summary.columns).map { column, summary in
      ColumnStatistics(
        column.name, nullCount: Int64(summary.nullCount), bounds: Self.bounds(summary, column))
    }
    return AddFile(
      path: path, partitionValues: [("event_date", date)], byteCount: Int64(hash.byteCount),
      modificationTimeMillis: WallClock.nowMicros() / 1000,
      statistics: FileStatistics(recordCount: Int64(rows.rowCount), columns: columns),
      checksum: hash.value)
  }

  private static func bounds(
    _ summary: ParquetColumnSummary, _ column: YearColumn
  ) -> (min: StatisticsValue, max: StatisticsValue)? {
    func value(_ value: ParquetValue?) -> StatisticsValue? {
      switch value {
      case .integer(let number)?:
        column.delta == .timestamp ? .timestamp(number) : .integer(number)
      case .double(let number)?: .double(number)
      case .bytes(let bytes)?: .string(String(decoding: bytes, as: UTF8.self))
      default: nil
      }
    }
    guard let min = value(summary.min), let max = value(summary.max) else { return nil }
    return (min, max)
  }

  // MARK: - History

  /// One entry that adds so many files to the readings, which nobody has written.
  mutating func addHistory(fileCount: Int, from first: Int) throws {
    var entry = draft(.commit, ledger.nextCommitID())
    let statistics = FileStatistics(recordCount: 100, columns: [])
    let actions = (first..<first + fileCount).map { number in
      AddFile(
        path: "event_date=2026-01-01/\(Self.name)-v0-\(number)-0.parquet",
        partitionValues: [("event_date", "2026-01-01")], byteCount: 5000,
        modificationTimeMillis: 0, statistics: statistics
      ).action
    }
    entry.tables = [TableActions(table: YearTable.readings.name, actions: actions)]
    entry.partitions = [
      PartitionMove(
        key: key, previous: lastMove, from: offset, to: offset + 1,
        witness: Witness(offset: offset, timestampMicros: 0, checksum: 1))
    ]
    offset += 1
    lastMove = try commit(entry)
  }

  // MARK: - Recovery

  /// What a start does before it can go on: reads the chain and what the tables' logs have since
  /// their bookmarks.
  func recover() throws {
    let ledger = Ledger(
      storage: storage, pipeline: Self.name, incarnation: incarnation + "-recovery")
    try ledger.open()
    for table in ledger.state.tables.keys.sorted() {
      let bookmark = ledger.bookmarks[table].flatMap { TableBookmark($0) } ?? .empty
      let progress = try log(of: table, ledgerID: ledger.state.ledgerID).catchUp(after: bookmark)
      precondition(
        progress.bookmark.txnVersion == bookmarks[table]?.txnVersion,
        "\(table) was recovered as it is")
    }
  }
}
