import Base
import Parquet
import Testing

@testable import downlinkd

/// What `inspect parquet` prints of a file.
@Suite struct ParquetTextTests {
  /// Two row groups of readings: words, times in pages of 100, rounded values with gaps, one that
  /// has every bit in use, a constant.
  private static func file() -> [UInt8] {
    let columns = [
      ParquetColumn(name: "device_id", type: .string, isOptional: false),
      ParquetColumn(name: "event_time", type: .timestampMicros),
      ParquetColumn(name: "temperature", type: .double),
      ParquetColumn(name: "drift", type: .double), ParquetColumn(name: "flags", type: .int32),
    ]
    var writer = ParquetFileWriter(
      schema: ParquetSchema(columns: columns),
      options: ParquetWriterOptions(
        compression: .none, pageRowCountMax: 100, createdBy: "downlink version 0 (build 1)",
        keyValueMetadata: [.init(key: "writer", value: "a test\u{1B}[2J")],
        bloomFilterColumns: ["device_id"]))
    for group in 0..<2 {
      let rows = 0..<256
      writer.beginRowGroup(rowCount: rows.count)
      writer.writeColumn(
        .words(
          indexes: rows.map { UInt32($0 / 64) },
          dictionary: ByteStrings(bytes: Array("d1d2d3d4".utf8), starts: [0, 2, 4, 6, 8])))
      writer.writeColumn(.int64(rows.map { Int64(group * 1000 + $0) * 1_000_000 }))
      writer.writeColumn(
        .double(rows.map { Double($0 % 10) / 2 }),
        validity: [UInt64.max, 0x7FFF_FFFF_FFFF_FFFF, .max, .max])
      writer.writeColumn(.double(rows.map { 1 / Double($0 + 3) }))
      writer.writeColumn(.constantInteger(0))
      writer.endRowGroup()
    }
    return writer.finish().output
  }

  private static func outline() throws -> ParquetOutline {
    let bytes = file()
    func read(_ position: Int, _ count: Int) -> [UInt8] {
      Array(bytes[position..<position + count])
    }
    var outline = try ParquetOutline(byteCount: bytes.count, readRange: read)
    try outline.readPages(read)
    return outline
  }

  @Test func `a file is shown with what its columns take, by row group and over all`() throws {
    let text = try ParquetText(Self.outline()).text("a.parquet")
    // Columns stand below each other; here their spaces are one.
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.prefix { $0 == " " } + line.split(separator: " ").joined(separator: " ")
    }
    #expect(
      lines.joined(separator: "\n") == """
        a.parquet: 512 rows, 7404 B
        created by downlink version 0 (build 1)
        format 1
        footer 1066 B
        bytes a row 14.5
        metadata writer: a test?[2J

        schema
          device_id required BYTE_ARRAY STRING
          event_time optional INT64 TIMESTAMP
          temperature optional DOUBLE
          drift optional DOUBLE
          flags optional INT32

        all row groups
          column encodings pages size share plain a value nulls
          device_id RLE_DICTIONARY 6 214 B 3.9 % 214 B 0.42 0
          event_time DELTA_BINARY_PACKED 6 237 B 4.4 % 237 B 0.46 0
          temperature RLE_DICTIONARY 6 632 B 11.6 % 632 B 1.23 2
          drift PLAIN 6 4254 B 78.4 % 4254 B 8.31 0
          flags RLE_DICTIONARY 2 90 B 1.7 % 90 B 0.18 0

        row group 0: 256 rows, 2711 B (2711 B uncompressed)
          column codec encodings pages dictionary index bloom size plain a value nulls min max
          device_id UNCOMPRESSED RLE_DICTIONARY 3 4 yes 47 B 107 B 107 B 0.42 0 d1 d4
          event_time UNCOMPRESSED DELTA_BINARY_PACKED 3 - yes - 116 B 116 B 0.45 0 0 255000000
          temperature UNCOMPRESSED RLE_DICTIONARY 3 10 yes - 316 B 316 B 1.23 1 -0.0 4.5
          drift UNCOMPRESSED PLAIN 3 - yes - 2127 B 2127 B 8.31 0 0.003875968992248062 \
        0.3333333333333333
          flags UNCOMPRESSED RLE_DICTIONARY 1 1 yes - 45 B 45 B 0.18 0 0 0

        row group 1: 256 rows, 2716 B (2716 B uncompressed)
          column codec encodings pages dictionary index bloom size plain a value nulls min max
          device_id UNCOMPRESSED RLE_DICTIONARY 3 4 yes 47 B 107 B 107 B 0.42 0 d1 d4
          event_time UNCOMPRESSED DELTA_BINARY_PACKED 3 - yes - 121 B 121 B 0.47 0 1000000000 \
        1255000000
          temperature UNCOMPRESSED RLE_DICTIONARY 3 10 yes - 316 B 316 B 1.23 1 -0.0 4.5
          drift UNCOMPRESSED PLAIN 3 - yes - 2127 B 2127 B 8.31 0 0.003875968992248062 \
        0.3333333333333333
          flags UNCOMPRESSED RLE_DICTIONARY 1 1 yes - 45 B 45 B 0.18 0 0 0
        """)
  }

  @Test func `json has the same figures`() throws {
    let json = try ParquetText(Self.outline()).json("a.parquet")
    let groups = try #require(json["row_groups"]?.arrayValue)
    let columns = try groups.map { try #require($0["columns"]?.arrayValue) }
    #expect(
      columns[0][0]["pages"]?.text
        == #"{"data":3,"dictionary_entries":4,"dictionary_bytes":24,"encodings":"#
        + #"{"RLE_DICTIONARY":3},"page_bytes_max":8,"fault":null}"#)
    #expect(
      columns[1][1]["pages"]?.text
        == #"{"data":3,"dictionary_entries":null,"dictionary_bytes":0,"encodings":"#
        + #"{"DELTA_BINARY_PACKED":3},"page_bytes_max":23,"fault":null}"#)
    #expect(columns[0][0]["bloom_filter_bytes"]?.int64Value ?? 0 > 32)
    #expect(columns[0][2]["nulls"]?.int64Value == 1)
    #expect(
      json["metadata"]?.text == #"[{"key":"writer","bytes":10,"value":"a test\u001b[2J"}]"#)
  }

  @Test func `damage among pages is named by column and row group`() throws {
    var outline = try Self.outline()
    #expect(ParquetText(outline).damage == nil)
    outline.rowGroups[1].chunks[3].pages?.fault = .damaged("a page without a header")
    #expect(
      ParquetText(outline).damage == "column drift of row group 1: a page without a header")
    outline.rowGroups[1].chunks[3].pages?.fault = .tooMany
    #expect(ParquetText(outline).damage == nil)
  }
}
