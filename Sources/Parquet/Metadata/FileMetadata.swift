/// What the footer says of one column chunk.
struct ColumnChunkMetadata {
  var codec: Codec
  /// Of values and levels, as numbers of parquet.thrift, ascending.
  var encodings: [Encoding] = []
  var pageCounts: [PageCount] = []
  var valueCount: Int
  var uncompressedByteCount: Int
  var compressedByteCount: Int
  var dictionaryPagePosition: Int?
  var firstDataPagePosition: Int
  var statistics: ColumnStatistics
  var index = ChunkIndex()
}

/// What the end of the file has of a chunk beside the footer, and where, once it is written.
struct ChunkIndex {
  /// Nil where no `OffsetIndex` is written.
  var pages: [PageLocation]?
  /// The Thrift `ColumnIndex`, encoded; nil where there is none.
  var columnIndex: [UInt8]?
  /// `BloomFilterHeader` and bits.
  var bloomFilter: [UInt8]?
  var columnIndexRange: Range<Int>?
  var offsetIndexRange: Range<Int>?
  var bloomFilterRange: Range<Int>?
}

/// Pages of a chunk of one kind in one encoding, as numbers of parquet.thrift; readers decide by
/// these whether a chunk is all dictionary.
struct PageCount: Equatable {
  var pageType: Int32
  var encoding: Int32
  var count: Int32
}

/// Pages of a chunk that is being written, by encoding.
struct EncodingCounts {
  var dictionaryPageCount = 0
  var dictionaryEncodedPageCount = 0
  var fallbackPageCount = 0
  var fallbackEncoding = Encoding.plain
}

/// What the footer says of one row group.
struct RowGroupMetadata {
  var rowCount: Int
  var chunks: [ColumnChunkMetadata]
  var filePosition: Int
}

/// The footer: the Thrift `FileMetaData` (parquet.thrift). Field numbers are in the comments of
/// that file; only fields that readers use are written.
struct FileMetadata {
  let tree: SchemaTree
  let rowGroups: [RowGroupMetadata]
  let options: ParquetWriterOptions

  /// 1: there is no agreed meaning of 2, and the specification asks writers for 1.
  private static let formatVersion: Int32 = 1

  private var leaves: [LeafColumn] { tree.leaves }

  func encoded() -> [UInt8] {
    var writer = ThriftCompactWriter()
    writer.write(1, int32: Self.formatVersion)
    writeSchema(to: &writer)
    writer.write(3, int64: rowGroups.reduce(0) { $0 + Int64($1.rowCount) })
    writer.beginList(4, of: .structure, count: rowGroups.count)
    for rowGroup in rowGroups { write(rowGroup, to: &writer) }
    if !options.keyValueMetadata.isEmpty {
      writer.beginList(5, of: .structure, count: options.keyValueMetadata.count)
      for entry in options.keyValueMetadata {
        writer.beginElement()
        writer.write(1, text: entry.key)
        writer.write(2, text: entry.value)
        writer.endStruct()
      }
    }
    writer.write(6, text: options.createdBy)
    // Without column orders min_value and max_value mean nothing: TYPE_ORDER for every leaf.
    writer.beginList(7, of: .structure, count: leaves.count)
    for _ in leaves {
      writer.beginElement()
      writer.writeEmptyStruct(1)
      writer.endStruct()
    }
    return writer.finish()
  }

  /// The tree flattened depth first: the root, then its nodes.
  private func writeSchema(to writer: inout ThriftCompactWriter) {
    writer.beginList(2, of: .structure, count: tree.elements.count + 1)
    writer.beginElement()
    writer.write(4, text: "schema")
    writer.write(5, int32: Int32(tree.fields.count))
    writer.endStruct()
    for element in tree.elements {
      writer.beginElement()
      switch element.kind {
      case .leaf(let type): write(element, type, to: &writer)
      case .group(let childCount, let annotation):
        write(element, childCount: childCount, annotation, to: &writer)
      }
      writer.endStruct()
    }
  }

  private func write(
    _ element: SchemaElement, childCount: Int, _ annotation: GroupAnnotation?,
    to writer: inout ThriftCompactWriter
  ) {
    writer.write(3, int32: element.repetition.rawValue)
    writer.write(4, text: element.name)
    writer.write(5, int32: Int32(childCount))
    if let annotation {
      writer.write(6, int32: annotation.convertedType)
      writer.beginStruct(10)  // logicalType
      writer.writeEmptyStruct(annotation.logicalTypeField)
      writer.endStruct()
    }
  }

