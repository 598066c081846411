import Base
import Glibc
import Synchronization

/// Storage in a folder of a POSIX file system.
///
/// A file is written under a temporary name in its own folder, synced, and linked to its final
/// name: `link(2)` refuses a taken name atomically, also between hosts, and what it shows is
/// whole. Creating the final name directly (O_EXCL) would show torn files after a crash.
///
/// **Invariants:** every path is resolved below the root's descriptor, so that a changed working
/// directory or a renamed root cannot mislead it. `durableFolders` names only folders whose entry
/// in their parent has been synced by this process, whoever made them: another process may have
/// made a folder and not yet synced it. A folder of partition values (`event_date=…`) may also be
/// removed when it is empty, by whoever, and be made anew: of these nothing is remembered.
package final class POSIXStorage: Storage {
  /// What the root is opened for.
  package enum Access: Sendable {
    case readOnly
    /// The root is made if absent, and it is tried out whether it has the links the ledger needs.
    case readWrite
  }

  /// The root as given, for messages.
  package let root: String
  let fileSystem: any FileSystem
  let rootDescriptor: Int32
  private let durableFolders = Mutex<Set<String>>([])
  /// Makes names of temporary files unique within the process.
  private let temporaryCount = Atomic<UInt64>(0)

  /// Opens a root. Errors: `.notFound`, `.permission`, and `.unsupported` where the file system
  /// has no hard links that refuse a taken name.
  package init(
    root: String, access: Access = .readWrite, fileSystem: any FileSystem = POSIXFileSystem()
  ) throws(StorageError) {
    self.root = root
    self.fileSystem = fileSystem
    guard !root.isEmpty, !root.utf8.contains(0) else {
      throw StorageError(
        .invalidPath, .open, path: root, detail: "the root is empty or contains NUL")
    }
    do {
      if access == .readWrite { try Self.makeRoot(root, on: fileSystem) }
      rootDescriptor = try fileSystem.openFolder(root, in: AT_FDCWD)
    } catch {
      throw StorageError(error, .open, path: root)
    }
    if access == .readWrite { try probeLinks() }
  }

  deinit { try? fileSystem.close(rootDescriptor) }

  // MARK: - Reading

  package func read(_ path: String) throws(StorageError) -> [UInt8] {
    try StoragePath.checkFile(path, .read)
    do {
      let descriptor = try fileSystem.open(path, in: rootDescriptor)
      defer { try? fileSystem.close(descriptor) }
      let size = Int(try fileSystem.status(descriptor).byteCount)
      return try fileSystem.readAll(descriptor, sizeHint: size)
    } catch {
      throw StorageError(error, .read, path: path)
    }
  }

  /// One open, one `pread` and one close.
  package func read(
    _ path: String, from filePosition: Int64, byteCount: Int
  ) throws(StorageError) -> [UInt8] {
    try StoragePath.checkFile(path, .read)
    do {
      let descriptor = try fileSystem.open(path, in: rootDescriptor)
      defer { try? fileSystem.close(descriptor) }
      return try fileSystem.read(descriptor, from: filePosition, byteCount: byteCount)
    } catch {
      throw StorageError(error, .read, path: path)
    }
  }

  package func exists(_ path: String) throws(StorageError) -> Bool {
    try StoragePath.checkFile(path, .size)
    do {
      _ = try fileSystem.status(path, in: rootDescriptor)
      return true
    } catch {
      if error.code == ENOENT { return false }
      throw StorageError(error, .size, path: path)
    }
  }

  package func size(_ path: String) throws(StorageError) -> Int64 {
    try StoragePath.checkFile(path, .size)
    do {
      return try fileSystem.status(path, in: rootDescriptor).byteCount
    } catch {
      throw StorageError(error, .size, path: path)
    }
  }

  package func list(_ folder: String) throws(StorageError) -> [String] {
    try StoragePath.checkFolder(folder, .list)
    do {
      return try fileSystem.names(in: folder, of: rootDescriptor)
        .filter { !$0.utf8.starts(with: StoragePath.temporaryPrefix.utf8) }
        .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    } catch {
      if error.code == ENOENT { return [] }
      throw StorageError(error, .list, path: folder)
    }
  }

  package func freeByteCount() throws(StorageError) -> Int64 {
    do {
      return try fileSystem.freeByteCount(rootDescriptor)
    } catch {
      throw StorageError(error, .freeByteCount, path: "")
    }
  }

  // MARK: - Writing

  package func putIfAbsent(
    _ path: String, _ bytes: [UInt8]
  ) throws(StorageError) -> PutOutcome {
    try StoragePath.checkFile(path, .put)
    let file = try openFile(path, operation: .put)
    defer { file.discard() }
    try file.append(bytes)
    do {
      try file.close(sync: true)
    } catch {
      if error.kind == .exists { return .alreadyExists }
      throw error
    }
    try syncFolder(StoragePath.folder(of: path))
    return .stored
  }

  /// A temporary file, synced, and then renamed: `rename(2)` replaces in one instant.
  package func replace(_ path: String, _ bytes: [UInt8]) throws(StorageError) {
    try StoragePath.checkFile(path, .replace)
    let file = try openFile(path, operation: .replace)
    defer { file.discard() }
    try file.append(bytes)
    try file.close(sync: true)
    try syncFolder(StoragePath.folder(of: path))
  }

  package func create(_ path: String) throws(StorageError) -> any StorageFile {
    try StoragePath.checkFile(path, .create)
    return try openFile(path, operation: .create)
  }

  package func syncFolder(_ folder: String) throws(StorageError) {
    try StoragePath.checkFolder(folder, .syncFolder)
    try syncOne(folder)
    // Up to the root, whatever is known of a folder: a sync further up may have failed last time.
    var child = folder
    while !child.isEmpty {
      let parent = StoragePath.folder(of: child)
      if Self.mayBeRemoved(child) || !durableFolders.withLock({ $0.contains(child) }) {
        try syncOne(parent)
        durableFolders.withLock { _ = $0.insert(child) }
      }
      child = parent
    }
  }

  package func delete(_ path: String) throws(StorageError) {
    try StoragePath.checkFile(path, .delete)
    do {
      try fileSystem.unlink(path, in: rootDescriptor)
    } catch {
      if error.code != ENOENT { throw StorageError(error, .delete, path: path) }
    }
  }

  /// See `Storage.removeFolderIfEmpty`.
  package func removeFolderIfEmpty(_ folder: String) throws(StorageError) -> Bool {
    try StoragePath.checkFile(folder, .delete)
    guard Self.mayBeRemoved(folder) else { return false }
    do {
      try fileSystem.removeFolder(folder, in: rootDescriptor)
      return true
    } catch {
      switch error.code {
      case ENOENT: return true
      case ENOTEMPTY, EEXIST: return false
      default: throw StorageError(error, .delete, path: folder)
      }
    }
  }

  /// See `Storage.ageSeconds`.
  package func ageSeconds(_ path: String) throws(StorageError) -> Int64 {
    try StoragePath.checkFile(path, .size)
    do {
      let changed = try fileSystem.status(path, in: rootDescriptor).modifiedSeconds
      return max(0, try fileSystem.wallClockSeconds() - changed)
    } catch {
      throw StorageError(error, .size, path: path)
    }
  }

  /// `event_date=2026-11-21`: the one kind of folder that comes and goes.
  private static func mayBeRemoved(_ folder: String) -> Bool {
    StoragePath.name(of: folder).utf8.contains(UInt8(ascii: "="))
  }

  package func removeUnfinished(
    in folder: String, ageSecondsMin: Int64
  ) throws(StorageError) -> Int {
    try StoragePath.checkFolder(folder, .delete)
    var removedCount = 0
    do {
      let now = try fileSystem.wallClockSeconds()
      for name in try fileSystem.names(in: folder, of: rootDescriptor)
      where name.utf8.starts(with: StoragePath.temporaryPrefix.utf8) {
        let path = folder.isEmpty ? name : folder + "/" + name
        let changed = try fileSystem.status(path, in: rootDescriptor).modifiedSeconds
        if now - changed < ageSecondsMin { continue }
        try fileSystem.unlink(path, in: rootDescriptor)
        removedCount += 1
      }
    } catch {
      // The folder is absent, or a file was finished under our eyes: the next sweep comes.
      if error.code != ENOENT { throw StorageError(error, .delete, path: folder) }
    }
    return removedCount
  }

  // MARK: - Parts of writing

  /// Somebody may remove a folder, as it is empty, right after we made it; not for ever. (Sweeps
  /// come minutes apart. One without a pause was seen to win 16 times in a row on a busy machine,
  /// and on another a thousand times.)
  private static let makingCountMax = 1000

  /// Opens a temporary file beside `path`, making folders only when they turn out to be absent.
  private func openFile(
    _ path: String, operation: StorageOperation
  ) throws(StorageError) -> POSIXFile {
    let folder = StoragePath.folder(of: path)
    var makingCount = 0
    while true {
      let temporary = temporaryPath(in: folder)
      do {
        let descriptor = try fileSystem.create(temporary, in: rootDescriptor)
        return POSIXFile(
          storage: self, descriptor: descriptor, temporaryPath: temporary, path: path,
          operation: operation)
      } catch {
        switch error.code {
        case EEXIST: continue
        case ENOENT where makingCount < Self.makingCountMax:
          makingCount += 1
          try makeFolders(folder, operation)
        default: throw StorageError(error, operation, path: path)
        }
      }
    }
  }

  /// Unique among processes, hosts and runs; the final name is left out, as names are limited to
  /// 255 bytes.
  private func temporaryPath(in folder: String) -> String {
    let count = temporaryCount.wrappingAdd(1, ordering: .relaxed).newValue
    let random = String(RandomID.word(), radix: 36)
    let name = "\(StoragePath.temporaryPrefix)\(fileSystem.processNumber)-\(count)-\(random)"
    return folder.isEmpty ? name : folder + "/" + name
  }

  private func makeFolders(
    _ folder: String, _ operation: StorageOperation
  ) throws(StorageError) {
    var path = ""
    for component in folder.split(separator: "/") {
      path = path.isEmpty ? String(component) : path + "/" + component
      do {
        try fileSystem.makeFolder(path, in: rootDescriptor)
      } catch {
        if error.code == EEXIST { continue }
        // The folder above it is gone again: the caller finds out.
        if error.code == ENOENT { return }
        throw StorageError(error, operation, path: path)
      }
      // It was absent, so what we knew of an earlier folder of this name is void.
      let made = path
      durableFolders.withLock { _ = $0.remove(made) }
    }
  }

  private func syncOne(_ folder: String) throws(StorageError) {
    let descriptor: Int32
    do {
      descriptor = try fileSystem.openFolder(folder, in: rootDescriptor)
    } catch {
      throw StorageError(error, .syncFolder, path: folder)
    }
    defer { try? fileSystem.close(descriptor) }
    do {
      try fileSystem.sync(descriptor)
    } catch {
      throw StorageError(syncFailure: error, .syncFolder, path: folder)
    }
  }

  // MARK: - Opening

  /// Makes the root and its missing parents, each durable in its own parent: also those that are
  /// there already, as whoever made them may have died before syncing their names.
  private static func makeRoot(
    _ root: String, on fileSystem: any FileSystem
  ) throws(Errno) {
    var path = root.utf8.first == UInt8(ascii: "/") ? "/" : "."
    for component in root.split(separator: "/") {
      let parent = path
      path = path == "/" ? "/" + component : path + "/" + component
      var isNew = true
      do {
        try fileSystem.makeFolder(path, in: AT_FDCWD)
      } catch {
        // A parent on a read-only file system answers EROFS, not EEXIST: the open below decides.
        guard error.code == EEXIST || error.code == EROFS || error.code == EACCES else {
          throw error
        }
        isNew = false
      }
      do {
        let descriptor = try fileSystem.openFolder(parent, in: AT_FDCWD)
        defer { try? fileSystem.close(descriptor) }
        try fileSystem.sync(descriptor)
      } catch {
        // What the system's owner made long ago may be closed to us, or on no disk at all.
        let isForeign = [EACCES, EPERM, EROFS, EINVAL, ENOENT, ENOTDIR].contains(error.code)
        if isNew || !isForeign { throw error }
      }
    }
  }

  /// Tries what the ledger rests on: a link to a free name succeeds and a second one is refused.
  private func probeLinks() throws(StorageError) {
    let target = temporaryPath(in: "")
    let link = temporaryPath(in: "")
    do {
      let descriptor = try fileSystem.create(target, in: rootDescriptor)
      try fileSystem.close(descriptor)
    } catch {
      throw StorageError(error, .open, path: root)
    }
    defer {
      try? fileSystem.unlink(target, in: rootDescriptor)
      try? fileSystem.unlink(link, in: rootDescriptor)
    }
    do {
      try fileSystem.link(target, as: link, in: rootDescriptor)
    } catch {
      // Anything else is a fault of the moment, not of the file system's kind.
      guard [EPERM, EOPNOTSUPP, ENOSYS, EMLINK].contains(error.code) else {
        throw StorageError(error, .open, path: root)
      }
      throw StorageError(
        .unsupported, .open, path: root, code: error.code,
        detail: "its file system has no hard links: \(error.text)")
    }
    do {
      try fileSystem.link(target, as: link, in: rootDescriptor)
    } catch {
      if error.code == EEXIST { return }
      throw StorageError(error, .open, path: root)
    }
    throw StorageError(
      .unsupported, .open, path: root,
      detail: "its file system lets a hard link replace an existing name")
  }
}
