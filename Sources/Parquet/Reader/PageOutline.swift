extension ParquetOutline {
  /// What the headers of a chunk's pages say.
  package struct Pages: Sendable, Equatable {
    /// Of the dictionary page; nil where there is none.
    package var dictionaryEntryCount: Int?
    /// Without compression.
    package var dictionaryByteCount = 0
    package var dataPageCount = 0
    /// Data pages by the encoding of their values, the most frequent first.
    package var encodings: [EncodingCount] = []
    /// Of the largest data page, without compression.
    package var pageByteCountMax = 0
    /// Why the rest was not looked at; nil where every page was.
    package var fault: Fault?

    /// Data pages of one encoding.
    package struct EncodingCount: Sendable, Equatable {
      package let name: String
      package let count: Int
    }

    /// Why the headers of a chunk's pages could not all be read.
    package enum Fault: Sendable, Equatable {
      /// Another page than the format has, or contradictions.
      case damaged(String)
      /// Pages of a kind that this module does not know.
      case unknown(String)
      /// `headerCountMax` headers had been read.
      case tooMany

      /// For people.
      package var text: String {
        switch self {
        case .damaged(let what), .unknown(let what): what
        case .tooMany: "more than \(ParquetOutline.headerCountMax) pages"
        }
      }
    }
  }

  /// Headers that are read of one file: some seconds of small reads. A file of ours of 256 MB has
  /// some 2,000.
  package static let headerCountMax = 100_000
  /// Enough for a header; one with long bounds in it is read again with more.
  private static let headerGuesses = [256, 1 << 16]

  /// Reads the header of every page, and nothing of the pages. A chunk that lies outside of the
  /// file, or whose pages do not follow each other to its end, gets a `Pages.fault`: the rest of
  /// the file is looked at all the same. Throws only what `readRange` throws.
  ///
  /// Cost: one read of 256 bytes for each page.
  package mutating func readPages(_ readRange: ParquetFile.RangeReader) throws(ParquetError) {
    var headerCount = 0
    for group in rowGroups.indices {
      for index in rowGroups[group].chunks.indices {
        rowGroups[group].chunks[index].pages = try pages(
          of: rowGroups[group].chunks[index], headerCount: &headerCount, readRange)
      }
    }
  }

  private func pages(
    of chunk: Chunk, headerCount: inout Int, _ readRange: ParquetFile.RangeReader
  ) throws(ParquetError) -> Pages {
    var pages = Pages()
    let end = fileByteCount - footerByteCount
    var position = Int(chunk.filePosition)
    guard position >= 4, position <= end, chunk.compressedByteCount <= end - position else {
      // Where there is nothing to read, positions may be anything; but some write a dictionary.
      if chunk.valueCount > 0 { pages.fault = .damaged("its pages lie outside of the file") }
      return pages
    }
    let chunkEnd = position + Int(chunk.compressedByteCount)
    var counts: [Int32: Int] = [:]
    while position < chunkEnd, pages.fault == nil {
      if headerCount == Self.headerCountMax {
        pages.fault = .tooMany
        break
      }
      headerCount += 1
      switch try header(at: position, end: chunkEnd, readRange) {
      case .failure(let fault): pages.fault = fault
      case .success(let header):
        position = header.end
        pages.count(header.page, &counts)
      }
    }
    pages.encodings = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      .map { Pages.EncodingCount(name: FormatNames.encoding($0.key), count: $0.value) }
    return pages
  }

  private enum Found {
    case success((page: DecodedPageHeader, end: Int))
    case failure(Pages.Fault)
  }

  /// The header at a position, and where its page ends.
  private func header(
    at position: Int, end: Int, _ readRange: ParquetFile.RangeReader
  ) throws(ParquetError) -> Found {
    var fault = Pages.Fault.damaged("a page without a header")
    for guess in Self.headerGuesses {
      let byteCount = min(guess, end - position)
      let bytes: [UInt8]
      do { bytes = try readRange(position, byteCount) } catch { throw .unreadable(error) }
      var input = ThriftCompactReader(bytes, origin: position)
      do throws(ParquetError) {
        let page = try PageHeaderDecoding.read(from: &input)
        let start = position + input.position
        guard page.compressedByteCount <= end - start else {
          return .failure(.damaged("a page at byte \(position) that ends after its chunk"))
        }
        return .success((page, start + page.compressedByteCount))
      } catch {
        fault = Self.fault(error)
        if case .unknown = fault { break }
        if byteCount == end - position { break }
      }
    }
    return .failure(fault)
  }

  private static func fault(_ error: ParquetError) -> Pages.Fault {
    switch error {
    case .unsupported(let what): .unknown(what)
    default: .damaged("\(error)")
    }
  }
}

extension ParquetOutline.Pages {
  fileprivate mutating func count(_ page: DecodedPageHeader, _ counts: inout [Int32: Int]) {
    switch page.type {
    case .dictionary:
      dictionaryEntryCount = page.valueCount
      dictionaryByteCount = page.byteCount
    case .data, .dataV2:
      dataPageCount += 1
      pageByteCountMax = max(pageByteCountMax, page.byteCount)
      counts[page.encoding.rawValue, default: 0] += 1
    }
  }
}