  private func write(
    _ element: SchemaElement, _ type: ParquetType, to writer: inout ThriftCompactWriter
  ) {
    writer.write(1, int32: PhysicalType(type).rawValue)
    writer.write(3, int32: element.repetition.rawValue)
    writer.write(4, text: element.name)
    if let converted = ConvertedType(type) {
      writer.write(6, int32: converted.rawValue)
      writer.beginStruct(10)  // logicalType
      switch converted {
      case .utf8: writer.writeEmptyStruct(1)
      case .date: writer.writeEmptyStruct(6)
      case .timestampMicros:
        writer.beginStruct(8)
        writer.write(1, boolean: true)  // isAdjustedToUTC
        writer.beginStruct(2)  // unit
        writer.writeEmptyStruct(2)  // MICROS
        writer.endStruct()
        writer.endStruct()
      }
      writer.endStruct()
    }
  }

  private func write(_ rowGroup: RowGroupMetadata, to writer: inout ThriftCompactWriter) {
    writer.beginElement()
    writer.beginList(1, of: .structure, count: rowGroup.chunks.count)
    for (leaf, chunk) in zip(leaves, rowGroup.chunks) {
      writer.beginElement()
      writer.write(2, int64: 0)  // file_offset, deprecated: 0 as the specification asks
      writer.beginStruct(3)
      write(chunk, of: leaf, to: &writer)
      writer.endStruct()
      if let range = chunk.index.offsetIndexRange {
        writer.write(4, int64: Int64(range.lowerBound))
        writer.write(5, int32: Int32(range.count))
      }
      if let range = chunk.index.columnIndexRange {
        writer.write(6, int64: Int64(range.lowerBound))
        writer.write(7, int32: Int32(range.count))
      }
      writer.endStruct()
    }
    let chunks = rowGroup.chunks
    writer.write(2, int64: chunks.reduce(0) { $0 + Int64($1.uncompressedByteCount) })
    writer.write(3, int64: Int64(rowGroup.rowCount))
    writer.write(5, int64: Int64(rowGroup.filePosition))
    writer.write(6, int64: chunks.reduce(0) { $0 + Int64($1.compressedByteCount) })
    writer.endStruct()
  }

  /// `ColumnMetaData`.
  private func write(
    _ chunk: ColumnChunkMetadata, of leaf: LeafColumn, to writer: inout ThriftCompactWriter
  ) {
    writer.write(1, int32: leaf.physicalType.rawValue)
    writer.beginList(2, of: .int32, count: chunk.encodings.count)
    for encoding in chunk.encodings { writer.writeElement(int32: encoding.rawValue) }
    writer.beginList(3, of: .binary, count: leaf.path.count)
    for name in leaf.path { writer.writeElement(text: name) }
    writer.write(4, int32: chunk.codec.rawValue)
    writer.write(5, int64: Int64(chunk.valueCount))
    writer.write(6, int64: Int64(chunk.uncompressedByteCount))
    writer.write(7, int64: Int64(chunk.compressedByteCount))
    writer.write(9, int64: Int64(chunk.firstDataPagePosition))
    if let position = chunk.dictionaryPagePosition { writer.write(11, int64: Int64(position)) }
    writer.beginStruct(12)
    StatisticsEncoding.write(chunk.statistics, of: leaf, to: &writer)
    writer.endStruct()
    if !chunk.pageCounts.isEmpty {
      writer.beginList(13, of: .structure, count: chunk.pageCounts.count)
    }
    for pages in chunk.pageCounts {
      writer.beginElement()
      writer.write(1, int32: pages.pageType)
      writer.write(2, int32: pages.encoding)
      writer.write(3, int32: pages.count)
      writer.endStruct()
    }
    if let range = chunk.index.bloomFilterRange {
      writer.write(14, int64: Int64(range.lowerBound))
      writer.write(15, int32: Int32(range.count))
    }
  }
}

extension EncodingCounts {
  /// Every encoding of the chunk, levels included, in ascending order: the same for equal input.
  var encodings: [Encoding] {
    var all: Set<Encoding> = [.runLength]
    if dictionaryPageCount > 0 { all.formUnion([.plain, .dictionary]) }
    if fallbackPageCount > 0 { all.insert(fallbackEncoding) }
    return all.sorted { $0.rawValue < $1.rawValue }
  }

  var pages: [PageCount] {
    let all: [(PageType, Encoding, Int)] = [
      (.dictionary, .plain, dictionaryPageCount),
      (.data, .dictionary, dictionaryEncodedPageCount),
      (.data, fallbackEncoding, fallbackPageCount),
    ]
    return all.filter { $0.2 > 0 }.map { type, encoding, count in
      PageCount(pageType: type.rawValue, encoding: encoding.rawValue, count: Int32(count))
    }
  }
}

extension ConvertedType {
  init?(_ type: ParquetType) {
    switch type {
    case .string: self = .utf8
    case .date: self = .date
    case .timestampMicros: self = .timestampMicros
    case .boolean, .int32, .int64, .float, .double, .binary: return nil
    }
  }
}
