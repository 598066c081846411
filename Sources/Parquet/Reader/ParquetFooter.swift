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
  /// 1 … 2^31 − 1.
  package let rowCount: Int
  package let filePosition: Int
  /// Of all pages and their headers.
  package let uncompressedByteCount: Int
  package let compressedByteCount: Int
  /// In schema order.
  package let chunks: [ParquetColumnChunk]
}

/// What the footer says of one column of one row group.
package struct ParquetColumnChunk: Sendable, Equatable {
  package let codec: Codec
  /// Of values and levels, ascending.
  package let encodings: [Encoding]
  /// Absent ones included: the rows of the row group.
  package let valueCount: Int
  /// Of all pages and their headers.
  package let uncompressedByteCount: Int
  package let compressedByteCount: Int
  /// Nil without a dictionary; otherwise the chunk begins there.
  package let dictionaryPagePosition: Int?
  package let firstDataPagePosition: Int
  package let statistics: ParquetStatistics

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
  /// Rows without a value.
  package let nullCount: Int
  /// 0 for columns that are neither float nor double.
  package let nanCount: Int
}

extension ParquetFooter {
  /// The statistics of each column over all row groups: what `ParquetFileWriter.finish` returned
  /// when the file was written, and the table log says.
  package var columnSummaries: [ParquetColumnSummary] {
    schema.columns.indices.map { index in
      var merged = ColumnStatistics()
      for rowGroup in rowGroups { merged.merge(ColumnStatistics(rowGroup.chunks[index])) }
      return ParquetColumnSummary(name: schema.columns[index].name, statistics: merged)
    }
  }
}

extension ColumnStatistics {
  fileprivate init(_ chunk: ParquetColumnChunk) {
    let statistics = chunk.statistics
    absentCount = statistics.nullCount
    nanCount = statistics.nanCount
    isMinExact = statistics.isMinExact
    isMaxExact = statistics.isMaxExact
    if let min = statistics.min, let max = statistics.max {
      bounds = .known(min: min, max: max)
    } else {
      bounds = statistics.nullCount == chunk.valueCount ? .empty : .unknowable
    }
  }
}
