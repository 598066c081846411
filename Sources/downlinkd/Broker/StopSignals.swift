import Glibc
import Synchronization

/// SIGTERM and SIGINT as something a command asks about, so that it can end in order.
///
/// Handlers, not blocked signals: the command may run on any thread, and a signal to the process
/// goes to whichever thread does not block it.
enum StopSignals {
  /// Signals that came since `install`.
  private static let requestCount = Atomic<Int>(0)
  /// The pipe a waiting thread reads from and the handler writes to; −1 before `install`.
  private static let readEnd = Atomic<Int32>(-1)
  private static let writeEnd = Atomic<Int32>(-1)

  /// Takes the signals over; calling it again changes nothing.
  static func install() {
    guard readEnd.load(ordering: .acquiring) < 0 else { return }
    guard let ends = PipeEnds() else {
      preconditionFailure("cannot make a pipe: the process is out of file descriptors")
    }
    // A full pipe must not hold up the handler; one byte in it says all.
    _ = fcntl(ends.write, F_SETFL, O_NONBLOCK)
    writeEnd.store(ends.write, ordering: .releasing)
    readEnd.store(ends.read, ordering: .releasing)
    for number in [SIGTERM, SIGINT] { signal(number, handler) }
  }

  /// How often a stop was asked for; a second time means that somebody is out of patience.
  static var count: Int { requestCount.load(ordering: .relaxed) }

  /// Waits for the first signal, at most `timeoutMillis` (−1: for ever); false on time-out.
  static func wait(timeoutMillis: Int32 = -1) -> Bool {
    while count == 0 {
      var descriptor = pollfd(
        fd: readEnd.load(ordering: .acquiring), events: Int16(POLLIN), revents: 0)
      if unsafe poll(&descriptor, 1, timeoutMillis) == 0 { return count > 0 }
    }
    return true
  }

  /// Waits for the first signal or for something to read, at most `timeoutMillis` (−1: for ever);
  /// whether there is something to read, the end of it included.
  static func wait(orReadable descriptor: Int32, timeoutMillis: Int32) -> Bool {
    var descriptors = [
      pollfd(fd: readEnd.load(ordering: .acquiring), events: Int16(POLLIN), revents: 0),
      pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
    ]
    guard unsafe poll(&descriptors, 2, timeoutMillis) > 0 else { return false }
    return descriptors[1].revents != 0
  }

  /// Touches nothing but atomics (initialised by `install`) and write(2): async-signal-safe.
  private static let handler: @convention(c) (Int32) -> Void = { _ in
    let savedErrno = errno
    requestCount.add(1, ordering: .relaxed)
    var byte: UInt8 = 0
    _ = unsafe write(writeEnd.load(ordering: .acquiring), &byte, 1)
    errno = savedErrno
  }
}

/// The two ends of a new pipe, neither of which a started program inherits.
struct PipeEnds {
  let read: Int32
  let write: Int32

  /// Nil, with errno set, where the system has no descriptors left.
  init?() {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { return nil }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    read = ends[0]
    write = ends[1]
  }
}
