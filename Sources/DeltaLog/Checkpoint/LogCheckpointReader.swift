import Base
import Parquet
import Storage

/// Reads a classic log checkpoint, of one file or of several parts, ours or another engine's.
///
/// Columns that are not asked for are not read, so that the state of a table without its files
/// costs a few milliseconds however many files there are.
struct LogCheckpointReader {
  /// What a log checkpoint says besides files.
  struct Table {
    /// The body of a metaData action.
    var metaData: JSONValue?
    var tableProtocol: TableProtocol?
    var transactions: [String: TableTransaction] = [:]
  }

  let version: Int64
  private let table: String
  private let parts: [NestedParquetFile]

  init(_ checkpoint: LogCheckpointFile, of log: DeltaTable) throws(DeltaError) {
    version = checkpoint.version
    table = log.table
    var parts: [NestedParquetFile] = []
    let storage = log.storage
    for path in checkpoint.paths {
      let byteCount = try log.onStorage { () throws(StorageError) in try storage.size(path) }
      do {
        let file = try NestedParquetFile(
          byteCount: Int(byteCount), limits: Self.limits(byteCount: Int(byteCount))
        ) { filePosition, byteCount in
          try storage.read(path, from: Int64(filePosition), byteCount: byteCount)
        }
        parts.append(file)
      } catch {
        throw Self.fault(error, of: log.table, checkpoint.version)
      }
    }
    self.parts = parts
  }

  /// A million rows and 64 MiB of texts go through anyhow, and in larger files so many for each
  /// byte: a path of a file that is like no other takes several bytes, however it is compressed.
  private static func limits(byteCount: Int) -> ParquetReaderLimits {
    ParquetReaderLimits(
      rowGroupRowCountMax: min(
        max(1 << 20, byteCount), ParquetReaderLimits.defaultRowGroupRowCountMax),
      chunkByteCountMax: max(64 << 20, byteCount * 64))
  }

  /// The failure of the storage below, or what is wrong with the file.
  private static func fault(
    _ error: ParquetError, of table: String, _ version: Int64
  ) -> DeltaError {
    if case .unreadable(let cause) = error, let cause = cause as? StorageError {
      return .storage(cause, table: table)
    }
    return .malformedCheckpoint(table: table, version: version, detail: "\(error)")
  }

  // MARK: - Columns

  /// A column of one row group; one that the file lacks has no values. One that is there and cannot
  /// be read is an error: without their deletion times all tombstones would be old.
  private func column(
    _ path: [String], _ file: NestedParquetFile, _ rowGroup: Int
  ) throws(DeltaError) -> CheckpointColumn {
    guard file.has(path) else { return CheckpointColumn(nil) }
    do {
      return CheckpointColumn(try file.read(path, rowGroup: rowGroup))
    } catch {
      throw Self.fault(error, of: table, version)
    }
  }

  /// The same for a column that must be a map.
  private func map(
    _ path: [String], _ file: NestedParquetFile, _ rowGroup: Int
  ) throws(DeltaError) -> CheckpointColumn {
    let column = try column(path, file, rowGroup)
    guard column.isMapOrAbsent else {
      throw .malformedCheckpoint(
        table: table, version: version, detail: "“\(path.joined(separator: "."))” is no map")
    }
    return column
  }

  /// Refuses what the second kind of checkpoints and deletion vectors bring.
  private func refuse(
    _ path: [String], _ feature: String, _ file: NestedParquetFile, _ rowGroup: Int
  ) throws(DeltaError) {
    let column = try column(path, file, rowGroup)
    let rowCount = file.rowGroupRowCounts[rowGroup]
    guard (0..<rowCount).contains(where: { column.isPresent($0) }) else { return }
    throw .unsupportedFeature(table: table, version: version, feature: feature)
  }

  // MARK: - The table

  func readTable() throws(DeltaError) -> Table {
    var found = Table()
    for file in parts {
      for group in file.rowGroupRowCounts.indices {
        try refuse(
          ["checkpointMetadata", "version"], "checkpoints of the second kind (v2Checkpoint)",
          file, group)
        try readTransactions(file, group, into: &found)
        try readProtocol(file, group, into: &found)
        try readMetaData(file, group, into: &found)
      }
    }
    guard found.metaData != nil, found.tableProtocol != nil else {
      throw .malformedCheckpoint(
        table: table, version: version, detail: "it has no metaData or no protocol")
    }
    return found
  }

