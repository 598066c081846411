extension ParquetFileWriter {
  /// Why row groups of `file` cannot be copied as they are into a file of `schema`; nil where they
  /// can. The rows have to be read and written anew then.
  ///
  /// Columns match by name and must be of one type and both optional or both required; a column
  /// that the file lacks must be optional. Their order, codec, encodings and pages do not matter.
  package static func obstacle(
    toCopying file: ParquetFile, into schema: ParquetSchema
  ) -> String? {
    var known: [String: ParquetColumn] = [:]
    for column in schema.columns { known[column.name] = column }
    var found: Set<String> = []
    for column in file.footer.schema.columns {
      guard let wanted = known[column.name] else { return "column '\(column.name)' is not wanted" }
      guard wanted.type == column.type else {
        return "column '\(column.name)' is \(column.type), not \(wanted.type)"
      }
      guard wanted.isOptional == column.isOptional else {
        return "column '\(column.name)' is \(column.isOptional ? "optional" : "required")"
      }
      found.insert(column.name)
    }
    for column in schema.columns where !column.isOptional && !found.contains(column.name) {
      return "column '\(column.name)' is required and not there"
    }
    for chunks in file.footer.rowGroups.map(\.chunks) {
      for (chunk, column) in zip(chunks, file.footer.schema.columns)
      where ColumnStatistics(chunk) == nil {
        return "column '\(column.name)' does not say how many rows are absent"
      }
    }
    return nil
  }

  /// Copies a row group of `file`, by its index, as it is: dictionaries and pages byte for byte,
  /// not looked into. A column that the file lacks becomes a chunk without values, a few bytes.
  /// The writer's schema is flat, and there is no `obstacle` to copying the file into it.
  ///
  /// After an error the file that is being written is of no use. Memory: the row group's bytes,
  /// until they are taken. Cost: reading and copying them, some 0.2 ns a byte.
  package mutating func copyRowGroup(
    _ rowGroup: Int, of file: ParquetFile
  ) throws(ParquetError) {
    precondition(openRowGroup == nil, "a row group is ended before the next begins")
    let source = file.footer.rowGroups[rowGroup]
    if source.rowCount == 0 { return }
    var indexes: [String: Int] = [:]
    for (index, column) in file.footer.schema.columns.enumerated() { indexes[column.name] = index }
    var copy = RowGroupMetadata(
      rowCount: source.rowCount, chunks: [], filePosition: output.filePosition)
    for leaf in leaves {
      if let index = indexes[leaf.column.name] {
        precondition(
          file.footer.schema.columns[index] == leaf.column, "the columns are of one type")
        copy.chunks.append(try copyChunk(source.chunks[index], of: file))
      } else {
        precondition(leaf.isFlat && leaf.column.isOptional, "a column that lacks is optional")
        copy.chunks.append(
          chunkWriter.writeAbsent(rowCount: source.rowCount, of: leaf, to: &output))
      }
    }
    append(copy)
  }

  private mutating func copyChunk(
    _ chunk: ParquetColumnChunk, of file: ParquetFile
  ) throws(ParquetError) -> ColumnChunkMetadata {
    guard let statistics = ColumnStatistics(chunk) else {
      preconditionFailure("a chunk that is copied says how many rows are absent")
    }
    let index = try copyIndex(of: chunk, file, to: output.filePosition)
    let shift = output.filePosition - chunk.filePosition
    output.append(try file.input.read(chunk.filePosition, chunk.compressedByteCount))
    return ColumnChunkMetadata(
      codec: chunk.codec, encodings: chunk.encodings, pageCounts: chunk.pageCounts,
      valueCount: chunk.valueCount, uncompressedByteCount: chunk.uncompressedByteCount,
      compressedByteCount: chunk.compressedByteCount,
      dictionaryPagePosition: chunk.dictionaryPagePosition.map { $0 + shift },
      firstDataPagePosition: chunk.firstDataPagePosition + shift, statistics: statistics,
      index: index)
  }

  /// The chunk's page index, relocated, and its bloom filter. A filter whose length the footer does
  /// not say is left behind.
  private func copyIndex(
    of chunk: ParquetColumnChunk, _ file: ParquetFile, to filePosition: Int
  ) throws(ParquetError) -> ChunkIndex {
    var index = ChunkIndex()
    let place = chunk.filePosition..<chunk.filePosition + chunk.compressedByteCount
    if let range = chunk.offsetIndex {
      let bytes = try file.input.read(range.lowerBound, range.count)
      var pages = try PageIndex.locations(bytes, filePosition: range.lowerBound)
      for number in pages.indices {
        let page = pages[number]
        guard place.contains(page.filePosition), page.byteCount >= 0,
          page.byteCount <= place.upperBound - page.filePosition
        else { throw .malformed("a page outside of its chunk", filePosition: range.lowerBound) }
        pages[number].filePosition += filePosition - chunk.filePosition
      }
      index.pages = pages
      if let range = chunk.columnIndex {
        index.columnIndex = try file.input.read(range.lowerBound, range.count)
      }
    }
    if let position = chunk.bloomFilterPosition, let byteCount = chunk.bloomFilterByteCount {
      index.bloomFilter = try file.input.read(position, byteCount)
    }
    return index
  }
}
