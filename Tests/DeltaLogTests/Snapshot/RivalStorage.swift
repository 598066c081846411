import Base
import Storage

/// `MemoryStorage` in which something happens right before a chosen operation: another program is
/// as fast as it can be.
final class RivalStorage: Storage {
  typealias Act = @Sendable () -> Void

  let memory: MemoryStorage
  private let acts = Monitor<[(operation: StorageOperation, pathPart: String, act: Act)]>([])

  init(_ memory: MemoryStorage = MemoryStorage()) { self.memory = memory }

  /// Lets `act` happen before the next operation of this kind on a path with this part; once.
  func before(_ operation: StorageOperation, _ pathPart: String, _ act: @escaping Act) {
    acts.update { $0.append((operation, pathPart, act)) }
  }

  /// Acts that did not happen yet.
  var waitingCount: Int { acts.update { $0.count } }

  private func meet(_ operation: StorageOperation, _ path: String) {
    let act = acts.update { acts -> Act? in
      guard let index = acts.firstIndex(where: {
        $0.operation == operation && path.contains($0.pathPart)
      }) else { return nil }
      return acts.remove(at: index).act
    }
    act?()
  }

  func read(_ path: String) throws(StorageError) -> [UInt8] {
    meet(.read, path)
    return try memory.read(path)
  }

  func exists(_ path: String) throws(StorageError) -> Bool {
    meet(.size, path)
    return try memory.exists(path)
  }

  func size(_ path: String) throws(StorageError) -> Int64 {
    meet(.size, path)
    return try memory.size(path)
  }

  func list(_ folder: String) throws(StorageError) -> [String] {
    meet(.list, folder)
    return try memory.list(folder)
  }

  func putIfAbsent(_ path: String, _ bytes: [UInt8]) throws(StorageError) -> PutOutcome {
    meet(.put, path)
    return try memory.putIfAbsent(path, bytes)
  }

  func replace(_ path: String, _ bytes: [UInt8]) throws(StorageError) {
    meet(.replace, path)
    try memory.replace(path, bytes)
  }

  func create(_ path: String) throws(StorageError) -> any StorageFile {
    meet(.create, path)
    return try memory.create(path)
  }

  func syncFolder(_ folder: String) throws(StorageError) {
    meet(.syncFolder, folder)
    try memory.syncFolder(folder)
  }

  func delete(_ path: String) throws(StorageError) {
    meet(.delete, path)
    try memory.delete(path)
  }

  func freeByteCount() throws(StorageError) -> Int64 { try memory.freeByteCount() }

  func removeUnfinished(in folder: String, ageSecondsMin: Int64) throws(StorageError) -> Int {
    try memory.removeUnfinished(in: folder, ageSecondsMin: ageSecondsMin)
  }
}
