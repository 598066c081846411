/// Why a file cannot be read. It does not name the file: the caller knows that.
package enum ParquetError: Error, CustomStringConvertible {
  /// The bytes do not begin and end as a Parquet file does.
  case notParquet
  /// The file ends before what should be at this position.
  case truncated(filePosition: Int)
  /// Perhaps a good file, but not one that this module reads, or beyond a limit of the reader.
  case unsupported(String)
  /// What is at this position (of the footer, or of a page's header) contradicts the format or
  /// another part of the file.
  case malformed(String, filePosition: Int)
  /// The function that reads ranges of the file failed.
  case unreadable(any Error)

  package var description: String {
    switch self {
    case .notParquet: "not a Parquet file: it does not begin and end with PAR1"
    case .truncated(let position): "the Parquet file ends before byte \(position)"
    case .unsupported(let what): "a Parquet file that downlink does not read: \(what)"
    case .malformed(let what, let position): "damaged Parquet file: \(what), at byte \(position)"
    case .unreadable(let error): "the Parquet file cannot be read: \(error)"
    }
  }
}

/// What is wrong inside a page. Positions in a decompressed page mean nothing to anybody, so the
/// page loop makes a `ParquetError` of it with the position of the page.
enum PageFault: Error {
  case malformed(String)
  case unsupported(String)
}

/// How much memory a file may ask for.
///
/// Run lengths let a few bytes stand for any number of rows, and a codec for any number of bytes,
/// so what a file needs cannot be bounded by its size alone. A column takes at most 8 bytes a row
/// while it is decoded and as much again when it is spread over absent rows, and beyond that one
/// chunk's compressed bytes, one page, and the chunk's strings.
package struct ParquetReaderLimits: Sendable {
  /// 100,000,000: the most that `storage.parquet.row_group_rows` can be set to.
  package static let defaultRowGroupRowCountMax = 100_000_000
  /// 256 MiB. The writer's pages stay at 1 MiB unless a single value is larger.
  package static let defaultPageByteCountMax = 1 << 28
  /// 16 GiB: what strings of a row group may come to.
  package static let defaultChunkByteCountMax = 1 << 34

  package let rowGroupRowCountMax: Int
  /// Of a page without compression, and of its strings where they share beginnings.
  package let pageByteCountMax: Int
  /// Of all pages of a chunk without compression, as their headers say it, and of its strings.
  package let chunkByteCountMax: Int

  package init(
    rowGroupRowCountMax: Int = Self.defaultRowGroupRowCountMax,
    pageByteCountMax: Int = Self.defaultPageByteCountMax,
    chunkByteCountMax: Int = Self.defaultChunkByteCountMax
  ) {
    precondition(
      rowGroupRowCountMax > 0 && pageByteCountMax > 0 && chunkByteCountMax > 0,
      "reader limits are positive")
    self.rowGroupRowCountMax = rowGroupRowCountMax
    self.pageByteCountMax = pageByteCountMax
    self.chunkByteCountMax = chunkByteCountMax
  }
}
