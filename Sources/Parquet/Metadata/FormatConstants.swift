// Numbers of the format, from parquet.thrift. Only what this writer emits.

/// `Type`: how values lie in a page.
enum PhysicalType: Int32 {
  case boolean = 0
  case int32 = 1
  case int64 = 2
  case float = 4
  case double = 5
  case byteArray = 6
}

/// How values are laid out in a page: `Encoding` of parquet.thrift.
///
/// Strings that do not repay a dictionary are PLAIN, never DELTA_LENGTH_BYTE_ARRAY: Spark's
/// vectorised reader mixes up positions in that encoding when it starts inside a batch
/// (SPARK-52240, fixed in 2025), and the codec takes back most of what it would save.
package enum Encoding: Int32, Sendable {
  case plain = 0
  /// What early writers call the dictionary's encoding; read only.
  case plainDictionary = 2
  case runLength = 3
  /// Of levels, in the oldest files; never read.
  case bitPacked = 4
  case deltaBinaryPacked = 5
  /// Read only.
  case deltaLengthByteArray = 6
  /// Read only.
  case deltaByteArray = 7
  case dictionary = 8
  case byteStreamSplit = 9
}

/// `PageType`.
enum PageType: Int32 {
  case data = 0
  case dictionary = 2
  /// Read only.
  case dataV2 = 3
}

/// How pages are compressed: `CompressionCodec` of parquet.thrift.
package enum Codec: Int32, Sendable {
  case uncompressed = 0
  case snappy = 1
  case zstd = 6
  case lz4Raw = 7

  init(_ compression: Compression) {
    switch compression {
    case .none: self = .uncompressed
    case .snappy: self = .snappy
    case .zstd: self = .zstd
    case .lz4: self = .lz4Raw
    }
  }
}

/// `FieldRepetitionType`.
enum Repetition: Int32 {
  case required = 0
  case optional = 1
  case repeated = 2
}

/// `ConvertedType`: what readers older than the logical types go by.
enum ConvertedType: Int32 {
  case utf8 = 0
  case date = 6
  case timestampMicros = 10
}
