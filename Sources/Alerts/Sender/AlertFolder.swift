import Glibc

/// The files of one webhook below the root, and the right to send for it:
///
///     _alerts/<webhook>.json   how far the table has been told, and what fires: replaced whole
///     _alerts/<webhook>.lock   locked (flock) by the instance that sends
///
/// Several instances of one pipeline follow one table, and one of them tells of everybody's steps.
/// The kernel gives the lock back when its holder dies, however that came about, so that another
/// one takes over at once and there is no lease to run out; a network file system does the same
/// when it gives up on the holder's host. A holder that is frozen keeps it: nobody can tell of a
/// step out of turn behind a successor's back.
///
/// Not through `Storage`, which overwrites nothing: a place that moves on every second would leave
/// a file each.
///
/// **Threads:** one at a time. **Invariants:** the file is whole under its name, and durable when
/// `keep` returns; it is written by the holder of the lock only.
@safe
struct AlertFolder: ~Copyable {
  /// What the system refused; for a sentence.
  struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ operation: String, _ path: String) {
      // Read at once: the next call may change it.
      let code = errno
      description = "cannot \(operation) \(path): \(unsafe String(cString: strerror(code)))"
    }
  }

  private static let byteCountMax = 256 << 20

  private let folder: String
  private let name: String
  private let lock: Int32

  /// Makes the folder and opens the lock's file. `root` must be there.
  init(root: String, webhook: String) throws(Failure) {
    self.init(folder: root + "/_alerts", name: webhook, lock: try Self.openLock(root, webhook))
  }

  private init(folder: String, name: String, lock: Int32) {
    self.folder = folder
    self.name = name
    self.lock = lock
  }

  private static func openLock(_ root: String, _ webhook: String) throws(Failure) -> Int32 {
    let folder = root + "/_alerts"
    if unsafe mkdir(folder, 0o755) != 0, errno != EEXIST { throw Failure("make", folder) }
    let path = "\(folder)/\(webhook).lock"
    let lock = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    if lock < 0 { throw Failure("open", path) }
    return lock
  }

  deinit { close(lock) }

  /// Takes the right to send; false while another process has it.
  func takeLock() throws(Failure) -> Bool {
    if flock(lock, LOCK_EX | LOCK_NB) == 0 { return true }
    if errno == EWOULDBLOCK || errno == EINTR { return false }
    throw Failure("lock", "\(folder)/\(name).lock")
  }

  /// What was kept last; nil where nothing was.
  func kept() throws(Failure) -> [UInt8]? {
    let path = "\(folder)/\(name).json"
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    if file < 0 {
      if errno == ENOENT { return nil }
      throw Failure("open", path)
    }
    defer { close(file) }
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 64 << 10)
    while bytes.count < Self.byteCountMax {
      let count = unsafe part.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw Failure("read", path)
      }
      if count == 0 { break }
      bytes += part[..<count]
    }
    return bytes
  }

  /// Replaces what is kept. Cost: two syncs.
  func keep(_ bytes: [UInt8]) throws(Failure) {
    let path = "\(folder)/\(name).json"
    let temporary = "\(folder)/.tmp-\(name).json"
    let file = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    if file < 0 { throw Failure("open", temporary) }
    let failure = Self.write(bytes, to: file, path: temporary)
    close(file)
    if let failure { throw failure }
    if unsafe rename(temporary, path) != 0 { throw Failure("rename", temporary) }
    try syncFolder()
  }

  /// Puts what cannot be read aside, for a person to look at.
  func putAside() throws(Failure) {
    let path = "\(folder)/\(name).json"
    if unsafe rename(path, path + ".damaged") != 0 { throw Failure("rename", path) }
  }

  private static func write(_ bytes: [UInt8], to file: Int32, path: String) -> Failure? {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { bytes in
        unsafe Glibc.write(file, bytes.baseAddress, bytes.count)
      }
      if count < 0 {
        if errno == EINTR { continue }
        return Failure("write", path)
      }
      rest = rest.dropFirst(count)
    }
    return fsync(file) == 0 ? nil : Failure("sync", path)
  }

  private func syncFolder() throws(Failure) {
    let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor < 0 { throw Failure("open", folder) }
    defer { close(descriptor) }
    if fsync(descriptor) != 0 { throw Failure("sync", folder) }
  }
}
