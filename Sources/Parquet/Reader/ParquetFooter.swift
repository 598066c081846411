/// What the end of a file says of the whole: Thrift `FileMetaData` (parquet.thrift), checked.
///
/// **Invariants:** the column names are unique; `rowCount` is the sum over the row groups; every
/// row group has a chunk for every column; chunks lie in the file in order and do not overlap.
package struct ParquetFooter: Sendable, Equatable {
  package let schema: ParquetSchema
  package let rowCount: Int
  package let rowGroups: [ParquetRowGroup]
  /// `<application> version <version> (build <hash>)`; empty where the file does not say.
  package let createdBy: String
  package let keyValueMetadata: [ParquetWriterOptions.KeyValue]
  /// Where the footer begins: the bytes before it are pages.
  package let filePosition: Int
}

/// A horizontal slice of a file.
package struct ParquetRowGroup: Sendable, Equatable {
  /// At most 2^31 − 1; 0 in files of some others.
  package let rowCount: Int
  package let filePosition: Int
  /// Of all pages and their headers.
  package let uncompressedByteCount: Int
  package let compressedByteCount: Int
  /// In schema order.
  package let chunks: [ParquetColumnChunk]

  /// The same without minima and maxima.
  func withoutBounds() -> ParquetRowGroup {
    let chunks = chunks.map { chunk in
      var chunk = chunk
      chunk.statistics = chunk.statistics.withoutBounds()
      return chunk
    }
    return ParquetRowGroup(
      rowCount: rowCount, filePosition: filePosition,
      uncompressedByteCount: uncompressedByteCount, compressedByteCount: compressedByteCount,
      chunks: chunks)
  }
}

/// What the footer says of one column of one row group.
package struct ParquetColumnChunk: Sendable, Equatable {
  package let codec: Codec
  /// Of values and levels.
  package let encodings: [Encoding]
  /// Absent ones included: the rows of the row group; of a repeated column, more.
  package let valueCount: Int
  /// Of all pages and their headers.
  package let uncompressedByteCount: Int
  package let compressedByteCount: Int
  /// Nil without a dictionary; otherwise the chunk begins there.
  package let dictionaryPagePosition: Int?
  package let firstDataPagePosition: Int
  package fileprivate(set) var statistics: ParquetStatistics
  /// Pages by kind and encoding, as the file says; empty where it does not.
  let pageCounts: [PageCount]
  /// Where in the file the chunk's page index lies; nil where there is none.
  package internal(set) var columnIndex: Range<Int>?
  package internal(set) var offsetIndex: Range<Int>?
  /// Where the chunk's bloom filter begins, and how long it is where the file says so.
  package internal(set) var bloomFilterPosition: Int?
  package internal(set) var bloomFilterByteCount: Int?

  /// Where the chunk's first page begins.
  package var filePosition: Int { dictionaryPagePosition ?? firstDataPagePosition }
}

/// What the footer says of a chunk's values.
package struct ParquetStatistics: Sendable, Equatable {
  /// Nil, as `max` is, when there is no value, or NaN or an infinity among them.
  package let min: ParquetValue?
  package let max: ParquetValue?
  /// Whether the bound is a value of the column; long strings are cut.
  package let isMinExact: Bool
  package let isMaxExact: Bool
  /// Rows (of a repeated column, entries) without a value; nil where the file does not say.
  package let nullCount: Int?
  /// 0 for columns that are neither float nor double; nil where the file does not say, and then
  /// NaN may be above `max`.
  package let nanCount: Int?

  /// Of a chunk without statistics.
  static let unknown = ParquetStatistics(
    min: nil, max: nil, isMinExact: false, isMaxExact: false, nullCount: nil, nanCount: nil)

  func withoutBounds() -> ParquetStatistics {
    ParquetStatistics(
      min: nil, max: nil, isMinExact: false, isMaxExact: false, nullCount: nullCount,
      nanCount: nanCount)
  }
}

extension ParquetFooter {
  /// The statistics of each column over all row groups: what `ParquetFileWriter.finish` returned
  /// when the file was written, and the table log says. Nil where a chunk does not say how many
  /// of its rows are absent.
  package var columnSummaries: [ParquetColumnSummary]? {
    var summaries: [ParquetColumnSummary] = []
    for index in schema.columns.indices {
      var merged = ColumnStatistics()
      for rowGroup in rowGroups {
        guard let statistics = ColumnStatistics(rowGroup.chunks[index]) else { return nil }
        merged.merge(statistics)
      }
      summaries.append(
        ParquetColumnSummary(name: schema.columns[index].name, statistics: merged))
    }
    return summaries
  }
}

extension ColumnStatistics {
  /// Nil where the file does not say how many values are absent.
  init?(_ chunk: ParquetColumnChunk) {
    let statistics = chunk.statistics
    guard let nullCount = statistics.nullCount else { return nil }
    absentCount = nullCount
    nanCount = statistics.nanCount
    isMinExact = statistics.isMinExact
    isMaxExact = statistics.isMaxExact
    // Others leave NaN out of their bounds and do not count it: see `ColumnBounds.unknowable`.
    let hasNoNaN = statistics.nanCount == 0
    if nullCount == chunk.valueCount {
      bounds = .empty
      nanCount = 0
    } else if let min = statistics.min, let max = statistics.max, hasNoNaN {
      bounds = .known(min: min, max: max)
    } else {
      bounds = .unknowable
    }
  }
}
