import Base

/// What a table's log says its files are: every commit from the first, whether it still lies there
/// or was cleaned up. Written apart from `DeltaLog`.
struct TableLogReader {
  /// A file that makes up the table.
  struct File {
    let path: String
    let add: JSONValue
  }

  let disk: ObservedDisk
  let table: String

  private var state: TableState { disk.archive.states[table] ?? TableState() }

  /// The version of the log's last commit; -1 without any.
  var lastVersion: Int64 { state.version }

  func path(_ version: Int64) -> String { Self.path(version, of: table) }

  static func path(_ version: Int64, of table: String) -> String {
    let digits = version.description
    return "tables/\(table)/_delta_log/"
      + String(repeating: "0", count: 20 - digits.utf8.count) + digits + ".json"
  }

  /// The live files, in the order in which they were added.
  func files() -> [File] {
    let state = state
    return state.order.compactMap { path in
      state.live[path].map { File(path: path, add: $0) }
    }
  }

  /// The files whose rows retention has taken out of the table, by path.
  func expiredFiles() -> [File] {
    // Devices are written anew; what a row said before is in no row any more.
    if table == "devices" { return [] }
    return state.expired.sorted { $0.key < $1.key }.map { File(path: $0.key, add: $0.value) }
  }

  /// Names of all tables below a root.
  static func tables(on disk: ObservedDisk) -> [String] { disk.archive.states.keys.sorted() }
}
