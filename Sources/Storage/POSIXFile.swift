import Glibc

/// A file of `POSIXStorage` while it is being written: a descriptor and a temporary name.
///
/// **Invariants:** `descriptor` is -1 once closed; the temporary name is gone when the object is.
final class POSIXFile: StorageFile {
  private let storage: POSIXStorage
  private var descriptor: Int32
  private let temporaryPath: String
  private let path: String
  /// What the caller asked for, as errors should say it.
  private let operation: StorageOperation

  init(
    storage: POSIXStorage, descriptor: Int32, temporaryPath: String, path: String,
    operation: StorageOperation
  ) {
    self.storage = storage
    self.descriptor = descriptor
    self.temporaryPath = temporaryPath
    self.path = path
    self.operation = operation
  }

  deinit { discard() }

  func append(_ bytes: [UInt8]) throws(StorageError) {
    precondition(descriptor >= 0, "a closed file takes no more bytes")
    do {
      try storage.fileSystem.write(bytes, to: descriptor)
    } catch {
      throw StorageError(error, operation == .create ? .append : operation, path: path)
    }
  }

  func close(sync: Bool) throws(StorageError) {
    precondition(descriptor >= 0, "a file is closed once")
    defer { discard() }
    if sync {
      do {
        try storage.fileSystem.sync(descriptor)
      } catch {
        throw StorageError(
          syncFailure: error, operation == .create ? .close : operation, path: path)
      }
    }
    do {
      let closing = descriptor
      descriptor = -1
      defer { try? storage.fileSystem.unlink(temporaryPath, in: storage.rootDescriptor) }
      try storage.fileSystem.close(closing)
      if operation == .replace {
        try storage.fileSystem.rename(temporaryPath, as: path, in: storage.rootDescriptor)
      } else {
        try storage.fileSystem.link(temporaryPath, as: path, in: storage.rootDescriptor)
      }
    } catch {
      throw StorageError(error, operation == .create ? .close : operation, path: path)
    }
  }

  func discard() {
    guard descriptor >= 0 else { return }
    // Nothing is lost if these fail: no one reads a temporary file.
    try? storage.fileSystem.close(descriptor)
    descriptor = -1
    try? storage.fileSystem.unlink(temporaryPath, in: storage.rootDescriptor)
  }
}

extension StorageError {
  /// A failed system call, by what its code means to us.
  init(_ error: Errno, _ operation: StorageOperation, path: String) {
    let kind: Kind =
      switch error.code {
      case ENOENT, ENOTDIR: .notFound
      case EEXIST: .exists
      case ENOSPC, EDQUOT: .noSpace
      case EIO, ESTALE, ETIMEDOUT, ENXIO, ENODEV: .ioError
      case EACCES, EPERM, EROFS: .permission
      default: .other
      }
    self.init(kind, operation, path: path, code: error.code, detail: error.text)
  }

  /// A failed sync, whatever its code: even "no space" means that written pages may be lost.
  init(syncFailure error: Errno, _ operation: StorageOperation, path: String) {
    self.init(
      .syncFailed, operation, path: path, code: error.code, detail: "sync failed: \(error.text)")
  }
}
