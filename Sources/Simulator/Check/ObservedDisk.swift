import Base
import Glibc
import Storage

/// A simulated disk under the eyes of a `ChainObserver` and a `TableObserver`: every link below the
/// ledger or a table, and every name that goes from a table, is looked at before the process that
/// made it goes on.
final class ObservedDisk: @unchecked Sendable {
  // @unchecked because the observers are set once, before any process has mounted the disk, and the
  // archive is used by the simulated thread that has the turn alone.
  /// The folder the pipeline is given as its root.
  static let root = "root"

  let disk: SimulatedDisk
  private let world: DeterministicWorld
  private var observer: ChainObserver?
  private var tableObserver: TableObserver?
  /// What was ever there below `tables/`.
  let archive = TableArchive()

  init(_ disk: SimulatedDisk, in world: DeterministicWorld) {
    self.disk = disk
    self.world = world
  }

  func setObservers(_ observer: ChainObserver, _ tableObserver: TableObserver) {
    self.observer = observer
    self.tableObserver = tableObserver
  }

  func mount(process: Int) -> any FileSystem {
    observe(disk.mount(process: process))
  }

  private func observe(_ files: some FileSystem) -> any FileSystem {
    ObservedFileSystem(files, of: self)
  }

  /// A file below the pipeline's root; nil if it is absent.
  func contents(_ path: String) -> [UInt8]? { disk.read("\(Self.root)/\(path)") }

  func isDurable(_ path: String) -> Bool { disk.isDurable("\(Self.root)/\(path)") }

  /// Whether it is maintenance that uses the disk at this moment.
  var isMaintaining: Bool { world.currentThreadName == "maintenance" }

  /// `path` may have been linked.
  fileprivate func didLink(_ path: String) {
    world.atOneMoment { look(at: path) }
  }

  private func look(at path: String) {
    if path.hasPrefix("_ledger/") {
      observer?.look()
    } else if path.contains("/_delta_log/") {
      if let bytes = contents(path) { lookAtTable(path, bytes) }
    } else if path.hasPrefix("tables/"), path.hasSuffix(".parquet"), let bytes = contents(path) {
      archive.keep(bytes, of: path)
    }
  }

  /// `path` may have lost its name.
  fileprivate func didUnlink(_ path: String) {
    guard path.hasPrefix("tables/"), !path.contains("/.tmp-") else { return }
    world.atOneMoment {
      guard contents(path) == nil, archive.noteDeleted(path) else { return }
      // The writer of the commit that removed it may have died before it could say so.
      takeCommits(of: String(path.split(separator: "/")[1]))
      tableObserver?.lookAtDeletion(of: path)
    }
  }

  /// A crash of the machine may have taken names.
  func lookAfterCrash() {
    let there = Set(disk.paths)
    archive.forgetLost { there.contains("\(Self.root)/\($0)") }
  }

  /// The log checkpoints of a table that lie there, by version.
  func logCheckpoints(of table: String) -> [(version: Int64, path: String)] {
    let prefix = "\(Self.root)/tables/\(table)/_delta_log/"
    return disk.paths.compactMap { path in
      guard path.hasPrefix(prefix), path.hasSuffix(".checkpoint.parquet"),
        let version = Int64(path.dropFirst(prefix.count).prefix(20))
      else { return nil }
      return (version, String(path.dropFirst(Self.root.count + 1)))
    }
  }

  private func lookAtTable(_ path: String, _ bytes: [UInt8]) {
    // A slow link may have let others act on an entry that has not been looked at yet.
    observer?.look()
    let parts = path.split(separator: "/")
    guard parts.count == 4 else { return }
    let table = String(parts[1])
    takeCommits(of: table)
    guard let version = Self.version(ofCommit: parts[3]) else {
      if parts[3].hasSuffix(".checkpoint.parquet"), let version = Int64(parts[3].prefix(20)) {
        tableObserver?.lookAtCheckpoint(path, bytes, table, version: version)
      }
      return
    }
    let actions = Self.actions(bytes)
    for txn in actions.compactMap({ $0["txn"] }) {
      guard txn["appId"]?.stringValue?.hasPrefix("fleet/") == true,
        let version = txn["version"]?.int64Value
      else { continue }
      observer?.checkTableTakes(txnVersion: version, table: table)
    }
    tableObserver?.look(actions, version: version, table: table)
    archive.take(actions, version: version, of: table)
  }

  /// Looks at commits that have their names and have not been looked at: their writers' links take
  /// long, and others act on them already.
  private func takeCommits(of table: String) {
    while true {
      let version = Int64(archive.commits[table]?.count ?? 0)
      guard let bytes = contents(TableLogReader.path(version, of: table)) else { return }
      let actions = Self.actions(bytes)
      tableObserver?.look(actions, version: version, table: table)
      archive.take(actions, version: version, of: table)
    }
  }

  private static func actions(_ bytes: [UInt8]) -> [JSONValue] {
    bytes.split(separator: UInt8(ascii: "\n")).compactMap { try? JSONValue(parsing: $0) }
  }

  private static func version(ofCommit name: Substring) -> Int64? {
    name.hasSuffix(".json") && name.utf8.count == 25 ? Int64(name.prefix(20)) : nil
  }
}

/// Tells of names that come and go.
private struct ObservedFileSystem<Files: FileSystem>: ForwardingFileSystem {
  let files: Files
  private let observed: ObservedDisk

  init(_ files: Files, of observed: ObservedDisk) {
    self.files = files
    self.observed = observed
  }

  func link(_ path: String, as newPath: String, in folder: Int32) throws(Errno) {
    // Also when it failed: the link may have been made all the same.
    defer { observed.didLink(newPath) }
    try files.link(path, as: newPath, in: folder)
  }

  func unlink(_ path: String, in folder: Int32) throws(Errno) {
    defer { observed.didUnlink(path) }
    try files.unlink(path, in: folder)
  }
}
