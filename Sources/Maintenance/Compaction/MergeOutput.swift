import Base
import Parquet
import Storage

/// The file that a merge writes, row group by row group.
struct MergeOutput: ~Copyable {
  private var writer: ParquetFileWriter
  private var file: HashedFile
  private let pace: MaintenancePace
  private var copiedByteCount = 0

  init(
    _ path: String, in storage: any Storage, schema: ParquetSchema,
    options: ParquetWriterOptions, _ pace: MaintenancePace
  ) throws(MaintenanceFault) {
    do throws(StorageError) {
      file = try HashedFile(creating: path, in: storage)
    } catch {
      throw .storage(error)
    }
    writer = ParquetFileWriter(schema: schema, options: options)
    self.pace = pace
  }

  /// Writes rows of columns as a row group.
  mutating func write(
    _ columns: [OrderedColumn], rows: Range<Int>
  ) throws(MaintenanceFault) {
    writer.beginRowGroup(rowCount: rows.count)
    for column in columns {
      let part = column.slice(rows)
      writer.writeColumn(part.values, validity: part.validity)
      try flush()
    }
    writer.endRowGroup()
  }

  /// Takes over a row group as it is.
  mutating func copy(_ rowGroup: Int, of input: MergeInput) throws(MaintenanceFault) {
    let before = writer.byteCount
    try input.copy(rowGroup, to: &writer)
    copiedByteCount += writer.byteCount - before
    try pace.took(byteCount: writer.byteCount - before)
    try flush()
  }

  consuming func finish() throws(MaintenanceFault) -> MergedFile {
    let path = file.path
    let copied = Int64(copiedByteCount)
    CrashPoint.reached(.maintenanceFileOpened)
    let finished = writer.finish()
    do throws(StorageError) {
      try file.append(finished.output)
      let closed = try file.close()
      return MergedFile(
        path: path, byteCount: closed.byteCount, checksum: closed.checksum,
        summary: finished.summary, copiedByteCount: copied)
    } catch {
      throw .storage(error)
    }
  }

  private mutating func flush() throws(MaintenanceFault) {
    let bytes = writer.takeOutput()
    do throws(StorageError) { try file.append(bytes) } catch { throw .storage(error) }
    try pace.took(byteCount: bytes.count)
  }
}
