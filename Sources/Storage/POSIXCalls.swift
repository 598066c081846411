import Glibc

/// What `errno` said right after a call failed.
struct Errno: Error {
  let code: Int32

  /// The system's sentence for the code.
  var text: String {
    var buffer = [CChar](repeating: 0, count: 256)
    // The XSI variant, which is the one Glibc's module shows: 0, or a code if it knows no text.
    guard unsafe strerror_r(code, &buffer, buffer.count) == 0 else { return "unknown error" }
    let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// Every system call of this module: one thin function a call, paths relative to a folder's
/// descriptor, `EINTR` repeated, the code read at once.
enum POSIXCalls {
  /// Modes before the umask: owner writes, group reads, others nothing.
  static let fileMode: mode_t = 0o640
  static let folderMode: mode_t = 0o750

  static func open(
    _ path: String, in folder: Int32, flags: Int32
  ) throws(Errno) -> Int32 {
    try repeating { unsafe openat(folder, path, flags | O_CLOEXEC, fileMode) }
  }

  static func openFolder(_ path: String, in folder: Int32) throws(Errno) -> Int32 {
    try open(path.isEmpty ? "." : path, in: folder, flags: O_RDONLY | O_DIRECTORY)
  }

  /// Not repeated on EINTR: on Linux the descriptor is gone whatever close answers.
  static func close(_ descriptor: Int32) throws(Errno) {
    if Glibc.close(descriptor) == -1 {
      let code = lastErrorCode()
      if code != EINTR { throw Errno(code: code) }
    }
  }

  /// Writes all of `bytes`, however little the kernel takes at a time.
  static func write(_ bytes: [UInt8], to descriptor: Int32) throws(Errno) {
    var position = 0
    while position < bytes.count {
      let written = try repeating {
        unsafe bytes.withUnsafeBytes { source in
          let rest = unsafe UnsafeRawBufferPointer(rebasing: source[position...])
          return unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
        }
      }
      position += written
    }
  }

  /// Reads to the end of the file; `sizeHint` saves reallocation and need not be right.
  static func readAll(_ descriptor: Int32, sizeHint: Int) throws(Errno) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: max(sizeHint, 0) + 1)
    var count = 0
    while true {
      let room = bytes.count - count
      let readCount = try repeating {
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

  static func sync(_ descriptor: Int32) throws(Errno) {
    _ = try repeating { fsync(descriptor) }
  }

  static func makeFolder(_ path: String, in folder: Int32) throws(Errno) {
    _ = try repeating { unsafe mkdirat(folder, path, folderMode) }
  }

  /// Gives the file a second name; `EEXIST` if that name is taken, atomically.
  static func link(_ path: String, as newPath: String, in folder: Int32) throws(Errno) {
    _ = try repeating { unsafe linkat(folder, path, folder, newPath, 0) }
  }

  static func unlink(_ path: String, in folder: Int32) throws(Errno) {
    _ = try repeating { unsafe unlinkat(folder, path, 0) }
  }

  static func status(_ path: String, in folder: Int32) throws(Errno) -> stat {
    var status = stat()
    _ = try repeating { unsafe fstatat(folder, path, &status, 0) }
    return status
  }

  static func status(_ descriptor: Int32) throws(Errno) -> stat {
    var status = stat()
    _ = try repeating { unsafe fstat(descriptor, &status) }
    return status
  }

  static func wallClockSeconds() throws(Errno) -> Int64 {
    var now = timespec()
    _ = try repeating { unsafe clock_gettime(CLOCK_REALTIME, &now) }
    return Int64(now.tv_sec)
  }

  static func freeByteCount(_ descriptor: Int32) throws(Errno) -> Int64 {
    var status = statvfs()
    _ = try repeating { unsafe fstatvfs(descriptor, &status) }
    let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(
      by: UInt64(status.f_frsize))
    return overflow ? .max : Int64(clamping: bytes)
  }

  /// Names in a folder, without `.` and `..`, in the order the kernel has them. Names that are not
  /// UTF-8 are not ours and are left out.
  static func names(in path: String, of folder: Int32) throws(Errno) -> [String] {
    let descriptor = try openFolder(path, in: folder)
    guard let stream = unsafe fdopendir(descriptor) else {
      let code = lastErrorCode()
      _ = Glibc.close(descriptor)
      throw Errno(code: code)
    }
    // Closes the descriptor as well.
    defer { _ = unsafe closedir(stream) }
    var names: [String] = []
    while true {
      // "If the end of the directory stream is reached, NULL is returned and errno is not changed."
      clearErrorCode()
      guard let entry = unsafe readdir(stream) else {
        let code = lastErrorCode()
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
