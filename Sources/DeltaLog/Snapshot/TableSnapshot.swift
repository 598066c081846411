package import Base
package import Storage

/// What a table consists of at a version of its log: the state that is left when every action is
/// reconciled with those after it (PROTOCOL.md, "Action Reconciliation").
///
/// It is read from the newest log checkpoint and the commits after it, whoever wrote them, and
/// followed by the commits that come. Unlike `DeltaTable.catchUp` it does not ask whose the table
/// is: it is for maintenance, which is allowed to what any engine is.
///
///     var table = TableSnapshot(storage: storage, folder: "tables/readings_solar", engine: …)
///     try table.follow()
///     for file in table.files where file.byteCount < small { … }
///
/// **Invariants:** everything it says is true of `version`; a path is live, or removed, or neither.
/// An error leaves it at a version where that holds. Memory: about 300 bytes a live file, by far
/// the most for its path. Used by one thread; a copy costs nothing until one of them goes on.
package struct TableSnapshot: Sendable {
  let log: DeltaTable
  /// The newest version read; -1 before the first, and where there is no table.
  package internal(set) var version: Int64 = -1
  /// The newest commit that set the schema, the properties or the protocol; a log checkpoint, where
  /// that is all that is known. -1 for none.
  package internal(set) var tableChangeVersion: Int64 = -1
  /// The body of the newest metaData action.
  package internal(set) var metaData: JSONValue?
  package internal(set) var tableProtocol: TableProtocol?
  /// By application id; none is ever left out, as ours never expires.
  package internal(set) var transactions: [String: TableTransaction] = [:]
  /// The log checkpoint from which it was last read; -1 for none.
  package internal(set) var checkpointVersion: Int64 = -1
  /// The log checkpoint this state was begun with; -1 where every commit was read.
  var beginVersion: Int64 = -1
  /// The newest log checkpoint that was written or read here, from end to end; -1 for none.
  var provenCheckpointVersion: Int64 = -1
  /// When the newest commit was made, by its commitInfo; 0 where it does not say.
  package internal(set) var committedAtMillis: Int64 = 0
  var live = FileRecords()
  var removed = FileRecords()
  /// Of live files.
  package internal(set) var byteCount: Int64 = 0
  /// Of removed files whose size is known.
  package internal(set) var removedByteCount: Int64 = 0
  var partitions: [PartitionValues] = []
  private var partitionNumbers: [PartitionValues: Int32] = [:]

  /// - Parameters:
  ///   - folder: the table's, `tables/<table>`.
  ///   - engine: name and version of this program, for commitInfo.
  package init(storage: any Storage, folder: String, engine: String) {
    log = DeltaTable(storage: storage, folder: folder, appID: "", engineInfo: engine)
  }

  /// The table's name.
  package var table: String { log.table }

  /// The table's folder below the root.
  package var folder: String { log.folder }

  /// The table's schema as its metaData has it; empty for no table.
  var schemaText: String { metaData?["schemaString"]?.stringValue ?? "" }

  /// Properties of the table, with what the protocol says where it has none.
  package var properties: TableProperties { TableProperties(metaData: metaData) }

  /// Reads on to the log's end, or from the newest log checkpoint where the next commits are gone.
  ///
  /// Errors: `.malformedCommit`, `.malformedCheckpoint`, `.logTruncated` (commits are gone and no
  /// log checkpoint stands for them), `.logRewound`, `.unsupportedProtocol`,
  /// `.unsupportedFeatures`, `.unsupportedFeature`, `.storage`.
  /// - Returns: whether anything was new.
  @discardableResult
  package mutating func follow() throws(DeltaError) -> Bool {
    let before = version
    if version < 0, let newest = try log.newestCheckpoint() { try begin(at: newest) }
    while true {
      while let lines = try log.readLines(version + 1) { try take(lines, version: version + 1) }
      do {
        guard try log.isEnd(version) else { continue }
        break
      } catch {
        guard case .logTruncated = error else { throw error }
        try begin(at: log.checkpointToGoOn(after: version, orThrow: error))
      }
    }
    try checkProtocol()
    return version > before
  }

  // MARK: - Files

  /// Live files.
  package var fileCount: Int { live.count }

  /// Files that were removed and are still remembered.
  package var tombstoneCount: Int { removed.count }

  /// Bytes the snapshot's texts take, compressed; for measuring.
  package var textByteCount: Int { live.texts.storedByteCount }

  /// Every live file, in the order in which they came into the table as far as that is known.
  package var files: some Sequence<LiveFile> {
    live.slots.lazy.filter(\.isTaken).map { self.file($0) }
  }

  /// Every removed file that is remembered.
  package var tombstones: some Sequence<Tombstone> {
    removed.slots.lazy.filter(\.isTaken).map { self.tombstone($0) }
  }

  /// The live file of a path on disk, relative to the table's folder.
  package func file(at path: String) -> LiveFile? {
    live.find(Array(path.utf8)).map { file(live.slots[$0]) }
  }

  /// The live file whose decoded path has this XXHash64.
  package func file(hash: UInt64) -> LiveFile? {
    live.find(hash: hash).map { file(live.slots[$0]) }
  }

  /// Whether the table's log, as far as it is remembered, names this file: live or removed.
  package func names(_ path: String) -> Bool {
    let path = Array(path.utf8)
    return live.find(path) != nil || removed.find(path) != nil
  }

  /// What the log says of a live file's columns, as JSON text; nil where it says nothing. Only of a
  /// file that this snapshot gave, before its next change. Cost: some 50 µs.
  package func statistics(of file: LiveFile) -> [UInt8]? {
    var reader = TextBlockReader(live.texts)
    return FileRecords.texts(reader.text(file.texts)).statistics
  }

  /// The tags of a live file; as for `statistics`.
  package func tags(of file: LiveFile) -> [(key: String, value: String?)] {
    var reader = TextBlockReader(live.texts)
    guard let text = FileRecords.texts(reader.text(file.texts)).tags,
      let members = (try? JSONValue(parsing: text))?.members
    else { return [] }
    return members.map { ($0.name, $0.value.stringValue) }
  }

  private func file(_ slot: FileRecords.Slot) -> LiveFile {
    let path = Array(live.path(slot))
    return LiveFile(
      path: String(decoding: FileRecords.decoded(path), as: UTF8.self),
      encodedPath: String(decoding: path, as: UTF8.self),
      partitionValues: slot.partition < 0
        ? PartitionValues([]) : partitions[Int(slot.partition)],
      byteCount: max(0, slot.byteCount), modificationTimeMillis: max(0, slot.timeMillis),
      version: slot.version, rowCount: slot.rowCount < 0 ? nil : slot.rowCount,
      pathHash: slot.hash, texts: slot.texts)
  }

  private func tombstone(_ slot: FileRecords.Slot) -> Tombstone {
    let path = Array(removed.path(slot))
    return Tombstone(
      path: String(decoding: FileRecords.decoded(path), as: UTF8.self),
      encodedPath: String(decoding: path, as: UTF8.self),
      deletionTimeMillis: slot.timeMillis < 0 ? nil : slot.timeMillis,
      byteCount: slot.byteCount < 0 ? nil : slot.byteCount,
      partitionValues: slot.partition < 0 ? nil : partitions[Int(slot.partition)],
      version: slot.version)
  }

  // MARK: - Commits

  /// Takes one commit whole, or throws and is unchanged.
  mutating func take(_ lines: [JSONValue], version: Int64) throws(DeltaError) {
    var adds: [FileRecord] = []
    var removes: [FileRecord] = []
    for line in lines {
      if let body = line["add"] { adds.append(try record(body, "add", version)) }
      if let body = line["remove"] { removes.append(try record(body, "remove", version)) }
    }
    var committedAtMillis: Int64 = 0
    for line in lines {
      if let body = line["metaData"] { takeTable(metaData: body, version: version) }
      if let body = line["protocol"] { takeTable(protocol: TableProtocol(body), version: version) }
      if let body = line["txn"], let (appID, transaction) = TableTransaction.read(body) {
        transactions[appID] = transaction
      }
      if let body = line["commitInfo"] {
        committedAtMillis = ForeignNumber.millis(body["timestamp"]?.int64Value) ?? 0
      }
    }
    for record in removes { takeRemove(record) }
    for record in adds { takeAdd(record) }
    self.version = version
    self.committedAtMillis = committedAtMillis
  }

  mutating func takeTable(metaData body: JSONValue, version: Int64) {
    metaData = body
    tableChangeVersion = version
  }

  mutating func takeTable(protocol found: TableProtocol?, version: Int64) {
    // One without versions is refused like one we do not know.
    tableProtocol = found ?? TableProtocol(minReaderVersion: .max, minWriterVersion: .max)
    tableChangeVersion = version
  }

  mutating func takeAdd(_ record: FileRecord) {
    if let gone = removed.remove(FileRecords.decoded(record.path)) {
      removedByteCount -= max(0, gone.byteCount)
    }
    let replaced = live.insert(record)
    byteCount += max(0, record.byteCount) - max(0, replaced?.byteCount ?? 0)
  }

  mutating func takeRemove(_ record: FileRecord) {
    if let gone = live.remove(FileRecords.decoded(record.path)) {
      byteCount -= max(0, gone.byteCount)
    }
    let replaced = removed.insert(record)
    removedByteCount += max(0, record.byteCount) - max(0, replaced?.byteCount ?? 0)
  }

  /// - Parameter path: on disk, relative to the table's folder.
  mutating func forgetTombstone(at path: String) {
    guard let slot = removed.remove(Array(path.utf8)) else { return }
    removedByteCount -= max(0, slot.byteCount)
  }

  private mutating func record(
    _ body: JSONValue, _ kind: String, _ version: Int64
  ) throws(DeltaError) -> FileRecord {
    guard let path = body["path"]?.stringValue, !path.isEmpty else {
      throw .malformedCommit(table: table, version: version, detail: "\(kind) without a path")
    }
    if let vector = body["deletionVector"], !vector.isNull {
      throw .unsupportedFeature(
        table: table, version: version, feature: "deletion vectors (“\(path)” has one)")
    }
    let values = body["partitionValues"].flatMap { PartitionValues($0) }
    let timeKey = kind == "add" ? "modificationTime" : "deletionTimestamp"
    // A tombstone is known by its path, its time and its size.
    let isAdd = kind == "add"
    let statistics = isAdd ? body["stats"]?.stringValue.map { Array($0.utf8) } : nil
    let tags = isAdd ? body["tags"].flatMap { $0.isNull ? nil : $0.bytes } : nil
    return FileRecord(
      path: Array(path.utf8), partition: values.map { number(of: $0) } ?? -1,
      size: body["size"]?.int64Value, timestamp: body[timeKey]?.int64Value, version: version,
      statistics: statistics, tags: tags)
  }

  /// The number of these values, given when they are first met. Few: one a partition.
  mutating func number(of values: PartitionValues) -> Int32 {
    if let known = partitionNumbers[values] { return known }
    let number = Int32(partitions.count)
    partitions.append(values)
    partitionNumbers[values] = number
    return number
  }

  private func checkProtocol() throws(DeltaError) {
    try tableProtocol?.check(table: table, version: tableChangeVersion, metaData: metaData)
  }
}

