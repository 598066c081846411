/// Writes one Parquet file, row group by row group, into memory.
///
///     "PAR1" | row group: column chunk, column chunk … | row group … | footer | size | "PAR1"
///
/// Row groups come from columns (`beginRowGroup`, `writeColumn` or `writeField`, `endRowGroup`) or
/// whole from another file (`copyRowGroup`).
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

  private let options: ParquetWriterOptions
  private let tree: SchemaTree
  var output = FileOutput()
  var chunkWriter: ColumnChunkWriter
  var rowGroups: [RowGroupMetadata] = []
  /// Row count, position and finished chunks of the row group being written.
  private(set) var openRowGroup: RowGroupMetadata?

  package init(schema: ParquetSchema, options: ParquetWriterOptions) {
    self.init(fields: schema.columns.map { ParquetField($0) }, options: options)
  }

  /// For a schema that may be nested; `writeField` writes what is not a column at the top.
  package init(fields: [ParquetField], options: ParquetWriterOptions) {
    self.options = options
    tree = SchemaTree(fields: fields)
    chunkWriter = ColumnChunkWriter(options: options)
    output.append(Self.magic)
  }

  var leaves: [LeafColumn] { tree.leaves }

  /// Bytes written so far, taken or not: for deciding when a file is large enough.
  package var byteCount: Int { output.filePosition }

  /// Starts a row group of `rowCount` rows (1 … 2^31 − 1). A file without rows has no row group.
  package mutating func beginRowGroup(rowCount: Int) {
    precondition(openRowGroup == nil, "a row group is ended before the next begins")
    precondition((1...Int(Int32.max)).contains(rowCount), "a row group has 1 … 2^31 − 1 rows")
    openRowGroup = RowGroupMetadata(
      rowCount: rowCount, chunks: [], filePosition: output.filePosition)
  }

  /// Writes the next column of the open row group, which is one at the top of the schema.
  ///
  /// `validity` says which rows have a value: bit `row % 64` of word `row / 64`; nil means all.
  package mutating func writeColumn(_ values: ColumnValues, validity: [UInt64]? = nil) {
    guard var rowGroup = openRowGroup else {
      preconditionFailure("a column is written between beginRowGroup and endRowGroup")
    }
    precondition(rowGroup.chunks.count < leaves.count, "a row group has one chunk for each column")
    let leaf = leaves[rowGroup.chunks.count]
    precondition(leaf.isFlat, "a nested field is written with writeField")
    precondition(values.suits(leaf.column.type), "the values are of the column's type")
    rowGroup.chunks.append(
      chunkWriter.write(
        values, validity: validity, of: leaf, rowCount: rowGroup.rowCount, to: &output))
    openRowGroup = rowGroup
  }

  /// Writes the next field of the open row group, with every column below it.
  ///
  /// A flat column may be written so as well, at the price of `writeColumn`.
  /// Cost: for each leaf some 10 ns an entry and level, and what its values cost.
  package mutating func writeField(_ column: NestedColumn) {
    guard var rowGroup = openRowGroup else {
      preconditionFailure("a field is written between beginRowGroup and endRowGroup")
    }
    precondition(column.count == rowGroup.rowCount, "a field has one slot for every row")
    let firstLeaf = rowGroup.chunks.count
    guard let node = tree.fields.first(where: { $0.leaves.lowerBound == firstLeaf }) else {
      preconditionFailure("a row group has one column for each field")
    }
    if case .leaf = node.content, case .values(let values) = column.content {
      return writeColumn(values, validity: column.validity)
    }
    for (leaf, shredded) in zip(leaves[node.leaves], LevelShredding(column, of: node).leaves) {
      precondition(
        shredded.values.map { $0.suits(leaf.column.type) } ?? true,
        "the values are of the column's type")
      rowGroup.chunks.append(
        chunkWriter.write(shredded.values, shredded.levels, of: leaf, to: &output))
    }
    openRowGroup = rowGroup
  }

  /// Ends the row group; every column has been written.
  package mutating func endRowGroup() {
    guard let rowGroup = openRowGroup else { preconditionFailure("no row group is open") }
    precondition(rowGroup.chunks.count == leaves.count, "a row group has every column")
    append(rowGroup)
    openRowGroup = nil
  }

  /// Adds a finished row group.
  ///
  /// All of its columns have a page index, or none has: parquet-java, and so Spark, skips no page
  /// of a row group in which a column that it reads has no offset index. None has where every
  /// chunk is one page, for then the index says what the footer says already.
  mutating func append(_ rowGroup: RowGroupMetadata) {
    let pays =
      rowGroup.chunks.contains { ($0.index.pages?.count ?? 0) > 1 }
      && rowGroup.chunks.allSatisfy { $0.index.pages != nil }
    var rowGroup = rowGroup
    if !pays {
      for index in rowGroup.chunks.indices {
        rowGroup.chunks[index].index.pages = nil
        rowGroup.chunks[index].index.columnIndex = nil
      }
    }
    rowGroups.append(rowGroup)
  }

  /// Appends bloom filters, then column indexes, then offset indexes, each by row group and
  /// column: a reader gets those of one kind with one read.
  private mutating func writeIndexes() {
    forEachChunk { chunk, output in
      chunk.bloomFilterRange = output.append(ranged: chunk.bloomFilter)
    }
    forEachChunk { chunk, output in
      chunk.columnIndexRange = output.append(ranged: chunk.columnIndex)
    }
    forEachChunk { chunk, output in
      chunk.offsetIndexRange = output.append(ranged: chunk.pages.map(PageIndex.offsetIndex))
    }
  }

  private mutating func forEachChunk(_ body: (inout ChunkIndex, inout FileOutput) -> Void) {
    for rowGroup in rowGroups.indices {
      for chunk in rowGroups[rowGroup].chunks.indices {
        body(&rowGroups[rowGroup].chunks[chunk].index, &output)
      }
    }
  }

  /// Moves out the bytes finished since the last call, to be appended to the file.
  package mutating func takeOutput() -> [UInt8] { output.take() }

  /// Writes the footer; returns the bytes not taken yet and what the file holds.
  package consuming func finish() -> (output: [UInt8], summary: ParquetFileSummary) {
    precondition(openRowGroup == nil, "the last row group has been ended")
    writeIndexes()
    let footer = FileMetadata(tree: tree, rowGroups: rowGroups, options: options).encoded()
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
