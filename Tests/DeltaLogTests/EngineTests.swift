import Base
import DeltaLog
import Foundation
import Storage
import TestSupport
import Testing

/// Other people's engines read tables whose logs we wrote: deltalake (DataFusion), DuckDB, Polars.
@Suite struct EngineTests {
  /// One row; `id` is what queries answer with.
  private struct Row {
    var id: Int64
    var micros: Int64?
    var device: String?
    var value: Double?
    var day: String = "2026-11-21"
  }

  private static let schema = DeltaSchema(columns: [
    DeltaColumn("id", .long, isNullable: false), DeltaColumn("event_time", .timestamp),
    DeltaColumn("device_id", .string, comment: "who sent it"),
    DeltaColumn("value", .double, unit: "V"), DeltaColumn("narrow", .float),
    DeltaColumn("count", .integer), DeltaColumn("ok", .boolean), DeltaColumn("raw", .binary),
    DeltaColumn("day", .date), DeltaColumn("event_date", .date),
  ])

  // MARK: - Making tables

  /// Writes each group of rows as one Parquet file through Python, and all as one ledger entry a
  /// file; statistics come from the rows.
  private func makeTable(_ root: TemporaryRoot, files: [(name: String, rows: [Row])]) throws {
    var specifications: [JSONValue] = []
    for file in files {
      specifications.append([
        "path": .string("\(root.path)/\(tableFolder)/\(diskPath(file.name, file.rows))"),
        "columns": columns(file.rows),
      ])
    }
    let sizes = try Python.deltaLog(["write"], input: .array(specifications))
    let table = smallTable(root.storage)
    var bookmark = TableBookmark.empty
    for (index, file) in files.enumerated() {
      let path = diskPath(file.name, file.rows)
      let size = sizes["\(root.path)/\(tableFolder)/\(path)"]?.int64Value ?? 0
      let add = AddFile(
        path: path, partitionValues: [("event_date", file.rows[0].day)], byteCount: size,
        modificationTimeMillis: 1_790_000_000_000, statistics: statistics(file.rows))
      let first = index == 0 ? [DeltaAction.protocolAction, metaData(Self.schema)] : []
      bookmark = try table.apply(
        [entry(Int64(index), first + [add.action])], ledgerEnd: Int64(files.count),
        after: bookmark
      ).bookmark
    }
  }

  private func diskPath(_ name: String, _ rows: [Row]) -> String {
    DeltaPath.partitionFolder(column: "event_date", value: rows[0].day) + "/" + name
  }

  private func columns(_ rows: [Row]) -> JSONValue {
    func column(_ name: String, _ type: String, _ value: (Row) -> JSONValue?) -> JSONValue {
      [
        "name": .string(name), "type": .string(type),
        "values": .array(rows.map { value($0) ?? .null }),
      ]
    }
    return [
      column("id", "long") { .int($0.id) },
      column("event_time", "timestamp") { $0.micros.map { .int($0) } },
      column("device_id", "string") { $0.device.map { .string($0) } },
      column("value", "double") { row in row.value.map { .double($0) ?? .string("\($0)") } },
      column("narrow", "float") { row in row.value.flatMap { .double(Double(Float($0))) } },
      column("count", "integer") { .int($0.id % 100) },
      column("ok", "boolean") { .bool($0.id % 2 == 0) },
      column("raw", "binary") { .string("\($0.id)") },
      column("day", "date") { .int($0.id) },
    ]
  }

