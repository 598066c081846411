/// How pages are compressed (parquet-format, Compression.md).
package enum Compression: Sendable, Equatable {
  case none
  case snappy
  /// Level 1 … 22; the daemon uses 1.
  case zstd(level: Int32)
  /// The block format, LZ4_RAW in the specification; the deprecated framed LZ4 is never written.
  case lz4
}

/// Limits and choices of one file.
package struct ParquetWriterOptions: Sendable {
  /// 1 MiB: the page size the format recommends, large enough for a codec to find repetitions.
  package static let defaultPageByteCountMax = 1 << 20
  /// 20,480: six pages in a row group of 122,880 rows, so that a reader with a page index (Spark,
  /// DataFusion) decompresses a sixth of it for one device; parquet-java and arrow-rs have 20,000.
  package static let defaultPageRowCountMax = 20_480
  /// 1 MiB of PLAIN entries: 131,072 doubles, or as many strings as fit.
  package static let defaultDictionaryByteCountMax = 1 << 20

  package let compression: Compression
  /// Uncompressed bytes of values a data page aims to stay within; one value may exceed it.
  package let pageByteCountMax: Int
  /// Rows of a data page. A column with a single value is written as one page regardless.
  package let pageRowCountMax: Int
  /// Beyond this many bytes of entries the rest of a column chunk leaves dictionary encoding.
  package var dictionaryByteCountMax: Int {
    didSet { Self.check(dictionaryByteCountMax: dictionaryByteCountMax) }
  }
  /// Whether floats and doubles that do not repay a dictionary are written as BYTE_STREAM_SPLIT.
  ///
  /// Off by default: Spark's vectorised reader refuses the encoding, and with it the file, up to
  /// SPARK-56894 (May 2026). Measured on random walks of doubles with zstd level 1: 6.0 bytes a
  /// value instead of 7.4, and about half the CPU time; rounded values gain nothing, for they
  /// get a dictionary. pyarrow, DuckDB 1.5.5, Polars 2.1 and DataFusion read it.
  package let splitsFloatingPointBytes: Bool
  /// `<application> version <version> (build <hash>)`. parquet-mr throws the statistics of string
  /// columns away when it cannot parse this form.
  package let createdBy: String
  package let keyValueMetadata: [KeyValue]
  /// Names of text columns whose chunks get a bloom filter where `BloomFilter.filter` finds that
  /// it pays: those by which people look up a few rows.
  package var bloomFilterColumns: Set<String> = []

  /// One entry of the file's key-value metadata.
  package struct KeyValue: Sendable, Equatable {
    package let key: String
    package let value: String

    package init(key: String, value: String) {
      self.key = key
      self.value = value
    }
  }

  package init(
    compression: Compression = .zstd(level: 1),
    pageByteCountMax: Int = Self.defaultPageByteCountMax,
    pageRowCountMax: Int = Self.defaultPageRowCountMax,
    dictionaryByteCountMax: Int = Self.defaultDictionaryByteCountMax,
    splitsFloatingPointBytes: Bool = false,
    createdBy: String,
    keyValueMetadata: [KeyValue] = [],
    bloomFilterColumns: Set<String> = []
  ) {
    precondition(pageByteCountMax > 0 && pageRowCountMax > 0, "page limits are positive")
    precondition(pageByteCountMax <= 1 << 30, "a page has a 32-bit size: 1 GiB at most")
    Self.check(dictionaryByteCountMax: dictionaryByteCountMax)
    self.compression = compression
    self.pageByteCountMax = pageByteCountMax
    self.pageRowCountMax = pageRowCountMax
    self.dictionaryByteCountMax = dictionaryByteCountMax
    self.splitsFloatingPointBytes = splitsFloatingPointBytes
    self.createdBy = createdBy
    self.keyValueMetadata = keyValueMetadata
    self.bloomFilterColumns = bloomFilterColumns
  }

  private static func check(dictionaryByteCountMax: Int) {
    precondition(dictionaryByteCountMax <= 1 << 30, "a dictionary is a page: at most 1 GiB")
  }
}
