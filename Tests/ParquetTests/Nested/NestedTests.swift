import Base
import Foundation
import TestSupport
import Testing

@testable import Parquet

/// Nested schemas: what is written is read back, by us and by others, and what others wrote by us.
@Suite struct NestedTests {
  private static let createdBy = "downlink version 1.2.3"

  private static func check(_ table: NestedTable, _ comment: Comment) throws {
    let file = try NestedParquetFile(bytes: table.file())
    #expect(file.fields == table.fields, comment)
    #expect(file.rowGroupRowCounts == table.rowGroups, comment)
    for (field, rows) in zip(table.fields, table.rows) {
      var start = 0
      for (rowGroup, count) in table.rowGroups.enumerated() {
        let column = try file.read([field.name], rowGroup: rowGroup)
        #expect(NestedRows.rows(column) == Array(rows[start..<start + count]), comment)
        start += count
      }
    }
  }

  @Test(arguments: 0..<60)
  func `random nested tables are read back`(number: Int) throws {
    let seed = 77_000 + UInt64(number)
    try Self.check(NestedTable(seed: seed), "seed \(seed)")
  }

  @Test func `the levels of a list are those of the specification`() throws {
    // [[a, b], absent, [], [absent]]: optional list of optional elements.
    let tree = SchemaTree(fields: [.list("names", of: .string)])
    let rows: [NestedValue] = [
      .list([.value(.bytes([1])), .value(.bytes([2]))]), .absent, .list([]), .list([.absent]),
    ]
    let column = NestedRows.column(rows, of: .list("names", of: .string))
    let leaf = try #require(LevelShredding(column, of: tree.fields[0]).leaves.first)
    #expect(leaf.levels.repetition == [0, 1, 0, 0, 0])
    #expect(leaf.levels.definition == [3, 3, 0, 1, 2])
    #expect(tree.leaves[0].path == ["names", "list", "element"])
    #expect(tree.leaves[0].definitionLevelMax == 3 && tree.leaves[0].repetitionLevelMax == 1)
  }

  @Test func `a field below groups is read by its path`() throws {
    let field = ParquetField.group(
      "add", [.value("path", .string, isOptional: false), .group("deep", [.value("n", .int64)])])
    let rows: [NestedValue] = [
      .group([.value(.bytes(Array("a".utf8))), .group([.value(.integer(5))])]), .absent,
      .group([.value(.bytes(Array("b".utf8))), .absent]),
    ]
    let table = NestedTable(
      fields: [field], rows: [rows], options: ParquetWriterOptions(createdBy: Self.createdBy))
    let file = try NestedParquetFile(bytes: table.file())
    let path = try file.read(["add", "path"], rowGroup: 0)
    #expect(path.count == 3 && !path.isPresent(1))
    #expect(path.flat?[2] == .bytes(Array("b".utf8)))
    let number = try file.read(["add", "deep", "n"], rowGroup: 0)
    #expect((0..<3).map { number.flat?[$0] } == [.integer(5), nil, nil])
    #expect(file.has(["add", "deep"]) && !file.has(["add", "stats"]) && !file.has(["remove"]))
    #expect(throws: ParquetError.self) { try file.read(["add", "stats"], rowGroup: 0) }
  }

  @Test func `an absent field costs a few bytes whatever is below it`() throws {
    let fields: [ParquetField] = [
      .value("row", .int64, isOptional: false),
      .group(
        "remove",
        [.value("path", .string, isOptional: false), .map("tags"), .list("l", of: .date)]),
    ]
    var writer = ParquetFileWriter(
      fields: fields, options: ParquetWriterOptions(createdBy: Self.createdBy))
    writer.beginRowGroup(rowCount: 100_000)
    writer.writeField(.values(.constantInteger(1), count: 100_000))
    let before = writer.byteCount
    writer.writeField(.absent(count: 100_000))
    writer.endRowGroup()
    #expect(writer.byteCount - before < 250)
    let (bytes, summary) = writer.finish()
    #expect(
      summary.columns.map(\.name) == [
        "row", "remove.path", "remove.tags.key_value.key", "remove.tags.key_value.value",
        "remove.l.list.element",
      ])
    let file = try NestedParquetFile(bytes: bytes)
    let column = try file.read(["remove"], rowGroup: 0)
    #expect((0..<100_000).allSatisfy { !column.isPresent($0) })
    // The flat reader names what it does not read.
    #expect(throws: ParquetError.self) { try ParquetFile(bytes: bytes) }
  }

  @Test func `a row of a long list is never torn between pages`() throws {
    let field = ParquetField.list("values", of: .int64)
    let lists = (0..<40).map { row in
      NestedValue.list((0..<(row * 7 % 90)).map { .value(.integer(Int64($0 % (1 + row)))) })
    }
    let table = NestedTable(
      fields: [field], rows: [lists],
      options: ParquetWriterOptions(
        compression: .none, pageByteCountMax: 64, pageRowCountMax: 16, createdBy: Self.createdBy))
    try Self.check(table, "long lists")
  }

  // MARK: - Other readers and writers

  private static func inFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("nested-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  @Test func `other readers see the same nested rows`() throws {
    try Self.inFolder { folder in
      for number in 0..<30 {
        let seed = 78_000 + UInt64(number)
        let table = NestedTable(seed: seed)
        let name = "seed-\(seed)"
        try Data(table.file()).write(to: folder.appendingPathComponent("\(name).parquet"))
        try Data(table.expectation.utf8).write(to: folder.appendingPathComponent("\(name).jsonl"))
      }
      let outcome = try Python.run("nested_parquet.py", ["read", folder.path])
      #expect(outcome.code == 0, "\(outcome.text)")
    }
  }

  /// pyarrow, Polars, DuckDB, fastparquet: pages of both versions, all their encodings and codecs.
  @Test func `nested and flat files of other writers are read`() throws {
    try Self.inFolder { folder in
      let outcome = try Python.run("nested_parquet.py", ["write", folder.path])
      #expect(outcome.code == 0, "\(outcome.text)")
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        .filter { $0.hasSuffix(".parquet") }.sorted()
      #expect(names.count > 20)
      for name in names { try Self.compare(folder.appendingPathComponent(name), name) }
    }
  }

  /// Compares every column of a file with the lines of JSON beside it.
  private static func compare(_ url: URL, _ name: String) throws {
    let expected = try String(
      decoding: Data(contentsOf: URL(fileURLWithPath: url.path + ".jsonl")), as: UTF8.self
    ).split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8)) }
    do {
      let file = try NestedParquetFile(bytes: Array(Data(contentsOf: url)))
      for field in file.fields {
        var rows: [NestedValue] = []
        for rowGroup in file.rowGroupRowCounts.indices {
          rows += NestedRows.rows(try file.read([field.name], rowGroup: rowGroup))
        }
        #expect(rows.count == expected.count, "\(name) \(field.name)")
        for (row, line) in zip(rows, expected) where line[field.name] != nil {
          let found = NestedRows.json(row, of: field)
          let wanted = line[field.name] ?? .null
          #expect(found == wanted, "\(name) \(field.name)")
          if found != wanted { break }
        }
      }
    } catch {
      Issue.record("\(name): \(error)")
    }
  }
}
