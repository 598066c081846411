import Base
import Storage
import Testing

@testable import DeltaLog
@testable import Pipeline

/// Commits of a table's log, which any engine may have written, and bookmarks of them.
@Suite struct PoisonTableLogTests {
  private static let folder = "tables/windows"
  private static let appID = "fleet/ledger"

  private static func table(_ storage: MemoryStorage) -> DeltaTable {
    DeltaTable(storage: storage, folder: folder, appID: appID, engineInfo: "test")
  }

  private static let schema = DeltaSchema(columns: [
    DeltaColumn("device_id", .string), DeltaColumn("event_date", .date),
    DeltaColumn("value", .double, unit: "V"),
  ])

  private static func entries() -> [LedgerActions] {
    (0..<6).map { version in
      var actions: [JSONValue] = [
        ["add": ["path": "event_date=2026-11-21/a", "size": 3, "dataChange": true]]
      ]
      if version == 0 {
        actions = [
          DeltaAction.protocolAction,
          DeltaAction.metaData(id: "id", name: "windows", schema: schema, createdTimeMillis: 1),
        ]
      }
      return LedgerActions(
        ledgerVersion: Int64(version), commitID: "i-\(version)", committedAtMillis: 5,
        actions: actions)
    }
  }

  /// A log of one commit an entry.
  private static func log() throws -> MemoryStorage {
    let storage = MemoryStorage()
    var bookmark = TableBookmark.empty
    for entry in entries() {
      bookmark = try table(storage).apply(
        [entry], ledgerEnd: entry.ledgerVersion, after: bookmark
      ).bookmark
    }
    return storage
  }

  /// Reads the log and writes the next entry: in order, or an error that names the table.
  private static func goOn(
    _ storage: MemoryStorage, from bookmark: TableBookmark, _ trail: String
  ) -> TableBookmark? {
    do throws(DeltaError) {
      let found = try table(storage).catchUp(after: bookmark).bookmark
      let next = LedgerActions(
        ledgerVersion: 6, commitID: "i-6", committedAtMillis: 5,
        actions: [["add": ["path": "b", "size": 1]]])
      return try table(storage).apply(entries() + [next], ledgerEnd: 6, after: found).bookmark
    } catch {
      #expect("\(error)".contains("table windows"), "\(trail)")
      return nil
    }
  }

  /// Commits that carry our txn, by ledger version: none may be there twice.
  private static func takenVersions(_ storage: MemoryStorage) -> [Int64] {
    storage.paths.filter { $0.hasPrefix(folder) }.compactMap { path in
      guard let bytes = try? storage.read(path) else { return nil }
      let lines = bytes.split(separator: UInt8(ascii: "\n")).compactMap {
        try? JSONValue(parsing: $0)
      }
      return lines.compactMap { $0["txn"]?["version"]?.int64Value }.first
    }
  }

  @Test(.timeLimit(.minutes(5))) func `damaged commits`() throws {
    let original = try Self.log()
    let paths = original.paths
    let files = try paths.map { ($0, try original.read($0)) }
    try Poison.run("table logs", cases: 1500) { random, trail in
      let storage = MemoryStorage()
      let damaged = random.below(files.count)
      for (index, file) in files.enumerated() {
        let bytes = index == damaged ? ByteMutation.mutate(file.1, &random) : file.1
        _ = try storage.putIfAbsent(file.0, bytes)
      }
      _ = Self.goOn(storage, from: .empty, trail)
    }
  }

  @Test(.timeLimit(.minutes(5))) func `commits that lie`() throws {
    let original = try Self.log()
    let files = try original.paths.map { ($0, try original.read($0)) }
    try Poison.run("lying table logs", cases: 1500) { random, trail in
      let storage = MemoryStorage()
      let lying = random.below(files.count)
      for (index, file) in files.enumerated() {
        var lines = file.1.split(separator: UInt8(ascii: "\n")).map(Array.init)
        if index == lying {
          let line = random.below(lines.count)
          lines[line] = JSONMutation.mutate(try JSONValue(parsing: lines[line]), &random).bytes
        }
        _ = try storage.putIfAbsent(file.0, Array(lines.joined(separator: [UInt8(ascii: "\n")])))
      }
      _ = Self.goOn(storage, from: .empty, trail)
    }
  }

  @Test func `our txn without a version is a stop, or its entries would be let in again`() throws {
    for version in [.null, "3", -1, []] as [JSONValue] {
      let storage = try Self.log()
      let path = "\(Self.folder)/_delta_log/00000000000000000005.json"
      let lines = try storage.read(path).split(separator: UInt8(ascii: "\n")).map {
        try JSONValue(parsing: $0)
      }
      let lying = lines.map { line in
        line["txn"] == nil
          ? line : ["txn": ["appId": .string(Self.appID), "version": version]] as JSONValue
      }
      try storage.delete(path)
      _ = try storage.putIfAbsent(path, lying.flatMap { $0.bytes + [UInt8(ascii: "\n")] })
      let before = Self.takenVersions(storage)
      #expect(Self.goOn(storage, from: .empty, "txn version \(version.text)") == nil)
      #expect(Self.takenVersions(storage) == before)
    }
  }

  @Test(.timeLimit(.minutes(5))) func `bookmarks that lie`() throws {
    let original = try Self.log()
    let bookmark = try Self.table(original).catchUp(after: .empty).bookmark
    Poison.run("bookmarks", cases: 1500) { random, trail in
      let json = JSONMutation.mutate(bookmark.json, &random)
      guard let lying = TableBookmark(json), let storage = try? Self.log() else { return }
      _ = Self.goOn(storage, from: lying, trail)
    }
  }

  @Test(.timeLimit(.minutes(5))) func `texts of schemas`() throws {
    let text = Self.schema.schemaText
    Poison.run("schemas", cases: 3000) { random, trail in
      let bytes = ByteMutation.mutate(Array(text.utf8), &random)
      let mutated = String(decoding: bytes, as: UTF8.self)
      let fingerprint = try? SchemaFingerprint.of(
        schemaText: mutated, partitionColumns: ["event_date"])
      #expect(fingerprint == nil || fingerprint?.utf8.count == 16, "\(trail)")
    }
  }
}
