import Base
import Foundation
import TestSupport
import Testing

@testable import Parquet

/// Files read back by readers that are not ours: pyarrow, DuckDB, Polars, DataFusion.
@Suite struct ReadBackTests {
  /// Writes the tables into a folder of their own and lets the script compare every reader.
  private func readBack(_ tables: [(name: String, table: TestTable)]) throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("parquet-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, table) in tables {
      try Data(table.file()).write(to: folder.appendingPathComponent("\(name).parquet"))
      try Data(table.expectation.utf8).write(to: folder.appendingPathComponent("\(name).expected"))
    }
    let outcome = try Python.run("read_parquet.py", [folder.path])
    #expect(outcome.code == 0, "\(outcome.text)")
  }

  private func options(
    _ compression: Compression = .zstd(level: 1), pageByteCountMax: Int = 1 << 20,
    dictionaryByteCountMax: Int = 1 << 20
  ) -> ParquetWriterOptions {
    ParquetWriterOptions(
      compression: compression, pageByteCountMax: pageByteCountMax,
      dictionaryByteCountMax: dictionaryByteCountMax, createdBy: "downlink version 1.2.3")
  }

  @Test func `random tables read back in every reader`() throws {
    let firstSeed = UInt64(20_260)
    try readBack(
      (0..<40).map { number in
        var tables = RandomTables(seed: firstSeed + UInt64(number))
        return ("seed-\(firstSeed + UInt64(number))", tables.table())
      })
  }

  @Test func `encodings and codecs are those expected`() throws {
    var random = SplitMix64(seed: 5)
    let count = 20_000
    let columns: [TestTable.Column] = [
      column("word", .string, (0..<count).map { .bytes(Array("device-\($0 / 100)".utf8)) },
        .words, ["RLE", "PLAIN", "RLE_DICTIONARY"]),
      column("repeated", .string, (0..<count).map { .bytes(Array("w\($0 % 90)".utf8)) },
        .byteStrings, ["RLE", "PLAIN", "RLE_DICTIONARY"]),
      column("unique", .string, (0..<count).map { .bytes(Array("anomaly-\($0)".utf8)) },
        .words, ["RLE", "PLAIN"]),
      column("time", .timestampMicros, (0..<count).map { .integer(Int64($0) * 1_000_003) },
        .values, ["RLE", "DELTA_BINARY_PACKED"]),
      column("flags", .int32, (0..<count).map { .integer($0 % 4000 == 9 ? 1 : 0) },
        .values, ["RLE", "PLAIN", "RLE_DICTIONARY"]),
      column("partition", .int32, (0..<count).map { _ in .integer(7) },
        .constant, ["RLE", "PLAIN", "RLE_DICTIONARY"]),
      column("rounded", .double, (0..<count).map { .double(Double($0 % 500) / 100) },
        .values, ["RLE", "PLAIN", "RLE_DICTIONARY"]),
      column("noise", .double, (0..<count).map { _ in .double(.random(in: 0..<1, using: &random)) },
        .values, ["RLE", "PLAIN"]),
      column("absent", .int64, (0..<count).map { _ in nil }, .values, ["RLE", "PLAIN"]),
    ]
    let codecs: [(String, Compression)] = [
      ("none", .none), ("snappy", .snappy), ("zstd", .zstd(level: 1)), ("lz4", .lz4),
    ]
    try readBack(
      codecs.map { name, codec in
        (name, TestTable(columns: columns, rowGroups: [count], options: options(codec)))
      })
  }

  @Test func `a dictionary that grows too big is left midway`() throws {
    // Ten values, then rows that are all different: too few for the sample to see how many.
    func number(_ row: Int) -> Int { row < 19_000 ? row % 10 : row * 7919 }
    let count = 20_000
    let mixed = ["RLE", "PLAIN", "RLE_DICTIONARY"]
    let columns: [TestTable.Column] = [
      column("text", .string,
        (0..<count).map { $0 % 11 == 0 ? nil : .bytes(Array("device-\(number($0))".utf8)) },
        .words, mixed),
      column("double", .double, (0..<count).map { .double(Double(number($0)) / 4) },
        .values, mixed),
    ]
    try readBack([
      ("fallback", TestTable(
        columns: columns, rowGroups: [count],
        options: options(pageByteCountMax: 500, dictionaryByteCountMax: 4800))),
    ])
  }

  @Test func `long strings read back`() throws {
    let sizes = [0, 1, 63, 64, 65, 100_000, 3_000_000, 5]
    let values = sizes.map { size -> ParquetValue? in
      .bytes(Array(repeating: UInt8(ascii: "x"), count: size))
    }
    let columns = [
      column("text", .string, values, .byteStrings), column("binary", .binary, values, .words),
      column("constant", .string, Array(repeating: values[5], count: sizes.count), .constant),
    ]
    try readBack([
      ("long", TestTable(columns: columns, rowGroups: [3, 5], options: options()))
    ])
  }

  @Test func `statistics let readers skip row groups`() throws {
    let count = 4000
    // DuckDB keeps the first eight bytes of a string's bounds: words differ in those.
    let columns = [
      column("key", .int64, (0..<count).map { .integer(Int64($0)) }, .values),
      column(
        "time", .timestampMicros, (0..<count).map { .integer(Int64($0) * 60_000_000) }, .values),
      column("word", .string, (0..<count).map { .bytes(Array("d\(10_000 + $0)".utf8)) }, .words),
      column("metric", .double, (0..<count).map { .double(Double($0) / 3) }, .values),
    ]
    try readBack([
      ("pruning", TestTable(
        columns: columns, rowGroups: [1000, 1000, 1000, 1000], options: options())),
    ])
  }

  @Test func `a filter finds NaN, whatever the statistics say`() throws {
    let values: [Double] = [1, 2, .nan, 3, 4, 5, .nan, .nan, .nan]
    let metric = column("metric", .double, values.map { .double($0) }, .values)
    try readBack(
      [[9], [3, 3, 3]].map { rowGroups in
        ("nan-\(rowGroups.count)",
          TestTable(columns: [metric], rowGroups: rowGroups, options: options()))
      })
  }

  private func column(
    _ name: String, _ type: ParquetType, _ values: [ParquetValue?], _ form: TestTable.Form,
    _ encodings: [String]? = nil
  ) -> TestTable.Column {
    TestTable.Column(
      column: ParquetColumn(name: name, type: type), values: values, form: form,
      encodings: encodings)
  }
}
