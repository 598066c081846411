import Base
import Parquet
import Storage
import Testing

@testable import DeltaLog

/// Log checkpoints of other engines, in forms that ours never have.
@Suite struct ForeignCheckpointTests {
  private let storage = MemoryStorage()

  private static let schema = DeltaSchema(columns: [
    DeltaColumn("id", .long), DeltaColumn("at", .timestamp), DeltaColumn("name", .string),
    DeltaColumn("volts", .double), DeltaColumn("day", .date), DeltaColumn("blob", .binary),
    DeltaColumn("event_date", .date),
  ])

  /// A field with the same value in every row that has it.
  private struct Member {
    let field: ParquetField
    let column: NestedColumn

    init(_ name: String, _ type: ParquetType, _ values: ColumnValues) {
      field = .value(name, type)
      column = .values(values, count: 2)
    }

    /// - Parameter row: the one that has the group; nil for all.
    init(_ name: String, row: Int? = nil, _ members: [Member]) {
      field = .group(name, members.map(\.field))
      column = NestedColumn(
        count: 2, validity: row.map { [1 << UInt64($0)] },
        content: .group(members.map(\.column)))
    }

    static func text(_ name: String, _ text: String) -> Member {
      Member(name, .string, .constantWord(Array(text.utf8)))
    }

    static func long(_ name: String, _ value: Int64) -> Member {
      Member(name, .int64, .constantInteger(value))
    }
  }

  /// The metaData and the protocol in the first row, a file in the second.
  private func put(_ add: [Member]) throws {
    let members = [
      Member(
        "metaData", row: 0, [.text("id", "7b2d"), .text("schemaString", Self.schema.schemaText)]),
      Member(
        "protocol", row: 0,
        [
          Member("minReaderVersion", .int32, .constantInteger(1)),
          Member("minWriterVersion", .int32, .constantInteger(2)),
        ]),
      Member("add", row: 1, [.text("path", "x.parquet"), .long("size", 7)] + add),
    ]
    var writer = ParquetFileWriter(
      fields: members.map(\.field), options: ParquetWriterOptions(createdBy: "Spark"))
    writer.beginRowGroup(rowCount: 2)
    for member in members { writer.writeField(member.column) }
    writer.endRowGroup()
    _ = try storage.putIfAbsent(
      "\(tableFolder)/_delta_log/00000000000000000004.checkpoint.parquet",
      writer.finish().output)
  }

  private func read() throws -> TableSnapshot {
    var table = TableSnapshot(storage: storage, folder: tableFolder, engine: "downlink 1")
    try table.follow()
    return table
  }

  private func bounds(_ id: Int64, _ at: Int64, _ name: String, _ volts: Double) -> [Member] {
    [
      .long("id", id), Member("at", .timestampMicros, .constantInteger(at)), .text("name", name),
      Member("volts", .double, .double([volts, volts])),
      Member("day", .date, .constantInteger(20_000)),
    ]
  }

  @Test func `statistics that stand in columns alone are kept as text`() throws {
    let parsed = Member(
      "stats_parsed",
      [
        .long("numRecords", 12), Member("minValues", bounds(3, 1_790_000_000_000_000, "a", -0.5)),
        Member("maxValues", bounds(9, 1_790_000_000_001_000, "m", 2.5)),
        Member(
          "nullCount", ["id", "at", "name", "volts", "day"].map { Member.long($0, 1) }),
      ])
    try put([parsed])
    var table = try read()
    let file = try #require(table.file(at: "x.parquet"))
    #expect(file.rowCount == 12)
    let text = try #require(table.statistics(of: file))
    let statistics = try JSONValue(parsing: text)
    #expect(
      statistics["minValues"]?.text
        == #"{"id":3,"at":"2026-09-21T14:13:20.000Z","name":"a","volts":-0.5,"day":"2024-10-04"}"#)
    // The largest time is a millisecond up: it was cut.
    #expect(
      statistics["maxValues"]?.text
        == #"{"id":9,"at":"2026-09-21T14:13:20.002Z","name":"m","volts":2.5,"day":"2024-10-04"}"#)
    #expect(statistics["nullCount"]?["name"]?.int64Value == 1)
    // What we write then has them, as the commits that had them may be gone.
    table.version += 1
    _ = try table.writeCheckpoint(
      LogCheckpointOptions(nowMillis: 1_790_000_100_000, deletedFileRetentionMillis: 1))
    let again = try read()
    #expect(again.version == 5)
    let same = try #require(again.file(at: "x.parquet"))
    #expect(again.statistics(of: same) == text)
  }

  @Test func `bounds of other types, or without a count of nulls, are not said`() throws {
    let parsed = Member(
      "stats_parsed",
      [
        .long("numRecords", 12),
        Member("minValues", [.text("id", "a"), .text("name", "a")]),
        Member("maxValues", [.text("id", "b"), .text("name", "b")]),
        Member("nullCount", [.long("id", 0)]),
      ])
    try put([parsed])
    let table = try read()
    let file = try #require(table.file(at: "x.parquet"))
    let text = try #require(table.statistics(of: file))
    #expect(
      String(decoding: text, as: UTF8.self)
        == #"{"numRecords":12,"minValues":{},"maxValues":{},"nullCount":{"id":0}}"#)
  }

  @Test func `partition values that are no map are an error, not a file without them`() throws {
    try put([Member("partitionValues", [.text("event_date", "2026-11-21")])])
    let error = #expect(throws: DeltaError.self) { try read() }
    #expect("\(try #require(error))".contains("add.partitionValues"))
  }
}
