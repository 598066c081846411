import Base
import DeltaLog
import Storage

let appID = "solar/ledger-1"
let tableFolder = "tables/readings_solar"

let smallSchema = DeltaSchema(columns: [
  DeltaColumn("id", .long), DeltaColumn("event_date", .date),
])

func smallTable(_ storage: any Storage, appID: String = appID) -> DeltaTable {
  DeltaTable(storage: storage, folder: tableFolder, appID: appID, engineInfo: "downlink/test")
}

func metaData(_ schema: DeltaSchema = smallSchema) -> JSONValue {
  DeltaAction.metaData(
    id: "7b2d5b9a-0c7e-4f6e-9f6a-0d6a5a1f4d11", name: "readings_solar", schema: schema,
    createdTimeMillis: 1_790_000_000_000)
}

func add(_ name: String, day: String = "2026-11-21") -> JSONValue {
  AddFile(
    path: "event_date=\(day)/\(name).parquet", partitionValues: [("event_date", day)],
    byteCount: 1, modificationTimeMillis: 1_790_000_000_000,
    statistics: FileStatistics(recordCount: 1, columns: [])
  ).action
}

/// A ledger entry that adds one file named after its version; the first makes the table.
func entry(_ version: Int64, _ actions: [JSONValue]? = nil) -> LedgerActions {
  let first = version == 0 ? [DeltaAction.protocolAction, metaData()] : []
  return LedgerActions(
    ledgerVersion: version, commitID: "incarnation-\(version)",
    committedAtMillis: 1_790_000_000_000 + version,
    actions: actions ?? first + [add("f\(version)")])
}

/// Every action in the log, in order, with the version of its commit.
func readLog(_ storage: any Storage) throws -> [(version: Int, action: JSONValue)] {
  let folder = tableFolder + "/_delta_log"
  return try storage.list(folder).filter { $0.hasSuffix(".json") }.enumerated()
    .flatMap { version, name in
      try storage.read(folder + "/" + name).split(separator: UInt8(ascii: "\n"))
        .map { (version, try JSONValue(parsing: $0)) }
    }
}

func addedPaths(_ storage: any Storage) throws -> [String] {
  try readLog(storage).compactMap { $0.action["add"]?["path"]?.stringValue }
}

func path(_ version: Int64) -> String { "event_date=2026-11-21/f\(version).parquet" }

/// Puts a commit as another program would.
func putForeign(_ storage: any Storage, _ version: Int, _ actions: [JSONValue]) throws {
  let digits = String(version)
  let name = String(repeating: "0", count: 20 - digits.count) + digits
  let text = actions.map { $0.text + "\n" }.joined()
  _ = try storage.putIfAbsent("\(tableFolder)/_delta_log/\(name).json", Array(text.utf8))
}
