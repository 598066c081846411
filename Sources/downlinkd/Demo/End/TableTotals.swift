import Base
import Storage

/// What the tables hold by their own logs: what any reader of Delta tables sees.
struct TableTotals: Equatable, Sendable {
  struct Table: Equatable, Sendable {
    let name: String
    var rowCount = 0
    var fileCount = 0
    var byteCount = 0
    var versionCount = 0
    /// Rows and bytes of what it consists of, by path.
    private var live: [String: File] = [:]

    private struct File: Equatable, Sendable {
      var rowCount: Int
      var byteCount: Int
    }

    init(name: String) { self.name = name }

    fileprivate mutating func put(_ path: String, rowCount: Int, byteCount: Int) {
      remove(path)
      live[path] = File(rowCount: rowCount, byteCount: byteCount)
      count(rowCount, byteCount, 1)
    }

    fileprivate mutating func remove(_ path: String) {
      guard let file = live.removeValue(forKey: path) else { return }
      count(file.rowCount, file.byteCount, -1)
    }

    private mutating func count(_ rows: Int, _ bytes: Int, _ sign: Int) {
      fileCount += sign
      rowCount += sign * rows
      byteCount += sign * bytes
    }
  }

  /// By name.
  private(set) var tables: [Table] = []

  subscript(name: String) -> Table { tables.first { $0.name == name } ?? Table(name: name) }

  /// Reads every commit of every table below `tables` of the root. Cost: all of the logs.
  ///
  /// The demonstration's tables are young: no log has been cut yet, and nobody but us wrote.
  init(root: String) throws(DemoFault) {
    do throws(StorageError) {
      let storage = try POSIXStorage(root: root, access: .readOnly)
      for name in try storage.list("tables") {
        var table = Table(name: name)
        for file in try storage.list("tables/\(name)/_delta_log") where file.hasSuffix(".json") {
          table.add(commit: try storage.read("tables/\(name)/_delta_log/\(file)"))
        }
        tables.append(table)
      }
    } catch {
      throw DemoFault("cannot read the tables' logs: \(error)")
    }
  }

  /// From tables that are known.
  init(_ tables: [Table]) { self.tables = tables }
}

extension TableTotals.Table {
  /// Takes in one commit: lines of JSON, an action each.
  mutating func add(commit bytes: [UInt8]) {
    versionCount += 1
    let actions = bytes.split(separator: UInt8(ascii: "\n")).compactMap {
      try? JSONValue(parsing: $0)
    }
    for path in actions.compactMap({ $0["remove"]?["path"]?.stringValue }) { remove(path) }
    for add in actions.compactMap({ $0["add"] }) {
      let stats = add["stats"]?.stringValue.flatMap { try? JSONValue(parsing: $0) }
      put(
        add["path"]?.stringValue ?? "", rowCount: Int(stats?["numRecords"]?.int64Value ?? 0),
        byteCount: Int(add["size"]?.int64Value ?? 0))
    }
  }
}
