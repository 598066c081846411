import Base
import Glibc
import Storage

@testable import Simulator

/// A simulated disk without pauses, its tally, and storage on it.
struct DiskFixture {
  static let root = "/data"

  let disk: SimulatedDisk
  let tally = FaultTally()

  init(seed: Int = 1, faults: (inout DiskFaults) -> Void = { _ in }) {
    disk = SimulatedDisk(seed: UInt64(seed), tally: tally)
    set(faults)
  }

  /// Sets the rates anew, from none.
  func set(_ change: (inout DiskFaults) -> Void = { _ in }) {
    var faults = DiskFaults()
    faults.pauseOneIn = 0
    change(&faults)
    disk.faults = faults
  }

  func open(process: Int = 1) throws(StorageError) -> POSIXStorage {
    try POSIXStorage(root: Self.root, fileSystem: disk.mount(process: process))
  }

  func count(_ kind: FaultKind) -> Int { tally.taken[kind, default: 0] }

  /// Final names, without the root's part.
  var names: [String] {
    disk.paths.filter { !$0.contains(".tmp-") }.map { String($0.dropFirst(Self.root.utf8.count)) }
  }

  func read(_ path: String) -> [UInt8]? { disk.read(Self.root + "/" + path) }
}

extension FileSystem {
  /// Makes a file with bytes in it, open for more.
  func make(_ path: String, _ bytes: [UInt8] = []) throws(Errno) -> Int32 {
    let descriptor = try create(path, in: AT_FDCWD)
    try write(bytes, to: descriptor)
    return descriptor
  }

  func syncFolder(_ path: String) throws(Errno) {
    let descriptor = try openFolder(path, in: AT_FDCWD)
    try sync(descriptor)
    try close(descriptor)
  }
}
