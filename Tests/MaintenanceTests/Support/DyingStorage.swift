import Base
import Storage

/// Storage of a process that dies: from a given write on, nothing it does has an effect any more.
/// Whether that one write still has, `isLastDone` says, as nobody can know of a crash.
final class DyingStorage: Storage {
  private let storage: any Storage
  private let left: Monitor<Int>
  private let isLastDone: Bool

  init(_ storage: any Storage, writeCount: Int, isLastDone: Bool) {
    self.storage = storage
    self.isLastDone = isLastDone
    left = Monitor(writeCount)
  }

  var isDead: Bool { left.update { $0 < 0 } }

  /// Does a write, or throws instead, or both.
  fileprivate func write<Result>(
    _ path: String, _ body: () throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    let left = left.update { left -> Int in
      left -= 1
      return left
    }
    if left >= 0 { return try body() }
    if left == -1, isLastDone { _ = try body() }
    throw StorageError(.ioError, .append, path: path, detail: "the process has died")
  }

  func read(_ path: String) throws(StorageError) -> [UInt8] { try storage.read(path) }

  func read(
    _ path: String, from filePosition: Int64, byteCount: Int
  ) throws(StorageError) -> [UInt8] {
    try storage.read(path, from: filePosition, byteCount: byteCount)
  }

  func replace(_ path: String, _ bytes: [UInt8]) throws(StorageError) {
    try write(path) { () throws(StorageError) in try storage.replace(path, bytes) }
  }

  func exists(_ path: String) throws(StorageError) -> Bool { try storage.exists(path) }

  func size(_ path: String) throws(StorageError) -> Int64 { try storage.size(path) }

  func list(_ folder: String) throws(StorageError) -> [String] { try storage.list(folder) }

  func putIfAbsent(_ path: String, _ bytes: [UInt8]) throws(StorageError) -> PutOutcome {
    try write(path) { () throws(StorageError) in try storage.putIfAbsent(path, bytes) }
  }

  func create(_ path: String) throws(StorageError) -> any StorageFile {
    let file = try write(path) { () throws(StorageError) in try storage.create(path) }
    return DyingFile(file, path, self)
  }

  func syncFolder(_ folder: String) throws(StorageError) {
    try write(folder) { () throws(StorageError) in try storage.syncFolder(folder) }
  }

  func delete(_ path: String) throws(StorageError) {
    try write(path) { () throws(StorageError) in try storage.delete(path) }
  }

  func freeByteCount() throws(StorageError) -> Int64 { try storage.freeByteCount() }

  func removeUnfinished(in folder: String, ageSecondsMin: Int64) throws(StorageError) -> Int { 0 }

  func unfinished(in folder: String) throws(StorageError) -> [UnfinishedFile] { [] }
}

private final class DyingFile: StorageFile {
  private let file: any StorageFile
  private let path: String
  private let storage: DyingStorage

  init(_ file: any StorageFile, _ path: String, _ storage: DyingStorage) {
    self.file = file
    self.path = path
    self.storage = storage
  }

  func append(_ bytes: [UInt8]) throws(StorageError) {
    try storage.write(path) { () throws(StorageError) in try file.append(bytes) }
  }

  func close(sync: Bool) throws(StorageError) {
    try storage.write(path) { () throws(StorageError) in try file.close(sync: sync) }
  }

  func discard() { file.discard() }
}
