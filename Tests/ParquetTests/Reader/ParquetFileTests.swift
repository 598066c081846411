import Testing

@testable import Parquet

@Suite struct ParquetFileTests {
  private struct DiskError: Error {}

  private static func table(_ compression: Compression = .none) -> TestTable {
    let columns = [
      TestTable.Column(
        column: ParquetColumn(name: "value", type: .double),
        values: [.double(1.5), nil, .double(-2)]),
      TestTable.Column(
        column: ParquetColumn(name: "name", type: .string, isOptional: false),
        values: ["a", "bc", "a"].map { .bytes(Array($0.utf8)) }, form: .words),
    ]
    return TestTable(
      columns: columns, rowGroups: [3],
      options: ParquetWriterOptions(compression: compression, createdBy: "test version 1"))
  }

  private static func error(of bytes: [UInt8]) -> ParquetError? {
    do {
      let file = try ParquetFile(bytes: bytes)
      for column in file.footer.schema.columns.indices {
        _ = try file.readColumn(column, rowGroup: 0)
      }
      return nil
    } catch {
      return error
    }
  }

  /// Replaces the only occurrence of some bytes.
  private static func replace(
    _ old: [UInt8], with new: [UInt8], in bytes: [UInt8]
  ) throws -> [UInt8] {
    let range = try #require(bytes.firstRange(of: old))
    return Array(bytes[..<range.lowerBound]) + new + Array(bytes[range.upperBound...])
  }

  // MARK: - Golden

  /// A file as this repository wrote it once, byte by byte: a reader and a writer that change
  /// together still have to read it.
  private static let golden: [UInt8] = [
    0x50, 0x41, 0x52, 0x31, 0x15, 0x00, 0x15, 0x2C, 0x15, 0x2C, 0x2C, 0x15, 0x06, 0x15, 0x00, 0x15,
    0x06, 0x15, 0x06, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x03, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0xF8, 0x3F, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xC0, 0x15, 0x04, 0x15, 0x16, 0x15,
    0x16, 0x4C, 0x15, 0x04, 0x15, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x61, 0x02, 0x00, 0x00,
    0x00, 0x62, 0x63, 0x15, 0x00, 0x15, 0x06, 0x15, 0x06, 0x2C, 0x15, 0x06, 0x15, 0x10, 0x15, 0x06,
    0x15, 0x06, 0x00, 0x00, 0x01, 0x03, 0x02, 0x15, 0x00, 0x15, 0x14, 0x15, 0x14, 0x2C, 0x15, 0x06,
    0x15, 0x0A, 0x15, 0x06, 0x15, 0x06, 0x00, 0x00, 0x80, 0x01, 0x04, 0x03, 0x00, 0x02, 0x00, 0x00,
    0x00, 0x00, 0x15, 0x02, 0x19, 0x4C, 0x48, 0x06, 0x73, 0x63, 0x68, 0x65, 0x6D, 0x61, 0x15, 0x06,
    0x00, 0x15, 0x0A, 0x25, 0x02, 0x18, 0x05, 0x76, 0x61, 0x6C, 0x75, 0x65, 0x00, 0x15, 0x0C, 0x25,
    0x00, 0x18, 0x04, 0x6E, 0x61, 0x6D, 0x65, 0x25, 0x00, 0x4C, 0x1C, 0x00, 0x00, 0x00, 0x15, 0x04,
    0x25, 0x00, 0x18, 0x03, 0x72, 0x6F, 0x77, 0x00, 0x16, 0x06, 0x19, 0x1C, 0x19, 0x3C, 0x26, 0x00,
    0x1C, 0x15, 0x0A, 0x19, 0x25, 0x00, 0x06, 0x19, 0x18, 0x05, 0x76, 0x61, 0x6C, 0x75, 0x65, 0x15,
    0x00, 0x16, 0x06, 0x16, 0x4E, 0x16, 0x4E, 0x26, 0x08, 0x3C, 0x36, 0x02, 0x28, 0x08, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0xF8, 0x3F, 0x18, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xC0,
    0x11, 0x11, 0x16, 0x00, 0x00, 0x19, 0x1C, 0x15, 0x00, 0x15, 0x00, 0x15, 0x02, 0x00, 0x00, 0x00,
    0x26, 0x00, 0x1C, 0x15, 0x0C, 0x19, 0x35, 0x00, 0x06, 0x10, 0x19, 0x18, 0x04, 0x6E, 0x61, 0x6D,
    0x65, 0x15, 0x00, 0x16, 0x06, 0x16, 0x58, 0x16, 0x58, 0x26, 0x86, 0x01, 0x26, 0x56, 0x1C, 0x36,
    0x00, 0x28, 0x02, 0x62, 0x63, 0x18, 0x01, 0x61, 0x11, 0x11, 0x00, 0x19, 0x2C, 0x15, 0x04, 0x15,
    0x00, 0x15, 0x02, 0x00, 0x15, 0x00, 0x15, 0x10, 0x15, 0x02, 0x00, 0x00, 0x00, 0x26, 0x00, 0x1C,
    0x15, 0x04, 0x19, 0x25, 0x06, 0x0A, 0x19, 0x18, 0x03, 0x72, 0x6F, 0x77, 0x15, 0x00, 0x16, 0x06,
    0x16, 0x36, 0x16, 0x36, 0x26, 0xAE, 0x01, 0x3C, 0x36, 0x00, 0x28, 0x08, 0x02, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x18, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x11, 0x11,
    0x00, 0x19, 0x1C, 0x15, 0x00, 0x15, 0x0A, 0x15, 0x02, 0x00, 0x00, 0x00, 0x16, 0xDC, 0x01, 0x16,
    0x06, 0x26, 0x08, 0x16, 0xDC, 0x01, 0x00, 0x28, 0x0E, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65,
    0x72, 0x73, 0x69, 0x6F, 0x6E, 0x20, 0x31, 0x19, 0x3C, 0x1C, 0x00, 0x00, 0x1C, 0x00, 0x00, 0x1C,
    0x00, 0x00, 0x00, 0x21, 0x01, 0x00, 0x00, 0x50, 0x41, 0x52, 0x31,
  ]

