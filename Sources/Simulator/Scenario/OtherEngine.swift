import Base
import Storage

/// Another program that works on our tables, as Delta's protocol lets it: it rewrites a file under
/// another name and commits that (OPTIMIZE, in its smallest form).
struct OtherEngine {
  /// As it stands in commitInfo.
  static let name = "another engine"

  private let disk: ObservedDisk

  init(_ disk: ObservedDisk) { self.disk = disk }

  /// False when there was nothing to rewrite, or the disk let it down.
  func rewriteOneFile(random: inout SplitMix64) -> Bool {
    guard let table = TableLogReader.tables(on: disk).randomElement(using: &random) else {
      return false
    }
    let log = TableLogReader(disk: disk, table: table)
    guard let file = log.files().randomElement(using: &random),
      let bytes = disk.contents("tables/\(table)/\(file.path)"),
      let storage = try? POSIXStorage(
        root: ObservedDisk.root, access: .readWrite, fileSystem: disk.mount(process: 0))
    else { return false }
    let version = log.lastVersion + 1
    let path = "\(StoragePath.folder(of: file.path))/rewritten-\(version).parquet"
    guard (try? storage.putIfAbsent("tables/\(table)/\(path)", bytes)) == .stored else {
      return false
    }
    let lines = commit(file, as: path).map { $0.bytes + [UInt8(ascii: "\n")] }
    return (try? storage.putIfAbsent(log.path(version), lines.flatMap { $0 })) == .stored
  }

  private func commit(_ file: TableLogReader.File, as path: String) -> [JSONValue] {
    let added = (file.add.members ?? []).map { member in
      switch member.name {
      case "path": JSONMember("path", .string(path))
      case "dataChange": JSONMember("dataChange", .bool(false))
      default: member
      }
    }
    return [
      ["commitInfo": ["operation": "OPTIMIZE", "engineInfo": .string(Self.name)]],
      [
        "remove": [
          "path": .string(file.path), "dataChange": false, "deletionTimestamp": .int(Int64(1)),
        ]
      ],
      ["add": .object(added)],
    ]
  }
}
