import Base
import Glibc
import Storage

/// A simulated disk under the eyes of a `ChainObserver`: every link below the ledger or a table's
/// log is looked at before the process that made it goes on.
final class ObservedDisk: @unchecked Sendable {
  // @unchecked because `observer` is set once, before any process has mounted the disk.
  /// The folder the pipeline is given as its root.
  static let root = "root"

  let disk: SimulatedDisk
  private let world: DeterministicWorld
  private var observer: ChainObserver?

  init(_ disk: SimulatedDisk, in world: DeterministicWorld) {
    self.disk = disk
    self.world = world
  }

  func setObserver(_ observer: ChainObserver) { self.observer = observer }

  func mount(process: Int) -> any FileSystem {
    ObservedFileSystem(disk.mount(process: process), of: self)
  }

  /// A file below the pipeline's root; nil if it is absent.
  func contents(_ path: String) -> [UInt8]? { disk.read("\(Self.root)/\(path)") }

  func isDurable(_ path: String) -> Bool { disk.isDurable("\(Self.root)/\(path)") }

  /// `path` may have been linked.
  fileprivate func didLink(_ path: String) {
    world.atOneMoment { look(at: path) }
  }

  private func look(at path: String) {
    if path.hasPrefix("_ledger/") {
      observer?.look()
    } else if path.contains("/_delta_log/"), let bytes = contents(path) {
      lookAtTable(path, bytes)
    }
  }

  private func lookAtTable(_ path: String, _ bytes: [UInt8]) {
    // A slow link may have let others act on an entry that has not been looked at yet.
    observer?.look()
    let table = String(path.split(separator: "/").dropFirst().first ?? "")
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      guard let txn = (try? JSONValue(parsing: line))?["txn"],
        txn["appId"]?.stringValue?.hasPrefix("fleet/") == true,
        let version = txn["version"]?.int64Value
      else { continue }
      observer?.checkTableTakes(txnVersion: version, table: table)
    }
  }
}

/// Passes every call on, and tells of links.
private struct ObservedFileSystem: FileSystem {
  private let files: any FileSystem
  private let observed: ObservedDisk

  init(_ files: any FileSystem, of observed: ObservedDisk) {
    self.files = files
    self.observed = observed
  }

  var processNumber: Int32 { files.processNumber }

  func open(_ path: String, in folder: Int32) throws(Errno) -> Int32 {
    try files.open(path, in: folder)
  }

  func create(_ path: String, in folder: Int32) throws(Errno) -> Int32 {
    try files.create(path, in: folder)
  }

  func openFolder(_ path: String, in folder: Int32) throws(Errno) -> Int32 {
    try files.openFolder(path, in: folder)
  }

  func close(_ descriptor: Int32) throws(Errno) { try files.close(descriptor) }

  func write(_ bytes: [UInt8], to descriptor: Int32) throws(Errno) {
    try files.write(bytes, to: descriptor)
  }

  func readAll(_ descriptor: Int32, sizeHint: Int) throws(Errno) -> [UInt8] {
    try files.readAll(descriptor, sizeHint: sizeHint)
  }

  func sync(_ descriptor: Int32) throws(Errno) { try files.sync(descriptor) }

  func makeFolder(_ path: String, in folder: Int32) throws(Errno) {
    try files.makeFolder(path, in: folder)
  }

  func link(_ path: String, as newPath: String, in folder: Int32) throws(Errno) {
    // Also when it failed: the link may have been made all the same.
    defer { observed.didLink(newPath) }
    try files.link(path, as: newPath, in: folder)
  }

  func unlink(_ path: String, in folder: Int32) throws(Errno) {
    try files.unlink(path, in: folder)
  }

  func status(_ path: String, in folder: Int32) throws(Errno) -> FileStatus {
    try files.status(path, in: folder)
  }

  func status(_ descriptor: Int32) throws(Errno) -> FileStatus { try files.status(descriptor) }

  func wallClockSeconds() throws(Errno) -> Int64 { try files.wallClockSeconds() }

  func freeByteCount(_ descriptor: Int32) throws(Errno) -> Int64 {
    try files.freeByteCount(descriptor)
  }

  func names(in path: String, of folder: Int32) throws(Errno) -> [String] {
    try files.names(in: path, of: folder)
  }
}
