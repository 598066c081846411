import Base
import DeltaLog
import Ledger
import Parquet
import Storage

/// Invariant I12, row by row: every letter that is marked as come back was one, is marked so once,
/// and as many readings of its record as the mark says are there, flagged as replayed.
///
///     marks of a date ─▶ no letter twice ─▶ letters of that date: each mark has one
///     readings that marks speak of  =  flagged readings of the tables   (as sums over records)
///
/// Cost: the files of marks, the letters of dates with marks, and readings that a replay wrote, by
/// their statistics. Memory: one file, and the marks of one date as runs of offsets.
extension RootAudit {
  private static let marksName = "dead_letter_replays"
  private static let lettersName = "dead_letters"
  /// `ReadingFlags.replayed`.
  private static let replayedFlag: Int64 = 1 << 4

  mutating func auditReplays() throws(AuditError) {
    guard after.isWhole, after.state.lastReplay != ReplayStep.none else { return }
    if let reason = reasonNotToCompare() {
      figures.unchecked.append("replayed dead letters, row by row: \(reason)")
      return
    }
    var audit = ReplayAudit(storage: storage, appID: "\(options.pipeline)/\(after.state.ledgerID)")
    do {
      let readings = after.state.tables.keys.filter { $0.hasPrefix("readings_") }.sorted()
      try audit.run(
        marks: Self.marksName, letters: Self.lettersName, readings: readings,
        flag: Self.replayedFlag)
    } catch let error as AuditError {
      throw error
    } catch {
      figures.unchecked.append("replayed dead letters, row by row: \(error)")
      return
    }
    let now = try ChainReading.read(storage, pipeline: options.pipeline)
    if now.state.lastReplay != after.state.lastReplay {
      figures.unchecked.append(
        "replayed dead letters, row by row: a replay was under way while it was looked")
      return
    }
    findings.add(audit.findings)
    if let reason = audit.unchecked {
      figures.unchecked.append("replayed dead letters, row by row: \(reason)")
    }
  }

  /// Why the tables cannot be compared as they are, or nil.
  private func reasonNotToCompare() -> String? {
    let lacking = figures.tables.filter { table in
      (table.name.hasPrefix("readings_") || table.name == Self.marksName
        || table.name == Self.lettersName) && table.owedEntryCount > 0
    }
    return lacking.first.map { "table \($0.name) has not taken all entries yet" }
  }
}

/// The comparison itself.
private struct ReplayAudit {
  let storage: any Storage
  let appID: String
  var findings = FindingList()
  var unchecked: String?
  /// By source: what the marks say, and what the tables have.
  private var marked: [String: RowSum] = [:]
  private var found: [String: RowSum] = [:]

  init(storage: any Storage, appID: String) {
    self.storage = storage
    self.appID = appID
  }

  mutating func run(
    marks: String, letters: String, readings: [String], flag: Int64
  ) throws {
    let marksTable = try ReplayTable(marks, storage: storage, appID: appID)
    let lettersTable = try ReplayTable(letters, storage: storage, appID: appID)
    let changed = marksTable.changedDates.union(lettersTable.changedDates)
    if let first = changed.min() {
      unchecked = "rows of \(changed.count) dates, from \(first) on, were removed from \(letters) "
        + "or \(marks), or written by another program"
    }
    let lettersByDate = Dictionary(grouping: lettersTable.files, by: \.date)
    // Of a date without letters nobody can say whether it had some before the log's checkpoint.
    func hasUnknownLetters(_ date: String) -> Bool {
      !lettersTable.isLogWhole && lettersByDate[date] == nil
    }
    for (date, files) in Dictionary(grouping: marksTable.files, by: \.date)
      .sorted(by: { $0.key < $1.key })
    {
      let places = try take(marks: files, table: marks)
      if !changed.contains(date) && !hasUnknownLetters(date) {
        try compare(places, with: lettersByDate[date] ?? [], table: letters)
      }
    }
    for name in readings {
      let table = try ReplayTable(name, storage: storage, appID: appID)
      // Marks that are gone spoke of readings that may be there, and the other way round.
      if marksTable.isChanged { continue }
      if table.isChanged {
        unchecked = "rows were removed from \(name), or written by another program"
        continue
      }
      let source = String(name.dropFirst("readings_".count))
      for file in table.files { try take(readings: file, of: source, flag: flag) }
      if marked[source] ?? RowSum() != found[source] ?? RowSum() {
        findings.add(
          .error, .replays, .table(name),
          "the marks speak of \(marked[source]?.count ?? 0) readings that came back, "
            + "\(found[source]?.count ?? 0) are flagged as such, or they are of other records",
          advice: "report this: readings and marks are put by one entry")
      }
    }
  }

