import Glibc

/// The kernel's file systems: one thin function a system call, `EINTR` repeated, the code read at
/// once.
package struct POSIXFileSystem: FileSystem {
  /// Modes before the umask: owner writes, group reads, others nothing.
  private static let fileMode: mode_t = 0o640
  private static let folderMode: mode_t = 0o750

  package init() {}

  package var processNumber: Int32 { getpid() }

  /// `openat` for reading.
  package func open(_ path: String, in folder: Int32) throws(Errno) -> Int32 {
    try open(path, in: folder, flags: O_RDONLY)
  }

  /// `openat` with `O_CREAT | O_EXCL`, for writing.
  package func create(_ path: String, in folder: Int32) throws(Errno) -> Int32 {
    try open(path, in: folder, flags: O_WRONLY | O_CREAT | O_EXCL)
  }

  /// `openat` with `O_DIRECTORY`.
  package func openFolder(_ path: String, in folder: Int32) throws(Errno) -> Int32 {
    try open(path.isEmpty ? "." : path, in: folder, flags: O_RDONLY | O_DIRECTORY)
  }

  private func open(_ path: String, in folder: Int32, flags: Int32) throws(Errno) -> Int32 {
    try Self.repeating { unsafe openat(folder, path, flags | O_CLOEXEC, Self.fileMode) }
  }

  /// `close`, not repeated on EINTR: on Linux the descriptor is gone whatever close answers.
  package func close(_ descriptor: Int32) throws(Errno) {
    if Glibc.close(descriptor) == -1 {
      let code = Self.lastErrorCode()
      if code != EINTR { throw Errno(code: code) }
    }
  }

  /// `write`, repeated until the kernel has taken everything.
  package func write(_ bytes: [UInt8], to descriptor: Int32) throws(Errno) {
    var position = 0
    while position < bytes.count {
      let written = try Self.repeating {
        unsafe bytes.withUnsafeBytes { source in
          let rest = unsafe UnsafeRawBufferPointer(rebasing: source[position...])
          return unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
        }
      }
      position += written
    }
  }

  /// `read`, repeated until it gives nothing more.
  package func readAll(_ descriptor: Int32, sizeHint: Int) throws(Errno) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: max(sizeHint, 0) + 1)
    var count = 0
    while true {
      let room = bytes.count - count
      let readCount = try Self.repeating {
        unsafe bytes.withUnsafeMutableBytes { target in
          let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: target[count...])
          return unsafe Glibc.read(descriptor, rest.baseAddress, room)
        }
      }
      if readCount == 0 { break }
      count += readCount
      if count == bytes.count { bytes.append(contentsOf: repeatElement(0, count: count + 4096)) }
    }
    bytes.removeLast(bytes.count - count)
    return bytes
  }

  /// `pread`, repeated until it gives nothing more.
  package func read(
    _ descriptor: Int32, from filePosition: Int64, byteCount: Int
  ) throws(Errno) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: byteCount)
    var count = 0
    while count < byteCount {
      let room = byteCount - count
      let position = filePosition + Int64(count)
      let readCount = try Self.repeating {
        unsafe bytes.withUnsafeMutableBytes { target in
          let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: target[count...])
          return unsafe Glibc.pread(descriptor, rest.baseAddress, room, Int(position))
        }
      }
      if readCount == 0 { break }
      count += readCount
    }
    bytes.removeLast(byteCount - count)
    return bytes
  }

  /// `fsync`.
  package func sync(_ descriptor: Int32) throws(Errno) {
    _ = try Self.repeating { fsync(descriptor) }
  }

  /// `mkdirat`.
  package func makeFolder(_ path: String, in folder: Int32) throws(Errno) {
    _ = try Self.repeating { unsafe mkdirat(folder, path, Self.folderMode) }
  }

  /// `linkat`.
  package func link(_ path: String, as newPath: String, in folder: Int32) throws(Errno) {
    _ = try Self.repeating { unsafe linkat(folder, path, folder, newPath, 0) }
  }

  /// `renameat`.
  package func rename(_ path: String, as newPath: String, in folder: Int32) throws(Errno) {
    _ = try Self.repeating { unsafe renameat(folder, path, folder, newPath) }
  }

  /// `unlinkat`.
  package func unlink(_ path: String, in folder: Int32) throws(Errno) {
    _ = try Self.repeating { unsafe unlinkat(folder, path, 0) }
  }

  /// `unlinkat` with `AT_REMOVEDIR`.
  package func removeFolder(_ path: String, in folder: Int32) throws(Errno) {
    _ = try Self.repeating { unsafe unlinkat(folder, path, AT_REMOVEDIR) }
  }

  /// `fstatat`, following links.
  package func status(_ path: String, in folder: Int32) throws(Errno) -> FileStatus {
    var status = stat()
    _ = try Self.repeating { unsafe fstatat(folder, path, &status, 0) }
    return FileStatus(
      byteCount: Int64(status.st_size), modifiedSeconds: Int64(status.st_mtim.tv_sec))
  }

  /// `fstat`.
  package func status(_ descriptor: Int32) throws(Errno) -> FileStatus {
    var status = stat()
    _ = try Self.repeating { unsafe fstat(descriptor, &status) }
    return FileStatus(
      byteCount: Int64(status.st_size), modifiedSeconds: Int64(status.st_mtim.tv_sec))
  }

  /// `clock_gettime`.
  package func wallClockSeconds() throws(Errno) -> Int64 {
    var now = timespec()
    _ = try Self.repeating { unsafe clock_gettime(CLOCK_REALTIME, &now) }
    return Int64(now.tv_sec)
  }

  /// `fstatvfs`: what is free for an ordinary user.
  package func freeByteCount(_ descriptor: Int32) throws(Errno) -> Int64 {
    var status = statvfs()
    _ = try Self.repeating { unsafe fstatvfs(descriptor, &status) }
    let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(
      by: UInt64(status.f_frsize))
    return overflow ? .max : Int64(clamping: bytes)
  }

  /// `readdir` to the end. Names that are not UTF-8 are not ours and are left out.
  package func names(in path: String, of folder: Int32) throws(Errno) -> [String] {
    let descriptor = try openFolder(path, in: folder)
    guard let stream = unsafe fdopendir(descriptor) else {
      let code = Self.lastErrorCode()
      _ = Glibc.close(descriptor)
      throw Errno(code: code)
    }
    // Closes the descriptor as well.
    defer { _ = unsafe closedir(stream) }
    var names: [String] = []
    while true {
      // "If the end of the directory stream is reached, NULL is returned and errno is not changed."
      Self.clearErrorCode()
      guard let entry = unsafe readdir(stream) else {
        let code = Self.lastErrorCode()
        if code != 0 { throw Errno(code: code) }
        return names
      }
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { field in
        let bytes = unsafe field.prefix { $0 != 0 }
        return unsafe String(validating: bytes, as: UTF8.self)
      }
      if let name, name != ".", name != ".." { names.append(name) }
    }
  }

  // MARK: - errno

  private static func repeating<Result: SignedInteger>(
    _ call: () -> Result
  ) throws(Errno) -> Result {
    while true {
      let result = call()
      if result != -1 { return result }
      let code = lastErrorCode()
      if code != EINTR { throw Errno(code: code) }
    }
  }

  /// Not inlined, so that the address of this thread's errno is not computed before the call.
  @inline(never)
  private static func lastErrorCode() -> Int32 { errno }

  @inline(never)
  private static func clearErrorCode() { errno = 0 }
}