  private func readTransactions(
    _ file: NestedParquetFile, _ group: Int, into found: inout Table
  ) throws(DeltaError) {
    let appIDs = try column(["txn", "appId"], file, group)
    let rows = (0..<file.rowGroupRowCounts[group]).filter { appIDs.isPresent($0) }
    if rows.isEmpty { return }
    let versions = try column(["txn", "version"], file, group)
    let times = try column(["txn", "lastUpdated"], file, group)
    for row in rows {
      guard let appID = appIDs.string(row), let version = versions.integer(row) else { continue }
      found.transactions[appID] = TableTransaction(
        version: version, lastUpdatedMillis: times.integer(row))
    }
  }

  private func readProtocol(
    _ file: NestedParquetFile, _ group: Int, into found: inout Table
  ) throws(DeltaError) {
    let readers = try column(["protocol", "minReaderVersion"], file, group)
    guard let row = (0..<file.rowGroupRowCounts[group]).first(where: { readers.isPresent($0) })
    else { return }
    let writers = try column(["protocol", "minWriterVersion"], file, group)
    guard let reader = readers.integer(row), let writer = writers.integer(row) else { return }
    var features: Set<String> = []
    for name in ["readerFeatures", "writerFeatures"] {
      features.formUnion(try column(["protocol", name], file, group).list(row))
    }
    found.tableProtocol = TableProtocol(
      minReaderVersion: reader, minWriterVersion: writer, features: features.sorted())
  }

  private func readMetaData(
    _ file: NestedParquetFile, _ group: Int, into found: inout Table
  ) throws(DeltaError) {
    let ids = try column(["metaData", "id"], file, group)
    guard let row = (0..<file.rowGroupRowCounts[group]).first(where: { ids.isPresent($0) }) else {
      return
    }
    func text(_ path: String...) throws(DeltaError) -> JSONValue? {
      try column(["metaData"] + path, file, group).string(row).map { .string($0) }
    }
    func map(_ path: String...) throws(DeltaError) -> JSONValue {
      let entries = try column(["metaData"] + path, file, group).map(row) ?? []
      return .object(entries.map { JSONMember($0.key, .optional($0.value)) })
    }
    var members = [JSONMember("id", .optional(ids.string(row)))]
    if let name = try text("name") { members.append(JSONMember("name", name)) }
    if let text = try text("description") { members.append(JSONMember("description", text)) }
    let provider = try text("format", "provider") ?? "parquet"
    members += [
      JSONMember("format", ["provider": provider, "options": try map("format", "options")]),
      JSONMember("schemaString", try text("schemaString") ?? .string("")),
      JSONMember(
        "partitionColumns",
        .array(
          try column(["metaData", "partitionColumns"], file, group).list(row)
            .map { .string($0) })),
      JSONMember("configuration", try map("configuration")),
    ]
    if let created = try column(["metaData", "createdTime"], file, group).integer(row) {
      members.append(JSONMember("createdTime", .int(created)))
    }
    found.metaData = .object(members)
  }

  // MARK: - Files

  /// Gives a table's snapshot every file of the checkpoint, row group by row group.
  ///
  /// Tombstones first, from every part: a path stands in both where the tombstone is of a deletion
  /// vector that was undone (PROTOCOL.md, "Action Reconciliation", tells files apart by path and
  /// vector), and then the file is live.
  func readFiles(into snapshot: inout TableSnapshot) throws(DeltaError) {
    for file in parts {
      for group in file.rowGroupRowCounts.indices { try readRemoves(file, group, into: &snapshot) }
    }
    for file in parts {
      for group in file.rowGroupRowCounts.indices { try readAdds(file, group, into: &snapshot) }
    }
  }

  private func readAdds(
    _ file: NestedParquetFile, _ group: Int, into snapshot: inout TableSnapshot
  ) throws(DeltaError) {
    let paths = try column(["add", "path"], file, group)
    let rowCount = file.rowGroupRowCounts[group]
    guard (0..<rowCount).contains(where: { paths.isPresent($0) }) else { return }
    try refuse(["add", "deletionVector", "storageType"], "deletion vectors", file, group)
    let partitions = try map(["add", "partitionValues"], file, group)
    let sizes = try column(["add", "size"], file, group)
    let times = try column(["add", "modificationTime"], file, group)
    let statistics = try column(["add", "stats"], file, group)
    let tags = try map(["add", "tags"], file, group)
    var parsed: ParsedStatistics?
    for row in 0..<rowCount {
      guard let path = try Self.path(paths, row, table, version) else { continue }
      if !statistics.isPresent(row), parsed == nil {
        parsed = parsedStatistics(file, group, schemaText: snapshot.schemaText)
      }
      let text = statistics.bytes(row) ?? parsed?.text(row)
      let tags = tags.map(row).map { entries in
        JSONValue.object(entries.map { JSONMember($0.key, .optional($0.value)) }).bytes
      }
      snapshot.takeAdd(
        FileRecord(
          path: path, partition: Self.partition(partitions, row, in: &snapshot),
          size: sizes.integer(row), timestamp: times.integer(row), version: version,
          statistics: text, tags: tags))
    }
  }

