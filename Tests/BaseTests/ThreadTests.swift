import Base
import Glibc
import Testing

@Suite struct MonitorTests {
  @Test func `a waiter sees what another thread changed`() {
    let monitor = Monitor(0)
    let thread = WorkerThread(name: "counter") {
      for _ in 0..<1000 { monitor.update { $0 += 1 } }
    }
    let seen = monitor.wait(timeoutMillis: 10_000) { $0 == 1000 ? $0 : nil }
    #expect(seen == 1000)
    thread.join()
  }

  @Test func `a wait ends at its time and looks once more`() {
    let monitor = Monitor(0)
    let startNanos = MonotonicClock.nowNanos()
    #expect(monitor.wait(timeoutMillis: 30) { $0 > 0 ? true : nil } == nil)
    #expect(MonotonicClock.nowNanos() - startNanos >= 30_000_000)
    #expect(monitor.wait(timeoutMillis: 0) { $0 == 0 ? "ready" : nil } == "ready")
  }

  @Test func `an error of the body reaches the caller and frees the lock`() {
    struct Refused: Error {}
    let monitor = Monitor([1])
    #expect(throws: Refused.self) {
      try monitor.update { values throws(Refused) in
        values.append(2)
        throw Refused()
      }
    }
    #expect(monitor.update { $0 } == [1, 2])
  }

  @Test func `many threads lose no update`() {
    let monitor = Monitor(0)
    let threads = (0..<4).map { number in
      WorkerThread(name: "adder-\(number)") {
        for _ in 0..<2000 { monitor.update { $0 += 1 } }
      }
    }
    for thread in threads { thread.join() }
    #expect(monitor.update { $0 } == 8000)
  }
}

@Suite struct WorkerThreadTests {
  @Test func `the thread has its name, cut to what the kernel keeps`() {
    let found = Monitor("")
    let thread = WorkerThread(name: "a-name-beyond-fifteen-bytes") {
      let text = Self.nameOfThisThread()
      found.update { $0 = text }
    }
    thread.join()
    #expect(found.update { $0 } == "a-name-beyond-f")
  }

  private static func nameOfThisThread() -> String {
    let file = unsafe open("/proc/thread-self/comm", O_RDONLY | O_CLOEXEC)
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 32)
    let count = unsafe read(file, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count - 1)), as: UTF8.self)
  }

  @Test func `no signal reaches the thread`() {
    let blocked = Monitor(false)
    WorkerThread(name: "signals") {
      var mask = sigset_t()
      unsafe pthread_sigmask(SIG_BLOCK, nil, &mask)
      let isBlocked = unsafe sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGHUP) == 1
      blocked.update { $0 = isBlocked }
    }.join()
    #expect(blocked.update { $0 })
  }

  @Test func `join may be called again`() {
    let thread = WorkerThread(name: "short") {}
    thread.join()
    thread.join()
  }
}