  private func statistics(_ rows: [Row]) -> FileStatistics {
    func column<Value: Comparable>(
      _ name: String, _ values: [Value?], _ wrap: (Value) -> StatisticsValue
    ) -> ColumnStatistics {
      let present = values.compactMap { $0 }
      let bounds = present.min().flatMap { low in present.max().map { (wrap(low), wrap($0)) } }
      return ColumnStatistics(
        name, nullCount: Int64(values.count - present.count), bounds: bounds)
    }
    let hasNaN = rows.contains { $0.value?.isNaN == true }
    var numbers = column("value", rows.map(\.value)) { .double($0) }
    var floats = column("narrow", rows.map { $0.value.map { Double(Float($0)) } }) { .double($0) }
    if hasNaN {
      numbers = ColumnStatistics("value", nullCount: numbers.nullCount, bounds: nil)
      floats = ColumnStatistics("narrow", nullCount: floats.nullCount, bounds: nil)
    }
    return FileStatistics(
      recordCount: Int64(rows.count),
      columns: [
        column("id", rows.map(\.id)) { .integer($0) },
        column("event_time", rows.map(\.micros)) { .timestamp($0) },
        column("device_id", rows.map { $0.device.map(Text.init) }) { .string($0.text) },
        numbers, floats,
        column("count", rows.map { $0.id % 100 }) { .integer($0) },
        ColumnStatistics("ok", nullCount: 0, bounds: nil),
        ColumnStatistics("raw", nullCount: 0, bounds: nil),
        column("day", rows.map(\.id)) { .date(Int32($0)) },
      ])
  }

  /// Ordered by UTF-8 bytes, as Delta's strings are.
  private struct Text: Comparable {
    let text: String

    init(_ text: String) { self.text = text }

    static func < (left: Text, right: Text) -> Bool {
      left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }
  }

  // MARK: - Asking

  private struct Predicate {
    let json: JSONValue
    let matches: (Row) -> Bool
  }

  private static let operators = ["=", "<", "<=", ">", ">="]

  private func predicates<Value: Comparable>(
    _ column: String, _ type: String, _ value: Value, _ json: JSONValue,
    _ read: @escaping (Row) -> Value?
  ) -> [Predicate] {
    Self.operators.map { name in
      Predicate(
        json: [
          "column": .string(column), "type": .string(type), "operator": .string(name),
          "value": json,
        ]
      ) { row in
        guard let found = read(row) else { return false }
        switch name {
        case "=": return found == value
        case "<": return found < value
        case "<=": return found <= value
        case ">": return found > value
        default: return found >= value
        }
      }
    }
  }

  private static let allEngines = ["datafusion", "duckdb", "polars"]

