import Synchronization

/// Storage in memory with the semantics of `POSIXStorage`: for tests, simulation and the benchmark
/// that leaves the disk out.
///
/// It knows what is durable: `losePower()` leaves what a crash of the machine would leave at worst.
/// Faults can be planned for a coming operation, before or after it takes effect.
///
/// **Invariants:** as `Storage` says; every operation is atomic under one lock.
package final class MemoryStorage: Storage {
  /// A fault to come.
  package struct Fault: Sendable {
    /// What it hits; nil is any operation.
    package var operation: StorageOperation?
    /// Hits only paths that contain this text; nil is any path.
    package var pathPart: String?
    /// Matching operations that succeed first.
    package var successCount: Int
    package var kind: StorageError.Kind
    /// Whether the operation takes effect and only the report of it fails: the unclear outcome.
    package var takesEffect: Bool

    package init(
      _ operation: StorageOperation? = nil, pathPart: String? = nil, after successCount: Int = 0,
      kind: StorageError.Kind = .ioError, takesEffect: Bool = false
    ) {
      self.operation = operation
      self.pathPart = pathPart
      self.successCount = successCount
      self.kind = kind
      self.takesEffect = takesEffect
    }
  }

  private struct Content {
    var bytes: [UInt8]
    var areBytesDurable: Bool
    var isNameDurable: Bool
  }

  private struct State {
    var files: [String: Content] = [:]
    var faults: [Fault] = []
    var operationCounts: [StorageOperation: Int] = [:]
    /// Bytes appended to files that are not closed yet.
    var pendingByteCount: Int64 = 0

    var byteCount: Int64 {
      files.values.reduce(pendingByteCount) { $0 + Int64($1.bytes.count) }
    }
  }

  private let state = Mutex(State())
  /// What fits; a write beyond it fails with `.noSpace`.
  private let capacityByteCount: Int64

  package init(capacityByteCount: Int64 = .max) {
    self.capacityByteCount = capacityByteCount
  }

  // MARK: - For tests

  /// Plans a fault; each hits once. Several may wait at a time.
  package func plan(_ fault: Fault) { state.withLock { $0.faults.append(fault) } }

  /// Planned faults that have not hit yet.
  package var plannedFaultCount: Int { state.withLock { $0.faults.count } }

  /// How often an operation was called, failures included.
  package func count(of operation: StorageOperation) -> Int {
    state.withLock { $0.operationCounts[operation, default: 0] }
  }

  /// Drops every file whose bytes or name were not synced.
  package func losePower() {
    state.withLock { state in
      state.files = state.files.filter { $0.value.areBytesDurable && $0.value.isNameDurable }
    }
  }

  /// Every path, sorted by bytes.
  package var paths: [String] {
    state.withLock { state in
      state.files.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
  }

  // MARK: - Reading

  package func read(_ path: String) throws(StorageError) -> [UInt8] {
    try StoragePath.checkFile(path, .read)
    return try perform(.read, path) { state in
      state.files[path].map { .success($0.bytes) } ?? .failure(Self.notFound(.read, path))
    }
  }

  package func exists(_ path: String) throws(StorageError) -> Bool {
    try StoragePath.checkFile(path, .size)
    return try perform(.size, path) { state in
      let prefix = path + "/"
      return .success(
        state.files[path] != nil
          || state.files.keys.contains { $0.utf8.starts(with: prefix.utf8) })
    }
  }

  package func size(_ path: String) throws(StorageError) -> Int64 {
    try StoragePath.checkFile(path, .size)
    return try perform(.size, path) { state in
      state.files[path].map { .success(Int64($0.bytes.count)) }
        ?? .failure(Self.notFound(.size, path))
    }
  }

  package func list(_ folder: String) throws(StorageError) -> [String] {
    try StoragePath.checkFolder(folder, .list)
    return try perform(.list, folder) { state in
      let prefix = folder.isEmpty ? "" : folder + "/"
      var names: Set<String> = []
      for path in state.files.keys where path.utf8.starts(with: prefix.utf8) {
        let rest = path.utf8.dropFirst(prefix.utf8.count)
        names.insert(String(Substring(rest.prefix { $0 != UInt8(ascii: "/") })))
      }
      return .success(names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    }
  }

  package func freeByteCount() throws(StorageError) -> Int64 {
    try perform(.freeByteCount, "") { .success(capacityByteCount - $0.byteCount) }
  }

  // MARK: - Writing

  package func putIfAbsent(
    _ path: String, _ bytes: [UInt8]
  ) throws(StorageError) -> PutOutcome {
    try StoragePath.checkFile(path, .put)
    return try perform(.put, path) { state in
      if state.files[path] != nil { return .success(.alreadyExists) }
      if let error = checkRoom(bytes.count, .put, path, state) { return .failure(error) }
      state.files[path] = Content(bytes: bytes, areBytesDurable: true, isNameDurable: true)
      return .success(.stored)
    }
  }

  /// See `Storage.replace`.
  package func replace(_ path: String, _ bytes: [UInt8]) throws(StorageError) {
    try StoragePath.checkFile(path, .replace)
    try perform(.replace, path) { state -> Result<Void, StorageError> in
      if let error = checkRoom(bytes.count, .replace, path, state) { return .failure(error) }
      state.files[path] = Content(bytes: bytes, areBytesDurable: true, isNameDurable: true)
      return .success(())
    }
  }

  package func create(_ path: String) throws(StorageError) -> any StorageFile {
    try StoragePath.checkFile(path, .create)
    try perform(.create, path) { _ in .success(()) }
    return MemoryFile(storage: self, path: path)
  }

  package func syncFolder(_ folder: String) throws(StorageError) {
    try StoragePath.checkFolder(folder, .syncFolder)
    try perform(.syncFolder, folder) { state -> Result<Void, StorageError> in
      for path in state.files.keys where StoragePath.folder(of: path) == folder {
        state.files[path]?.isNameDurable = true
      }
      return .success(())
    }
  }

  package func delete(_ path: String) throws(StorageError) {
    try StoragePath.checkFile(path, .delete)
    try perform(.delete, path) { state -> Result<Void, StorageError> in
      state.files[path] = nil
      return .success(())
    }
  }

  /// Unfinished files live in their objects here: there are none to remove.
  package func removeUnfinished(
    in folder: String, ageSecondsMin: Int64
  ) throws(StorageError) -> Int {
    try StoragePath.checkFolder(folder, .delete)
    return 0
  }

  // MARK: - Files

  func append(_ byteCount: Int, to path: String) throws(StorageError) {
    try perform(.append, path) { state -> Result<Void, StorageError> in
      if let error = checkRoom(byteCount, .append, path, state) { return .failure(error) }
      state.pendingByteCount += Int64(byteCount)
      return .success(())
    }
  }

  func close(_ path: String, _ bytes: [UInt8], sync: Bool) throws(StorageError) {
    try perform(.close, path) { state -> Result<Void, StorageError> in
      if state.files[path] != nil {
        return .failure(StorageError(.exists, .close, path: path, detail: "the name is taken"))
      }
      state.files[path] = Content(bytes: bytes, areBytesDurable: sync, isNameDurable: false)
      return .success(())
    }
  }

  /// Forgets appended bytes: their file was closed or discarded.
  func release(_ byteCount: Int) {
    state.withLock { $0.pendingByteCount -= Int64(byteCount) }
  }

  // MARK: - Faults

  /// Runs one operation under the lock, letting the first planned fault that matches hit it.
  private func perform<Value: Sendable>(
    _ operation: StorageOperation, _ path: String,
    _ body: (inout State) -> Result<Value, StorageError>
  ) throws(StorageError) -> Value {
    let result: Result<Value, StorageError> = state.withLock { state in
      state.operationCounts[operation, default: 0] += 1
      guard let fault = Self.takeFault(operation, path, &state) else { return body(&state) }
      if fault.takesEffect { _ = body(&state) }
      return .failure(
        StorageError(fault.kind, operation, path: path, detail: "a planned fault"))
    }
    return try result.get()
  }

  private static func takeFault(
    _ operation: StorageOperation, _ path: String, _ state: inout State
  ) -> Fault? {
    let matching = state.faults.firstIndex { fault in
      (fault.operation ?? operation) == operation
        && fault.pathPart.map { path.contains($0) } ?? true
    }
    guard let index = matching else { return nil }
    if state.faults[index].successCount == 0 { return state.faults.remove(at: index) }
    state.faults[index].successCount -= 1
    return nil
  }

  private func checkRoom(
    _ byteCount: Int, _ operation: StorageOperation, _ path: String, _ state: State
  ) -> StorageError? {
    // Adding up all files is for tests of a full disk only.
    if capacityByteCount == .max || Int64(byteCount) <= capacityByteCount - state.byteCount {
      return nil
    }
    return StorageError(.noSpace, operation, path: path, detail: "the memory storage is full")
  }

  private static func notFound(_ operation: StorageOperation, _ path: String) -> StorageError {
    StorageError(.notFound, operation, path: path, detail: "there is no such file")
  }
}

/// A file of `MemoryStorage` while it is being written.
private final class MemoryFile: StorageFile {
  private let storage: MemoryStorage
  private let path: String
  private var bytes: [UInt8] = []
  private var isOpen = true

  init(storage: MemoryStorage, path: String) {
    self.storage = storage
    self.path = path
  }

  deinit { discard() }

  func append(_ bytes: [UInt8]) throws(StorageError) {
    precondition(isOpen, "a closed file takes no more bytes")
    try storage.append(bytes.count, to: path)
    self.bytes.append(contentsOf: bytes)
  }

  func close(sync: Bool) throws(StorageError) {
    precondition(isOpen, "a file is closed once")
    defer { discard() }
    try storage.close(path, bytes, sync: sync)
  }

  func discard() {
    guard isOpen else { return }
    isOpen = false
    storage.release(bytes.count)
    bytes = []
  }
}
