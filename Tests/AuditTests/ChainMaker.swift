import Base
import DeltaLog
import Ledger
import Parquet
import Storage

/// Makes a root commit by commit, of the same parts as the pipeline and much smaller: one topic,
/// one table of readings, a state snapshot with every commit.
final class ChainMaker {
  static let key = PartitionKey(topic: "t", incarnation: 0, partition: 0)
  static let folder = "tables/readings_a"

  let storage: any Storage
  let ledger: Ledger
  private var bookmark = TableBookmark.empty
  private var table: DeltaTable

  /// - Parameter partitionCount: partitions beyond the first are opened and never moved.
  init(
    _ storage: any Storage, summaryInterval: Int64 = 4, partitionCount: Int32 = 1
  ) throws {
    self.storage = storage
    ledger = Ledger(
      storage: storage, pipeline: "p", incarnation: "i", summaryInterval: summaryInterval)
    try ledger.open()
    table = DeltaTable(storage: storage, folder: Self.folder, appID: "p/l", engineInfo: "test")
    guard ledger.state.isEmpty else { return }
    var create = entry(.create)
    create.ledgerID = "l"
    _ = try ledger.put(create)
    var configure = entry(.configure)
    let schema = DeltaSchema(columns: [
      DeltaColumn("value", .long), DeltaColumn("event_date", .date),
    ])
    configure.tables = [
      TableActions(
        table: "readings_a",
        actions: [
          DeltaAction.protocolAction,
          DeltaAction.metaData(id: "id", name: "readings_a", schema: schema, createdTimeMillis: 0),
        ])
    ]
    _ = try ledger.put(configure)
    try bringUp()
    var open = entry(.open)
    open.openings = [
      TopicOpening(
        topic: "t", incarnation: 0, partitionCount: partitionCount, firstPartition: 0,
        startOffsets: Array(repeating: 0, count: Int(partitionCount)))
    ]
    _ = try ledger.put(open)
  }

  private func entry(_ kind: LedgerEntry.Kind) -> LedgerEntry {
    LedgerEntry(
      kind: kind, commitID: ledger.nextCommitID(), ledgerID: ledger.state.ledgerID, pipeline: "p",
      clusterID: "c", configFingerprint: "f", program: "test", writtenAtMicros: 0)
  }

  /// A data file of `rowCount` rows.
  static func parquet(rowCount: Int) -> [UInt8] {
    let schema = ParquetSchema(columns: [
      ParquetColumn(name: "value", type: .int64, isOptional: false)
    ])
    var writer = ParquetFileWriter(
      schema: schema, options: ParquetWriterOptions(createdBy: "test version 1 (build 1)"))
    writer.beginRowGroup(rowCount: rowCount)
    writer.writeColumn(.int64((0..<rowCount).map { Int64($0) }))
    writer.endRowGroup()
    return writer.finish().output
  }

  /// Writes a file of the table and returns its action.
  func write(
    _ name: String, rowCount: Int, checksum: Bool = true
  ) throws -> JSONValue {
    let path = "event_date=2026-11-21/\(name)"
    let bytes = Self.parquet(rowCount: rowCount)
    _ = try storage.putIfAbsent("\(Self.folder)/\(path)", bytes)
    return AddFile(
      path: path, partitionValues: [("event_date", "2026-11-21")], byteCount: Int64(bytes.count),
      modificationTimeMillis: 0,
      statistics: FileStatistics(recordCount: Int64(rowCount), columns: []),
      checksum: checksum ? XXHash64.hash(bytes) : nil
    ).action
  }

  /// One commit of `rowCount` records with a row each.
  /// - Parameter bringsUp: whether the table and the summaries follow, as they do when nothing
  ///   dies in between.
  func commit(
    rowCount: Int = 3, bringsUp: Bool = true, change: (inout LedgerEntry) -> Void = { _ in }
  ) throws {
    guard let partition = ledger.state.partitions[Self.key] else {
      preconditionFailure("the topic is open")
    }
    var entry = entry(.commit)
    let name = "p-v\(partition.lastVersion)-\(entry.commitID)-0.parquet"
    let add = try write(name, rowCount: rowCount)
    let to = partition.to + Int64(rowCount)
    let state = "_state/p-\(entry.commitID)-t-0-0.state"
    let stateBytes = Array("state at \(to)".utf8)
    _ = try storage.putIfAbsent(state, stateBytes)
    entry.partitions = [
      PartitionMove(
        key: Self.key, previous: partition.lastVersion, from: partition.to, to: to,
        witness: Witness(offset: to - 1, timestampMicros: 0, checksum: 1),
        state: StateReference(
          path: state, cut: to, byteCount: Int64(stateBytes.count),
          checksum: XXHash64.hash(stateBytes)))
    ]
    entry.tables = [TableActions(table: "readings_a", actions: [add])]
    let size = add["add"]?["size"]?.int64Value ?? 0
    entry.counters = [
      Counter(name: "records_read", value: Int64(rowCount)),
      Counter(name: "readings", value: Int64(rowCount)), Counter(name: "files", value: 1),
      Counter(name: "file_bytes", value: size),
    ]
    change(&entry)
    _ = try ledger.put(entry)
    if bringsUp { try finish() }
  }

