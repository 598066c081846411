import Base
import Glibc
import Storage

/// A simulated disk as one process sees it; its descriptors are its own.
struct DiskMount: FileSystem {
  let disk: SimulatedDisk
  /// The mount's index in the disk's state.
  let number: Int
  let processNumber: Int32

  func open(_ path: String, in folder: Int32) throws(Errno) -> Int32 {
    try disk.perform(.look, of: number) { state throws(Errno) in
      try state.open(path, in: folder, of: number, isFolder: false)
    }
  }

  func create(_ path: String, in folder: Int32) throws(Errno) -> Int32 {
    try disk.perform(.create, of: number) { state throws(Errno) in
      try state.create(path, in: folder, of: number)
    }
  }

  func openFolder(_ path: String, in folder: Int32) throws(Errno) -> Int32 {
    try disk.perform(.look, of: number) { state throws(Errno) in
      try state.open(path, in: folder, of: number, isFolder: true)
    }
  }

  func close(_ descriptor: Int32) throws(Errno) {
    try disk.perform(.close, of: number) { state throws(Errno) in
      try state.close(descriptor, of: number)
    }
  }

  func write(_ bytes: [UInt8], to descriptor: Int32) throws(Errno) {
    try disk.perform(
      .write, of: number, part: { $0.writePart(bytes, to: descriptor, of: number) }
    ) { state throws(Errno) in
      try state.write(bytes[...], to: descriptor, of: number)
    }
  }

  func readAll(_ descriptor: Int32, sizeHint: Int) throws(Errno) -> [UInt8] {
    try disk.perform(.look, of: number) { state throws(Errno) in
      try state.readAll(descriptor, of: number)
    }
  }

  func sync(_ descriptor: Int32) throws(Errno) {
    try disk.perform(.sync, of: number) { state throws(Errno) in
      try state.sync(descriptor, of: number)
    }
  }

  func makeFolder(_ path: String, in folder: Int32) throws(Errno) {
    try disk.perform(.makeFolder, of: number) { state throws(Errno) in
      try state.makeFolder(path, in: folder, of: number)
    }
  }

  func link(_ path: String, as newPath: String, in folder: Int32) throws(Errno) {
    try disk.perform(.link, of: number) { state throws(Errno) in
      try state.link(path, as: newPath, in: folder, of: number)
    }
  }

  func rename(_ path: String, as newPath: String, in folder: Int32) throws(Errno) {
    try disk.perform(.rename, of: number) { state throws(Errno) in
      try state.rename(path, as: newPath, in: folder, of: number)
    }
  }

  func unlink(_ path: String, in folder: Int32) throws(Errno) {
    try disk.perform(.unlink, of: number) { state throws(Errno) in
      try state.unlink(path, in: folder, of: number)
    }
  }

  func removeFolder(_ path: String, in folder: Int32) throws(Errno) {
    try disk.perform(.unlink, of: number) { state throws(Errno) in
      try state.removeFolder(path, in: folder, of: number)
    }
  }

  func status(_ path: String, in folder: Int32) throws(Errno) -> FileStatus {
    try disk.perform(.look, of: number) { state throws(Errno) in
      try state.status(path, in: folder, of: number)
    }
  }

  func status(_ descriptor: Int32) throws(Errno) -> FileStatus {
    try disk.perform(.look, of: number) { state throws(Errno) in
      try state.status(descriptor, of: number)
    }
  }

  func wallClockSeconds() throws(Errno) -> Int64 {
    try disk.perform(.look, of: number) { _ in WallClock.nowMicros() / 1_000_000 }
  }

  func freeByteCount(_ descriptor: Int32) throws(Errno) -> Int64 {
    try disk.perform(.look, of: number) { state in state.freeByteCount }
  }

  func names(in path: String, of folder: Int32) throws(Errno) -> [String] {
    try disk.perform(.look, of: number) { state throws(Errno) in
      try state.names(in: path, of: folder, of: number)
    }
  }
}
