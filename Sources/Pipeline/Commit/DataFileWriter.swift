import Base
import DeltaLog
import Ledger
import Parquet
import Storage

/// One data file that is written, synced and closed; its folder is not synced yet.
struct WrittenFile {
  var definition: TableDefinition
  var path: String
  var day: Int32
  var byteCount: Int64
  /// xxHash64 of the bytes as they were made, before storage had them.
  var checksum: UInt64
  var summary: ParquetFileSummary
}

/// Writes the planned files of a commit, one after the other: memory holds one row group at a
/// time, however many dates a commit touches.
struct DataFileWriter {
  let storage: any Storage
  let options: PipelineOptions
  let commitID: CommitID
  /// The newest chain version that one of the commit's partitions was based on.
  let baseVersion: Int64
  private(set) var files: [WrittenFile] = []
  /// Every name that may be taken on storage now, whole file or not.
  private(set) var startedPaths: [String] = []

  init(
    storage: any Storage, options: PipelineOptions, commitID: CommitID, baseVersion: Int64
  ) {
    self.storage = storage
    self.options = options
    self.commitID = commitID
    self.baseVersion = baseVersion
  }

  /// Writes every file of one table.
  mutating func write(_ content: any TableContent) throws(StorageError) {
    for plan in content.plans { files.append(try write(plan, of: content)) }
  }

  private mutating func write(
    _ plan: FilePlan, of content: any TableContent
  ) throws(StorageError) -> WrittenFile {
    let path = FileNames.data(
      table: content.definition.name, date: Timestamp.dateText(day: plan.day),
      pipeline: options.pipeline, baseVersion: baseVersion, commitID: commitID,
      number: files.count)
    startedPaths.append(path)
    var file = try HashedFile(creating: path, in: storage)
    CrashPoint.reached(.fileOpened)
    var parquet = options.parquet
    if let byteCount = content.dictionaryByteCountMax { parquet.dictionaryByteCountMax = byteCount }
    var writer = ParquetFileWriter(schema: content.definition.parquetSchema, options: parquet)
    var first = 0
    while first < plan.rowCount {
      let end = content.rowGroupEnd(
        plan, from: first, rowCountMax: options.rowGroupRowCountMax)
      let range = first..<end
      content.beginRowGroup(plan, range: range)
      writer.beginRowGroup(rowCount: range.count)
      for column in content.definition.columns.indices {
        let gathered = content.column(column, of: plan, range: range)
        writer.writeColumn(gathered.values, validity: gathered.validity)
        try file.append(writer.takeOutput())
      }
      writer.endRowGroup()
      first = range.upperBound
    }
    let finished = writer.finish()
    try file.append(finished.output)
    let closed = try file.close()
    return WrittenFile(
      definition: content.definition, path: path, day: plan.day,
      byteCount: closed.byteCount, checksum: closed.checksum, summary: finished.summary)
  }
}