  /// Gives the table what it is owed, writes a summary when one is due, deletes old states.
  func finish() throws {
    try bringUp()
    try ledger.summarizeIfDue(
      bookmarks: [JSONMember("readings_a", bookmark.json)],
      takenVersion: ledger.state.lastVersion)
    for path in ledger.takeRetiredStates() { try storage.delete(path) }
  }

  private func bringUp() throws {
    let owed = ledger.recentEntries.flatMap { entry in
      entry.tables.map {
        LedgerActions(
          ledgerVersion: entry.version, commitID: entry.commitID.description,
          committedAtMillis: 0, actions: $0.actions)
      }
    }
    bookmark = try table.apply(
      owed, ledgerEnd: ledger.state.lastVersion, after: bookmark
    ).bookmark
  }

  // MARK: - Other programs

  /// Appends a commit of another program to the log.
  func foreignCommit(_ actions: [JSONValue]) throws {
    let version = try table.catchUp(after: .empty).bookmark.deltaVersion + 1
    let digits = String(version)
    let name = String(repeating: "0", count: 20 - digits.utf8.count) + digits
    let info: JSONValue = ["commitInfo": ["operation": "OPTIMIZE"]]
    let lines = ([info] + actions).map(\.text).joined(separator: "\n")
    _ = try storage.putIfAbsent("\(Self.folder)/_delta_log/\(name).json", Array(lines.utf8))
  }

  /// The remove action of a file by its add action.
  static func remove(_ add: JSONValue) -> JSONValue {
    [
      "remove": [
        "path": add["add"]?["path"] ?? .null, "dataChange": false, "deletionTimestamp": 1,
      ]
    ]
  }
}

/// Storage in memory that calls out at one operation, to let the world move on under a reader.
final class MovingStorage: Storage {
  let memory: MemoryStorage
  private let plan = Monitor(Plan())

  private struct Plan {
    var operationCount = 0
    var place: Int?
    var action: (@Sendable () -> Void)?
  }

  init(_ memory: MemoryStorage) { self.memory = memory }

  var operationCount: Int { plan.update { $0.operationCount } }

  /// Calls `action` before the operation with this number, counted from now.
  func move(at place: Int, _ action: @escaping @Sendable () -> Void) {
    plan.update { plan in
      plan.operationCount = 0
      plan.place = place
      plan.action = action
    }
  }

  private func step() {
    let action = plan.update { plan -> (@Sendable () -> Void)? in
      defer { plan.operationCount += 1 }
      return plan.operationCount == plan.place ? plan.action : nil
    }
    action?()
  }

  func read(_ path: String) throws(StorageError) -> [UInt8] {
    step()
    return try memory.read(path)
  }

  func exists(_ path: String) throws(StorageError) -> Bool {
    step()
    return try memory.exists(path)
  }

  func size(_ path: String) throws(StorageError) -> Int64 {
    step()
    return try memory.size(path)
  }

  func list(_ folder: String) throws(StorageError) -> [String] {
    step()
    return try memory.list(folder)
  }

  func putIfAbsent(_ path: String, _ bytes: [UInt8]) throws(StorageError) -> PutOutcome {
    throw StorageError(.permission, .put, path: path, detail: "an audit writes nothing")
  }

  func replace(_ path: String, _ bytes: [UInt8]) throws(StorageError) {
    throw StorageError(.permission, .replace, path: path, detail: "an audit writes nothing")
  }

  func create(_ path: String) throws(StorageError) -> any StorageFile {
    throw StorageError(.permission, .create, path: path, detail: "an audit writes nothing")
  }

  func syncFolder(_ folder: String) throws(StorageError) {
    throw StorageError(.permission, .syncFolder, path: folder, detail: "an audit syncs nothing")
  }

  func delete(_ path: String) throws(StorageError) {
    throw StorageError(.permission, .delete, path: path, detail: "an audit deletes nothing")
  }

  func freeByteCount() throws(StorageError) -> Int64 { try memory.freeByteCount() }

  func removeUnfinished(in folder: String, ageSecondsMin: Int64) throws(StorageError) -> Int {
    throw StorageError(.permission, .delete, path: folder, detail: "an audit deletes nothing")
  }
}
