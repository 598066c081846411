import Base
import DeltaLog
import Ledger
import Logging
import Parquet
import Storage
import TableReading

/// Brings the table `devices` up to what has been committed: each partition's part is replaced
/// whole, several in one commit of the table's log.
///
///     rows at a cut ─▶ one file a partition ─▶ txn, removes of the part's live files, add
///                        written and synced        one put-if-absent of the next version
///
/// The ledger knows nothing of it: it meets other engines as maintenance does. A part carries the
/// version of the entry that last moved its partition as its txn, so that an owner who was away
/// loses against one that came after him, and what the table has already is not written again.
/// Files are named as maintenance's are, so that by the table's log alone an orphan is known.
///
/// What could not be written waits here for the next commit, one part a partition.
struct DevicesWriter {
  /// One partition's part, and the ledger version it is of.
  struct Part {
    var rows: DeviceRows
    var version: Int64
  }

  /// A part whose file is there, not named by anything yet.
  private struct WrittenPart {
    var appID: String
    var version: Int64
    var values: PartitionValues
    var path: String
    var add: JSONValue
  }

  /// Others that write the same part again and again are maintenance or other engines: after so
  /// many tries the next commit may try.
  private static let tryCountMax = 8

  private let storage: any Storage
  private let options: PipelineOptions
  private let ledgerID: String
  private var table: TableSnapshot
  private var waiting: [PartitionKey: Part] = [:]

  init(storage: any Storage, options: PipelineOptions, ledgerID: String) {
    self.storage = storage
    self.options = options
    self.ledgerID = ledgerID
    table = TableSnapshot(
      storage: storage, folder: FileNames.tableFolder(DevicesTable.name), engine: options.program)
  }

  private var ledger: String { "\(options.pipeline)/\(ledgerID)" }

  var isIdle: Bool { waiting.isEmpty }

  /// Takes a part to write, in place of one of the same partition.
  mutating func add(_ part: Part) { waiting[part.rows.key] = part }

  /// Drops what waits of a partition that is not ours any more: its next owner writes it.
  mutating func drop(_ key: PartitionKey) { waiting[key] = nil }

  /// Writes what waits. After an error it still waits, but for what others have written meanwhile.
  ///
  /// - Returns: whether the table's log has a commit of ours more.
  mutating func write() throws(DevicesFault) -> Bool {
    do throws(DeltaError) { try table.follow() } catch { throw DevicesFault(error) }
    guard table.version >= 0 else { throw .notWritten("there is no such table") }
    for (key, part) in waiting where hasTaken(part) { waiting[key] = nil }
    if waiting.isEmpty { return false }
    // Before files are written for nothing: parts are replaced, which is no appending.
    if table.properties.isAppendOnly, table.fileCount > 0 {
      throw .notWritten("\(MaintenanceConflict.appendOnly)")
    }
    let attempt = RandomID.make()
    let basedOn = table.version
    var parts: [WrittenPart] = []
    do throws(StorageError) {
      for (_, part) in waiting.sorted(by: { $0.key < $1.key }) {
        parts.append(try writeFile(of: part, basedOn, attempt, number: parts.count))
      }
      for part in parts { try storage.syncFolder(StoragePath.folder(of: part.path)) }
    } catch {
      if error.kind != .syncFailed { delete(parts) }
      throw DevicesFault(error)
    }
    CrashPoint.reached(.devicesWritten)
    let isCommitted = try commit(parts, basedOn, attempt)
    CrashPoint.reached(.devicesCommitted)
    waiting = [:]
    return isCommitted
  }

  private func appID(of key: PartitionKey) -> String {
    DerivedTable.appID(
      ledger: ledger, topic: key.topic, incarnation: key.incarnation, partition: key.partition)
  }

  private func hasTaken(_ part: Part) -> Bool {
    table.transactions[appID(of: part.rows.key)].map { $0.version >= part.version } ?? false
  }

  /// Whether the table lacks the part of a partition as of the entry that touched it last. False
  /// where there is no table to write to.
  mutating func isBehind(
    _ partitions: [PartitionKey: ChainState.Partition]
  ) throws(DevicesFault) -> Bool {
    do throws(DeltaError) { try table.follow() } catch { throw DevicesFault(error) }
    guard table.version >= 0 else { return false }
    return partitions.contains { key, known in
      table.transactions[appID(of: key)].map { $0.version < known.lastVersion } ?? true
    }
  }

  // MARK: - Commit