  /// Letters that came back, by place.
  private struct Places {
    var records: [PartitionKey: OffsetRuns] = [:]
    /// `offset` and row of single rows.
    var rows: [PartitionKey: Set<RowPlace>] = [:]
    var count = 0

    struct RowPlace: Hashable {
      var offset: Int64
      var row: Int64
    }

    /// False where it is there already.
    mutating func insert(_ key: PartitionKey, _ offset: Int64, _ row: Int64?) -> Bool {
      let isNew =
        if let row {
          rows[key, default: []].insert(RowPlace(offset: offset, row: row)).inserted
        } else {
          records[key, default: OffsetRuns()].insert(offset)
        }
      if isNew { count += 1 }
      return isNew
    }

    func contains(_ key: PartitionKey, _ offset: Int64, _ row: Int64?) -> Bool {
      if let row { return rows[key]?.contains(RowPlace(offset: offset, row: row)) ?? false }
      return records[key]?.contains(offset) ?? false
    }
  }

  private mutating func take(marks files: [ReplayTable.File], table: String) throws -> Places {
    var places = Places()
    let names = ReplayColumns.placeNames + ["source", "outcome", "readings"]
    for file in files {
      try Self.forEachRow(storage, of: file, names) { columns, row in
        guard let outcome = columns.text("outcome", row), outcome != "dead" else { return }
        guard let place = columns.place(row) else {
          return findings.add(
            .error, .replays, .table(table, path: file.path),
            "row \(row) does not say which letter it marks")
        }
        let index = columns.integer("row_index", row)
        if !places.insert(place.key, place.offset, index) {
          findings.add(
            .error, .replays, .partition(place.key, offset: place.offset),
            "its dead letter is marked as come back twice",
            advice: "its readings are in the table twice: report this")
        }
        let source = columns.text("source", row) ?? ""
        let count = columns.integer("readings", row) ?? 0
        if count > 0 {
          marked[source, default: RowSum()].add(place.key, offset: place.offset, times: count)
        }
      }
    }
    return places
  }

  private mutating func compare(
    _ places: Places, with files: [ReplayTable.File], table: String
  ) throws {
    var count = 0
    for file in files {
      try Self.forEachRow(storage, of: file, ReplayColumns.placeNames + ["stage"]) { columns, row in
        // A row that was kept without a metric waits for nothing, and may share its place.
        guard columns.text("stage", row) == "decode", let place = columns.place(row) else { return }
        let index = columns.integer("row_index", row)
        if places.contains(place.key, place.offset, index) { count += 1 }
      }
    }
    if count != places.count {
      findings.add(
        .error, .replays, .table(table),
        "\(places.count) letters are marked as come back, \(count) of them are in the table",
        advice: "report this: a replay reads what it marks from this table")
    }
  }

  private mutating func take(
    readings file: ReplayTable.File, of source: String, flag: Int64
  ) throws {
    // An entry of a replay writes flagged rows only, any other one none.
    guard file.statistics["maxValues"]?["flags"]?.int64Value ?? flag >= flag else { return }
    try Self.forEachRow(storage, of: file, ReplayColumns.placeNames + ["flags"]) { columns, row in
      guard let flags = columns.integer("flags", row), flags & flag != 0,
        let place = columns.place(row)
      else { return }
      found[source, default: RowSum()].add(place.key, offset: place.offset)
    }
  }

  private static func forEachRow(
    _ storage: any Storage, of file: ReplayTable.File, _ names: [String],
    _ body: (ReplayColumns, Int) -> Void
  ) throws {
    let parquet = try ParquetFile(bytes: try storage.read(file.path))
    for rowGroup in parquet.footer.rowGroups.indices {
      let columns = try ReplayColumns(names, of: parquet, rowGroup: rowGroup)
      for row in 0..<columns.rowCount { body(columns, row) }
    }
  }
}
