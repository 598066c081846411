import Base
import Glibc

/// One thread of a simulation: a real thread that runs only when the world hands it the turn.
///
/// What it stands at is written and read by whoever has the turn, so nothing here is locked: the
/// semaphores that pass the turn order all accesses.
@safe
final class SimulatedThread: @unchecked Sendable {
  // @unchecked because of what is said above.
  enum Standing {
    case running
    /// Would run if it were its turn.
    case ready
    /// Until the lock is free.
    case blocked(DeterministicLock)
    /// Until a change of what the lock guards, or the deadline.
    case waiting(DeterministicLock, untilNanos: Int64?)
  }

  let number: Int
  let name: String
  /// The simulated program it belongs to; 0 is the environment.
  let process: Int
  var standing = Standing.ready
  /// Whether the last wait ended by its deadline.
  var hasTimedOut = false
  /// Locks of other processes (the environment's) that it holds: while it does it is never frozen,
  /// or a frozen program would stop the world.
  var foreignLockCount = 0

  /// What it does; let go of while it still has the turn, for what dies with it may take locks.
  private var body: (@Sendable () -> Void)?

  private let turn: UnsafeMutablePointer<sem_t>

  init(number: Int, name: String, process: Int, body: (@Sendable () -> Void)? = nil) {
    self.number = number
    self.name = name
    self.process = process
    self.body = body
    unsafe turn = .allocate(capacity: 1)
    let code = unsafe sem_init(turn, 0, 0)
    precondition(code == 0, "a semaphore can be made")
  }

  deinit {
    unsafe sem_destroy(turn)
    unsafe turn.deallocate()
  }

  /// Runs the body, once, on the calling thread.
  func runBody() {
    body?()
    body = nil
  }

  /// Lets it run. Called by the thread that has the turn, which then gives it up.
  func handTurn() {
    let code = unsafe sem_post(turn)
    precondition(code == 0, "a turn is handed to a thread that waits for one")
  }

  /// Blocks the calling thread, which must be this one, until it is handed the turn.
  func awaitTurn() {
    while unsafe sem_wait(turn) != 0 {}
  }
}
