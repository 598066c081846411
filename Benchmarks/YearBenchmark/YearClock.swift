import Base
import Glibc

/// The clock of a simulated year: it stands still until it is told, and whoever waits for a time
/// moves it there. For one thread.
final class YearClock: SimulatedWorld, @unchecked Sendable {
  // @unchecked because there is one thread.
  private let startMicros: Int64
  private var nanos: Int64 = 0
  private var random = SplitMix64(seed: 366)

  init(startMicros: Int64) { self.startMicros = startMicros }

  var monotonicNanos: Int64 { nanos }
  var wallMicros: Int64 { startMicros + nanos / 1000 }
  func randomWord() -> UInt64 { random.next() }

  func startThread(name: String, body: @escaping @Sendable () -> Void) {
    preconditionFailure("nothing here starts a thread")
  }

  func makeLock() -> any SimulatedLock { YearLock(clock: self) }

  /// Moves the clock to a time; never back.
  func advance(toWallMicros micros: Int64) { advance(toNanos: (micros - startMicros) * 1000) }

  func advance(toNanos target: Int64) { nanos = max(nanos, target) }
}

/// A lock that is always free.
final class YearLock: SimulatedLock {
  private let clock: YearClock

  init(clock: YearClock) { self.clock = clock }

  func acquire() {}
  func release() {}
  func releaseUnchanged() {}

  func waitForChange(untilNanos: Int64?) -> Bool {
    guard let untilNanos else { preconditionFailure("nobody else could change anything") }
    clock.advance(toNanos: untilNanos)
    return false
  }
}

/// Real time and processor time of this thread, nanoseconds: what the benchmark measures by.
struct Stopwatch {
  private let wall = Self.read(CLOCK_MONOTONIC)
  private let processor = Self.read(CLOCK_THREAD_CPUTIME_ID)

  var wallNanos: Int64 { Self.read(CLOCK_MONOTONIC) - wall }
  var processorNanos: Int64 { Self.read(CLOCK_THREAD_CPUTIME_ID) - processor }

  private static func read(_ clock: clockid_t) -> Int64 {
    var now = timespec()
    unsafe clock_gettime(clock, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
  }
}
