/// What became of a put-if-absent.
package enum PutOutcome: Sendable {
  /// The file is there under its name, whole and durable.
  case stored
  /// The name was taken before; nothing changed. On a network file system the file there may even
  /// be ours (a repeated request): the caller reads it and compares the commit id.
  case alreadyExists
}

/// The storage seam (docs/ARCHITECTURE.md): a tree of files below one root.
///
/// Paths are relative to the root and separated by `/`; the root itself is the empty path, and
/// only for folders. Empty, `.` and `..` components, absolute paths, NUL and the names of our own
/// temporary files are refused with `.invalidPath`.
///
/// **Invariants:** no file is ever seen under its name before it is whole; no operation but
/// `replace` overwrites, and what is read after it is whole too: the old file or the new one. A
/// file's bytes never change. Used at file granularity only, from any thread.
package protocol Storage: AnyObject, Sendable {
  /// The whole file. Errors: `.notFound`, `.ioError`.
  func read(_ path: String) throws(StorageError) -> [UInt8]

  /// `byteCount` bytes of the file from `filePosition` on; fewer where it ends before. Both are not
  /// negative. Errors: as `read`.
  func read(
    _ path: String, from filePosition: Int64, byteCount: Int
  ) throws(StorageError) -> [UInt8]

  func exists(_ path: String) throws(StorageError) -> Bool

  /// The file's size in bytes. Errors: `.notFound`.
  func size(_ path: String) throws(StorageError) -> Int64

  /// Names of the files and folders directly in `folder`, sorted by their bytes; none when the
  /// folder is absent. Cost: one pass over the folder.
  func list(_ folder: String) throws(StorageError) -> [String]

  /// Writes a file if its name is free, making parent folders. When it returns `.stored`, bytes,
  /// name and folders are durable. Any error but `.invalidPath` leaves the outcome unclear: the
  /// caller reads what is there. Cost: two or more syncs.
  func putIfAbsent(_ path: String, _ bytes: [UInt8]) throws(StorageError) -> PutOutcome

  /// Puts a file in the place of the one of this name, if there is one, making parent folders.
  /// Whoever reads meanwhile gets the one or the other whole; when it returns, the new one is
  /// durable. Only for what is a hint: of two that replace at a time either may be the last, and
  /// after an error nobody knows which file is there. Cost: as `putIfAbsent`.
  func replace(_ path: String, _ bytes: [UInt8]) throws(StorageError)

  /// Begins a new file, making parent folders. It gets its name when it is closed.
  func create(_ path: String) throws(StorageError) -> any StorageFile

  /// Makes the names in `folder`, and the folders on the way to it, durable. Called once after a
  /// batch of files has been closed there. Errors: `.syncFailed`, `.notFound`.
  func syncFolder(_ folder: String) throws(StorageError)

  /// Removes a file; that it is absent already is no error. The removal itself is not synced.
  func delete(_ path: String) throws(StorageError)

  /// Removes a folder of partition values (`event_date=2026-11-21`) that has nothing in it; whether
  /// it is gone now. Other folders are never removed. A writer that is about to put a file
  /// there makes it again. The removal itself is not synced.
  func removeFolderIfEmpty(_ folder: String) throws(StorageError) -> Bool

  /// Seconds since a file last changed, by the clock that stamps files. Errors: `.notFound`.
  func ageSeconds(_ path: String) throws(StorageError) -> Int64

  /// Bytes that this process may still write.
  func freeByteCount() throws(StorageError) -> Int64

  /// Removes what crashed writers left unfinished in `folder` (not below it), unless it changed in
  /// the last `ageSecondsMin` seconds; returns how many files. Harmless however short the age: a
  /// writer still at work finds its file gone when it closes it, and fails.
  func removeUnfinished(in folder: String, ageSecondsMin: Int64) throws(StorageError) -> Int

  /// The files that `removeUnfinished` would look at, sorted by name; none when the folder is
  /// absent.
  func unfinished(in folder: String) throws(StorageError) -> [UnfinishedFile]
}

extension Storage {
  /// Nothing is to be done where a folder is there only as long as it has files.
  package func removeFolderIfEmpty(_ folder: String) throws(StorageError) -> Bool {
    try StoragePath.checkFolder(folder, .delete)
    return try list(folder).isEmpty
  }

  /// Very old, where an implementation keeps no times.
  package func ageSeconds(_ path: String) throws(StorageError) -> Int64 {
    _ = try size(path)
    return .max
  }

  /// Reads the whole file for a part of it, where an implementation knows nothing better.
  package func read(
    _ path: String, from filePosition: Int64, byteCount: Int
  ) throws(StorageError) -> [UInt8] {
    let bytes = try read(path)
    let start = Int(min(filePosition, Int64(bytes.count)))
    return Array(bytes[start..<(start + min(byteCount, bytes.count - start))])
  }
}

/// One new file being written, by one thread. A file that is neither closed nor discarded is
/// discarded with the object.
package protocol StorageFile: AnyObject {
  /// Appends to the file. Errors: `.noSpace`, `.ioError`; the file can then only be discarded.
  func append(_ bytes: [UInt8]) throws(StorageError)

  /// Ends the file and gives it its name, after its bytes were synced if `sync` is set. The name
  /// is durable only after `syncFolder`. Errors: `.exists` (nothing was overwritten),
  /// `.syncFailed`, and those of `append`; the file is then discarded.
  func close(sync: Bool) throws(StorageError)

  /// Drops what was written. Does nothing after `close` or a second time.
  func discard()
}

/// The one grammar of paths for every implementation.
package enum StoragePath {
  /// Begins the names of files that are being written; `list` does not show them.
  static let temporaryPrefix = ".tmp-"

  /// The folder a path lies in; empty for the root.
  package static func folder(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
    return String(path[..<slash])
  }

  /// The last component.
  package static func name(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
    return String(path[path.utf8.index(after: slash)...])
  }

  static func checkFile(
    _ path: String, _ operation: StorageOperation
  ) throws(StorageError) {
    for component in path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    {
      let isRefused =
        component.isEmpty || component.elementsEqual(".".utf8) || component.elementsEqual("..".utf8)
        || component.contains(0) || component.starts(with: temporaryPrefix.utf8)
      if isRefused {
        throw StorageError(
          .invalidPath, operation, path: path,
          detail: "a path has non-empty components other than “.” and “..”, without NUL")
      }
    }
  }

  /// As for files, but the empty path is the root.
  static func checkFolder(
    _ path: String, _ operation: StorageOperation
  ) throws(StorageError) {
    if !path.isEmpty { try checkFile(path, operation) }
  }
}
