import Base
import DeltaLog
import Ledger
import Parquet
import Storage

/// One table as far as replays of dead letters concern it: the files that are live, by date.
///
/// Only what our own commits added is compared: once another program has rewritten or deleted rows
/// there is nothing to hold them against.
struct ReplayTable {
  /// One data file.
  struct File {
    let path: String
    /// `event_date`; empty where the log gives none.
    let date: String
    /// Delta's statistics; null where there are none.
    let statistics: JSONValue
  }

  private(set) var files: [File] = []
  /// Another program has changed rows, or what it wrote stands for our files.
  private(set) var isRewritten = false

  init(_ name: String, storage: any Storage, appID: String) throws(DeltaError) {
    let folder = "tables/\(name)"
    var reader = LogReader(storage: storage, folder: folder, appID: appID)
    while let commit = try reader.next() {
      for action in commit.actions {
        if action["remove"] != nil { isRewritten = true }
        guard let add = action["add"], let path = FileFacts.path(of: add) else { continue }
        if commit.foreign != nil { isRewritten = true }
        let statistics = add["stats"]?.stringValue
          .flatMap { try? JSONValue(parsing: Array($0.utf8)) }
        files.append(
          File(
            path: folder + "/" + path,
            date: add["partitionValues"]?["event_date"]?.stringValue ?? "",
            statistics: statistics ?? .null))
      }
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
