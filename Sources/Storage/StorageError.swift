/// What was being done to storage when it failed.
package enum StorageOperation: String, Sendable, CaseIterable {
  case open
  case read
  case size
  case list
  case put
  case replace
  case create
  case append
  case close
  case syncFolder = "sync folder"
  case delete
  case freeByteCount = "ask for the free space of"
}

/// A fault of the storage below us, said so that a person can act on it.
package struct StorageError: Error, Sendable, CustomStringConvertible {
  /// What went wrong, as far as the reaction to it differs.
  package enum Kind: Sendable {
    /// The file, or a folder on its path, does not exist.
    case notFound
    /// The name is taken.
    case exists
    /// The file system, or our quota on it, is full.
    case noSpace
    /// The device or the network file system reported an error.
    case ioError
    /// A sync failed. What reached the device is unknown and a second sync would not tell: the
    /// kernel may have dropped the pages. The process must end and recover from what is there.
    case syncFailed
    case permission
    /// The file system cannot do what the ledger needs (hard links that refuse an existing name).
    case unsupported
    /// The path is not one we write: empty, absolute, with `..` or NUL. A bug or a hostile name.
    case invalidPath
    case other
  }

  package let kind: Kind
  package let operation: StorageOperation
  /// Relative to the root, or the root itself for `open`.
  package let path: String
  /// The errno value; 0 where no system call was made.
  package let code: Int32
  /// What the system says about `code`, or what we found.
  package let detail: String

  package init(
    _ kind: Kind, _ operation: StorageOperation, path: String, code: Int32 = 0, detail: String
  ) {
    self.kind = kind
    self.operation = operation
    self.path = path
    self.code = code
    self.detail = detail
  }

  /// What the person who reads the log can do.
  package var advice: String {
    switch kind {
    case .notFound: "check that nothing but this program removes files under the root"
    case .exists: "check that no other program writes under the root"
    case .noSpace: "free space on the file system of the root, or raise the quota"
    case .ioError: "check the device and the kernel log"
    case .syncFailed:
      "check the device and the kernel log, then start again: recovery reads what reached the disk"
    case .permission: "check owner, mode and mount options of the root"
    case .unsupported: "choose a root on a file system with hard links (ext4, xfs, NFS)"
    case .invalidPath: "report this: the program made a path it must not make"
    case .other: "see the system's message"
    }
  }

  package var description: String {
    let number = code == 0 ? "" : " (errno \(code))"
    let name = path.isEmpty ? "the root" : "“\(path)”"
    return "cannot \(operation.rawValue) \(name): \(detail)\(number); \(advice)"
  }
}