  private func check(
    _ root: TemporaryRoot, _ rows: [Row], _ predicates: [Predicate],
    engines: [String] = allEngines,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let answers = try Python.deltaLog(
      ["query"],
      input: [
        "table": .string("\(root.path)/\(tableFolder)"),
        "engines": .array(engines.map { .string($0) }),
        "predicates": .array(predicates.map(\.json)),
      ])
    #expect(answers.members?.count == engines.count)
    for engine in try #require(answers.members) {
      let results = try #require(engine.value.arrayValue)
      try #require(results.count == predicates.count)
      for (result, predicate) in zip(results, predicates) {
        let expected = rows.filter(predicate.matches).map(\.id).sorted()
        #expect(
          result.arrayValue?.compactMap(\.int64Value) == expected,
          "\(engine.name): \(predicate.json.text)", sourceLocation: sourceLocation)
      }
    }
  }

  // MARK: - Tests

  @Test func `every engine sees the schema, the protocol and our progress`() throws {
    let root = try TemporaryRoot()
    let rows = [Row(id: 1, micros: 1, device: "a", value: 0.5), Row(id: 2)]
    try makeTable(root, files: [("a.parquet", rows), ("b.parquet", rows)])
    let seen = try Python.deltaLog(["describe", "\(root.path)/\(tableFolder)"])
    #expect(seen["version"]?.int64Value == 1)
    #expect(seen["txn"]?.int64Value == 1)
    #expect(seen["name"]?.stringValue == "readings_solar")
    #expect(seen["operation"]?.stringValue == "STREAMING UPDATE")
    #expect(seen["protocol"]?.text == "[1,2]")
    #expect(seen["partition_columns"]?.text == #"["event_date"]"#)
    let fields = try #require(seen["fields"]?.arrayValue)
    #expect(
      fields.map { $0["name"]?.stringValue } == Self.schema.columns.map { Optional($0.name) })
    #expect(
      fields.map { $0["type"]?.stringValue }
        == Self.schema.columns.map { Optional($0.type.rawValue) })
    #expect(fields[2]["metadata"]?["comment"]?.stringValue == "who sent it")
    #expect(fields[3]["metadata"]?["unit"]?.stringValue == "V")
    let duck = try #require(seen["duckdb"])
    for (name, type) in [
      ("id", "BIGINT"), ("event_time", "TIMESTAMP WITH TIME ZONE"), ("device_id", "VARCHAR"),
      ("value", "DOUBLE"), ("narrow", "FLOAT"), ("count", "INTEGER"), ("ok", "BOOLEAN"),
      ("raw", "BLOB"), ("day", "DATE"), ("event_date", "DATE"),
    ] { #expect(duck[name]?.stringValue == type) }
    let polars = try #require(seen["polars"])
    for (name, type) in [
      ("id", "Int64"), ("event_time", "Datetime(time_unit='us', time_zone='UTC')"),
      ("device_id", "String"), ("value", "Float64"), ("narrow", "Float32"), ("count", "Int32"),
      ("ok", "Boolean"), ("raw", "Binary"), ("day", "Date"), ("event_date", "Date"),
    ] { #expect(polars[name]?.stringValue == type) }
  }

  @Test func `no engine loses a row at a boundary of microseconds`() throws {
    let root = try TemporaryRoot()
    let base: Int64 = 1_795_000_000_000_000
    // Files that touch in the same millisecond, at its ends, before 1970, and one with a null.
    let groups: [[Int64?]] = [
      [base, base + 1], [base + 2, base + 999], [base + 1000, base + 1001], [base + 1999],
      [-1, 0], [-1001, -999], [base + 5000, nil], [nil],
    ]
    var rows: [Row] = []
    var files: [(name: String, rows: [Row])] = []
    for (index, group) in groups.enumerated() {
      let first = Int64(rows.count)
      let made = group.enumerated().map { Row(id: first + Int64($0.offset), micros: $0.element) }
      rows += made
      files.append(("part-\(index).parquet", made))
    }
    try makeTable(root, files: files)
    let moments = Set(groups.joined().compactMap { $0 }.flatMap { [$0 - 1, $0, $0 + 1] })
    try check(
      root, rows,
      moments.sorted().flatMap { predicates("event_time", "timestamp", $0, .int($0), \.micros) })
  }

  @Test func `no engine loses a row to cut strings, signed zeros, NaN or floats`() throws {
    let root = try TemporaryRoot()
    let long = String(repeating: "x", count: 40)
    let groups: [[Row]] = [
      [Row(id: 0, device: long, value: 0.0), Row(id: 1, device: long + "y", value: -0.0)],
      [Row(id: 2, device: long + "é", value: 0.1), Row(id: 3, device: "", value: -0.1)],
      [
        Row(id: 4, device: String(repeating: "\u{10FFFF}", count: 70), value: .nan),
        Row(id: 5, device: "z", value: 3),
      ],
      [Row(id: 6, device: nil, value: .infinity), Row(id: 7, device: "it's", value: 1e300)],
      [Row(id: 8, device: nil, value: nil)],
    ]
    let rows = groups.flatMap { $0 }
    try makeTable(
      root, files: groups.enumerated().map { ("part-\($0.offset).parquet", $0.element) })
    let devices = Set(rows.compactMap(\.device)).sorted()
    var asked = devices.flatMap { device in
      predicates("device_id", "string", Text(device), .string(device)) { $0.device.map(Text.init) }
    }
    // Engines order NaN above all numbers. Comparing with infinity in its stead gives the same
    // answers as long as nothing is compared with infinity itself.
    for value in [0.0, 0.1, -0.1, 2.5, 1e300] {
      asked += predicates("value", "double", value, .double(value) ?? .null) { row in
        row.value.map { $0.isNaN ? .infinity : $0 }
      }
    }
    for day in [0, 3, 8] as [Int64] {
      asked += predicates("day", "date", day, .int(day), \.id)
    }
    try check(root, rows, asked)
  }

  @Test func `names with special characters are found`() throws {
    let root = try TemporaryRoot()
    let names = ["a b.parquet", "50%.parquet", "x%20y.parquet", "é+#?&=;,'.parquet", "~$!@.parquet"]
    let files = names.enumerated().map { index, name in
      (name, [Row(id: Int64(index), device: name, day: "2026-11-2\(index)")])
    }
    try makeTable(root, files: files)
    try check(
      root, files.flatMap { $0.1 },
      names.indices.flatMap { predicates("id", "long", Int64($0), .int($0), \.id) })
  }

  @Test func `partitions and statistics let every engine skip files`() throws {
    let root = try TemporaryRoot()
    let rows = (0..<4).map { index in
      Row(
        id: index, micros: index * 86_400_000_000, device: "d\(index)",
        day: Timestamp.dateText(day: Int32(index)))
    }
    try makeTable(root, files: rows.map { ("part-\($0.id).parquet", [$0]) })
    // What is to be skipped is gone: an engine that opened it would fail.
    for row in rows where row.id != 2 {
      try root.storage.delete(tableFolder + "/" + diskPath("part-\(row.id).parquet", [row]))
    }
    let asked = [
      predicates("event_date", "date", 2, .int(2), \.id)[0],
      predicates("id", "long", 2, .int(2), \.id)[0],
      predicates("device_id", "string", Text("d2"), "d2") { $0.device.map(Text.init) }[0],
    ]
    try check(root, rows, asked)
    // DuckDB's extension 1.5.5 looks at no statistics of timestamps, ours or anybody's.
    let micros = 2 * Timestamp.microsPerDay
    try check(
      root, rows, [predicates("event_time", "timestamp", micros, .int(micros), \.micros)[0]],
      engines: ["datafusion", "polars"])
  }

  private static let checkpointOptions = LogCheckpointOptions(
    nowMillis: 1_790_000_100_000, deletedFileRetentionMillis: 86_400_000)

  private static let readers = ["datafusion", "duckdb", "polars", "pyarrow"]

  private func snapshot(_ root: TemporaryRoot) throws -> TableSnapshot {
    var table = TableSnapshot(storage: root.storage, folder: tableFolder, engine: "downlink 1")
    try table.follow()
    return table
  }

  private func dropCommits(below version: Int64, _ root: TemporaryRoot) throws {
    let folder = tableFolder + "/_delta_log"
    for name in try root.storage.list(folder) where name.hasSuffix(".json") {
      guard let found = Int64(name.dropLast(5)), found < version else { continue }
      try root.storage.delete(folder + "/" + name)
    }
  }

  @Test func `every engine reads our log checkpoint without the commits behind it`() throws {
    let root = try TemporaryRoot()
    let rows = (0..<6).map { index in
      Row(
        id: index, micros: index * 86_400_000_000, device: index == 3 ? nil : "dé\(index)",
        value: Double(index), day: Timestamp.dateText(day: Int32(index / 2)))
    }
    try makeTable(root, files: rows.map { ("part \($0.id).parquet", [$0]) })
    var table = try snapshot(root)
    let gone = try #require(table.files.first { $0.rowCount == 1 })
    let removal = MaintenanceCommit(
      operation: "DELETE", atMillis: 1_790_000_050_000, basedOn: table.version,
      actions: [gone.removal(atMillis: 1_790_000_050_000, changesRows: true)])
    #expect(try table.commitMaintenance(removal) == .committed(version: 6))
    let written = try #require(try table.writeCheckpoint(Self.checkpointOptions))
    #expect(written.version == 6 && written.addCount == 5 && written.tombstoneCount == 1)
    try dropCommits(below: 6, root)
    let left = Array(rows.dropFirst())
    let asked = predicates("id", "long", 3, .int(3), \.id)
      + predicates("event_date", "date", 1, .int(1)) { $0.id / 2 }
    try check(root, left, asked, engines: Self.readers)
    let seen = try Python.deltaLog(["describe", "\(root.path)/\(tableFolder)"])
    #expect(seen["version"]?.int64Value == 6 && seen["txn"]?.int64Value == 5)
    #expect(seen["fields"]?.arrayValue?.count == Self.schema.columns.count)
    #expect(seen["partition_columns"]?.text == #"["event_date"]"#)
    // Their VACUUM finds the tombstone in it, and deletes that file alone.
    _ = try Python.deltaLog(["vacuum", "\(root.path)/\(tableFolder)"])
    #expect(try !root.storage.exists(tableFolder + "/" + gone.path))
    try check(root, left, asked, engines: Self.readers)
    // And what we read from it is what we had.
    let again = try snapshot(root)
    #expect(again.files.map(\.path) == table.files.map(\.path))
  }

  @Test func `we go on where another engine cleaned up behind its checkpoint`() throws {
    let root = try TemporaryRoot()
    var rows = (0..<4).map { Row(id: $0, micros: $0, device: "d", value: 1) }
    try makeTable(root, files: rows.map { ("part-\($0.id).parquet", [$0]) })
    let path = "\(root.path)/\(tableFolder)"
    let ours = smallTable(root.storage)
    let bookmark = try ours.catchUp(after: .empty).bookmark
    for command in ["optimize", "delete", "checkpoint"] {
      _ = try Python.deltaLog([command, path])
    }
    rows.removeAll { $0.id == 1 }
    let names = LogNames(try root.storage.list(tableFolder + "/_delta_log"))
    let newest = try #require(names.checkpoints.last?.version)
    try dropCommits(below: newest + 1, root)
    let found = try ours.catchUp(after: bookmark)
    #expect(found.bookmark.deltaVersion == newest && found.bookmark.txnVersion == 3)
    #expect(found.foreignCommits.map(\.kind) == [.cleanedUp])
    #expect(found.bookmark.schemaFingerprint == bookmark.schemaFingerprint)
    let fresh = try ours.catchUp(after: .empty)
    #expect(fresh.bookmark.txnVersion == 3)
    let last = Row(id: 9, micros: 9, device: "e", value: 2)
    let file = "\(path)/\(diskPath("last.parquet", [last]))"
    let sizes = try Python.deltaLog(
      ["write"], input: [["path": .string(file), "columns": columns([last])]])
    let add = AddFile(
      path: diskPath("last.parquet", [last]), partitionValues: [("event_date", last.day)],
      byteCount: sizes[file]?.int64Value ?? 0, modificationTimeMillis: 1,
      statistics: statistics([last]))
    _ = try ours.apply([entry(4, [add.action])], ledgerEnd: 4, after: found.bookmark)
    rows.append(last)
    let asked = predicates("id", "long", 2, .int(2), \.id)
    try check(root, rows, asked, engines: Self.readers)
    // Our checkpoint of their state and our commit.
    var table = try snapshot(root)
    #expect(table.files.reduce(0) { $0 + ($1.rowCount ?? 0) } == Int64(rows.count))
    #expect(table.transactions[appID]?.version == 4)
    _ = try table.writeCheckpoint(Self.checkpointOptions)
    try dropCommits(below: table.version, root)
    try check(root, rows, asked, engines: Self.readers)
  }

  @Test func `we write on after other engines optimised, deleted and vacuumed`() throws {
    let root = try TemporaryRoot()
    var rows = (0..<3).map { Row(id: $0, micros: $0, device: "d", value: 1) }
    try makeTable(root, files: rows.map { ("part-\($0.id).parquet", [$0]) })
    let path = "\(root.path)/\(tableFolder)"
    for command in ["optimize", "delete", "vacuum", "checkpoint"] {
      _ = try Python.deltaLog([command, path])
    }
    let table = smallTable(root.storage)
    let found = try table.catchUp(after: .empty)
    #expect(found.bookmark.txnVersion == 2)
    #expect(found.foreignCommits.map(\.kind).prefix(2) == [.rearranged, .rowsChanged])
    let last = Row(id: 9, micros: 9, device: "e", value: 2)
    let file = "\(path)/\(diskPath("last.parquet", [last]))"
    let sizes = try Python.deltaLog(
      ["write"], input: [["path": .string(file), "columns": columns([last])]])
    let add = AddFile(
      path: diskPath("last.parquet", [last]), partitionValues: [("event_date", last.day)],
      byteCount: sizes[file]?.int64Value ?? 0, modificationTimeMillis: 1,
      statistics: statistics([last]))
    _ = try table.apply([entry(3, [add.action])], ledgerEnd: 3, after: found.bookmark)
    rows.removeAll { $0.id == 1 }
    rows.append(last)
    try check(root, rows, predicates("id", "long", 0, .int(0), \.id))
  }
}
