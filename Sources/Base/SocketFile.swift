import Glibc

/// The file by which a unix domain socket is found, while a server listens behind it.
package struct SocketFile: Sendable {
  /// Why it cannot be had: the predicate of a sentence, with what to do.
  package struct Refusal: Error, Equatable {
    package let reason: String
  }

  /// Where it lies.
  package let path: String
  private let device: UInt64
  private let inode: UInt64

  /// Removes the file, unless another one has taken its place since.
  package func remove() {
    var about = stat()
    guard unsafe lstat(path, &about) == 0, UInt64(about.st_dev) == device,
      UInt64(about.st_ino) == inode
    else { return }
    _ = unsafe unlink(path)
  }

  fileprivate init(path: String, _ about: stat) {
    self.path = path
    device = UInt64(about.st_dev)
    inode = UInt64(about.st_ino)
  }
}

/// A place for a socket's file, held against others while the socket is made.
///
/// The socket is bound to another name in the same folder and moved to its own when its
/// permissions are right: nobody can connect before. The folder is locked meanwhile (flock(2)), so
/// that of two programs that start at once one finds the other's socket, and not both a stale one.
package struct SocketClaim: ~Copyable {
  private let path: String
  private let folder: Int32
  /// Where to bind.
  package let temporaryPath: String

  private static let lockAttemptCount = 20
  private static let lockPauseMicros: UInt32 = 100_000

  private init(path: String, folder: Int32, folderPath: String) {
    self.path = path
    self.folder = folder
    temporaryPath = "\(folderPath)/.\(RandomID.make().prefix(8))"
  }

  /// Makes the folder where it is missing, and removes the file of a socket on which nobody listens
  /// any more. Blocks for moments; two seconds at most.
  package static func take(_ path: String) throws(SocketFile.Refusal) -> SocketClaim {
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
    let folderPath = slash == path.startIndex ? "/" : String(path[..<slash])
    try makeFolder(folderPath)
    let folder = unsafe open(folderPath, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw refusal("the folder \(folderPath) cannot be opened") }
    let claim = SocketClaim(path: path, folder: folder, folderPath: folderPath)
    try lock(folder, folderPath)
    try clear(path)
    return claim
  }

  deinit {
    _ = unsafe unlink(temporaryPath)
    close(folder)
  }

  /// Gives the bound socket its permissions and its name.
  package borrowing func publish(mode: UInt32) throws(SocketFile.Refusal) -> SocketFile {
    var about = stat()
    guard unsafe chmod(temporaryPath, mode) == 0, unsafe lstat(temporaryPath, &about) == 0,
      unsafe rename(temporaryPath, path) == 0
    else { throw Self.refusal("it cannot be given its name") }
    return SocketFile(path: path, about)
  }

  // MARK: - Steps

  private static func makeFolder(_ path: String) throws(SocketFile.Refusal) {
    var about = stat()
    if unsafe stat(path, &about) == 0 { return }
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
    if slash > path.startIndex { try makeFolder(String(path[..<slash])) }
    guard unsafe mkdir(path, 0o755) == 0 || errno == EEXIST else {
      throw refusal("the folder \(path) cannot be made")
    }
  }

  private static func lock(_ folder: Int32, _ path: String) throws(SocketFile.Refusal) {
    for _ in 0..<lockAttemptCount {
      if flock(folder, LOCK_EX | LOCK_NB) == 0 { return }
      guard errno == EWOULDBLOCK || errno == EINTR else {
        throw refusal("the folder \(path) cannot be locked")
      }
      usleep(lockPauseMicros)
    }
    throw SocketFile.Refusal(reason: "the folder \(path) is locked by another program")
  }

  /// Removes what a dead process has left.
  private static func clear(_ path: String) throws(SocketFile.Refusal) {
    var about = stat()
    guard unsafe lstat(path, &about) == 0 else {
      if errno == ENOENT { return }
      throw refusal("it cannot be looked at")
    }
    guard about.st_mode & S_IFMT == S_IFSOCK else {
      throw SocketFile.Refusal(
        reason: "a file that is no socket lies there")
    }
    if let code = connectCode(path) {
      guard code == ECONNREFUSED || code == ENOENT else {
        throw refusal("whether it is in use cannot be told", code)
      }
    } else {
      throw SocketFile.Refusal(
        reason: "another program listens there")
    }
    guard unsafe unlink(path) == 0 || errno == ENOENT else {
      throw refusal("the socket of a dead process cannot be removed")
    }
  }

  /// What connecting gives; nil where somebody listens. Never waits.
  private static func connectCode(_ path: String) -> Int32? {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(AF_UNIX, type, 0)
    guard descriptor >= 0 else { return errno }
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return ENAMETOOLONG }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
    let result = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        unsafe connect(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    // A queue that is full is somebody's.
    return result == 0 || errno == EAGAIN ? nil : errno
  }

  private static func refusal(_ sentence: String, _ code: Int32 = errno) -> SocketFile.Refusal {
    let text = unsafe strerror(code).map { unsafe String(cString: $0).lowercased() }
    return SocketFile.Refusal(reason: "\(sentence): \(text ?? "error \(code)")")
  }
}
