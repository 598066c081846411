import Base
import Parquet

/// Maps actions to the columns of a log checkpoint.
enum CheckpointActions {
  static func set(
    _ transactions: [String: TableTransaction], in group: inout CheckpointRowGroup
  ) {
    var appIDs = TextColumn()
    var versions = IntegerColumn()
    var times = IntegerColumn()
    for (appID, transaction) in transactions.sorted(by: { $0.key < $1.key }) {
      appIDs.append(appID)
      versions.append(transaction.version)
      times.append(transaction.lastUpdatedMillis)
    }
    group.set(
      CheckpointSchema.txn, rowCount: transactions.count,
      [appIDs.column, versions.column, times.column])
  }

  static func set(metaData body: JSONValue, in group: inout CheckpointRowGroup) {
    func text(_ value: JSONValue?) -> NestedColumn {
      var column = TextColumn()
      column.append(value?.stringValue)
      return column.column
    }
    func map(_ value: JSONValue?) -> NestedColumn {
      var column = TextMapColumn()
      column.append((value?.members ?? []).map { ($0.name, $0.value.stringValue) })
      return column.column
    }
    var partitionColumns = TextMapColumn()
    partitionColumns.append(
      (body["partitionColumns"]?.arrayValue ?? []).compactMap(\.stringValue).map { ($0, nil) })
    var createdTime = IntegerColumn()
    createdTime.append(body["createdTime"]?.int64Value)
    let format = body["format"]
    group.set(
      CheckpointSchema.metaData, rowCount: 1,
      [
        text(body["id"]), text(body["name"]), text(body["description"]),
        NestedColumn(
          count: 1, content: .group([text(format?["provider"]), map(format?["options"])])),
        text(body["schemaString"]), partitionColumns.listColumn, map(body["configuration"]),
        createdTime.column,
      ])
  }

  static func set(_ found: TableProtocol, in group: inout CheckpointRowGroup) {
    var reader = IntegerColumn()
    reader.append(found.minReaderVersion)
    var writer = IntegerColumn()
    writer.append(found.minWriterVersion)
    // Those that are supported concern writers alone.
    var readerFeatures = TextMapColumn()
    readerFeatures.append(found.minReaderVersion >= 3 ? [] : nil)
    var writerFeatures = TextMapColumn()
    writerFeatures.append(found.minWriterVersion >= 7 ? found.features.map { ($0, nil) } : nil)
    group.set(
      CheckpointSchema.tableProtocol, rowCount: 1,
      [
        reader.narrowColumn, writer.narrowColumn, readerFeatures.listColumn,
        writerFeatures.listColumn,
      ])
  }

  /// A row group of tombstones; nothing for none.
  static func write(_ tombstones: [Tombstone], to writer: inout ParquetFileWriter) {
    var paths = TextColumn()
    var times = IntegerColumn()
    var partitionValues = TextMapColumn()
    var sizes = IntegerColumn()
    for tombstone in tombstones {
      paths.append(tombstone.encodedPath)
      times.append(tombstone.deletionTimeMillis)
      partitionValues.append(tombstone.partitionValues.map(entries))
      sizes.append(tombstone.byteCount)
    }
    let isExtended = tombstones.map { $0.partitionValues != nil && $0.byteCount != nil }
    var group = CheckpointRowGroup()
    group.set(
      CheckpointSchema.remove, rowCount: tombstones.count,
      [
        paths.column, times.column,
        .values(
          .boolean([Bool](repeating: false, count: tombstones.count)), count: tombstones.count),
        .values(.boolean(isExtended), count: tombstones.count), partitionValues.column,
        sizes.column,
      ])
    group.write(to: &writer)
  }

  fileprivate static func entries(_ values: PartitionValues) -> [(key: String, value: String?)] {
    values.values.map { ($0.column, $0.text) }
  }
}

/// Gathers the adds of a row group.
struct CheckpointAdds {
  private(set) var count = 0
  private var paths = TextColumn()
  private var partitionValues = TextMapColumn()
  private var sizes = IntegerColumn()
  private var times = IntegerColumn()
  private var statistics = TextColumn()
  private var tags = TextMapColumn()

  /// What it takes in memory, about.
  var byteCount: Int { paths.byteCount + statistics.byteCount }

  mutating func append(
    path: ArraySlice<UInt8>, partition: PartitionValues?, byteCount: Int64, timeMillis: Int64,
    statistics text: [UInt8]?, tags tagsText: [UInt8]?
  ) {
    paths.append(path)
    partitionValues.append(partition.map(CheckpointActions.entries) ?? [])
    sizes.append(max(0, byteCount))
    times.append(max(0, timeMillis))
    statistics.append(text)
    let members = tagsText.flatMap { (try? JSONValue(parsing: $0))?.members }
    tags.append(members?.map { ($0.name, $0.value.stringValue) })
    count += 1
  }

  func write(to writer: inout ParquetFileWriter) {
    var group = CheckpointRowGroup()
    group.set(
      CheckpointSchema.add, rowCount: count,
      [
        paths.column, partitionValues.column, sizes.column, times.column,
        .values(.boolean([Bool](repeating: false, count: count)), count: count),
        statistics.column, tags.column,
      ])
    group.write(to: &writer)
  }
}
