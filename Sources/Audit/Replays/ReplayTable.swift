import Base
import DeltaLog
import Ledger
import Parquet
import Storage

/// One table as far as replays of dead letters concern it: the files that are live, by date.
///
/// Commits that move rows from file to file (compaction, whoever's) are followed. Of dates from
/// which rows were removed (retention, another program's DELETE), or into which another program has
/// written, nothing can be compared: they are named.
struct ReplayTable {
  /// One data file.
  struct File {
    let path: String
    /// `event_date`; empty where the log gives none.
    let date: String
    /// Delta's statistics; null where there are none.
    let statistics: JSONValue
  }

  private var live: [String: File] = [:]
  private(set) var changedDates: Set<String> = []
  /// Whether every commit is there. Where the log begins with a checkpoint, dates may have gone
  /// before it of which nothing speaks any more.
  private(set) var isLogWhole = true

  /// Whether rows were, or may have been, removed or written by others than the ledger.
  var isChanged: Bool { !isLogWhole || !changedDates.isEmpty }

  /// Live files, in the order of their paths.
  var files: [File] { live.values.sorted { $0.path < $1.path } }

  init(_ name: String, storage: any Storage, appID: String) throws(DeltaError) {
    let folder = "tables/\(name)"
    var reader = LogReader(storage: storage, folder: folder, appID: appID)
    while true {
      let commit: LogReader.Commit
      switch try reader.step() {
      case .commit(let found): commit = found
      case .state(let state):
        take(state, folder: folder)
        continue
      case .end: return
      }
      let isMoved = commit.foreign?.kind == .rearranged
      for remove in commit.actions.compactMap({ $0["remove"] }) {
        guard let path = FileFacts.path(of: remove), let file = live.removeValue(forKey: path)
        else { continue }
        if !isMoved { changedDates.insert(file.date) }
      }
      for add in commit.actions.compactMap({ $0["add"] }) {
        guard let path = FileFacts.path(of: add) else { continue }
        let statistics = add["stats"]?.stringValue
          .flatMap { try? JSONValue(parsing: Array($0.utf8)) }
        let file = File(
          path: folder + "/" + path,
          date: add["partitionValues"]?["event_date"]?.stringValue ?? "",
          statistics: statistics ?? .null)
        live[path] = file
        if commit.foreign != nil, !isMoved { changedDates.insert(file.date) }
      }
    }
  }
}

extension ReplayTable {
  /// The commits up to a log checkpoint are gone: who wrote the files it names, and whether rows of
  /// their dates were removed, is not known.
  fileprivate mutating func take(_ state: TableSnapshot, folder: String) {
    live = [:]
    isLogWhole = false
    for file in state.files {
      let date = file.partitionValues["event_date"] ?? ""
      live[file.path] = File(
        path: folder + "/" + file.path, date: date,
        statistics: state.statistics(of: file).flatMap { try? JSONValue(parsing: $0) } ?? .null)
      changedDates.insert(date)
    }
  }
}

/// Columns of one row group of a file, by name, value by value.
struct ReplayColumns {
  private var columns: [String: ParquetColumnValues] = [:]
  let rowCount: Int

  /// - Parameter names: those that are wanted; a file may lack some.
  init(_ names: [String], of file: ParquetFile, rowGroup: Int) throws(ParquetError) {
    for (index, column) in file.footer.schema.columns.enumerated() where names.contains(column.name)
    {
      columns[column.name] = try file.readColumn(index, rowGroup: rowGroup)
    }
    rowCount = file.footer.rowGroups[rowGroup].rowCount
  }

  func integer(_ name: String, _ row: Int) -> Int64? {
    guard case .integer(let value)? = columns[name]?[row] else { return nil }
    return value
  }

  func text(_ name: String, _ row: Int) -> String? {
    guard case .bytes(let bytes)? = columns[name]?[row] else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Where a row came from; nil where it does not say so.
  func place(_ row: Int) -> (key: PartitionKey, offset: Int64)? {
    guard let topic = text("kafka_topic", row),
      let incarnation = integer("topic_incarnation", row),
      let partition = integer("kafka_partition", row).flatMap({ Int32(exactly: $0) }),
      let offset = integer("kafka_offset", row), (0...OffsetRuns.offsetMax).contains(offset)
    else { return nil }
    return (PartitionKey(topic: topic, incarnation: incarnation, partition: partition), offset)
  }

  static let placeNames = [
    "kafka_topic", "topic_incarnation", "kafka_partition", "kafka_offset", "row_index",
  ]
}

/// A multitude of rows as a number: the same rows give the same sum in any order.
struct RowSum: Equatable {
  private(set) var count: Int64 = 0
  private var sum: UInt64 = 0

  /// Adds `times` rows of a record.
  mutating func add(_ key: PartitionKey, offset: Int64, times: Int64 = 1) {
    var writer = ByteWriter()
    writer.append(varint: UInt64(bitPattern: offset))
    writer.append(varint: UInt64(bitPattern: Int64(key.partition)))
    writer.append(varint: UInt64(bitPattern: key.incarnation))
    writer.append(lengthPrefixed: Array(key.topic.utf8))
    sum &+= XXHash64.hash(writer.bytes) &* UInt64(bitPattern: times)
    count = count.addingClamped(times)
  }
}
