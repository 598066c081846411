import Glibc

/// A temporary file: one that a writer is at work on, or that a writer which died has left.
package struct UnfinishedFile: Equatable, Sendable {
  /// Relative to the root. No other operation takes such a path.
  package let path: String
  package let byteCount: Int64
  /// Since its last change, by this machine's clock.
  package let ageSeconds: Int64

  package init(path: String, byteCount: Int64, ageSeconds: Int64) {
    self.path = path
    self.byteCount = byteCount
    self.ageSeconds = ageSeconds
  }
}

extension Storage {
  /// None, where unfinished files have no names.
  package func unfinished(in folder: String) throws(StorageError) -> [UnfinishedFile] { [] }
}

extension POSIXStorage {
  package func unfinished(in folder: String) throws(StorageError) -> [UnfinishedFile] {
    try StoragePath.checkFolder(folder, .list)
    var files: [UnfinishedFile] = []
    do {
      let now = try fileSystem.wallClockSeconds()
      for name in try fileSystem.names(in: folder, of: rootDescriptor).sorted()
      where name.utf8.starts(with: StoragePath.temporaryPrefix.utf8) {
        let path = folder.isEmpty ? name : folder + "/" + name
        guard let status = try? fileSystem.status(path, in: rootDescriptor) else { continue }
        files.append(
          UnfinishedFile(
            path: path, byteCount: status.byteCount,
            ageSeconds: max(0, now - status.modifiedSeconds)))
      }
    } catch {
      if error.code != ENOENT { throw StorageError(error, .list, path: folder) }
    }
    return files
  }
}
