/// Where one data page lies: `PageLocation` of the offset index.
struct PageLocation: Equatable {
  var filePosition: Int
  /// With its header, compressed.
  var byteCount: Int
  /// Of the row group.
  var firstRow: Int
}

/// One data page of a chunk that is being written, as the page index has it.
struct PageRecord {
  var location: PageLocation
  /// Of the page's values, with `absentCount`.
  var statistics: ColumnStatistics
}

/// The page index of a chunk (parquet-format, PageIndex.md): bounds of every page, and where it is,
/// so that a reader that looks for a device or an hour decompresses the pages that may have it.
///
/// Both parts lie between the last row group and the footer.
enum PageIndex {
  /// `ColumnIndex`; nil where a page that has values has no bounds: NaN, an infinity, or a string
  /// that cannot be cut (`ColumnBounds.unknowable`). The format has no word for such a page.
  static func columnIndex(_ pages: [PageRecord], of leaf: LeafColumn) -> [UInt8]? {
    var bounds: [(min: ParquetValue, max: ParquetValue)?] = []
    for page in pages {
      switch page.statistics.bounds {
      case .empty: bounds.append(nil)
      case .known(let min, let max): bounds.append((min, max))
      case .unknowable: return nil
      }
    }
    func encoded(_ value: ParquetValue?, isUpper: Bool) -> [UInt8] {
      value.map { StatisticsEncoding.plain($0, of: leaf.physicalType, isUpper: isUpper) } ?? []
    }
    var writer = ThriftCompactWriter()
    writer.beginList(1, of: .booleanTrue, count: pages.count)
    for bound in bounds { writer.writeElement(boolean: bound == nil) }
    writer.beginList(2, of: .binary, count: pages.count)
    for bound in bounds { writer.writeElement(bytes: encoded(bound?.min, isUpper: false)) }
    writer.beginList(3, of: .binary, count: pages.count)
    for bound in bounds { writer.writeElement(bytes: encoded(bound?.max, isUpper: true)) }
    writer.write(4, int32: order(of: bounds.compactMap { $0 }).rawValue)
    writer.beginList(5, of: .int64, count: pages.count)
    for page in pages { writer.writeElement(int64: Int64(page.statistics.absentCount)) }
    return writer.finish()
  }

  /// `OffsetIndex`.
  static func offsetIndex(_ pages: [PageLocation]) -> [UInt8] {
    var writer = ThriftCompactWriter()
    writer.beginList(1, of: .structure, count: pages.count)
    for page in pages {
      writer.beginElement()
      writer.write(1, int64: Int64(page.filePosition))
      writer.write(2, int32: Int32(page.byteCount))
      writer.write(3, int64: Int64(page.firstRow))
      writer.endStruct()
    }
    return writer.finish()
  }

  /// The page locations of an `OffsetIndex`, which lies at `filePosition` of the file.
  static func locations(
    _ bytes: [UInt8], filePosition: Int
  ) throws(ParquetError) -> [PageLocation] {
    var input = ThriftCompactReader(bytes, origin: filePosition)
    var pages: [PageLocation] = []
    var previous = 0
    while let field = try input.nextField(after: &previous) {
      guard field.number == 1 else {
        try input.skip(field)
        continue
      }
      for _ in 0..<(try input.readList(field, of: .structure)) {
        var page = PageLocation(filePosition: 0, byteCount: 0, firstRow: 0)
        var previousMember = 0
        while let member = try input.nextField(after: &previousMember) {
          switch member.number {
          case 1: page.filePosition = try input.readCount(member)
          case 2: page.byteCount = Int(try input.readInt32(member))
          case 3: page.firstRow = try input.readCount(member)
          default: try input.skip(member)
          }
        }
        pages.append(page)
      }
    }
    return pages
  }

  /// `BoundaryOrder`.
  enum Order: Int32 {
    case none = 0
    case ascending = 1
    case descending = 2
  }

  /// How minima and maxima go from page to page; pages without values are left out. Readers find
  /// the pages of a range by bisection where there is an order.
  static func order(of bounds: [(min: ParquetValue, max: ParquetValue)]) -> Order {
    let pairs = zip(bounds, bounds.dropFirst())
    if pairs.allSatisfy({ !$1.min.precedes($0.min) && !$1.max.precedes($0.max) }) {
      return .ascending
    }
    if pairs.allSatisfy({ !$0.min.precedes($1.min) && !$0.max.precedes($1.max) }) {
      return .descending
    }
    return .none
  }
}
