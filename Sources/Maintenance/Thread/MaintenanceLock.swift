import Glibc

/// The right to maintain the tables of a root, so that two instances do not both do the same work.
///
/// **Correctness never depends on it:** a maintenance commit is valid by the table's log alone.
package protocol MaintenanceLock: AnyObject, Sendable {
  /// Takes the right; false while somebody else has it. Taking it twice is taking it once.
  func take() throws(MaintenanceLockFailure) -> Bool
  /// Gives it back.
  func release()
  /// Who has it, for a sentence; nil where nobody can say.
  var holder: String? { get }
}

/// What the system refused about the lock; for a sentence.
package struct MaintenanceLockFailure: Error, Sendable, CustomStringConvertible {
  package let description: String
}

/// `_maintenance/lock`, locked (flock) by the instance that does the work, with its process number
/// and host inside for people.
///
/// The kernel gives the lock back when its holder dies, however that came about, so that there is
/// no lease to run out; a network file system does so when it gives up on the holder's host.
///
/// **Threads:** one at a time.
@safe
package final class MaintenanceLockFile: MaintenanceLock, @unchecked Sendable {
  // @unchecked because the descriptor is touched by one thread at a time, which the owner sees to.
  private let path: String
  private let folder: String
  private var descriptor: Int32 = -1
  private var isHeld = false

  /// - Parameter root: of the storage.
  package init(root: String) {
    folder = root + "/_maintenance"
    path = folder + "/lock"
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// See `MaintenanceLock`.
  package func take() throws(MaintenanceLockFailure) -> Bool {
    if isHeld { return true }
    if descriptor < 0 { try openFile() }
    if flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      if errno == EWOULDBLOCK || errno == EINTR { return false }
      throw failure("lock")
    }
    isHeld = true
    let text = Array("process \(getpid()) on \(Self.host)\n".utf8)
    // Only for people: what stands there decides nothing.
    _ = ftruncate(descriptor, 0)
    _ = unsafe text.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    return true
  }

  /// See `MaintenanceLock`.
  package func release() {
    if !isHeld { return }
    _ = ftruncate(descriptor, 0)
    flock(descriptor, LOCK_UN)
    isHeld = false
  }

  package var holder: String? {
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = unsafe bytes.withUnsafeMutableBytes {
      unsafe pread(descriptor, $0.baseAddress, $0.count, 0)
    }
    let text = bytes.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") }
    return text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
  }

  private func openFile() throws(MaintenanceLockFailure) {
    if unsafe mkdir(folder, 0o755) != 0, errno != EEXIST { throw failure("make the folder of") }
    descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw failure("open") }
  }

  private func failure(_ operation: String) -> MaintenanceLockFailure {
    // Read at once: the next call may change it.
    let code = errno
    return MaintenanceLockFailure(
      description: "cannot \(operation) \(path): \(unsafe String(cString: strerror(code)))")
  }

  private static var host: String {
    var name = [CChar](repeating: 0, count: 256)
    guard unsafe gethostname(&name, name.count - 1) == 0 else { return "an unknown host" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