  @Test func `a file of old is still read`() throws {
    let file = try ParquetFile(bytes: Self.golden)
    #expect(file.footer.rowCount == 3 && file.footer.createdBy == "test version 1")
    let value = try file.readColumn(0, rowGroup: 0)
    let name = try file.readColumn(1, rowGroup: 0)
    let row = try file.readColumn(2, rowGroup: 0)
    #expect((0..<3).map { value[$0] } == [.double(1.5), nil, .double(-2)])
    #expect(
      (0..<3).map { name[$0] } == ["a", "bc", "a"].map { .bytes(Array($0.utf8)) })
    #expect((0..<3).map { row[$0] } == [.integer(0), .integer(1), .integer(2)])
  }

  // MARK: - The file as a whole

  @Test func `what is no Parquet file is said to be none`() {
    for bytes in [[], Array("PAR1".utf8), Array("PAR1PAR1".utf8), Array(repeating: 7, count: 99)] {
      guard case .notParquet? = Self.error(of: bytes) else {
        Issue.record("\(bytes.count) bytes are taken for a Parquet file")
        continue
      }
    }
  }

  @Test func `a file that was not finished is truncated`() {
    let bytes = Self.table().file()
    guard case .truncated(let position)? = Self.error(of: Array(bytes.dropLast(9))) else {
      Issue.record("a file without its end is not truncated")
      return
    }
    #expect(position == bytes.count - 9)
  }

  @Test func `a footer larger than the file is malformed`() {
    var bytes = Self.table().file()
    bytes[bytes.count - 5] = 0x7F
    guard case .malformed? = Self.error(of: bytes) else {
      Issue.record("the footer's size is believed")
      return
    }
  }

  @Test func `an encrypted footer is unsupported`() {
    let bytes = Self.table().file().dropLast() + [UInt8(ascii: "E")]
    guard case .unsupported? = Self.error(of: Array(bytes)) else {
      Issue.record("an encrypted file is not refused by name")
      return
    }
  }

  @Test func `ranges are read, the footer with one and a column with one`() throws {
    let bytes = Self.table().file()
    var ranges: [Range<Int>] = []
    let file = try ParquetFile(byteCount: bytes.count) { filePosition, byteCount in
      ranges.append(filePosition..<filePosition + byteCount)
      return Array(bytes[filePosition..<filePosition + byteCount])
    }
    #expect(ranges == [0..<4, 0..<bytes.count])
    _ = try file.readColumn(1, rowGroup: 0)
    let chunk = file.footer.rowGroups[0].chunks[1]
    let end = chunk.filePosition + chunk.compressedByteCount
    #expect(ranges.count == 3 && ranges[2] == chunk.filePosition..<end)
  }

  @Test func `a footer of more than 64 KiB is read whole`() throws {
    var table = Self.table()
    table.options = ParquetWriterOptions(
      createdBy: "test version 1",
      keyValueMetadata: [.init(key: "long", value: String(repeating: "x", count: 200_000))])
    let file = try ParquetFile(bytes: table.file())
    #expect(file.footer.keyValueMetadata == table.options.keyValueMetadata)
    #expect(try file.readColumn(0, rowGroup: 0)[0] == .double(1.5))
  }

  @Test func `a disk that fails is not a bad file`() throws {
    do {
      _ = try ParquetFile(byteCount: 1000) { _, _ in throw DiskError() }
      Issue.record("the error was swallowed")
    } catch {
      guard case .unreadable(let cause) = error, cause is DiskError else { throw error }
    }
  }

  @Test func `a range that comes back short is a truncated file`() throws {
    let bytes = Self.table().file()
    do {
      _ = try ParquetFile(byteCount: bytes.count + 50) { filePosition, byteCount in
        Array(bytes[filePosition..<min(bytes.count, filePosition + byteCount)])
      }
      Issue.record("a missing end was not seen")
    } catch {
      guard case .truncated(let position) = error else { throw error }
      #expect(position == bytes.count)
    }
  }

  // MARK: - Contradictions

  @Test func `codecs and encodings that the writer does not have are named`() throws {
    let bytes = Self.table().file()
    // The page header of `value`: three rows, PLAIN, run lengths; made DELTA_BYTE_ARRAY (7).
    let header: [UInt8] = [0x2C, 0x15, 6, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0]
    var foreign = header
    foreign[4] = 14
    guard case .unsupported(let what)? = Self.error(
      of: try Self.replace(header, with: foreign, in: bytes))
    else {
      Issue.record("a foreign encoding is not refused by name")
      return
    }
    #expect(what == "column 'value': numbers in encoding deltaByteArray")
  }

  @Test func `a page of a row more than its row group is malformed`() throws {
    let header: [UInt8] = [0x2C, 0x15, 6, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0]
    var longer = header
    longer[2] = 8
    let bytes = try Self.replace(header, with: longer, in: Self.table().file())
    guard case .malformed(let what, let position)? = Self.error(of: bytes) else {
      Issue.record("a page's row count is believed")
      return
    }
    #expect(what == "column 'value': a page of 4 rows" && position == 4)
  }

  @Test func `a size that no codec reaches is refused before memory is taken`() throws {
    for compression in [Compression.snappy, .lz4, .zstd(level: 1)] {
      let bytes = Self.table(compression).file()
      let file = try ParquetFile(bytes: bytes)
      let chunk = file.footer.rowGroups[0].chunks[0]
      // The header's size field becomes 200 MiB: four bytes longer, so the chunk is read alone.
      let start = chunk.filePosition
      var page = Array(bytes[start..<start + chunk.compressedByteCount])
      let sizes = page[3..<4]
      page.replaceSubrange(sizes.indices, with: [0x80, 0x80, 0x80, 0xC8, 0x01])
      let reader = ColumnChunkReader(
        page, of: file.footer.schema.columns[0], chunk,
        limits: ParquetReaderLimits(pageByteCountMax: 1 << 30))
      do {
        _ = try reader.read()
        Issue.record("a page of a few bytes became 200 MiB")
      } catch {
        guard case .malformed(let what, _) = error else { throw error }
        #expect(what.contains("would decompress to 209715200"), "\(compression)")
      }
    }
  }

  /// Pages of DELTA_BYTE_ARRAY: in each a string of 1,000 bytes, and 49 times the same by no bytes
  /// of their own.
  private static func sharingPages(_ count: Int) -> [UInt8] {
    func zigzag(_ value: Int) -> [UInt8] {
      var (rest, bytes) = (value * 2, [UInt8]())
      while rest > 0x7F {
        bytes.append(UInt8(rest & 0x7F) | 0x80)
        rest >>= 7
      }
      return bytes + [UInt8(rest)]
    }
    var body = PageBuffer()
    let prefixes: [Int32] = [0] + Array(repeating: 1000, count: 49)
    let lengths: [Int32] = [1000] + Array(repeating: 0, count: 49)
    DeltaBinaryPacking.append(prefixes.span, to: &body)
    DeltaBinaryPacking.append(lengths.span, to: &body)
    let bytes = body.bytes + [UInt8](repeating: 0x61, count: 1000)
    let header: [UInt8] =
      [0x15, 0, 0x15] + zigzag(bytes.count) + [0x15] + zigzag(bytes.count)
      + [0x2C, 0x15] + zigzag(50) + [0x15, 14, 0x15, 6, 0x15, 6, 0, 0]
    return Array(repeatElement(header + bytes, count: count).joined())
  }

  @Test func `strings that share all of their predecessors are bounded as if written out`()
    throws
  {
    let column = TestTable.Column(
      column: ParquetColumn(name: "name", type: .string, isOptional: false),
      values: (0..<200).map { .bytes(Array("\($0)".utf8)) })
    let table = TestTable(
      columns: [column], rowGroups: [200],
      options: ParquetWriterOptions(
        compression: .none, dictionaryByteCountMax: 0, createdBy: "test version 1"))
    let footer = try ParquetFile(bytes: table.file()).footer
    let chunk = footer.rowGroups[0].chunks[0]
    let pages = Self.sharingPages(4)
    #expect(pages.count < 5_000)
    func read(_ limits: ParquetReaderLimits) throws(ParquetError) -> ParquetColumnValues {
      try ColumnChunkReader(pages, of: footer.schema.columns[0], chunk, limits: limits).read()
    }
    guard case .words(_, let dictionary) = try read(ParquetReaderLimits()).values else {
      Issue.record("no words")
      return
    }
    #expect(dictionary.bytes.count == 200_000)
    for limits in [
      ParquetReaderLimits(chunkByteCountMax: 199_999),
      ParquetReaderLimits(pageByteCountMax: 49_999),
    ] {
      do {
        _ = try read(limits)
        Issue.record("a limit was not kept")
      } catch {
        guard case .unsupported(let what) = error else { throw error }
        #expect(what.contains("limit"))
      }
    }
    _ = try read(ParquetReaderLimits(pageByteCountMax: 50_000, chunkByteCountMax: 200_000))
  }

  @Test func `limits of the reader are named`() throws {
    let bytes = Self.table().file()
    for limits in [
      ParquetReaderLimits(rowGroupRowCountMax: 2), ParquetReaderLimits(pageByteCountMax: 10),
      ParquetReaderLimits(chunkByteCountMax: 10),
    ] {
      do {
        _ = try ParquetFile(bytes: bytes, limits: limits).readColumn(0, rowGroup: 0)
        Issue.record("a limit was not kept")
      } catch {
        guard case .unsupported(let what) = error else { throw error }
        #expect(what.contains("limit"))
      }
    }
  }
}
