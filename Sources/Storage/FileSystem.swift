import Glibc

/// What `errno` said right after a call failed.
package struct Errno: Error, Sendable, Equatable {
  package let code: Int32

  package init(code: Int32) { self.code = code }

  /// The system's sentence for the code.
  package var text: String {
    var buffer = [CChar](repeating: 0, count: 256)
    // The XSI variant, which is the one Glibc's module shows: 0, or a code if it knows no text.
    guard unsafe strerror_r(code, &buffer, buffer.count) == 0 else { return "unknown error" }
    let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// What a file system says of a file or a folder.
package struct FileStatus: Sendable, Equatable {
  package let byteCount: Int64
  /// When its bytes, or the names in the folder, last changed; seconds since 1970 UTC.
  package let modifiedSeconds: Int64

  package init(byteCount: Int64, modifiedSeconds: Int64) {
    self.byteCount = byteCount
    self.modifiedSeconds = modifiedSeconds
  }
}

/// The system calls `POSIXStorage` is made of (docs/ARCHITECTURE.md): the kernel's in production,
/// a simulated disk's where crashes and faults are wanted at every single call.
///
/// Paths are relative to the descriptor of a folder, or `AT_FDCWD` for the one the process began
/// in; descriptors are the file system's own numbers and mean nothing to another. Every call but
/// `processNumber` may fail with any code; the codes named are those `POSIXStorage` acts on.
package protocol FileSystem: Sendable {
  /// Tells this process from others that use the same files at the same time.
  var processNumber: Int32 { get }

  /// Opens a file to read it. Errors: `ENOENT`, `ENOTDIR`.
  func open(_ path: String, in folder: Int32) throws(Errno) -> Int32

  /// Makes an empty file under a free name and opens it to append. Errors: `EEXIST` (nothing
  /// changed), `ENOENT` when its folder is absent.
  func create(_ path: String, in folder: Int32) throws(Errno) -> Int32

  /// Opens a folder, to sync it or to start paths from it; the empty path is `folder` itself.
  func openFolder(_ path: String, in folder: Int32) throws(Errno) -> Int32

  /// The descriptor is gone, whatever is thrown.
  func close(_ descriptor: Int32) throws(Errno)

  /// Appends all of `bytes`; after an error a part of them may be there.
  func write(_ bytes: [UInt8], to descriptor: Int32) throws(Errno)

  /// Reads to the end of the file; `sizeHint` saves reallocation and need not be right.
  func readAll(_ descriptor: Int32, sizeHint: Int) throws(Errno) -> [UInt8]

  /// Reads `byteCount` bytes from `filePosition` on; fewer where the file ends before.
  func read(
    _ descriptor: Int32, from filePosition: Int64, byteCount: Int
  ) throws(Errno) -> [UInt8]

  /// Makes a file's bytes, or the names in a folder, durable. After an error nobody knows what is,
  /// and a second call may say success without having done anything.
  func sync(_ descriptor: Int32) throws(Errno)

  /// Errors: `EEXIST`.
  func makeFolder(_ path: String, in folder: Int32) throws(Errno)

  /// Gives the file a second name; `EEXIST` if that name is taken, atomically. On a network file
  /// system the link may be there whatever the error, `EEXIST` included.
  func link(_ path: String, as newPath: String, in folder: Int32) throws(Errno)

  /// Gives the file another name in the place of its own; a file that had it loses it in the same
  /// instant. On a network file system it may have happened whatever the error.
  func rename(_ path: String, as newPath: String, in folder: Int32) throws(Errno)

  /// Takes a name away; the file goes with its last one. Errors: `ENOENT`.
  func unlink(_ path: String, in folder: Int32) throws(Errno)

  /// Takes an empty folder away. Errors: `ENOTEMPTY` or `EEXIST` where something is in it,
  /// `ENOENT`.
  func removeFolder(_ path: String, in folder: Int32) throws(Errno)

  /// Errors: `ENOENT`.
  func status(_ path: String, in folder: Int32) throws(Errno) -> FileStatus

  /// The status of an open file.
  func status(_ descriptor: Int32) throws(Errno) -> FileStatus

  /// The time of day by the clock that stamps `modifiedSeconds`, seconds since 1970 UTC.
  func wallClockSeconds() throws(Errno) -> Int64

  /// Bytes that may still be written on the file system of an open folder.
  func freeByteCount(_ descriptor: Int32) throws(Errno) -> Int64

  /// Names in a folder, without `.` and `..`, in no particular order. Errors: `ENOENT`.
  func names(in path: String, of folder: Int32) throws(Errno) -> [String]
}

extension FileSystem {
  /// Reads the whole file for a part of it, where a file system knows nothing better.
  package func read(
    _ descriptor: Int32, from filePosition: Int64, byteCount: Int
  ) throws(Errno) -> [UInt8] {
    let bytes = try readAll(descriptor, sizeHint: 0)
    let start = Int(min(filePosition, Int64(bytes.count)))
    return Array(bytes[start..<(start + min(byteCount, bytes.count - start))])
  }
}