/// How far an application has taken a table (PROTOCOL.md, "Transaction Identifiers").
package struct TableTransaction: Sendable, Equatable {
  package let version: Int64
  package let lastUpdatedMillis: Int64?

  package init(version: Int64, lastUpdatedMillis: Int64?) {
    self.version = version
    self.lastUpdatedMillis = lastUpdatedMillis
  }

  /// From the body of a txn action; nil where that has not both members.
  static func read(_ body: JSONValue) -> (appID: String, TableTransaction)? {
    guard let appID = body["appId"]?.stringValue, let version = body["version"]?.int64Value else {
      return nil
    }
    let millis = body["lastUpdated"]?.int64Value
    return (appID, TableTransaction(version: version, lastUpdatedMillis: millis))
  }
}

/// Reads a number out of a file's statistics without making a value of the rest.
enum StatisticsText {
  /// `numRecords` of the outermost object; nil where there is none. Cost: to where it stands, which
  /// most writers put first.
  static func recordCount(_ text: [UInt8]) -> Int64? {
    let name = Array("\"numRecords\"".utf8)
    var depth = 0
    var position = 0
    while position < text.count {
      switch text[position] {
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      case UInt8(ascii: "\""):
        let start = position
        position = endOfString(text, from: start)
        if depth == 1, text[start..<min(position + 1, text.count)].elementsEqual(name),
          let value = number(text, after: position + 1)
        {
          return value
        }
      default: break
      }
      position += 1
    }
    return nil
  }

  /// The position of the quote that ends the string begun at `start`.
  private static func endOfString(_ text: [UInt8], from start: Int) -> Int {
    var position = start + 1
    while position < text.count, text[position] != UInt8(ascii: "\"") {
      position += text[position] == UInt8(ascii: "\\") ? 2 : 1
    }
    return position
  }

  /// The integer behind a colon; nil for anything else.
  private static func number(_ text: [UInt8], after start: Int) -> Int64? {
    var position = start
    func skipSpace() {
      while position < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[position]) {
        position += 1
      }
    }
    skipSpace()
    guard position < text.count, text[position] == UInt8(ascii: ":") else { return nil }
    position += 1
    skipSpace()
    let digits = text[position...].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    return Int64(String(decoding: digits, as: UTF8.self))
  }
}
