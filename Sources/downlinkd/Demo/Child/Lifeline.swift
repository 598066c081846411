import Base
import Glibc

/// What ties a child process to the process that started it: a pipe on its standard input that
/// nobody writes to. When the other end is gone, however that came about, so is its purpose.
///
/// A pipe and not PR_SET_PDEATHSIG, because that must be asked for after the start, when the parent
/// may have died already, and looks at the thread that started the child, not at its process.
enum Lifeline {
  /// Set in the environment of a child whose standard input is its lifeline.
  static let variable = "DOWNLINK_LIFELINE"
  /// From the end of the lifeline to the end of the process, by force if need be.
  private static let graceSeconds: UInt32 = 10

  /// Where this process hangs on a lifeline, watches it on a thread of its own: at its end the
  /// process gets SIGTERM, and SIGKILL if it is not enough.
  static func hold() {
    guard unsafe getenv(variable) != nil else { return }
    _ = WorkerThread(name: "lifeline") {
      var byte: UInt8 = 0
      while true {
        let count = unsafe read(STDIN_FILENO, &byte, 1)
        if count == 0 || (count < 0 && errno != EINTR) { break }
      }
      kill(getpid(), SIGTERM)
      sleep(graceSeconds)
      kill(getpid(), SIGKILL)
    }
  }
}
