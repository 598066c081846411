import Base

/// What a table's log says its files are now: every commit from the first, by the protocol's rule
/// that the last action of a path counts. Written apart from `DeltaLog`.
struct TableLogReader {
  /// A file that makes up the table.
  struct File {
    let path: String
    let add: JSONValue
  }

  let disk: ObservedDisk
  let table: String

  /// The version of the log's last commit; -1 without any.
  var lastVersion: Int64 {
    var version: Int64 = -1
    while disk.contents(path(version + 1)) != nil { version += 1 }
    return version
  }

  func path(_ version: Int64) -> String {
    let digits = version.description
    return "tables/\(table)/_delta_log/"
      + String(repeating: "0", count: 20 - digits.utf8.count) + digits + ".json"
  }

  /// The files, in the order in which they were added.
  func files() -> [File] {
    var files: [File] = []
    var version: Int64 = 0
    while let bytes = disk.contents(path(version)) {
      for line in bytes.split(separator: UInt8(ascii: "\n")) {
        guard let action = try? JSONValue(parsing: line) else { continue }
        if let path = action["remove"]?["path"]?.stringValue { files.removeAll { $0.path == path } }
        if let add = action["add"], let path = add["path"]?.stringValue {
          files.removeAll { $0.path == path }
          files.append(File(path: path, add: add))
        }
      }
      version += 1
    }
    return files
  }

  /// Names of all tables below a root.
  static func tables(on disk: ObservedDisk) -> [String] {
    var names: Set<String> = []
    for path in disk.disk.paths {
      let parts = path.split(separator: "/")
      if parts.count > 3, parts[1] == "tables", parts[3] == "_delta_log" {
        names.insert(String(parts[2]))
      }
    }
    return names.sorted()
  }
}
