/// Threads, waiting, time and chance of a simulation, where they replace the operating system's.
///
/// With a world installed, `WorkerThread`, `Monitor`, `MonotonicClock`, `WallClock` and `RandomID`
/// ask it instead: the pipeline above runs unchanged, and the world decides who runs and what time
/// it is. Nothing else in the program waits or reads a clock. Outside a simulation this seam costs
/// one comparison a call.
package protocol SimulatedWorld: AnyObject, Sendable {
  /// Nanoseconds on the simulation's monotonic clock.
  var monotonicNanos: Int64 { get }
  /// Microseconds since 1970 UTC, as the calling thread's process sees them.
  var wallMicros: Int64 { get }
  func randomWord() -> UInt64
  /// Starts a thread of the calling thread's process.
  func startThread(name: String, body: @escaping @Sendable () -> Void)
  func makeLock() -> any SimulatedLock
}

/// The lock and the condition of one `Monitor` in a simulation.
package protocol SimulatedLock: AnyObject, Sendable {
  /// Takes the lock; the world may let others run before.
  func acquire()
  /// Gives it back and wakes those who wait for a change.
  func release()
  /// Gives it back without a change.
  func releaseUnchanged()
  /// Gives it back, waits for a change or until the deadline on the monotonic clock (nil waits for
  /// ever), and takes it again. False when the deadline has passed.
  func waitForChange(untilNanos: Int64?) -> Bool
}

/// The world this process lives in: the operating system's, unless a simulator says otherwise.
@safe
package enum World {
  /// Set by a simulator alone, never in production.
  // nonisolated(unsafe) because it changes only while no other thread of ours runs.
  private nonisolated(unsafe) static var installed: (any SimulatedWorld)?

  /// The simulated world, or nil in the real one.
  package static var simulated: (any SimulatedWorld)? { unsafe installed }

  /// Puts a simulation in the operating system's place, or (nil) takes it away. To be called while
  /// no other thread of ours runs.
  package static func install(_ world: (any SimulatedWorld)?) { unsafe installed = world }
}
