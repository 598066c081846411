import Base
import DeltaLog
import Storage
import Testing

@testable import Maintenance

@Suite struct RetentionPlanTests {
  private static let dayMillis: Int64 = 86_400_000

  /// A snapshot of a table with these files, by date.
  private func files(_ dates: [String?]) throws -> [LiveFile] {
    let table = TableMaker()
    try table.put(dates.enumerated().map { table.add("f\($0.offset)", date: $0.element) })
    return Array(try table.snapshot().files)
  }

  @Test func `a date goes once its end lies as far back as rows are kept, and not before`() throws {
    let files = try files(["2026-01-01", "2026-01-02"])
    let endOfFirst = RetentionPlan.day(of: "2026-01-02").map { $0 * Self.dayMillis } ?? 0
    let keep = 30 * Self.dayMillis
    func dates(_ now: Int64) -> [String] {
      RetentionPlan(files, keepMillis: keep, nowMillis: now).dates
    }
    #expect(dates(endOfFirst + keep - 1) == [])
    #expect(dates(endOfFirst + keep) == ["2026-01-01"])
    #expect(dates(endOfFirst + keep + Self.dayMillis - 1) == ["2026-01-01"])
    #expect(dates(endOfFirst + keep + Self.dayMillis) == ["2026-01-01", "2026-01-02"])
  }

  @Test func `what is no date is never expired`() throws {
    let odd: [String?] = [nil, "", "2026-02-30", "2026-1-1", "__HIVE_DEFAULT_PARTITION__", "2026"]
    let plan = RetentionPlan(try files(odd), keepMillis: 0, nowMillis: .max)
    #expect(plan.batches.isEmpty)
  }

  @Test func `commits are bounded, and hold whole dates in their order where they fit`() throws {
    let dates = ["2026-01-03", "2026-01-01", "2026-01-02", "2026-01-01", "2026-01-02"]
    let plan = RetentionPlan(
      try files(dates), keepMillis: 0, nowMillis: 1 << 50, fileCountMax: 2)
    #expect(plan.batches.map(\.files.count) == [2, 2, 1])
    #expect(plan.batches.map(\.dates) == [["2026-01-01"], ["2026-01-02"], ["2026-01-03"]])
    #expect(
      plan.batches[1].predicate
        == "event_date >= '2026-01-02' AND event_date <= '2026-01-02'")
    #expect(plan.fileCount == 5 && plan.dates.count == 3)
  }

  @Test func `random tables: exactly the files of expired dates go, each once`() throws {
    let seed = UInt64.random(in: 0..<(1 << 32))
    var random = SplitMix64(seed: seed)
    for round in 0..<50 {
      let today = Int64.random(in: 20_000...20_500, using: &random)
      let count = Int.random(in: 0...60, using: &random)
      let days = (0..<count).map { _ in today - Int64.random(in: -3...40, using: &random) }
      let files = try files(days.map { Timestamp.dateText(day: Int32($0)) })
      let keepDays = Int64.random(in: 0...30, using: &random)
      let plan = RetentionPlan(
        files, keepMillis: keepDays * Self.dayMillis,
        nowMillis: today * Self.dayMillis + Int64.random(in: 0..<Self.dayMillis, using: &random),
        fileCountMax: Int.random(in: 1...20, using: &random))
      let gone = plan.batches.flatMap(\.files).map(\.path)
      let expected = zip(files, days).filter { $0.1 + 1 + keepDays <= today }.map(\.0.path)
      #expect(Set(gone) == Set(expected), "seed \(seed), round \(round)")
      #expect(gone.count == expected.count, "seed \(seed), round \(round)")
    }
  }

  @Test func `a keep beyond all time keeps all`() throws {
    let plan = RetentionPlan(
      try files(["1970-01-01"]), keepMillis: .max, nowMillis: .min + 1)
    #expect(plan.batches.isEmpty)
  }
}

/// A table in memory, as commits of ours would make it.
struct TableMaker {
  let storage: any Storage
  let name: String
  var folder: String { "tables/\(name)" }
  static let pipeline = "fleet"
  static let ledger = "fleet/1234"

  init(_ storage: any Storage = MemoryStorage(), name: String = "readings_solar") {
    self.storage = storage
    self.name = name
  }

  func add(_ name: String, date: String?, byteCount: Int64 = 10) -> JSONValue {
    let folder = date.map { "event_date=\($0)/" } ?? ""
    return AddFile(
      path: "\(folder)\(name).parquet", partitionValues: [("event_date", date)],
      byteCount: byteCount, modificationTimeMillis: 1_790_000_000_000,
      statistics: FileStatistics(recordCount: 1, columns: [])
    ).action
  }

  /// Appends a commit with these actions; the first one makes the table.
  func put(_ actions: [JSONValue], txn: Int64? = nil, properties: JSONValue = [:]) throws {
    let version = try snapshot().version + 1
    var lines: [JSONValue] = [
      ["txn": ["appId": .string(Self.ledger), "version": .int(txn ?? version)]]
    ]
    if version == 0 {
      lines.append(["protocol": ["minReaderVersion": 1, "minWriterVersion": 2]])
      lines.append([
        "metaData": [
          "id": "7b2d5b9a-0c7e-4f6e-9f6a-0d6a5a1f4d11",
          "format": ["provider": "parquet", "options": [:]],
          "schemaString": #"{"type":"struct","fields":[]}"#,
          "partitionColumns": ["event_date"], "configuration": properties,
        ]
      ])
    }
    let digits = String(version)
    let number = String(repeating: "0", count: 20 - digits.count) + digits
    let text = (lines + actions).map { $0.text + "\n" }.joined()
    _ = try storage.putIfAbsent("\(folder)/_delta_log/\(number).json", Array(text.utf8))
  }

  /// The files that actions add, with as many bytes as they say.
  func write(_ adds: [JSONValue]) throws {
    for add in adds {
      guard let path = add["add"]?["path"]?.stringValue else { continue }
      let count = Int(add["add"]?["size"]?.int64Value ?? 0)
      _ = try storage.putIfAbsent("\(folder)/\(path)", [UInt8](repeating: 7, count: count))
    }
  }

  func snapshot() throws -> TableSnapshot {
    var snapshot = TableSnapshot(storage: storage, folder: folder, engine: "test")
    try snapshot.follow()
    return snapshot
  }

  func maintained() throws -> MaintainedTable {
    var table = MaintainedTable(name: name, storage: storage, engine: "test")
    try table.follow()
    return table
  }

  /// Whether a file lies there.
  func has(_ path: String) throws -> Bool { try storage.exists("\(folder)/\(path)") }
}
