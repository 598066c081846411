/// Reads the files that `ParquetFileWriter` makes, and no others: flat schemas, data pages of
/// version 1, its types, encodings and codecs. Anything else is refused by name.
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

  private static let magic = Array("PAR1".utf8)
  /// Where the footer is encrypted.
  private static let encryptedMagic = Array("PARE".utf8)
  /// The first magic; the footer's size and the last magic.
  private static let headByteCount = 4
  private static let tailByteCount = 8
  /// Enough for the whole footer of a file with hundreds of chunks, and no more than one read
  /// costs anyway.
  private static let footerGuess = 1 << 16

  package let footer: ParquetFooter
  /// Of the whole file.
  package let byteCount: Int
  private let limits: ParquetReaderLimits
  private let readRange: RangeReader

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
    self.byteCount = byteCount
    self.limits = limits
    self.readRange = readRange
    footer = try Self.readFooter(byteCount: byteCount, readRange)
  }

  /// Reads one column, by its index in the schema, of one row group, by its index in the footer.
  package func readColumn(
    _ column: Int, rowGroup: Int
  ) throws(ParquetError) -> ParquetColumnValues {
    let group = footer.rowGroups[rowGroup]
    let chunk = group.chunks[column]
    guard group.rowCount <= limits.rowGroupRowCountMax else {
      throw .unsupported(
        "a row group of \(group.rowCount) rows; the reader's limit is "
          + "\(limits.rowGroupRowCountMax)")
    }
    let bytes = try Self.read(chunk.filePosition, chunk.compressedByteCount, readRange)
    let reader = ColumnChunkReader(
      bytes, of: footer.schema.columns[column], chunk, pageByteCountMax: limits.pageByteCountMax)
    return try reader.read()
  }

  private static func readFooter(
    byteCount: Int, _ readRange: RangeReader
  ) throws(ParquetError) -> ParquetFooter {
    let (footer, filePosition) = try footerBytes(byteCount: byteCount, readRange)
    return try FooterDecoding.decode(footer, filePosition: filePosition)
  }

  /// The bytes of the footer, and where in the file they begin.
  static func footerBytes(
    byteCount: Int, footerByteCountMax: Int = .max, _ readRange: RangeReader
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
    _ filePosition: Int, _ byteCount: Int, _ readRange: RangeReader
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
