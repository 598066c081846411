/// Writes one Parquet file, row group by row group, into memory.
///
///     "PAR1" | row group: column chunk, column chunk … | row group … | footer | size | "PAR1"
///
/// It does no I/O: `takeOutput` hands over the bytes finished so far, which the caller appends to
/// the file. The same calls give the same bytes, whenever output is taken.
///
/// **Invariants:** columns come in schema order, each once a row group; values match the schema's
/// types. A violation is our bug and stops the program. Nothing the world does can make it fail.
/// Memory: one column chunk's indexes and pages, plus what has not been taken.
package struct ParquetFileWriter: ~Copyable {
  /// The four bytes at both ends of a file.
  private static let magic = Array("PAR1".utf8)

  private let schema: ParquetSchema
  private let options: ParquetWriterOptions
  private let leaves: [LeafColumn]
  private var output = FileOutput()
  private var chunkWriter: ColumnChunkWriter
  private var rowGroups: [RowGroupMetadata] = []
  /// Row count, position and finished chunks of the row group being written.
  private var openRowGroup: RowGroupMetadata?

  package init(schema: ParquetSchema, options: ParquetWriterOptions) {
    self.schema = schema
    self.options = options
    leaves = schema.columns.map { LeafColumn($0) }
    chunkWriter = ColumnChunkWriter(options: options)
    output.append(Self.magic)
  }

  /// Bytes written so far, taken or not: for deciding when a file is large enough.
  package var byteCount: Int { output.filePosition }

  /// Starts a row group of `rowCount` rows (1 … 2^31 − 1). A file without rows has no row group.
  package mutating func beginRowGroup(rowCount: Int) {
    precondition(openRowGroup == nil, "a row group is ended before the next begins")
    precondition((1...Int(Int32.max)).contains(rowCount), "a row group has 1 … 2^31 − 1 rows")
    openRowGroup = RowGroupMetadata(
      rowCount: rowCount, chunks: [], filePosition: output.filePosition)
  }

  /// Writes the next column of the open row group.
  ///
  /// `validity` says which rows have a value: bit `row % 64` of word `row / 64`; nil means all.
  package mutating func writeColumn(_ values: ColumnValues, validity: [UInt64]? = nil) {
    guard var rowGroup = openRowGroup else {
      preconditionFailure("a column is written between beginRowGroup and endRowGroup")
    }
    precondition(rowGroup.chunks.count < leaves.count, "a row group has one chunk for each column")
    let leaf = leaves[rowGroup.chunks.count]
    precondition(values.suits(leaf.column.type), "the values are of the column's type")
    rowGroup.chunks.append(
      chunkWriter.write(
        values, validity: validity, of: leaf, rowCount: rowGroup.rowCount, to: &output))
    openRowGroup = rowGroup
  }

  /// Ends the row group; every column has been written.
  package mutating func endRowGroup() {
    guard let rowGroup = openRowGroup else { preconditionFailure("no row group is open") }
    precondition(rowGroup.chunks.count == leaves.count, "a row group has every column")
    rowGroups.append(rowGroup)
    openRowGroup = nil
  }

  /// Moves out the bytes finished since the last call, to be appended to the file.
  package mutating func takeOutput() -> [UInt8] { output.take() }

  /// Writes the footer; returns the bytes not taken yet and what the file holds.
  package consuming func finish() -> (output: [UInt8], summary: ParquetFileSummary) {
    precondition(openRowGroup == nil, "the last row group has been ended")
    let footer = FileMetadata(leaves: leaves, rowGroups: rowGroups, options: options).encoded()
    output.append(footer)
    output.append((0..<4).map { UInt8(truncatingIfNeeded: footer.count >> ($0 * 8)) })
    output.append(Self.magic)
    let summary = ParquetFileSummary(
      byteCount: output.filePosition,
      rowCount: rowGroups.reduce(0) { $0 + $1.rowCount },
      columns: columnSummaries())
    return (output.take(), summary)
  }

  private borrowing func columnSummaries() -> [ParquetColumnSummary] {
    leaves.indices.map { index in
      var statistics = ColumnStatistics()
      for rowGroup in rowGroups { statistics.merge(rowGroup.chunks[index].statistics) }
      return ParquetColumnSummary(name: leaves[index].column.name, statistics: statistics)
    }
  }
}

extension ColumnValues {
  /// Whether a column of this type takes these values.
  fileprivate func suits(_ type: ParquetType) -> Bool {
    switch self {
    case .boolean: type == .boolean
    case .int32: type == .int32 || type == .date
    case .int64: type == .int64 || type == .timestampMicros
    case .float: type == .float
    case .double: type == .double
    case .words, .byteStrings, .constantWord: type == .string || type == .binary
    case .constantInteger:
      type == .int32 || type == .date || type == .int64 || type == .timestampMicros
    }
  }
}
