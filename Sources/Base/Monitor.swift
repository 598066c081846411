import Glibc

/// A value behind a lock, with waiting: the one primitive by which our threads meet.
///
/// Used at batch and commit granularity only, never per record. Cost: one uncontended
/// pthread mutex (about 20 ns) a call.
@safe
package final class Monitor<State>: @unchecked Sendable {
  // @unchecked because the compiler cannot see that `state` is touched only under `mutex`.
  private var state: State
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  /// In a simulation, instead of the two above.
  private let simulated: (any SimulatedLock)?

  package init(_ initial: sending State) {
    state = initial
    simulated = World.simulated?.makeLock()
    unsafe mutex = .allocate(capacity: 1)
    unsafe condition = .allocate(capacity: 1)
    var attributes = pthread_condattr_t()
    unsafe Self.check(pthread_mutex_init(mutex, nil))
    unsafe Self.check(pthread_condattr_init(&attributes))
    // Deadlines must not move when somebody sets the clock.
    unsafe Self.check(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC))
    unsafe Self.check(pthread_cond_init(condition, &attributes))
    unsafe pthread_condattr_destroy(&attributes)
  }

  deinit {
    unsafe pthread_cond_destroy(condition)
    unsafe pthread_mutex_destroy(mutex)
    unsafe condition.deallocate()
    unsafe mutex.deallocate()
  }

  /// Runs `body` alone with the state, then wakes every waiter to look at it again.
  package func update<Result, Failure: Error>(
    _ body: (inout State) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    if let simulated {
      simulated.acquire()
      defer { simulated.release() }
      return try body(&state)
    }
    unsafe Self.check(pthread_mutex_lock(mutex))
    defer {
      unsafe pthread_cond_broadcast(condition)
      unsafe pthread_mutex_unlock(mutex)
    }
    return try body(&state)
  }

  /// Waits until `ready` gives a value, at most `timeoutMillis` (nil waits for ever), and returns
  /// it; nil on time-out. `ready` runs under the lock and may change the state.
  package func wait<Result>(
    timeoutMillis: Int? = nil, for ready: (inout State) -> Result?
  ) -> Result? {
    let deadlineNanos = timeoutMillis.map { MonotonicClock.nowNanos() + Int64($0) * 1_000_000 }
    if let simulated { return wait(simulated, untilNanos: deadlineNanos, for: ready) }
    unsafe Self.check(pthread_mutex_lock(mutex))
    defer { unsafe pthread_mutex_unlock(mutex) }
    while true {
      if let result = ready(&state) { return result }
      guard let deadlineNanos else {
        unsafe Self.check(pthread_cond_wait(condition, mutex))
        continue
      }
      var deadline = timespec(
        tv_sec: Int(deadlineNanos / 1_000_000_000), tv_nsec: Int(deadlineNanos % 1_000_000_000))
      if unsafe pthread_cond_timedwait(condition, mutex, &deadline) == ETIMEDOUT {
        return ready(&state)
      }
    }
  }

  private func wait<Result>(
    _ simulated: any SimulatedLock, untilNanos: Int64?, for ready: (inout State) -> Result?
  ) -> Result? {
    simulated.acquire()
    defer { simulated.releaseUnchanged() }
    while true {
      if let result = ready(&state) { return result }
      if !simulated.waitForChange(untilNanos: untilNanos) { return ready(&state) }
    }
  }

  private static func check(_ code: Int32) {
    precondition(code == 0, "a pthread call that cannot fail on valid arguments failed")
  }
}

/// The clock that never jumps; for durations and deadlines, not for times of day.
package enum MonotonicClock {
  package static func nowNanos() -> Int64 {
    if let world = World.simulated { return world.monotonicNanos }
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
  }
}

/// The time of day, microseconds since 1970 UTC. Event-time logic never reads it.
package enum WallClock {
  package static func nowMicros() -> Int64 {
    if let world = World.simulated { return world.wallMicros }
    var now = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
  }
}
