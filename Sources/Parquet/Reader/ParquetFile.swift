/// Reads files with flat schemas: those of `ParquetFileWriter`, and those that other engines leave
/// in a table. Data pages of both versions; every encoding but BIT_PACKED levels; no compression,
/// snappy, zstd and LZ4_RAW. Anything else is refused by name: types that `ParquetType` has no
/// case for, gzip, brotli, LZO, the framed LZ4, encryption. Of nested files see
/// `NestedParquetFile`.
///
/// A file is what somebody else may have damaged: every length, count and position is compared
/// with what is there before it is used, and a bad file is a `ParquetError`, never a trap. The
/// pages have no checksums, so a flipped bit in a value goes unseen, as long as the codec does not
/// notice it and the value is one of its column.
///
///     let file = try ParquetFile(bytes: bytes)
///     for rowGroup in file.footer.rowGroups.indices {
///       let times = try file.readColumn(1, rowGroup: rowGroup)
///     }
///
/// Cost: the footer is read with the last 64 KiB of the file, a column with one read for each
/// chunk: 35 ns of CPU time for a row of 15 columns of windows (zstd level 1), which is 830 MB of
/// file a second. Memory: `ParquetReaderLimits` says how much.
package struct ParquetFile {
  /// Returns `byteCount` bytes of the file from `filePosition` on; both lie within the file.
  package typealias RangeReader = (_ filePosition: Int, _ byteCount: Int) throws -> [UInt8]

  package let footer: ParquetFooter
  let input: FileInput

  /// Of the whole file.
  package var byteCount: Int { input.byteCount }

  /// Reads the footer of a file in memory.
  package init(
    bytes: [UInt8], limits: ParquetReaderLimits = ParquetReaderLimits()
  ) throws(ParquetError) {
    try self.init(byteCount: bytes.count, limits: limits) { filePosition, byteCount in
      [UInt8](bytes[filePosition..<filePosition + byteCount])
    }
  }

  /// Reads the footer of a file of `byteCount` bytes through `readRange`, which is kept for the
  /// columns. What it throws comes back as `.unreadable`.
  package init(
    byteCount: Int, limits: ParquetReaderLimits = ParquetReaderLimits(),
    readRange: @escaping RangeReader
  ) throws(ParquetError) {
    input = FileInput(byteCount: byteCount, limits: limits, readRange: readRange)
    footer = try input.readFooter().flat()
  }

  /// Reads one column, by its index in the schema, of one row group, by its index in the footer.
  package func readColumn(
    _ column: Int, rowGroup: Int
  ) throws(ParquetError) -> ParquetColumnValues {
    let chunk = footer.rowGroups[rowGroup].chunks[column]
    let bytes = try input.readChunk(chunk)
    let reader = ColumnChunkReader(
      bytes, of: footer.schema.columns[column], chunk, limits: input.limits)
    return try reader.read()
  }
}

/// The bytes of a Parquet file, flat or nested.
struct FileInput {
  private static let magic = Array("PAR1".utf8)
  /// Where the footer is encrypted.
  private static let encryptedMagic = Array("PARE".utf8)
  /// The first magic; the footer's size and the last magic.
  private static let headByteCount = 4
  private static let tailByteCount = 8
  /// Enough for the whole footer of a file with hundreds of chunks, and no more than one read
  /// costs anyway.
  private static let footerGuess = 1 << 16

  let byteCount: Int
  let limits: ParquetReaderLimits
  let readRange: ParquetFile.RangeReader

  func readFooter() throws(ParquetError) -> DecodedFooter {
    let (footer, filePosition) = try Self.footerBytes(byteCount: byteCount, readRange)
    return try FooterDecoding.decode(footer, filePosition: filePosition)
  }

  /// The bytes of a chunk; none for one that is too large for the reader's limits.
  func readChunk(_ chunk: ParquetColumnChunk) throws(ParquetError) -> [UInt8] {
    guard chunk.valueCount <= limits.rowGroupRowCountMax else {
      throw .unsupported(
        "a row group of \(chunk.valueCount) rows; the reader's limit is "
          + "\(limits.rowGroupRowCountMax)")
    }
    return try read(chunk.filePosition, chunk.compressedByteCount)
  }

  func read(_ filePosition: Int, _ byteCount: Int) throws(ParquetError) -> [UInt8] {
    if byteCount == 0 { return [] }
    return try Self.read(filePosition, byteCount, readRange)
  }

  /// The bytes of the footer, and where in the file they begin.
  static func footerBytes(
    byteCount: Int, footerByteCountMax: Int = .max, _ readRange: ParquetFile.RangeReader
  ) throws(ParquetError) -> (footer: [UInt8], filePosition: Int) {
    guard byteCount >= headByteCount + tailByteCount else { throw .notParquet }
    guard try read(0, headByteCount, readRange) == magic else { throw .notParquet }
    let guess = min(byteCount, footerGuess)
    let end = try read(byteCount - guess, guess, readRange)
    let endMagic = Array(end.suffix(4))
    if endMagic == encryptedMagic { throw .unsupported("encryption") }
    // A file that was not finished begins as one and ends somewhere.
    guard endMagic == magic else { throw .truncated(filePosition: byteCount) }
    var footerByteCount = 0
    for (index, byte) in end.suffix(tailByteCount).prefix(4).enumerated() {
      footerByteCount |= Int(byte) << (index * 8)
    }
    let footerEnd = byteCount - tailByteCount
    guard footerByteCount <= footerEnd - headByteCount else {
      throw .malformed("a footer larger than its file", filePosition: footerEnd)
    }
    guard footerByteCount <= footerByteCountMax else {
      throw .unsupported("a footer of \(footerByteCount) bytes")
    }
    let filePosition = footerEnd - footerByteCount
    let footer =
      if footerByteCount + tailByteCount <= guess {
        Array(end[(guess - tailByteCount - footerByteCount)..<(guess - tailByteCount)])
      } else {
        try read(filePosition, footerByteCount, readRange)
      }
    return (footer, filePosition)
  }

  private static func read(
    _ filePosition: Int, _ byteCount: Int, _ readRange: ParquetFile.RangeReader
  ) throws(ParquetError) -> [UInt8] {
    let bytes: [UInt8]
    do { bytes = try readRange(filePosition, byteCount) } catch { throw .unreadable(error) }
    guard bytes.count >= byteCount else {
      throw .truncated(filePosition: filePosition + bytes.count)
    }
    precondition(bytes.count == byteCount, "a range is read as it was asked for")
    return bytes
  }
}