  private func parsedStatistics(
    _ file: NestedParquetFile, _ group: Int, schemaText: String
  ) -> ParsedStatistics {
    ParsedStatistics(schemaText: schemaText) { path in
      guard file.has(path) else { return CheckpointColumn(nil) }
      return CheckpointColumn(try? file.read(path, rowGroup: group))
    }
  }

  private func readRemoves(
    _ file: NestedParquetFile, _ group: Int, into snapshot: inout TableSnapshot
  ) throws(DeltaError) {
    let paths = try column(["remove", "path"], file, group)
    let rowCount = file.rowGroupRowCounts[group]
    guard (0..<rowCount).contains(where: { paths.isPresent($0) }) else { return }
    let partitions = try map(["remove", "partitionValues"], file, group)
    let sizes = try column(["remove", "size"], file, group)
    let times = try column(["remove", "deletionTimestamp"], file, group)
    for row in 0..<rowCount {
      guard let path = try Self.path(paths, row, table, version) else { continue }
      snapshot.takeRemove(
        FileRecord(
          path: path, partition: Self.partition(partitions, row, in: &snapshot),
          size: sizes.integer(row), timestamp: times.integer(row), version: version,
          statistics: nil, tags: nil))
    }
  }

  /// Nil where the row is about something else.
  private static func path(
    _ column: CheckpointColumn, _ row: Int, _ table: String, _ version: Int64
  ) throws(DeltaError) -> [UInt8]? {
    guard let path = column.bytes(row) else { return nil }
    guard !path.isEmpty else {
      throw .malformedCheckpoint(table: table, version: version, detail: "a file without a path")
    }
    return path
  }

  private static func partition(
    _ column: CheckpointColumn, _ row: Int, in snapshot: inout TableSnapshot
  ) -> Int32 {
    guard let entries = column.map(row) else { return -1 }
    return snapshot.number(of: PartitionValues(entries.map { ($0.key, $0.value) }))
  }
}

/// One column of a row group of a log checkpoint, read value by value.
struct CheckpointColumn {
  private let column: NestedColumn?
  private let flat: ParquetColumnValues?
  private let keys: ParquetColumnValues?
  private let values: ParquetColumnValues?

  /// - Parameter column: nil where the file has no such column.
  init(_ column: NestedColumn?) {
    self.column = column
    flat = column?.flat
    switch column?.content {
    case .map(_, let keys, let values):
      self.keys = keys.flat
      self.values = values.flat
    case .list(_, let elements):
      keys = elements.flat
      values = nil
    default:
      keys = nil
      values = nil
    }
  }

  var isMapOrAbsent: Bool {
    switch column?.content {
    case .map, .absent, nil: true
    case .values, .group, .list: false
    }
  }

  func isPresent(_ row: Int) -> Bool { column?.isPresent(row) ?? false }

  func bytes(_ row: Int) -> [UInt8]? {
    guard case .bytes(let bytes) = flat?[row] else { return nil }
    return bytes
  }

  /// The value of any flat column.
  func value(_ row: Int) -> ParquetValue? { flat?[row] }

  func string(_ row: Int) -> String? { bytes(row).map { String(decoding: $0, as: UTF8.self) } }

  func integer(_ row: Int) -> Int64? {
    guard case .integer(let value) = flat?[row] else { return nil }
    return value
  }

  /// The texts of a list; none where there is no list.
  func list(_ row: Int) -> [String] {
    guard let column, let keys else { return [] }
    return column.elements(of: row).compactMap { Self.text(keys[$0]) }
  }

  /// The entries of a map from text to text; nil where there is none.
  func map(_ row: Int) -> [(key: String, value: String?)]? {
    guard let column, column.isPresent(row) else { return nil }
    return column.elements(of: row).map { entry in
      (keys.flatMap { Self.text($0[entry]) } ?? "", values.flatMap { Self.text($0[entry]) })
    }
  }

  private static func text(_ value: ParquetValue?) -> String? {
    guard case .bytes(let bytes) = value else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }
}
