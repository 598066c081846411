import Base
import Storage

/// `MemoryStorage` that writes down what was done to it, and that can die: from a chosen operation
/// on, nothing works any more, as for a process that is killed there.
final class TestStorage: Storage {
  /// The operations in order, as `put _ledger/…`.
  private struct Diary: Sendable {
    var operations: [String] = []
    var lastCount = Int.max
    /// What somebody else does right before an operation, once.
    var meddling: (operation: String, action: @Sendable () -> Void)?
  }

  let memory: MemoryStorage
  private let diary = Monitor(Diary())

  init(_ memory: MemoryStorage = MemoryStorage()) { self.memory = memory }

  var operations: [String] { diary.update { $0.operations } }

  /// Lets `count` more operations happen, and none after them.
  func die(after count: Int) { diary.update { $0.lastCount = $0.operations.count + count } }

  /// Has somebody else act right before the next operation whose entry in the diary begins so.
  func meddle(before operation: String, _ action: @escaping @Sendable () -> Void) {
    diary.update { $0.meddling = (operation, action) }
  }

  private func note(_ operation: StorageOperation, _ path: String) throws(StorageError) {
    let meddling = diary.update { diary -> (@Sendable () -> Void)? in
      guard let meddling = diary.meddling,
        "\(operation.rawValue) \(path)".hasPrefix(meddling.operation)
      else { return nil }
      diary.meddling = nil
      return meddling.action
    }
    meddling?()
    let isAlive = diary.update { diary in
      if diary.operations.count >= diary.lastCount { return false }
      diary.operations.append("\(operation.rawValue) \(path)")
      return true
    }
    if !isAlive { throw StorageError(.syncFailed, operation, path: path, detail: "dead") }
  }

  func read(_ path: String) throws(StorageError) -> [UInt8] {
    try note(.read, path)
    return try memory.read(path)
  }

  func exists(_ path: String) throws(StorageError) -> Bool {
    try note(.size, path)
    return try memory.exists(path)
  }

  func size(_ path: String) throws(StorageError) -> Int64 {
    try note(.size, path)
    return try memory.size(path)
  }

  func list(_ folder: String) throws(StorageError) -> [String] {
    try note(.list, folder)
    return try memory.list(folder)
  }

  func putIfAbsent(_ path: String, _ bytes: [UInt8]) throws(StorageError) -> PutOutcome {
    try note(.put, path)
    return try memory.putIfAbsent(path, bytes)
  }

  func replace(_ path: String, _ bytes: [UInt8]) throws(StorageError) {
    try note(.replace, path)
    try memory.replace(path, bytes)
  }

  func create(_ path: String) throws(StorageError) -> any StorageFile {
    try note(.create, path)
    return TestFile(storage: self, path: path, file: try memory.create(path))
  }

  func syncFolder(_ folder: String) throws(StorageError) {
    try note(.syncFolder, folder)
    try memory.syncFolder(folder)
  }

  func delete(_ path: String) throws(StorageError) {
    try note(.delete, path)
    try memory.delete(path)
  }

  func freeByteCount() throws(StorageError) -> Int64 {
    try note(.freeByteCount, "")
    return try memory.freeByteCount()
  }

  func removeUnfinished(in folder: String, ageSecondsMin: Int64) throws(StorageError) -> Int {
    try note(.delete, folder)
    return try memory.removeUnfinished(in: folder, ageSecondsMin: ageSecondsMin)
  }

  private final class TestFile: StorageFile {
    private let storage: TestStorage
    private let path: String
    private let file: any StorageFile

    init(storage: TestStorage, path: String, file: any StorageFile) {
      self.storage = storage
      self.path = path
      self.file = file
    }

    func append(_ bytes: [UInt8]) throws(StorageError) {
      try storage.note(.append, path)
      try file.append(bytes)
    }

    func close(sync: Bool) throws(StorageError) {
      try storage.note(.close, path)
      try file.close(sync: sync)
    }

    func discard() { file.discard() }
  }
}
