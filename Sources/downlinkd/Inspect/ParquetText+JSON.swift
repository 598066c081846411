import Base
import Parquet

/// A Parquet file's outline for programs.
extension ParquetText {
  func json(_ file: String) -> JSONValue {
    [
      "path": .string(file), "bytes": .int(outline.fileByteCount),
      "footer_bytes": .int(outline.footerByteCount), "rows": .int(outline.rowCount),
      "created_by": .string(outline.createdBy), "format": .int(outline.formatVersion),
      "data_bytes": .int(dataByteCount),
      "metadata": .array(
        outline.metadata.map {
          ["key": .string($0.key), "bytes": .int($0.byteCount), "value": .optional($0.text)]
        }),
      "schema": .array(
        outline.schema.map {
          [
            "name": .string($0.name), "depth": .int($0.depth),
            "repetition": .optional($0.repetition), "physical_type": .optional($0.physicalType),
            "logical_type": .optional($0.logicalType), "children": .int($0.childCount),
          ]
        }),
      "row_groups": .array(outline.rowGroups.map(json)),
    ]
  }

  private func json(_ group: ParquetOutline.RowGroup) -> JSONValue {
    [
      "rows": .int(group.rowCount), "uncompressed_bytes": .int(group.uncompressedByteCount),
      "sorting": .array(
        group.sorting.map { ["column": .int($0.column), "descending": .bool($0.isDescending)] }),
      "columns": .array(group.chunks.map(json)),
    ]
  }

  private func json(_ chunk: ParquetOutline.Chunk) -> JSONValue {
    var bytesPerValue: JSONValue?
    if chunk.valueCount > 0 {
      bytesPerValue = .double(Double(chunk.compressedByteCount) / Double(chunk.valueCount))
    }
    return [
      "path": .string(chunk.path), "physical_type": .string(chunk.physicalType),
      "codec": .string(chunk.codec), "encodings": .array(chunk.encodings.map { .string($0) }),
      "values": .int(chunk.valueCount), "bytes": .int(chunk.compressedByteCount),
      "uncompressed_bytes": .int(chunk.uncompressedByteCount),
      "bytes_per_value": bytesPerValue ?? .null, "dictionary": .bool(chunk.hasDictionary),
      "pages": chunk.pages.map(json) ?? .null,
      "column_index_bytes": Self.optional(chunk.columnIndexByteCount),
      "offset_index_bytes": Self.optional(chunk.offsetIndexByteCount),
      "bloom_filter": .bool(chunk.hasBloomFilter),
      "bloom_filter_bytes": Self.optional(chunk.bloomFilterByteCount),
      "nulls": chunk.nullCount.map { .int($0) } ?? .null, "min": value(chunk.min, chunk),
      "max": value(chunk.max, chunk),
    ]
  }

  private func json(_ pages: ParquetOutline.Pages) -> JSONValue {
    [
      "data": .int(pages.dataPageCount),
      "dictionary_entries": Self.optional(pages.dictionaryEntryCount),
      "dictionary_bytes": .int(pages.dictionaryByteCount),
      "encodings": .object(
        pages.encodings.map { JSONMember($0.name, .int($0.count)) }),
      "page_bytes_max": .int(pages.pageByteCountMax), "fault": .optional(pages.fault?.text),
    ]
  }

  private static func optional(_ number: Int?) -> JSONValue { number.map { .int($0) } ?? .null }
}