  /// Commits all parts that nobody has written meanwhile.
  private mutating func commit(
    _ written: [WrittenPart], _ basedOn: Int64, _ attempt: String
  ) throws(DevicesFault) -> Bool {
    var parts = written
    for _ in 0..<Self.tryCountMax {
      if parts.isEmpty { return false }
      let outcome: MaintenanceOutcome
      do throws(DeltaError) {
        outcome = try table.commitMaintenance(draft(parts, basedOn, attempt))
      } catch {
        // The commit may be in the log or not: the files stay until that proves them orphans.
        throw DevicesFault(error)
      }
      switch outcome {
      case .committed: return true
      case .conflict(.inputGone), .conflict(.inputCame): continue
      case .conflict(.transactionTaken(let appID, _)):
        delete(parts.filter { $0.appID == appID })
        parts.removeAll { $0.appID == appID }
      case .conflict(let conflict):
        delete(parts)
        throw .notWritten("\(conflict)")
      }
    }
    delete(parts)
    throw .notWritten("others have written to it at every try")
  }

  /// - Parameter parts: not empty.
  private func draft(
    _ parts: [WrittenPart], _ basedOn: Int64, _ attempt: String
  ) -> MaintenanceCommit {
    let nowMillis = WallClock.nowMicros() / 1000
    var actions: [JSONValue] = []
    for file in table.files
    where parts.contains(where: { $0.values.says(file.partitionValues) }) {
      actions.append(file.removal(atMillis: nowMillis, changesRows: true))
    }
    let removedCount = actions.count
    actions += parts.map(\.add)
    return MaintenanceCommit(
      operation: "WRITE",
      parameters: [
        ("mode", "Overwrite"),
        ("partitionBy", .string("[\"kafka_topic\",\"topic_incarnation\",\"kafka_partition\"]")),
      ],
      metrics: [
        ("numFiles", .string("\(parts.count)")), ("numRemovedFiles", .string("\(removedCount)")),
      ],
      commitID: attempt, atMillis: nowMillis, basedOn: basedOn, actions: actions,
      transactions: parts.map { ($0.appID, $0.version) }, replaces: parts.map(\.values))
  }

  /// Nothing names them, nor ever will.
  private func delete(_ parts: [WrittenPart]) {
    for part in parts { try? storage.delete(part.path) }
  }

  // MARK: - Files

  private func writeFile(
    of part: Part, _ basedOn: Int64, _ attempt: String, number: Int
  ) throws(StorageError) -> WrittenPart {
    let content = DevicesTable(part.rows, sources: options.sources)
    let definition = DevicesTable.definition(options.sources)
    let values = DevicesTable.partitionValues(of: part.rows.key)
    let name = MaintenanceFileName(
      pipeline: options.pipeline, baseVersion: basedOn, attempt: attempt, number: number)
    let folders = values.values.map { DeltaPath.partitionFolder(column: $0.column, value: $0.text) }
    let relativePath = (folders + [name.description]).joined(separator: "/")
    let path = "\(FileNames.tableFolder(DevicesTable.name))/\(relativePath)"
    var file = try HashedFile(creating: path, in: storage)
    var writer = ParquetFileWriter(schema: definition.parquetSchema, options: options.parquet)
    for first in stride(from: 0, to: content.devices.count, by: options.rowGroupRowCountMax) {
      let range = first..<min(first + options.rowGroupRowCountMax, content.devices.count)
      writer.beginRowGroup(rowCount: range.count)
      for column in 0..<content.columnCount {
        let (columnValues, validity) = content.column(column, range)
        writer.writeColumn(columnValues, validity: validity)
        try file.append(writer.takeOutput())
      }
      writer.endRowGroup()
    }
    let finished = writer.finish()
    try file.append(finished.output)
    let closed = try file.close()
    let add = AddFile(
      path: relativePath, partitionValues: values.values.map { ($0.column, $0.text) },
      byteCount: closed.byteCount, modificationTimeMillis: WallClock.nowMicros() / 1000,
      statistics: FileStatistics(
        finished.summary, types: definition.columns.map(\.type.deltaType)),
      checksum: closed.checksum)
    return WrittenPart(
      appID: appID(of: part.rows.key), version: part.version, values: values, path: path,
      add: add.action)
  }
}

/// Why the table `devices` is behind.
enum DevicesFault: Error {
  /// A sync failed: the process must end without another word to storage.
  case syncFailed(String)
  /// It is tried again after the next commit.
  case notWritten(String)

  init(_ error: StorageError) {
    self = error.kind == .syncFailed ? .syncFailed("\(error)") : .notWritten("\(error)")
  }

  init(_ error: DeltaError) {
    if case .storage(let error, _) = error {
      self.init(error)
    } else {
      self = .notWritten("\(error)")
    }
  }
}
