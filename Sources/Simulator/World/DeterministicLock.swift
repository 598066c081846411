import Base

/// A `Monitor`'s lock in a simulation. Held by at most one simulated thread; as only one runs at a
/// time, taking a free one is an assignment.
final class DeterministicLock: SimulatedLock, @unchecked Sendable {
  // @unchecked because only the thread that has the turn touches it.
  private unowned let world: DeterministicWorld
  /// The process whose thread made it.
  let process: Int
  var holder: SimulatedThread?

  init(world: DeterministicWorld, process: Int) {
    self.world = world
    self.process = process
  }

  func acquire() { world.acquire(self) }

  func release() {
    world.wakeWaiters(of: self)
    world.release(self)
  }

  func releaseUnchanged() { world.release(self) }

  func waitForChange(untilNanos: Int64?) -> Bool { world.wait(self, untilNanos: untilNanos) }
}
